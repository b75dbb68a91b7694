// Locks, blocks and the way back.
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

#include "agent/mail/smtpsvc/settings_ops.h"
#include "common/fault/fault_point.h"
#include "tests/unit/smtpsvc/smtp_host.h"

namespace mailquench::agent::smtpsvc {
namespace {
TEST(RelayLock, NamesDomainsThatRelayWhateverTheListSays) {
  SmtpHost host;
  host.Load();
  host.json["keys"]["1/Domain/partner.example"] = {{"RouteAction", "dword attr=0 ut=1 4096"}};
  host.json["keys"]["1/Domain/smart.example"] = {{"RouteAction", "dword attr=0 ut=1 2"}};
  host.json["keys"]["1/Domain/local.example"] = {{"RouteAction", "dword attr=0 ut=1 16"}};
  host.Save();
  v1::RelayLock closed;
  closed.set_mode(v1::RELAY_MODE_CLOSED);
  const auto plan = host.mail->PlanRelayLock(closed);
  ASSERT_TRUE(plan.ok()) << plan.status();
  EXPECT_THAT(plan->result.notice(),
              ::testing::HasSubstr("EVERYBODY may still relay through virtual server 1 to "
                                   "partner.example:"));
  EXPECT_THAT(plan->result.notice(), ::testing::HasSubstr("Of the domains example.org of"));
  EXPECT_THAT(plan->result.notice(), ::testing::Not(::testing::HasSubstr("for everybody")));
  const auto server = FindVirtualServers(*host.metabase, {"1"});
  EXPECT_THAT(*DomainsOf(*host.metabase, server->front()),
              ::testing::UnorderedElementsAre("example.org", "local.example"));
}

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using Restored = v1::RestoredSetting;

constexpr char kClosed[] =
    "ip-security grant-by-default=no grant=[] deny=[] domain-grant=[] domain-deny=[]";
constexpr char kOpen[] =
    "ip-security grant-by-default=yes grant=[] deny=[] domain-grant=[] domain-deny=[]";
constexpr char kPrinter[] =
    "ip-security grant-by-default=no grant=[\"192.0.2.7, 255.255.255.255\"] deny=[] "
    "domain-grant=[] domain-deny=[]";

v1::RelayLock Lock(v1::RelayMode mode, const std::vector<std::string>& clients = {}) {
  v1::RelayLock lock;
  lock.set_mode(mode);
  for (const std::string& client : clients) lock.add_clients(client);
  return lock;
}

// Bytes of a list as the stand-in has them.
std::string Bytes(const std::string& text) {
  return ToText(MetabaseValue{MetabaseValue::Type::kBinary, 1, 1,
                              IpListBytes(std::get<IpSecurity>(*FromText(text)))});
}

class Settings : public ::testing::Test {
 protected:
  void SetUp() override { host.StopAll(); }
  SettingsChange Locked(v1::RelayMode mode = v1::RELAY_MODE_CLOSED,
                        const std::vector<std::string>& clients = {}) {
    const auto change = host.mail->PlanRelayLock(Lock(mode, clients));
    EXPECT_TRUE(change.ok()) << change.status();
    const absl::Status applied = host.mail->Apply(*change, host.Context("c"));
    EXPECT_TRUE(applied.ok()) << applied;
    EXPECT_TRUE(host.mail->VerifyLocked(Lock(mode, clients)).ok());
    return *change;
  }
  static std::vector<v1::Setting> Of(const SettingsChange& change) {
    return {change.result.settings().begin(), change.result.settings().end()};
  }
  static std::string Keys(const SettingsChange& change) {
    std::string out;
    for (const auto& setting : change.result.settings()) absl::StrAppend(&out, setting.key(), " ");
    return out;
  }
  RestorePlan Plan(const std::vector<v1::Setting>& settings,
                   const std::vector<v1::RestoreDecision>& decisions = {}) {
    const auto plan = host.mail->PlanRestore(settings, decisions, {});
    EXPECT_TRUE(plan.ok()) << plan.status();
    return *plan;
  }
  SmtpHost host;
};

TEST_F(Settings, ClosedMeansNobodyByAddressAndNobodyByLogin) {
  host.Set("", "RelayIpList", Bytes(kOpen));
  const auto before = host.mail->VerifyLocked(Lock(v1::RELAY_MODE_CLOSED));
  EXPECT_EQ(ReasonOf(before), "LOCK_NOT_VERIFIED");
  const SettingsChange change = Locked();
  EXPECT_EQ(Keys(change), "metabase:1/RelayIpList metabase:1/RelayForAuth metabase:1/AuthFlags ");
  const v1::Setting& list = change.result.settings(0);
  EXPECT_TRUE(list.before_absent()) << "it was inherited";
  EXPECT_EQ(list.after(), kClosed);
  EXPECT_TRUE(list.opened_relay());
  EXPECT_FALSE(change.result.settings(1).opened_relay());
  EXPECT_TRUE(change.verify_closed);
  EXPECT_EQ(host.Text("1", "RelayForAuth"), "dword attr=1 ut=1 0");
  EXPECT_EQ(host.Text("1", "AuthFlags"), "dword attr=1 ut=1 1");
  EXPECT_EQ(host.Text("1", "RelayIpList"), Bytes(kClosed));
  EXPECT_EQ(host.Text("", "RelayIpList"), Bytes(kOpen)) << "the service's own key is left";
  EXPECT_TRUE(host.mail->PlanRelayLock(Lock(v1::RELAY_MODE_CLOSED))->files.empty());
}

TEST_F(Settings, NullIsClosedAlready) {
  const SettingsChange change = Locked();
  EXPECT_EQ(Keys(change), "metabase:1/RelayForAuth metabase:1/AuthFlags ");
}

TEST_F(Settings, AServerThatTakesNoAnonymousSessionIsGivenNoNewDoor) {
  host.Set("1", "AuthFlags", "dword attr=1 ut=1 6");
  const SettingsChange change = Locked();
  EXPECT_EQ(Keys(change), "metabase:1/RelayForAuth ");
  EXPECT_THAT(change.result.notice(), HasSubstr("takes no session without a login"));
}

TEST_F(Settings, AuthenticatedOnlyKeepsLogins) {
  host.Set("1", "RelayIpList", Bytes(kPrinter));
  const SettingsChange change = Locked(v1::RELAY_MODE_AUTHENTICATED_ONLY);
  EXPECT_EQ(Keys(change), "metabase:1/RelayIpList ");
  EXPECT_EQ(change.result.settings(0).before(), Bytes(kPrinter));
  EXPECT_FALSE(change.result.settings(0).opened_relay());
  ASSERT_EQ(change.result.refused_from_now_size(), 1);
  EXPECT_EQ(change.result.refused_from_now(0).client(), "192.0.2.7");
}

TEST_F(Settings, ListedMeansTheseAlone) {
  host.Set("1", "RelayIpList", Bytes(kPrinter));
  const SettingsChange change = Locked(v1::RELAY_MODE_LISTED, {"192.0.2.0/24", "198.51.100.1"});
  EXPECT_EQ(change.result.refused_from_now_size(), 0) << "the printer stays listed";
  EXPECT_EQ(change.result.settings(0).after(),
            "ip-security grant-by-default=no grant=[\"192.0.2.0, 255.255.255.0\",\"198.51.100.1, "
            "255.255.255.255\"] deny=[] domain-grant=[] domain-deny=[]");
  EXPECT_EQ(ReasonOf(host.mail->VerifyLocked(Lock(v1::RELAY_MODE_CLOSED))), "LOCK_NOT_VERIFIED");
  for (const char* bad : {"2001:db8::1", "0.0.0.0/0", "x"})
    EXPECT_EQ(ReasonOf(host.mail->PlanRelayLock(Lock(v1::RELAY_MODE_LISTED, {bad})).status()),
              "BAD_CLIENT");
  EXPECT_EQ(ReasonOf(host.mail->PlanRelayLock(Lock(v1::RELAY_MODE_LISTED)).status()), "BAD_CLIENT");
  EXPECT_EQ(ReasonOf(host.mail->PlanRelayLock({}).status()), "NO_MODE");
}

// As Windows Server 2022 is shipped.
TEST_F(Settings, AListThatIisCannotReadIsReplacedAndItsBytesKept) {
  host.Set("1", "RelayIpList", "binary attr=1 ut=1 1800008000");
  EXPECT_EQ(ReasonOf(host.mail->VerifyLocked(Lock(v1::RELAY_MODE_CLOSED))), "LOCK_NOT_VERIFIED");
  EXPECT_TRUE(host.mail->Inspect().ok());
  const SettingsChange change = Locked();
  EXPECT_THAT(change.result.notice(), HasSubstr("could not be read by IIS itself"));
  const RestorePlan plan = Plan(Of(change));
  EXPECT_EQ(plan.result.settings(0).state(), Restored::STATE_NEEDS_DECISION);
  v1::RestoreDecision decision;
  decision.set_key("metabase:1/RelayIpList");
  decision.set_choice(v1::RESTORE_CHOICE_PUT_BACK);
  decision.set_reason("as it was");
  ASSERT_TRUE(host.mail->Apply(Plan(Of(change), {decision}).change, host.Context("r")).ok());
  EXPECT_EQ(host.Text("1", "RelayIpList"), "binary attr=1 ut=1 1800008000");
}

TEST_F(Settings, RestorePutsBackWhatWasThereAndWhatWasNot) {
  host.Set("1", "RelayIpList", Bytes(kPrinter));
  const std::string before = SmtpHost::Get(host.metabase_path);
  const SettingsChange change = Locked();
  EXPECT_THAT(*host.mail->Drifted(Of(change)), IsEmpty());
  const RestorePlan plan = Plan(Of(change));
  EXPECT_EQ(plan.result.put_back(), 3);
  EXPECT_TRUE(plan.result.byte_for_byte());
  ASSERT_TRUE(host.mail->Apply(plan.change, host.Context("r")).ok());
  host.Load();
  EXPECT_EQ(host.json, nlohmann::json::parse(before)) << "absent is absent again";
  EXPECT_EQ(Plan(Of(change)).result.put_back(), 0) << "a repeat has nothing to do";
}

TEST_F(Settings, RestoreLeavesWhatOpenedTheRelayAndWhatSomebodyChanged) {
  host.Set("1", "RelayIpList", Bytes(kOpen));
  const SettingsChange change = Locked();
  host.Set("1", "AuthFlags", "dword attr=1 ut=1 5");
  const auto drifted = host.mail->Drifted(Of(change));
  ASSERT_EQ(drifted->size(), 1U);
  EXPECT_EQ((*drifted)[0].key(), "metabase:1/AuthFlags");
  const RestorePlan plan = Plan(Of(change));
  EXPECT_EQ(plan.result.settings(0).state(), Restored::STATE_NEEDS_DECISION);
  EXPECT_EQ(plan.result.settings(0).current(), kClosed);
  EXPECT_EQ(plan.result.settings(1).state(), Restored::STATE_PUT_BACK);
  EXPECT_EQ(plan.result.settings(2).state(), Restored::STATE_NEEDS_DECISION);
  EXPECT_EQ(plan.result.settings(2).current(), "dword attr=1 ut=1 5");
  EXPECT_FALSE(plan.result.byte_for_byte());
  v1::RestoreDecision keep;
  keep.set_instance("1");
  keep.set_key("metabase:1/RelayIpList");
  keep.set_choice(v1::RESTORE_CHOICE_KEEP_AS_FIX);
  EXPECT_EQ(ReasonOf(host.mail->PlanRestore(Of(change), {keep}, {}).status()), "NO_REASON");
  keep.set_reason("it was the cause");
  EXPECT_EQ(Plan(Of(change), {keep}).result.kept_as_fix(), 1);
  v1::Setting foreign = change.result.settings(0);
  foreign.set_instance("9");
  EXPECT_EQ(ReasonOf(host.mail->PlanRestore({foreign}, {}, {}).status()), "UNKNOWN_INSTANCE");
}

TEST_F(Settings, AChangeThatSomebodyCameBeforeOverwritesNothing) {
  const auto change = host.mail->PlanRelayLock(Lock(v1::RELAY_MODE_CLOSED));
  host.Set("1", "AuthFlags", "dword attr=1 ut=1 4");
  const std::string before = SmtpHost::Get(host.metabase_path);
  EXPECT_EQ(ReasonOf(host.mail->Apply(*change, host.Context("c"))), "CHANGED_MEANWHILE");
  EXPECT_EQ(SmtpHost::Get(host.metabase_path), before);
}

TEST_F(Settings, AWriteThatFailsPutsTheOthersBack) {
  host.Set("1", "RelayIpList", Bytes(kOpen));
  host.Load();
  host.json["faults"]["fail_write"] = {"1/AuthFlags"};
  host.Save();
  const auto change = host.mail->PlanRelayLock(Lock(v1::RELAY_MODE_CLOSED));
  const absl::Status applied = host.mail->Apply(*change, host.Context("c"));
  EXPECT_EQ(ReasonOf(applied), "ROLLED_BACK");
  EXPECT_EQ(host.Text("1", "RelayIpList"), Bytes(kOpen));
  EXPECT_EQ(host.Text("1", "RelayForAuth"), "(absent)");
}

TEST_F(Settings, AnOverwriterIsSeenAndSaid) {
  host.Set("1", "RelayIpList", Bytes(kOpen));
  host.Load();
  host.json["faults"]["overwrite"]["1/RelayIpList"] = Bytes(kOpen);
  host.Save();
  const auto change = host.mail->PlanRelayLock(Lock(v1::RELAY_MODE_CLOSED));
  const absl::Status applied = host.mail->Apply(*change, host.Context("c"));
  EXPECT_EQ(ReasonOf(applied), "ROLLED_BACK");
  EXPECT_THAT(std::string(applied.message()), HasSubstr("another program writes it"));
  // One that writes a third value is not to be undone.
  host.Load();
  host.json["faults"]["overwrite"]["1/RelayIpList"] = Bytes(kPrinter);
  host.Save();
  EXPECT_EQ(ReasonOf(host.mail->Apply(*change, host.Context("c"))), "ROLLBACK_FAILED");
}

TEST_F(Settings, UnderExchangeNothingIsWritten) {
  host.services.services["MSExchangeSA"] = ServiceState::kStopped;
  const auto change = host.mail->PlanRelayLock(Lock(v1::RELAY_MODE_CLOSED));
  EXPECT_EQ(ReasonOf(change.status()), "DS2MB");
  v1::SenderBlock block;
  block.set_client("192.0.2.1");
  EXPECT_EQ(ReasonOf(host.mail->PlanSenderBlock(block).status()), "DS2MB");
  const auto inventory = host.mail->Inspect();
  for (const auto& one : inventory->capabilities) {
    if (one.operation() == "relay.lock" || one.operation() == "contain") {
      EXPECT_FALSE(one.available());
      EXPECT_THAT(one.reason(), HasSubstr("15 minutes"));
    }
  }
}

TEST_F(Settings, BlocksAClientAndLiftsIt) {
  v1::SenderBlock block;
  block.set_client("203.0.113.0/24");
  const auto change = host.mail->PlanSenderBlock(block);
  ASSERT_TRUE(change.ok()) << change.status();
  EXPECT_EQ(Keys(*change), "metabase:1/IPSecurity ");
  ASSERT_TRUE(host.mail->Apply(*change, host.Context("b")).ok());
  EXPECT_THAT((*host.metabase->ReadIpSecurity("1", Property::kIpSecurity))->ip_deny,
              ElementsAre("203.0.113.0, 255.255.255.0"));
  block.set_client("203.0.113.9");
  EXPECT_TRUE(host.mail->PlanSenderBlock(block)->files.empty()) << "it is in the block already";
  v1::SenderUnblock unblock;
  unblock.set_client("203.0.113.0/24");
  const auto lifted = host.mail->PlanSenderUnblock(unblock);
  ASSERT_TRUE(host.mail->Apply(*lifted, host.Context("u")).ok());
  EXPECT_EQ(host.Text("1", "IPSecurity"), "(absent)") << "it inherits again";
  EXPECT_TRUE(host.mail->PlanSenderUnblock(unblock)->files.empty());
}

TEST_F(Settings, BlocksWhereOnlyListedClientsMayConnect) {
  host.Set("1", "IPSecurity", Bytes(kPrinter));
  v1::SenderBlock block;
  block.set_client("192.0.2.7");
  const auto change = host.mail->PlanSenderBlock(block);
  ASSERT_TRUE(change.ok()) << change.status();
  EXPECT_EQ(change->result.settings(0).after(), kClosed);
  block.set_client("203.0.113.9");
  EXPECT_TRUE(host.mail->PlanSenderBlock(block)->files.empty()) << "it may not connect as it is";
  host.Set("1", "IPSecurity",
           Bytes("ip-security grant-by-default=no grant=[\"192.0.2.0, 255.255.255.0\"] deny=[] "
                 "domain-grant=[] domain-deny=[]"));
  block.set_client("192.0.2.7");
  EXPECT_EQ(ReasonOf(host.mail->PlanSenderBlock(block).status()), "ACCESS_LIST_GRANTS");
}

TEST_F(Settings, WhatCannotBeBlockedOrSilencedSaysWhatToDo) {
  v1::SenderBlock block;
  EXPECT_EQ(ReasonOf(host.mail->PlanSenderBlock(block).status()), "NOBODY_NAMED");
  block.set_account("DOM\\ann");
  EXPECT_EQ(host.mail->PlanSenderBlock(block).status().code(), absl::StatusCode::kUnimplemented);
  block.set_local_user("ann");
  EXPECT_EQ(host.mail->PlanSenderBlock(block).status().code(), absl::StatusCode::kUnimplemented);
  EXPECT_EQ(host.mail->PlanNdrSilence({}).status().code(), absl::StatusCode::kUnimplemented);
  EXPECT_TRUE(host.mail->SilencesByWatch());
  EXPECT_EQ(host.mail->ReadDeliveryReplies(absl::Now(), nullptr, host.Context("l")).status().code(),
            absl::StatusCode::kUnimplemented);
}

TEST_F(Settings, KilledAtEachPointOfAnApplyItIsCompletedOrUndone) {
  int killed = 0;
  for (const std::string& point : fault::AllPoints()) {
    if (point.rfind("smtpsvc.apply.", 0) != 0) continue;
    for (int passing = 1; passing < 6; ++passing) {
      SmtpHost own;
      own.StopAll();
      own.Set("1", "RelayIpList", Bytes(kOpen));
      const std::string before = SmtpHost::Get(own.metabase_path);
      const auto change = own.mail->PlanRelayLock(Lock(v1::RELAY_MODE_CLOSED));
      const std::string fault = absl::StrCat(point, "@", passing, "=kill");
      const pid_t child = fork();
      if (child == 0) {
        setenv("MAILQUENCH_FAULT", fault.c_str(), 1);
        own.mail->Apply(*change, own.Context("c")).IgnoreError();
        _exit(0);
      }
      int status = 0;
      waitpid(child, &status, 0);
      if (!WIFSIGNALED(status)) break;
      ++killed;
      const absl::Status again = own.mail->Apply(*change, own.Context("c"));
      EXPECT_TRUE(again.ok()) << fault << again;
      EXPECT_TRUE(own.mail->VerifyLocked(Lock(v1::RELAY_MODE_CLOSED)).ok()) << fault;
      SettingsChange back = *change;
      for (auto& file : back.files) {
        std::swap(file.before, file.after);
        std::swap(file.before_absent, file.after_absent);
      }
      EXPECT_TRUE(own.mail->Apply(back, own.Context("c")).ok()) << fault;
      own.Load();
      EXPECT_EQ(own.json, nlohmann::json::parse(before)) << fault;
    }
  }
  EXPECT_GE(killed, 7);
}

TEST_F(Settings, TheInventorySaysWhatTheHostIs) {
  host.Set("1", "RelayIpList", Bytes(kPrinter));
  host.Set("1", "ServerBindings",
           ToText(MakeMultiString({"192.0.2.25:2525:", "[2001:db8::5]:25:", "bad", ":x:"})));
  const auto inventory = host.mail->Inspect();
  ASSERT_TRUE(inventory.ok()) << inventory.status();
  EXPECT_EQ(inventory->platform, "smtpsvc");
  EXPECT_THAT(inventory->listeners, ElementsAre("192.0.2.25:2525", "[2001:db8::5]:25"));
  EXPECT_THAT(inventory->trusted_ranges, ElementsAre("192.0.2.7"));
  EXPECT_THAT(inventory->helo_names, ElementsAre("mx.example.org"));
  EXPECT_THAT(inventory->mail_domains, ElementsAre("example.org"));
  for (const auto& one : inventory->capabilities)
    EXPECT_EQ(one.available(), one.reason().empty()) << one.operation();
}

}  // namespace
}  // namespace mailquench::agent::smtpsvc
