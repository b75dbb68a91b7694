// Writing a change: all of it or nothing, whatever happens in between.
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

#include "agent/mail/postfix/candidate.h"
#include "common/fault/fault_point.h"
#include "tests/unit/postfix/settings_fixture.h"

namespace mailquench::agent::postfix {
namespace {
using ::testing::HasSubstr;

class ApplyTest : public SettingsTest {
 protected:
  void SetUp() override {
    SettingsTest::SetUp();
    before_ = Everything();
    auto lock = PlanRelayLock(All(), Lock(v1::RELAY_MODE_CLOSED));
    ASSERT_TRUE(lock.ok()) << lock.status();
    change_ = *std::move(lock);
    MQ_ASSERT_OK(ApplyStopped(change_));
    after_ = Everything();
    auto back = PlanRestore(All(), Recorded({change_}), {});
    ASSERT_TRUE(back.ok());
    MQ_ASSERT_OK(ApplyStopped(back->change));
    ASSERT_EQ(Everything(), before_);
  }
  ServiceHooks Running(const absl::Status& dialogue = absl::OkStatus()) {
    return {[](const Instance&) -> absl::StatusOr<bool> { return true; },
            [this](const Instance&) {
              ++reloads_;
              return absl::OkStatus();
            },
            [dialogue](const Instance&) { return dialogue; }};
  }
  absl::Status ApplyRunning(const absl::Status& dialogue = absl::OkStatus()) {
    return Apply(change_, All(), Running(dialogue), CallContext());
  }
  // Applies in a child that the fault point kills. True where it was killed, not ended.
  bool DieAt(const std::string& fault, const absl::Status& dialogue = absl::OkStatus()) {
    const pid_t pid = fork();
    if (pid == 0) {
      setenv("MAILQUENCH_FAULT", (fault + "=kill").c_str(), 1);
      (void)ApplyRunning(dialogue);
      _exit(0);
    }
    int status = 0;
    waitpid(pid, &status, 0);
    return WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
  }
  void ErrorAt(const std::string& fault) {
    setenv("MAILQUENCH_FAULT", (fault + "=error").c_str(), 1);
  }
  void TearDown() override {
    unsetenv("MAILQUENCH_FAULT");
    SettingsTest::TearDown();
  }

  SettingsChange change_;
  std::map<std::string, std::string> before_;
  std::map<std::string, std::string> after_;
  int reloads_ = 0;
};

TEST_F(ApplyTest, ARunningInstanceTakesTheChangeAndIsAskedAndARepeatIsFine) {
  MQ_ASSERT_OK(ApplyRunning());
  EXPECT_EQ(Everything(), after_);
  EXPECT_EQ(reloads_, 1);
  MQ_ASSERT_OK(ApplyRunning());
  EXPECT_EQ(Everything(), after_);
}

TEST_F(ApplyTest, ADialogueThatFailsBringsEveryFileBack) {
  const absl::Status status = ApplyRunning(absl::UnavailableError("no banner"));
  EXPECT_EQ(ReasonOf(status), "ROLLED_BACK");
  EXPECT_THAT(std::string(status.message()), HasSubstr("no banner"));
  EXPECT_EQ(Everything(), before_);
  EXPECT_EQ(reloads_, 2) << "the old settings have to be taken again";
}

TEST_F(ApplyTest, ADialogueThatFailsWithAbortedIsRolledBackToo) {
  EXPECT_EQ(ReasonOf(ApplyRunning(absl::AbortedError("x"))), "ROLLED_BACK");
  EXPECT_EQ(Everything(), before_);
}

TEST_F(ApplyTest, AFileThatSomebodyChangedMeanwhileIsNotOverwritten) {
  Spill(Master(), Slurp(Master()) + "# by hand\n");
  const auto now = Everything();
  const absl::Status status = ApplyRunning();
  EXPECT_EQ(status.code(), absl::StatusCode::kAborted);
  EXPECT_EQ(ReasonOf(status), "CHANGED_MEANWHILE");
  EXPECT_EQ(Everything(), now);
  EXPECT_EQ(reloads_, 0);
}

TEST_F(ApplyTest, AFileThatSomebodyEditsBetweenOurWriteAndTheRollbackIsNotCalledPutBack) {
  ServiceHooks hooks = Running();
  hooks.dialogue = [&](const Instance&) {
    Spill(Main(), Slurp(Main()) + "# by hand\n");
    return absl::UnavailableError("no banner");
  };
  const absl::Status status = Apply(change_, All(), hooks, CallContext());
  EXPECT_EQ(ReasonOf(status), "ROLLBACK_FAILED") << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr(Main()));
  EXPECT_THAT(Slurp(Main()), HasSubstr("# by hand"));
}

TEST_F(ApplyTest, AChangeCutShortThatIsRefusedOnItsRepeatIsTakenBack) {
  // One file was written before the crash; then somebody edits the other.
  const std::string main = Slurp(Main()), master = Slurp(Master());
  ASSERT_TRUE(DieAt("settings.apply.reload"));
  ASSERT_EQ(Everything(), after_);
  Spill(Master(), master + "# by hand\n");
  const absl::Status status = ApplyRunning();
  EXPECT_EQ(ReasonOf(status), "CHANGED_MEANWHILE") << status;
  EXPECT_EQ(Slurp(Main()), main) << "ours is taken back";
  EXPECT_THAT(Slurp(Master()), HasSubstr("# by hand")) << "his is left to him";
}

TEST_F(ApplyTest, ACandidateThatSmtpdRefusesIsNotWritten) {
  for (SettingsChange::File& file : change_.files) {
    if (file.path != Main()) continue;
    const std::string closed = "smtpd_relay_restrictions = reject_unauth_destination";
    file.after.replace(file.after.find(closed), closed.size(),
                       "smtpd_relay_restrictions = permit_mynetworks");
  }
  const absl::Status status = ApplyRunning();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(ReasonOf(status), "CANDIDATE_REFUSED");
  EXPECT_EQ(Everything(), before_);
  EXPECT_EQ(reloads_, 0);
}

TEST_F(ApplyTest, AnOverrideOnWhichASingleListenerWouldEndIsRefused) {
  std::string master = Slurp(Master());
  const std::string good = "permit_sasl_authenticated, reject }";
  master.replace(master.find(good), good.size(), "permit_sasl_authenticated }");
  EXPECT_EQ(ReasonOf(CheckCandidate(instance_, {{Master(), master}})), "CANDIDATE_REFUSED");
  MQ_ASSERT_OK(CheckCandidate(instance_, {}));
}

TEST_F(ApplyTest, AConfigurationWithTlsMiltersAndProxiedTablesIsValidatedWithPostfixStopped) {
  Spill(Main(),
        Slurp(Main()) +
            "\nsmtpd_tls_security_level = may\nsmtpd_tls_cert_file = "
            "/etc/ssl/certs/ssl-cert-snakeoil.pem\n"
            "smtpd_milters = inet:127.0.0.1:1\nalias_maps = hash:/etc/aliases\nsmtpd_sasl_type = "
            "dovecot\n"
            "smtpd_sasl_path = private/auth\nvirtual_mailbox_maps = proxy:texthash:/nowhere\n");
  MQ_ASSERT_OK(CheckCandidate(instance_, {{Main(), Slurp(Main()) + "# more\n"}}));
}

TEST_F(ApplyTest, AnErrorAtAnyStepLeavesWhatWas) {
  for (const std::string point :
       {"settings.apply.validate", "settings.apply.write", "settings.apply.write@2",
        "settings.apply.reload", "settings.apply.verify"}) {
    SCOPED_TRACE(point);
    // A child each: a point counts its passings over the life of a process.
    const pid_t pid = fork();
    if (pid == 0) {
      ErrorAt(point);
      _exit(ApplyRunning().ok() ? 1 : 0);
    }
    int status = 0;
    waitpid(pid, &status, 0);
    EXPECT_EQ(status, 0);
    EXPECT_EQ(Everything(), before_);
  }
}

TEST_F(ApplyTest, KilledAtEachPointAndRepeatedItCompletes) {
  std::vector<std::string> points;
  for (const std::string& name : fault::AllPoints()) {
    if (name.rfind("settings.apply.", 0) == 0 && name != "settings.apply.rollback")
      points.push_back(name);
  }
  ASSERT_EQ(points.size(), 4u) << "a new point needs a place in this test";
  points.insert(points.end(), {"settings.apply.write@2", "files.write.before_rename",
                               "files.write.before_rename@2"});
  auto back = PlanRestore(All(), Recorded({change_}), {});
  for (const std::string& point : points) {
    SCOPED_TRACE(point);
    ASSERT_TRUE(DieAt(point));
    for (const auto& [name, content] : Everything()) {
      if (before_.count(name) == 0) continue;
      EXPECT_TRUE(content == before_[name] || content == after_[name])
          << name << " is neither old nor new";
    }
    MQ_ASSERT_OK(ApplyRunning());
    EXPECT_EQ(Everything(), after_);
    const auto restore = PlanRestore(All(), Recorded({change_}), {});
    ASSERT_TRUE(restore.ok());
    MQ_ASSERT_OK(ApplyStopped(restore->change));
    ASSERT_EQ(Everything(), before_);
  }
}

TEST_F(ApplyTest, KilledInTheRollbackItRollsBackWhenRepeated) {
  const absl::Status broken = absl::UnavailableError("no banner");
  ASSERT_TRUE(DieAt("settings.apply.rollback", broken));
  EXPECT_EQ(Everything(), after_);
  EXPECT_EQ(ReasonOf(ApplyRunning(broken)), "ROLLED_BACK");
  EXPECT_EQ(Everything(), before_);
}

TEST_F(ApplyTest, AnInstanceWithoutAMasterHasNoSessionsToEnd) {
  EXPECT_EQ(*KillOldSessions(instance_), 0);
  std::filesystem::create_directory(root_ + "/spool/pid");
  Spill(root_ + "/spool/pid/master.pid", "             " + std::to_string(getpid()) + "\n");
  EXPECT_EQ(*KillOldSessions(instance_), 0) << "this process is no master";
}

}  // namespace
}  // namespace mailquench::agent::postfix
