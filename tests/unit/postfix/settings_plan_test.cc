// Locks, silence, blocks and the way back, on a private configuration, with the real postconf and
// smtpd.
#include "agent/mail/postfix/listeners.h"
#include "agent/mail/postfix/settings_draft.h"
#include "tests/unit/postfix/settings_fixture.h"

namespace mailquench::agent::postfix {
namespace {
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

TEST_F(SettingsTest, FindsListenersAndTellsTheReinjectionOneByItsAddressAndItsEmptyFilter) {
  const auto listeners = FindListeners(instance_);
  ASSERT_TRUE(listeners.ok()) << listeners.status();
  ASSERT_EQ(listeners->size(), 3u);
  EXPECT_THAT((*listeners)[0].addresses, ElementsAre("127.0.0.1:25"));
  EXPECT_THAT((*listeners)[1].addresses, ElementsAre("127.0.0.1:587"));
  EXPECT_THAT((*listeners)[2].addresses, ElementsAre("127.0.0.1:10025"));
  EXPECT_FALSE((*listeners)[0].exempt);
  EXPECT_FALSE((*listeners)[1].exempt);
  EXPECT_TRUE((*listeners)[2].exempt);
}

TEST_F(SettingsTest, AListenerBehindPostscreenIsOneThatHasToBeLocked) {
  Spill(Master(),
        "smtp inet n - n - 1 postscreen\nsmtpd pass - - n - - smtpd\n  -o mynetworks=0.0.0.0/0\n");
  const auto listeners = FindListeners(instance_);
  ASSERT_TRUE(listeners.ok());
  ASSERT_EQ(listeners->size(), 1u);
  EXPECT_EQ((*listeners)[0].label, "smtp/inet");
  EXPECT_THAT((*listeners)[0].addresses, ElementsAre("127.0.0.1:25"));
  const auto change = PlanRelayLock(All(), Lock(v1::RELAY_MODE_CLOSED));
  ASSERT_TRUE(change.ok());
  const v1::Setting* setting = Find(*change, "master.cf:smtpd/pass");
  ASSERT_NE(setting, nullptr);
  EXPECT_TRUE(setting->opened_relay());
  EXPECT_THAT(setting->after(), HasSubstr("-o mynetworks=127.0.0.0/8,[::1]/128"));
}

TEST_F(SettingsTest,
       EachModeOfTheLockIsWhatEveryListenerObeysAfterwardsAndASecondTimeChangesNothing) {
  const auto clean = Everything();
  for (const v1::RelayLock& lock :
       {Lock(v1::RELAY_MODE_CLOSED), Lock(v1::RELAY_MODE_AUTHENTICATED_ONLY),
        Lock(v1::RELAY_MODE_LISTED, {"192.0.2.0/24", "2001:db8::1"})}) {
    SCOPED_TRACE(lock.ShortDebugString());
    EXPECT_EQ(ReasonOf(VerifyLocked(All(), lock)), "LOCK_NOT_VERIFIED");
    const auto change = PlanRelayLock(All(), lock);
    ASSERT_TRUE(change.ok()) << change.status();
    EXPECT_TRUE(change->verify_closed);
    EXPECT_THAT(change->result.exempt_listeners(), ElementsAre("127.0.0.1:10025"));
    EXPECT_EQ(Everything(), clean) << "a plan wrote something";
    MQ_ASSERT_OK(ApplyStopped(*change));
    MQ_ASSERT_OK(VerifyLocked(All(), lock));
    const auto again = PlanRelayLock(All(), lock);
    ASSERT_TRUE(again.ok());
    EXPECT_THAT(again->files, IsEmpty());
    EXPECT_EQ(again->result.settings_size(), 0);
    const auto restore = PlanRestore(All(), Recorded({*change}), {});
    ASSERT_TRUE(restore.ok()) << restore.status();
    EXPECT_TRUE(restore->result.byte_for_byte());
    MQ_ASSERT_OK(ApplyStopped(restore->change));
    EXPECT_EQ(Everything(), clean);
  }
}

TEST_F(SettingsTest, TheClosedLockBeatsTheOverridesOfSubmissionAndLeavesReinjectionWorking) {
  const auto change = PlanRelayLock(All(), Lock(v1::RELAY_MODE_CLOSED));
  ASSERT_TRUE(change.ok());
  MQ_ASSERT_OK(ApplyStopped(*change));
  EXPECT_EQ(Effective("smtpd_relay_restrictions"), "reject_unauth_destination");
  EXPECT_EQ(Effective("smtpd_sasl_auth_enable"), "no");
  EXPECT_EQ(EffectiveAt("submission/inet", "smtpd_relay_restrictions"),
            "reject_unauth_destination");
  EXPECT_EQ(EffectiveAt("submission/inet", "smtpd_sasl_auth_enable"), "no");
  EXPECT_EQ(EffectiveAt("127.0.0.1:10025/inet", "smtpd_relay_restrictions"),
            "permit_mynetworks,reject_unauth_destination");
  EXPECT_EQ(EffectiveAt("127.0.0.1:10025/inet", "mynetworks"), "127.0.0.0/8,[::1]/128");
  EXPECT_EQ(Effective("mydestination"), "lab.test, localhost");
}

TEST_F(SettingsTest, AClientThatIsNoAddressOrTooWideIsRefusedAndAnOldPostfixToo) {
  for (const char* client :
       {"", "0.0.0.0/0", "static:all", "1.2.3.4 permit", "host.test", "1.2.3.4\n", "::/0"}) {
    const auto change = PlanRelayLock(All(), Lock(v1::RELAY_MODE_LISTED, {client}));
    EXPECT_EQ(change.status().code(), absl::StatusCode::kInvalidArgument) << client;
    EXPECT_EQ(ReasonOf(change.status()), "BAD_CLIENT") << client;
  }
  EXPECT_EQ(ReasonOf(PlanRelayLock(All(), Lock(v1::RELAY_MODE_LISTED)).status()), "BAD_CLIENT");
  EXPECT_EQ(ReasonOf(PlanRelayLock(All(), v1::RelayLock()).status()), "NO_MODE");
  instance_.version = "2.9.6";
  EXPECT_EQ(ReasonOf(PlanRelayLock(All(), Lock(v1::RELAY_MODE_CLOSED)).status()),
            "POSTFIX_TOO_OLD");
}

TEST_F(SettingsTest, ThePlanNamesFromTheLogWhoWillBeRefused) {
  Spill(root_ + "/mail.log",
        "Nov 24 10:00:00 m postfix/smtpd[1]: AAAA1: client=pc[192.0.2.5]\n"
        "Nov 24 10:00:00 m postfix/smtp[2]: AAAA1: to=<x@far.test>, status=sent\n"
        "Nov 24 10:00:00 m postfix/smtpd[1]: AAAA2: client=pc[192.0.2.6]\n"
        "Nov 24 10:00:00 m postfix/smtp[2]: AAAA2: to=<x@lab.test>, status=sent\n"
        "Nov 24 10:00:00 m postfix/smtpd[1]: AAAA3: client=filter[127.0.0.1]\n"
        "Nov 24 10:00:00 m postfix/smtp[2]: AAAA3: to=<x@far.test>, status=sent\n");
  const auto change = PlanRelayLock(All(), Lock(v1::RELAY_MODE_CLOSED));
  ASSERT_TRUE(change.ok());
  ASSERT_EQ(change->result.refused_from_now_size(), 1);
  EXPECT_EQ(change->result.refused_from_now(0).client(), "192.0.2.5");
  EXPECT_EQ(change->result.refused_from_now(0).instance(), "-");
  EXPECT_THAT(change->result.notice(), Not(IsEmpty()));
}

class OpenRelayTest : public SettingsTest {
 protected:
  void SetUp() override {
    SettingsTest::SetUp();
    Spill(Main(), Slurp(Main()) + "\nmynetworks = 127.0.0.0/8 0.0.0.0/0\n");
    const auto change = PlanRelayLock(All(), Lock(v1::RELAY_MODE_CLOSED));
    ASSERT_TRUE(change.ok()) << change.status();
    locked_ = *change;
    before_ = Everything();
    MQ_ASSERT_OK(ApplyStopped(locked_));
  }
  static std::vector<v1::RestoreDecision> Decide(v1::RestoreChoice choice) {
    v1::RestoreDecision decision;
    decision.set_instance("-");
    decision.set_key("main.cf:mynetworks");
    decision.set_choice(choice);
    decision.set_reason("it was the hole");
    return {decision};
  }
  SettingsChange locked_;
  std::map<std::string, std::string> before_;
};

TEST_F(OpenRelayTest, TheOpenNetworksAreClosedAsASettingOfTheirOwn) {
  const v1::Setting* networks = Find(locked_, "main.cf:mynetworks");
  ASSERT_NE(networks, nullptr);
  EXPECT_TRUE(networks->opened_relay());
  EXPECT_EQ(networks->before(), "mynetworks = 127.0.0.0/8 0.0.0.0/0\n");
  const v1::Setting* relay = Find(locked_, "main.cf:smtpd_relay_restrictions");
  ASSERT_NE(relay, nullptr);
  EXPECT_FALSE(relay->opened_relay());
  EXPECT_TRUE(relay->before_absent());
  EXPECT_EQ(Effective("mynetworks"), "127.0.0.0/8, [::1]/128");
}

TEST_F(SettingsTest, ABlockThatStaysIsCarriedOnTopOfTheEntryThatIsPutBack) {
  Spill(Master(), Slurp(Master()) +
                      "2525 inet n  -  n  -  -  smtpd\n  -o smtpd_client_restrictions=permit\n"
                      "  -o mynetworks=192.0.2.0/24\n");
  const std::string clean = Slurp(Master());
  const auto locked = PlanRelayLock(All(), Lock(v1::RELAY_MODE_CLOSED));
  ASSERT_TRUE(locked.ok());
  MQ_ASSERT_OK(ApplyStopped(*locked));
  v1::SenderBlock who;
  who.set_account("alice@lab.test");
  const auto blocked = PlanSenderBlock(All(), who);
  ASSERT_TRUE(blocked.ok());
  ASSERT_NE(Find(*blocked, "master.cf:2525/inet"), nullptr);
  MQ_ASSERT_OK(ApplyStopped(*blocked));

  const auto restore = PlanRestore(All(), Recorded({*locked}), {}, Recorded({*blocked}));
  ASSERT_TRUE(restore.ok());
  EXPECT_EQ(restore->result.needs_decision(), 0);
  MQ_ASSERT_OK(ApplyStopped(restore->change));
  EXPECT_THAT(Slurp(Master()), HasSubstr("-o mynetworks=192.0.2.0/24\n"));
  EXPECT_THAT(EffectiveAt("2525/inet", "smtpd_client_restrictions"),
              HasSubstr("check_sasl_access"));

  v1::SenderUnblock lift;
  lift.set_account("alice@lab.test");
  const auto lifted = PlanSenderUnblock(All(), lift);
  ASSERT_TRUE(lifted.ok());
  MQ_ASSERT_OK(ApplyStopped(*lifted));
  EXPECT_EQ(Slurp(Master()), clean);
}

TEST_F(OpenRelayTest, TheHoleIsNotPutBackSilently) {
  const auto restore = PlanRestore(All(), Recorded({locked_}), {});
  ASSERT_TRUE(restore.ok());
  EXPECT_EQ(restore->result.needs_decision(), 1);
  EXPECT_FALSE(restore->result.byte_for_byte());
  MQ_ASSERT_OK(ApplyStopped(restore->change));
  EXPECT_EQ(Effective("mynetworks"), "127.0.0.0/8, [::1]/128");
  EXPECT_EQ(Slurp(Master()), before_["master.cf"]);
}

TEST_F(OpenRelayTest, ItIsKeptAsFixWithAReasonAndTheRestIsByteForByte) {
  const auto restore =
      PlanRestore(All(), Recorded({locked_}), Decide(v1::RESTORE_CHOICE_KEEP_AS_FIX));
  ASSERT_TRUE(restore.ok());
  EXPECT_EQ(restore->result.kept_as_fix(), 1);
  EXPECT_EQ(restore->result.needs_decision(), 0);
  EXPECT_TRUE(restore->result.byte_for_byte());
  MQ_ASSERT_OK(ApplyStopped(restore->change));
  std::string expected = before_["main.cf"];
  const std::string hole = "mynetworks = 127.0.0.0/8 0.0.0.0/0\n";
  expected.replace(expected.find(hole), hole.size(), "mynetworks = 127.0.0.0/8, [::1]/128\n");
  EXPECT_EQ(Slurp(Main()), expected);
  EXPECT_EQ(Slurp(Master()), before_["master.cf"]);
}

TEST_F(OpenRelayTest, APersonMayPutItBackAndMustSayWhy) {
  auto decisions = Decide(v1::RESTORE_CHOICE_PUT_BACK);
  decisions[0].clear_reason();
  EXPECT_EQ(ReasonOf(PlanRestore(All(), Recorded({locked_}), decisions).status()), "NO_REASON");
  const auto restore = PlanRestore(All(), Recorded({locked_}), Decide(v1::RESTORE_CHOICE_PUT_BACK));
  ASSERT_TRUE(restore.ok());
  MQ_ASSERT_OK(ApplyStopped(restore->change));
  EXPECT_EQ(Everything(), before_);
}

TEST_F(SettingsTest, ASettingThatSomebodyChangedSinceNeedsADecision) {
  const auto change = PlanRelayLock(All(), Lock(v1::RELAY_MODE_AUTHENTICATED_ONLY));
  ASSERT_TRUE(change.ok());
  MQ_ASSERT_OK(ApplyStopped(*change));
  ASSERT_TRUE(RunProcess({"postconf", "-c", instance_.config_directory, "-e",
                          "smtpd_relay_restrictions=reject"})
                  .ok());
  const auto restore = PlanRestore(All(), Recorded({*change}), {});
  ASSERT_TRUE(restore.ok());
  EXPECT_EQ(restore->result.needs_decision(), 1);
  MQ_ASSERT_OK(ApplyStopped(restore->change));
  EXPECT_EQ(Effective("smtpd_relay_restrictions"), "reject");
}

TEST_F(SettingsTest, OfSeveralLocksTheOldestValueIsPutBack) {
  const auto clean = Everything();
  const auto first = PlanRelayLock(All(), Lock(v1::RELAY_MODE_AUTHENTICATED_ONLY));
  ASSERT_TRUE(first.ok());
  MQ_ASSERT_OK(ApplyStopped(*first));
  const auto second = PlanRelayLock(All(), Lock(v1::RELAY_MODE_CLOSED));
  ASSERT_TRUE(second.ok());
  MQ_ASSERT_OK(ApplyStopped(*second));
  const auto silence = PlanNdrSilence(All(), v1::NdrSilence());
  ASSERT_TRUE(silence.ok());
  MQ_ASSERT_OK(ApplyStopped(*silence));
  const auto restore = PlanRestore(All(), Recorded({*first, *second, *silence}), {});
  ASSERT_TRUE(restore.ok());
  EXPECT_TRUE(restore->result.byte_for_byte());
  MQ_ASSERT_OK(ApplyStopped(restore->change));
  EXPECT_EQ(Everything(), clean);
  const auto again = PlanRestore(All(), Recorded({*first, *second, *silence}), {});
  ASSERT_TRUE(again.ok());
  EXPECT_THAT(again->change.files, IsEmpty());
  EXPECT_EQ(again->result.put_back(), 0);
}

TEST_F(SettingsTest, SilencedNotificationsAreHeldAndOtherChecksStay) {
  Spill(Main(), Slurp(Main()) + "\nheader_checks = regexp:/etc/own_checks\n");
  const auto change = PlanNdrSilence(All(), v1::NdrSilence());
  ASSERT_TRUE(change.ok());
  MQ_ASSERT_OK(ApplyStopped(*change));
  const std::string table = "regexp:" + root_ + "/etc/mailquench_ndr_checks";
  EXPECT_EQ(Effective("header_checks"), table + ", regexp:/etc/own_checks");
  EXPECT_EQ(Effective("internal_mail_filter_classes"), "bounce");
  const auto query = RunProcess(
      {"postmap", "-q",
       "Content-Type: multipart/report; report-type=delivery-status;\n\tboundary=\"x\"", table});
  ASSERT_TRUE(query.ok());
  EXPECT_THAT(query->out, ::testing::StartsWith("HOLD"));
  const auto other = RunProcess({"postmap", "-q", "Content-Type: text/plain", table});
  EXPECT_EQ(other->out, "");
  EXPECT_THAT(PlanNdrSilence(All(), v1::NdrSilence())->files, IsEmpty());
}

v1::SenderBlock Block(const std::string& account,
                      const std::string& client,
                      const std::string& user) {
  v1::SenderBlock block;
  if (!account.empty()) block.set_account(account);
  if (!client.empty()) block.set_client(client);
  if (!user.empty()) block.set_local_user(user);
  return block;
}
v1::SenderUnblock Unblock(const v1::SenderBlock& block) {
  v1::SenderUnblock unblock;
  if (block.has_account()) unblock.set_account(block.account());
  if (block.has_client()) unblock.set_client(block.client());
  if (block.has_local_user()) unblock.set_local_user(block.local_user());
  return unblock;
}

TEST_F(SettingsTest, BlockingTwiceIsUnchangedAndUnblockingTheLastTakesTheHookAway) {
  Spill(Master(), Slurp(Master()) +
                      "smtps inet n - n - - smtpd\n  -o "
                      "smtpd_client_restrictions=permit_sasl_authenticated,reject\n");
  const auto clean = Everything();
  const std::vector<v1::SenderBlock> blocks = {
      Block("Alice@lab.test", "", ""), Block("bob", "", ""),      Block("", "192.0.2.9", ""),
      Block("", "2001:db8::7/64", ""), Block("", "", "www-data"), Block("", "", "game_s")};
  for (const v1::SenderBlock& block : blocks) {
    SCOPED_TRACE(block.ShortDebugString());
    const auto change = PlanSenderBlock(All(), block);
    ASSERT_TRUE(change.ok()) << change.status();
    EXPECT_FALSE(change->files.empty());
    MQ_ASSERT_OK(ApplyStopped(*change));
    EXPECT_THAT(PlanSenderBlock(All(), block)->files, IsEmpty());
  }
  const auto query = [&](const std::string& key, const std::string& table) {
    return RunProcess({"postmap", "-q", key,
                       table + root_ + "/etc/mailquench_blocked_" +
                           (table == "cidr:" ? "clients" : "accounts")})
        ->out;
  };
  EXPECT_THAT(query("alice@lab.test", "texthash:"), HasSubstr("REJECT"));
  EXPECT_EQ(query("carol", "texthash:"), "");
  EXPECT_THAT(query("192.0.2.9", "cidr:"), HasSubstr("REJECT"));
  EXPECT_THAT(query("2001:db8::1", "cidr:"), HasSubstr("REJECT"));
  EXPECT_EQ(query("192.0.2.10", "cidr:"), "");
  EXPECT_EQ(Effective("authorized_submit_users"), "!game_s, !www-data, static:anyone");
  EXPECT_THAT(EffectiveAt("smtps/inet", "smtpd_client_restrictions"),
              ::testing::AllOf(HasSubstr("check_sasl_access texthash:"),
                               HasSubstr("check_client_access cidr:"),
                               ::testing::EndsWith("permit_sasl_authenticated,reject")));
  for (const v1::SenderBlock& block : blocks) {
    const auto change = PlanSenderUnblock(All(), Unblock(block));
    ASSERT_TRUE(change.ok()) << change.status();
    EXPECT_FALSE(change->files.empty()) << block.ShortDebugString();
    MQ_ASSERT_OK(ApplyStopped(*change));
    EXPECT_THAT(PlanSenderUnblock(All(), Unblock(block))->files, IsEmpty());
  }
  EXPECT_EQ(Everything(), clean);
}

TEST_F(SettingsTest, ABlockIsRestoredByteForByteAndItsTableGoes) {
  const auto clean = Everything();
  const auto change = PlanSenderBlock(All(), Block("alice", "", ""));
  ASSERT_TRUE(change.ok());
  MQ_ASSERT_OK(ApplyStopped(*change));
  EXPECT_NE(Everything(), clean);
  const auto restore = PlanRestore(All(), Recorded({*change}), {});
  ASSERT_TRUE(restore.ok());
  MQ_ASSERT_OK(ApplyStopped(restore->change));
  EXPECT_EQ(Everything(), clean);
}

TEST_F(SettingsTest, ATableThatAKeptSettingStillReadsStays) {
  const auto change = PlanSenderBlock(All(), Block("alice", "", ""));
  ASSERT_TRUE(change.ok());
  MQ_ASSERT_OK(ApplyStopped(*change));
  v1::RestoreDecision keep;
  keep.set_key("main.cf:smtpd_client_restrictions");
  keep.set_choice(v1::RESTORE_CHOICE_KEEP_AS_FIX);
  keep.set_reason("the account stays closed");
  const auto restore = PlanRestore(All(), Recorded({*change}), {keep});
  ASSERT_TRUE(restore.ok());
  EXPECT_EQ(restore->result.kept_as_fix(), 2);
  EXPECT_THAT(restore->change.files, IsEmpty());
}

TEST_F(SettingsTest, NamesThatCouldBecomeSettingsAreRefused) {
  for (const std::string bad : {"", "a b", "a\nb", "a\tb", "{a}", "!root", "a,b", "#a", "$x", "a:b",
                                "a\"b", "a\\b", "a;b", "\xff"}) {
    v1::SenderBlock account;
    account.set_account(bad);
    EXPECT_EQ(ReasonOf(PlanSenderBlock(All(), account).status()), "BAD_NAME") << bad;
    v1::SenderBlock user;
    user.set_local_user(bad);
    EXPECT_EQ(ReasonOf(PlanSenderBlock(All(), user).status()), "BAD_NAME") << bad;
    v1::SenderBlock client;
    client.set_client(bad);
    EXPECT_EQ(ReasonOf(PlanSenderBlock(All(), client).status()), "BAD_CLIENT") << bad;
  }
  EXPECT_EQ(ReasonOf(PlanSenderBlock(All(), v1::SenderBlock()).status()), "NOBODY_NAMED");
  EXPECT_EQ(ReasonOf(PlanSenderBlock(All(), Block("", "0.0.0.0/0", "")).status()), "BAD_CLIENT");
}

TEST_F(SettingsTest, ARecordCannotMakeRestoreWriteAForeignFile) {
  v1::Setting setting;
  setting.set_instance("-");
  setting.set_before("x");
  for (const std::string& key :
       {std::string("file:/etc/passwd"), "file:" + root_ + "/etc/mailquench_x/../main.cf",
        std::string("nonsense")}) {
    setting.set_key(key);
    EXPECT_EQ(ReasonOf(PlanRestore(All(), {setting}, {}).status()), "BAD_SETTING") << key;
  }
}

}  // namespace
}  // namespace mailquench::agent::postfix
