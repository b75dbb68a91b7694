// The whole way through the executor: contain, watch, release, restore.
#include "agent/operations/executor.h"
#include "common/clock/clock.h"
#include "common/operation/names.h"
#include "tests/unit/smtpsvc/smtp_host.h"

namespace mailquench::agent::smtpsvc {
namespace {
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class StillClock final : public Clock {
 public:
  absl::Time Now() override { return absl::Now(); }
  void Sleep(absl::Duration) override { absl::SleepFor(absl::Milliseconds(1)); }
};

class Whole : public ::testing::Test {
 protected:
  void SetUp() override {
    host.Set("", "RelayIpList",
             "ip-security grant-by-default=yes grant=[] deny=[] domain-grant=[] domain-deny=[]");
    for (int i = 0; i < 3; ++i) host.Queue(1, absl::StrCat("NTFS_", i, ".EML"), "spam@example.org");
    journal = *Journal::Open(host.dir + "/journal.db");
    ExecutorOptions options;
    options.host_id = "h";
    options.state_dir = host.dir;
    executor = std::make_unique<Executor>(*host.mail, *journal, clock, options);
  }
  v1::OperationReport Do(const std::string& id, const std::string& name, const std::string& json) {
    v1::Command command;
    command.set_command_id(id);
    command.set_host_id("h");
    *command.mutable_operation() = MakeOperation(name, json).value();
    return executor->Execute(command, false, nullptr);
  }
  SmtpHost host;
  StillClock clock;
  std::unique_ptr<Journal> journal;
  std::unique_ptr<Executor> executor;
};

TEST_F(Whole, FromTheFireToTheRestore) {
  const auto contain = Do("c", "contain", R"({"reason":"spam"})");
  ASSERT_EQ(contain.outcome(), v1::OUTCOME_SUCCEEDED) << contain.DebugString();
  EXPECT_THAT(host.services.acts, ElementsAre("stop SMTPSVC", "start SMTPSVC"));
  EXPECT_THAT(SmtpHost::Names(host.Folder(1, "Queue")), IsEmpty());
  v1::RelayLock closed;
  closed.set_mode(v1::RELAY_MODE_CLOSED);
  EXPECT_TRUE(host.mail->VerifyLocked(closed).ok());
  EXPECT_THAT(contain.result().contain().silence().notice(), HasSubstr("each queue.watch"));

  SmtpHost::Put(host.Folder(1, "Queue") + "/NTFS_N.EML", SmtpHost::Message("<>"));
  host.Queue(1, "NTFS_A.EML", "anna@example.org");
  const auto watch = Do("w", "queue.watch", R"({"samples":2,"interval":"0.01s"})");
  EXPECT_EQ(watch.result().queue_watch().silenced(), 1) << watch.DebugString();
  EXPECT_THAT(SmtpHost::Names(host.Folder(1, "Queue")), ElementsAre("NTFS_A.EML"));

  host.services.acts.clear();
  const std::string id = contain.result().contain().quarantine().quarantines(0).quarantine_id();
  const auto release =
      Do("r", "quarantine.release", absl::StrCat(R"({"quarantine_id":")", id, "\"}"));
  ASSERT_EQ(release.outcome(), v1::OUTCOME_SUCCEEDED) << release.DebugString();
  EXPECT_EQ(release.result().quarantine_release().released(), 3);
  EXPECT_THAT(host.services.acts, ElementsAre("stop SMTPSVC", "start SMTPSVC"));
  EXPECT_TRUE(journal->Leases()->empty());

  EXPECT_THAT(*executor->Drift(), IsEmpty());
  const auto restore = Do("b", "restore", R"({"decisions":[{"key":"metabase:1/RelayIpList",
      "choice":"RESTORE_CHOICE_KEEP_AS_FIX","reason":"it was the cause"}]})");
  ASSERT_EQ(restore.outcome(), v1::OUTCOME_SUCCEEDED) << restore.DebugString();
  EXPECT_EQ(restore.result().restore().put_back(), 2);
  EXPECT_EQ(restore.result().restore().kept_as_fix(), 1);
  EXPECT_TRUE(journal->Outstanding()->empty());
}

TEST_F(Whole, AServiceThatComesBackStopsTheContainAndIsSaid) {
  host.services.comes_back = 100;
  const auto contain = Do("c", "contain", "{}");
  EXPECT_EQ(contain.outcome(), v1::OUTCOME_FAILED);
  EXPECT_EQ(ReasonOf(FromProto(contain.error())), "SERVICE_CAME_BACK");
  EXPECT_EQ(SmtpHost::Names(host.Folder(1, "Queue")).size(), 3U);
}

TEST_F(Whole, OneThatIsStartedWhileItIsSweptIsNotCalledStopped) {
  host.options.disk.move = [&](const std::string& from, const std::string& to) {
    host.services.services["SMTPSVC"] = ServiceState::kRunning;
    host.SetStates(2);
    return MoveEntry(from, to);
  };
  host.Open();
  ExecutorOptions options;
  options.host_id = "h";
  options.state_dir = host.dir;
  executor = std::make_unique<Executor>(*host.mail, *journal, clock, options);
  const auto contain = Do("c", "contain", "{}");
  EXPECT_EQ(ReasonOf(FromProto(contain.error())), "SERVICE_CAME_BACK");
  EXPECT_THAT(contain.error().message(), HasSubstr("the service RUNS"));
  EXPECT_THAT(executor->Alarm(), HasSubstr("the service RUNS"));
}

TEST_F(Whole, UnderExchangeAContainTouchesNothingAndSaysWhy) {
  host.services.services["MSExchangeSA"] = ServiceState::kRunning;
  const auto contain = Do("c", "contain", "{}");
  EXPECT_EQ(contain.outcome(), v1::OUTCOME_FAILED);
  EXPECT_EQ(ReasonOf(FromProto(contain.error())), "DS2MB");
  EXPECT_THAT(contain.error().message(), HasSubstr("nothing was stopped"));
  EXPECT_THAT(host.services.acts, IsEmpty());
  EXPECT_EQ(SmtpHost::Names(host.Folder(1, "Queue")).size(), 3U);
}

TEST_F(Whole, AContainThatCannotBeCarriedOutTouchesNothing) {
  EXPECT_EQ(ReasonOf(FromProto(
                Do("c1", "contain", R"({"mode":"RELAY_MODE_LISTED","clients":["x"]})").error())),
            "BAD_CLIENT");
  host.Set("1", "BadMailDirectory", ToText(MakeString(host.Folder(1, "Queue") + "/Badmail")));
  EXPECT_EQ(ReasonOf(FromProto(Do("c2", "contain", "{}").error())), "BAD_DIRECTORY");
  host.Set("1", "BadMailDirectory", ToText(MakeString(host.Folder(1, "Badmail"))));
  std::filesystem::rename(host.Folder(1, "Queue"), host.dir + "/elsewhere");
  std::filesystem::create_directory_symlink(host.dir + "/elsewhere", host.Folder(1, "Queue"));
  EXPECT_EQ(ReasonOf(FromProto(Do("c3", "contain", "{}").error())), "NOT_A_DIRECTORY");
  EXPECT_THAT(host.services.acts, IsEmpty());
  EXPECT_TRUE(host.mail->Status({})->instances(0).running());
}

TEST_F(Whole, AScanGivesWayToAContain) {
  for (int i = 0; i < 200; ++i) host.Queue(1, absl::StrCat("X", i, ".EML"), "s@example.org");
  v1::Command contain;
  contain.set_command_id("c");
  contain.set_host_id("h");
  contain.mutable_operation()->mutable_contain();
  executor->Expect(contain);
  EXPECT_EQ(ReasonOf(FromProto(Do("s", "queue.survey", "{}").error())), "MADE_WAY");
  v1::Command plan;
  plan.set_command_id("p");
  plan.set_host_id("h");
  plan.mutable_operation()->mutable_queue_quarantine()->mutable_filter()->add_senders("x");
  EXPECT_EQ(ReasonOf(FromProto(executor->Plan(plan).refused().error())), "MADE_WAY");
  executor->ExpectNoMore("c");
  EXPECT_EQ(Do("s2", "queue.survey", "{}").outcome(), v1::OUTCOME_SUCCEEDED);
}

}  // namespace
}  // namespace mailquench::agent::smtpsvc
