#include "agent/mail/postfix/postfix_mail_system.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "agent/mail/smtp/smtp_dialogue.h"
#include "common/status/error.h"
#include "tests/unit/postfix/private_postfix.h"

namespace mailquench::agent::postfix {
namespace {
using ::testing::HasSubstr;

std::string Slurp(const std::string& path) {
  std::ifstream file(path);
  std::stringstream out;
  out << file.rdbuf();
  return out.str();
}

CallContext Context(const std::string& id) {
  CallContext context;
  context.command_id = id;
  context.deadline = absl::Now() + absl::Seconds(120);
  return context;
}

class MailSystemOnRealPostfix : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!PrivatePostfix::Possible()) GTEST_SKIP() << "needs root and Postfix";
  }
  static FindOptions Only(const PrivatePostfix& postfix) {
    FindOptions options;
    options.config_directories = {postfix.config()};
    return options;
  }
};

TEST_F(MailSystemOnRealPostfix, ContainsAnOpenRelayAndPutsEverythingBack) {
  // Trusts strangers, and keeps what is to be delivered.
  PrivatePostfix postfix({"mynetworks = 0.0.0.0/0", "defer_transports = smtp, local"});
  PostfixMailSystem system(Only(postfix));
  const std::string main_before = Slurp(postfix.config() + "/main.cf");
  const std::string master_before = Slurp(postfix.config() + "/master.cf");

  const auto started = system.Start({}, Context("start"));
  ASSERT_TRUE(started.ok()) << started.status() << postfix.Log();
  EXPECT_EQ(1, started->started_size());
  for (int i = 0; i < 3; ++i) {
    ASSERT_EQ("250", SendMail(postfix.target(), "spam@evil.test", "victim@elsewhere.test",
                              absl::StrCat("spam ", i))
                         .substr(0, 3));
  }
  ASSERT_EQ(
      "250",
      SendMail(postfix.target(), "good@host.test", "friend@elsewhere.test", "valid").substr(0, 3));
  const auto open = system.Probe({}, Context("probe"));
  ASSERT_TRUE(open.ok()) << open.status();
  ASSERT_EQ(1, open->listeners_size());
  EXPECT_EQ(v1::RELAY_VERDICT_OPEN, open->listeners(0).verdict()) << open->listeners(0).reply();
  EXPECT_FALSE(open->listeners(0).outside());

  // The whole queue is not touched while it is worked on.
  v1::QueueQuarantine sweep;
  sweep.set_reason("attack");
  EXPECT_EQ("SERVICE_RUNNING", ReasonOf(system.Quarantine(sweep, Context("sweep")).status()));
  const auto stopped = system.Stop({}, Context("stop"));
  ASSERT_TRUE(stopped.ok()) << stopped.status();
  EXPECT_EQ(1, stopped->stopped_size());
  ASSERT_EQ(4, *system.CountQueued({}));
  const auto swapped = system.Quarantine(sweep, Context("sweep"));
  ASSERT_TRUE(swapped.ok()) << swapped.status();
  EXPECT_EQ(0, *system.CountQueued({}));
  const std::string quarantine = swapped->quarantines(0).quarantine_id();

  v1::RelayLock lock;
  lock.set_mode(v1::RELAY_MODE_CLOSED);
  const auto change = system.PlanRelayLock(lock);
  ASSERT_TRUE(change.ok()) << change.status();
  ASSERT_FALSE(change->files.empty());
  const absl::Status applied = system.Apply(*change, Context("lock"));
  ASSERT_TRUE(applied.ok()) << applied;
  EXPECT_TRUE(system.VerifyLocked(lock).ok()) << system.VerifyLocked(lock);
  ASSERT_TRUE(system.Start({}, Context("start2")).ok()) << postfix.Log();
  const auto closed = system.Probe({}, Context("probe2"));
  ASSERT_TRUE(closed.ok());
  EXPECT_EQ(v1::RELAY_VERDICT_CLOSED, closed->listeners(0).verdict())
      << closed->listeners(0).reply();

  v1::QuarantineAnalyse analyse;
  analyse.set_quarantine_id(quarantine);
  const auto picture = system.Analyse(analyse, Context("analyse"));
  ASSERT_TRUE(picture.ok()) << picture.status();
  EXPECT_EQ(4, picture->matching());
  EXPECT_EQ("spam@evil.test", picture->picture().senders(0).value());
  v1::QuarantineRelease release;
  release.set_quarantine_id(quarantine);
  release.mutable_filter()->add_senders("good@host.test");
  const auto released = system.Release(release, Context("release"));
  ASSERT_TRUE(released.ok()) << released.status();
  EXPECT_EQ(1, released->released());
  EXPECT_EQ(3, released->left());
  EXPECT_EQ(1, *system.CountQueued({}));  // Kept by defer_transports.

  // On the running system: restored, with the relay that was open kept as fix, then opened again by
  // a decision.
  const std::vector<v1::Setting> settings(change->result.settings().begin(),
                                          change->result.settings().end());
  std::vector<v1::RestoreDecision> decisions;
  for (const v1::Setting& setting : settings) {
    if (!setting.opened_relay()) continue;
    v1::RestoreDecision& decision = decisions.emplace_back();
    decision.set_instance(setting.instance());
    decision.set_key(setting.key());
    decision.set_choice(v1::RESTORE_CHOICE_PUT_BACK);
    decision.set_reason("a test");
  }
  EXPECT_FALSE(decisions.empty());
  const auto plan = system.PlanRestore(settings, decisions, {});
  ASSERT_TRUE(plan.ok()) << plan.status();
  const absl::Status restored = system.Apply(plan->change, Context("restore"));
  ASSERT_TRUE(restored.ok()) << restored << postfix.Log();
  EXPECT_EQ(main_before, Slurp(postfix.config() + "/main.cf"));
  EXPECT_EQ(master_before, Slurp(postfix.config() + "/master.cf"));
}

TEST_F(MailSystemOnRealPostfix, RollsBackSettingsThatOnlyADialogueShowsToBeBroken) {
  PrivatePostfix postfix;
  PostfixMailSystem system(Only(postfix));
  ASSERT_TRUE(system.Start({}, Context("start")).ok()) << postfix.Log();
  SettingsChange change;
  SettingsChange::File& file = change.files.emplace_back();
  file.instance = "-";
  file.path = postfix.config() + "/main.cf";
  file.before = Slurp(file.path);
  file.after = file.before + "smtpd_recipient_restrictions = reject_mistake\n";
  const absl::Status applied = system.Apply(change, Context("change"));
  EXPECT_EQ("ROLLED_BACK", ReasonOf(applied)) << applied << postfix.Log();
  EXPECT_EQ(file.before, Slurp(file.path));
  DialogueRequest own;
  own.recipient = "postmaster";
  EXPECT_EQ(250, Dialogue(postfix.target(), own)->recipient_code) << postfix.Log();
}

TEST_F(MailSystemOnRealPostfix, SaysWhatItCanDoAndNamesUnknownThings) {
  PrivatePostfix postfix({"mynetworks = 127.0.0.0/8"});
  PostfixMailSystem system(Only(postfix));
  const auto inventory = system.Inspect();
  ASSERT_TRUE(inventory.ok()) << inventory.status();
  EXPECT_EQ("postfix", inventory->platform);
  EXPECT_EQ(21u, inventory->capabilities.size());
  EXPECT_TRUE(inventory->listeners.empty());  // Loopback is for nobody else.
  EXPECT_THAT(inventory->trusted_ranges, ::testing::Contains("127.0.0.0/8"));
  v1::QuarantineAnalyse analyse;
  analyse.set_quarantine_id("nope");
  EXPECT_EQ(absl::StatusCode::kNotFound, system.Analyse(analyse, Context("x")).status().code());
  EXPECT_EQ("UNKNOWN_INSTANCE", ReasonOf(system.Status({"other"}).status()));
}

}  // namespace
}  // namespace mailquench::agent::postfix
