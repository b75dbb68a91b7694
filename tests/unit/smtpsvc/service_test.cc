// Stop and start on good and on bad days.
#include "tests/unit/smtpsvc/smtp_host.h"

namespace mailquench::agent::smtpsvc {
namespace {
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

TEST(ServiceTest, AllServersStopWithTheService) {
  SmtpHost host(2);
  const auto stopped = host.mail->Stop({}, host.Context("c"));
  ASSERT_TRUE(stopped.ok()) << stopped.status();
  EXPECT_THAT(stopped->stopped(), ElementsAre("1", "2"));
  EXPECT_THAT(host.services.acts, ElementsAre("stop SMTPSVC"));
  const auto again = host.mail->Stop({}, host.Context("c"));
  EXPECT_THAT(again->already_stopped(), ElementsAre("1", "2"));
  const auto status = host.mail->Status({});
  for (const auto& one : status->instances()) EXPECT_FALSE(one.running());
  const auto started = host.mail->Start({}, host.Context("c"));
  ASSERT_TRUE(started.ok()) << started.status();
  EXPECT_THAT(started->started(), ElementsAre("1", "2"));
}

TEST(ServiceTest, OneServerStopsByItself) {
  SmtpHost host(2);
  ASSERT_TRUE(host.mail->Stop({"2"}, host.Context("c")).ok());
  EXPECT_THAT(host.services.acts, IsEmpty());
  const auto status = host.mail->Status({});
  EXPECT_TRUE(status->instances(0).running());
  EXPECT_FALSE(status->instances(1).running());
  ASSERT_TRUE(host.mail->Start({"2"}, host.Context("c")).ok());
  EXPECT_TRUE(host.mail->Status({"2"})->instances(0).running());
}

TEST(ServiceTest, AServiceThatRunsStartsNoneThatIsNotToRun) {
  SmtpHost host(2);
  host.StopAll();
  ASSERT_TRUE(host.mail->Start({"1"}, host.Context("c")).ok());
  const auto status = host.mail->Status({});
  EXPECT_TRUE(status->instances(0).running());
  EXPECT_FALSE(status->instances(1).running());  // The service alone would have started it.
}

TEST(ServiceTest, WhatIsNotToRunDoesNotRunForAMoment) {
  for (const char* before : {"", "dword attr=1 ut=1 1"}) {
    SmtpHost host(2);
    host.StopAll();
    if (*before != '\0') host.Set("2", "ServerAutoStart", before);
    ASSERT_TRUE(host.mail->Start({"1"}, host.Context("c")).ok());
    EXPECT_THAT(host.metabase->commands, IsEmpty()) << "none had to be stopped";
    EXPECT_EQ(host.Text("2", "ServerAutoStart"), *before == '\0' ? "(absent)" : before);
    EXPECT_FALSE(std::filesystem::exists(host.dir + "/smtpsvc-autostart"));
    EXPECT_FALSE(host.mail->Status({"2"})->instances(0).running());
  }
}

TEST(ServiceTest, AHeldServerIsPutBackAfterACrashAndAfterAFailedStart) {
  SmtpHost host(2);
  host.StopAll();
  host.services.disabled = true;
  EXPECT_EQ(ReasonOf(host.mail->Start({"1"}, host.Context("c")).status()), "SERVICE_DISABLED");
  EXPECT_EQ(host.Text("2", "ServerAutoStart"), "(absent)");
  host.services.disabled = false;
  host.Set("2", "ServerAutoStart", ToText(MakeDword(0, 0)));  // As a crash leaves it.
  SmtpHost::Put(host.dir + "/smtpsvc-autostart", "2 \n");
  ASSERT_TRUE(host.mail->Start({}, host.Context("c2")).ok());
  EXPECT_EQ(host.Text("2", "ServerAutoStart"), "(absent)");
}

TEST(ServiceTest, DependentsStartEvenWhereAnotherServerDoesNotStop) {
  SmtpHost host(2);
  host.services.dependents = {"Upper"};
  host.services.services["Upper"] = ServiceState::kRunning;
  ASSERT_TRUE(host.mail->Stop({}, host.Context("c")).ok());
  host.metabase->restarts = true;
  host.services.on_change = [&](bool running) { host.SetStates(running ? 2 : 4); };
  EXPECT_FALSE(host.mail->Start({"1"}, host.Context("s")).ok());
  EXPECT_EQ(host.services.services["Upper"], ServiceState::kRunning);
}

TEST(ServiceTest, WhileTheServiceEndsNothingCountsAsStopped) {
  SmtpHost host;
  host.SetStates(4);
  host.services.services["SMTPSVC"] = ServiceState::kStopPending;
  EXPECT_TRUE(host.mail->Status({})->instances(0).running());
}

TEST(ServiceTest, ASlowStopIsWaitedForAndTold) {
  SmtpHost host;
  for (int i = 0; i < 1100; ++i)
    SmtpHost::Put(absl::StrCat(host.Folder(1, "Badmail"), "/", i, ".BAD"), "");
  host.services.slow_looks = 5;
  ASSERT_TRUE(host.mail->Stop({}, host.Context("c")).ok());
  EXPECT_TRUE(host.Said("SMTPSVC has been stopping for 50 s, at checkpoint 5"));
  EXPECT_TRUE(host.Said("holds at least 1000 files"));
}

TEST(ServiceTest, AStopThatDoesNotEndSaysWhatIsLeft) {
  SmtpHost host;
  host.services.never_stops = true;
  CallContext context = host.Context("c");
  context.deadline = absl::Now() + absl::Milliseconds(20);
  const auto stopped = host.mail->Stop({}, context);
  EXPECT_EQ(stopped.status().code(), absl::StatusCode::kDeadlineExceeded);
  EXPECT_EQ(ReasonOf(stopped.status()), "SERVICE_STOP_TIMED_OUT");
  EXPECT_THAT(std::string(stopped.status().message()),
              HasSubstr("no queue and no setting was touched"));
  EXPECT_TRUE(host.mail->Status({})->instances(0).running());
}

TEST(ServiceTest, OneThatRefuses) {
  SmtpHost host;
  host.services.refuses_stop = true;
  EXPECT_EQ(ReasonOf(host.mail->Stop({}, host.Context("c")).status()), "SERVICE_REFUSES_STOP");
}

TEST(ServiceTest, OneRecoveryIsStoppedAgain) {
  SmtpHost host;
  host.services.comes_back = 1;
  ASSERT_TRUE(host.mail->Stop({}, host.Context("c")).ok());
  EXPECT_THAT(host.services.acts, ElementsAre("stop SMTPSVC", "stop SMTPSVC"));
  EXPECT_FALSE(host.mail->Status({})->instances(0).running());
}

TEST(ServiceTest, OneThatAlwaysComesBackIsSaid) {
  SmtpHost host;
  host.services.comes_back = 100;
  const auto stopped = host.mail->Stop({}, host.Context("c"));
  EXPECT_EQ(ReasonOf(stopped.status()), "SERVICE_CAME_BACK");
  EXPECT_THAT(std::string(stopped.status().message()), HasSubstr("no queue was touched"));
}

TEST(ServiceTest, AServerThatDoesNotObey) {
  SmtpHost host(2);
  host.metabase->obeys = false;
  EXPECT_EQ(ReasonOf(host.mail->Stop({"1"}, host.Context("c")).status()), "SERVICE_STOP_TIMED_OUT");
  host.SetStates(4);
  EXPECT_EQ(ReasonOf(host.mail->Start({"1"}, host.Context("c")).status()), "SERVER_NOT_STARTED");
}

TEST(ServiceTest, DependentsStopBeforeAndStartAfterEvenOverACrash) {
  SmtpHost host;
  host.services.dependents = {"Upper", "Lower"};
  host.services.services["Upper"] = host.services.services["Lower"] = ServiceState::kRunning;
  ASSERT_TRUE(host.mail->Stop({}, host.Context("c")).ok());
  EXPECT_THAT(host.services.acts, ElementsAre("stop Upper", "stop Lower", "stop SMTPSVC"));
  host.services.acts.clear();
  host.Open();  // As after a crash.
  ASSERT_TRUE(host.mail->Start({}, host.Context("c")).ok());
  EXPECT_THAT(host.services.acts, ElementsAre("start SMTPSVC", "start Lower", "start Upper"));
  host.services.acts.clear();
  host.services.services["Upper"] = ServiceState::kStopped;
  ASSERT_TRUE(host.mail->Start({}, host.Context("c")).ok());
  EXPECT_THAT(host.services.acts, IsEmpty());  // What somebody stopped since is not ours.
}

TEST(ServiceTest, NoStartWithoutItsQueueFolder) {
  SmtpHost host;
  host.StopAll();
  std::filesystem::remove(host.Folder(1, "Queue"));
  const auto started = host.mail->Start({}, host.Context("c"));
  EXPECT_EQ(ReasonOf(started.status()), "BAD_DIRECTORY");
  EXPECT_THAT(host.services.acts, IsEmpty());
}

TEST(ServiceTest, HostsWithoutTheServiceOrTheMetabase) {
  SmtpHost host;
  host.services.services.clear();
  EXPECT_EQ(ReasonOf(host.mail->Status({}).status()), "NO_SERVICE");
  std::filesystem::remove(host.metabase_path);
  EXPECT_EQ(ReasonOf(host.mail->Status({}).status()), "NO_METABASE");
}

TEST(ServiceTest, ADisabledOneDoesNotStart) {
  SmtpHost host;
  host.StopAll();
  host.services.disabled = true;
  EXPECT_EQ(ReasonOf(host.mail->Start({}, host.Context("c")).status()), "SERVICE_DISABLED");
}

}  // namespace
}  // namespace mailquench::agent::smtpsvc
