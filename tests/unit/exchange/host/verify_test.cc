// A contain whose shell goes away once Transport was told to start: whether it relays cannot be
// asked.
#include "agent/mail/exchange/exchange_mail_system.h"
#include "agent/operations/executor.h"
#include "common/clock/clock.h"
#include "common/operation/names.h"
#include "tests/unit/exchange/host/fakes.h"

namespace mailquench::agent::exchange {
namespace {
using ::testing::AllOf;
using ::testing::Contains;
using ::testing::HasSubstr;

constexpr char kStopped[] =
    R"({"incidentId":"i","keepNotifications":true,"until":"CONTAIN_UNTIL_STOPPED","lease":"60s"})";
constexpr char kRest[] = R"({"incidentId":"i","keepNotifications":true})";

// Sleeps at once, so that what is asked again for minutes is over in a moment.
class QuickClock final : public Clock {
 public:
  absl::Time Now() override { return absl::Now() + slept; }
  void Sleep(absl::Duration duration) override { slept += duration; }
  absl::Duration slept;
};

// One connector, shut and without a listener of its own: nothing of it is to be changed or asked.
class ShutShell final : public Shell {
 public:
  explicit ShutShell(std::string file) : rest_(std::move(file)) {}
  FakeShell& rest() { return rest_; }

  absl::StatusOr<Answer> Run(const Pipeline& pipeline, absl::Time deadline) override {
    MQ_ASSIGN_OR_RETURN(Answer answer, rest_.Run(pipeline, deadline));
    if (pipeline.cmdlets.at(0).name == "Get-ReceiveConnector")
      answer.rows.push_back(
          {{"Server", Text("EX1")}, {"Name", Text("Shut")}, {"Enabled", Text("False")}});
    return answer;
  }
  absl::StatusOr<ShellFacts> Facts(absl::Time /*deadline*/) override { return ShellFacts(); }

 private:
  FakeShell rest_;
};

// The shell goes with the next start.
class LosingServices final : public ServiceManager {
 public:
  LosingServices(FakeServices& services, FakeShell& shell) : services_(services), shell_(shell) {}
  bool loses = false;

  absl::StatusOr<ServiceInfo> Query(const std::string& name) override {
    return services_.Query(name);
  }
  absl::StatusOr<std::vector<std::string>> RunningDependents(const std::string& name) override {
    return services_.RunningDependents(name);
  }
  absl::Status Stop(const std::string& name,
                    absl::Time deadline,
                    const ServiceProgress& progress) override {
    return services_.Stop(name, deadline, progress);
  }
  absl::Status Start(const std::string& name,
                     absl::Time deadline,
                     const ServiceProgress& progress) override {
    if (loses) shell_.answers = false;
    return services_.Start(name, deadline, progress);
  }

 private:
  FakeServices& services_;
  FakeShell& shell_;
};

class VerifyTest : public ::testing::Test {
 protected:
  VerifyTest() {
    Installation installation;
    installation.path = folder_.path;
    installation.server = "EX1";
    TestFolder::Put(folder_.path + "/Bin/EdgeTransport.exe.config",
                    "<configuration><appSettings><add key=\"QueueDatabasePath\" value=\"" +
                        folder_.path +
                        "/data/Queue\"/><add key=\"QueueDatabaseLoggingPath\" value=\"" +
                        folder_.path + "/data/Queue\"/></appSettings></configuration>");
    TestFolder::Put(folder_.path + "/data/Queue/mail.que", "spam");
    for (const char* name : {"Pickup", "Replay"})
      std::filesystem::create_directories(folder_.path + "/TransportRoles/" + name);
    ExchangeOptions options;
    options.state_directory = folder_.path;
    options.service.settle = absl::Milliseconds(1);
    options.service.between_looks = absl::Milliseconds(1);
    options.service.ready_wait = absl::Milliseconds(20);
    options.settings.unavailable_pause = absl::Milliseconds(1);
    options.settings.plan_wait = options.settings.drift_wait = absl::Milliseconds(1);
    mail_ = std::make_unique<ExchangeMailSystem>(installation, shell_, losing_, options);
    journal_ = Journal::Open(folder_.path + "/journal.db").value();
    ExecutorOptions of_executor;
    of_executor.host_id = "host-1";
    of_executor.state_dir = folder_.path;
    executor_ = std::make_unique<Executor>(*mail_, *journal_, clock_, of_executor);
  }
  v1::OperationReport Contain(const std::string& id, const char* json) {
    v1::Command command;
    command.set_command_id(id);
    command.set_host_id("host-1");
    *command.mutable_operation() = MakeOperation("contain", json).value();
    return executor_->Execute(command, false, [this](const std::string&, const std::string& text) {
      said_.push_back(text);
    });
  }
  bool Runs() { return services_.states[kTransport] == ServiceState::kRunning; }

  TestFolder folder_;
  std::vector<std::string> acts_, said_;
  ShutShell shell_{folder_.path + "/components"};
  FakeServices services_{acts_};
  LosingServices losing_{services_, shell_.rest()};
  QuickClock clock_;
  std::unique_ptr<ExchangeMailSystem> mail_;
  std::unique_ptr<Journal> journal_;
  std::unique_ptr<Executor> executor_;
};

TEST_F(VerifyTest, AStartThatCannotBeAskedAfterIsUndoneAndKeepsItsLock) {
  ASSERT_EQ(Contain("a", kStopped).outcome(), v1::OUTCOME_SUCCEEDED);
  losing_.loses = true;
  const auto report = Contain("b", kRest);
  EXPECT_EQ(report.outcome(), v1::OUTCOME_FAILED) << report.DebugString();
  EXPECT_EQ(report.error().code(), static_cast<int>(absl::StatusCode::kUnavailable));
  EXPECT_THAT(report.error().message(),
              AllOf(HasSubstr("swept and locked, and the lock stays"),
                    HasSubstr("could not be verified"), HasSubstr("stays stopped")));
  EXPECT_THAT(said_, Contains(HasSubstr("components are active is not known")));
  EXPECT_FALSE(Runs());
  EXPECT_THAT(acts_, Contains(absl::StrCat("start ", kTransport))) << "it was never started";
  EXPECT_THAT(executor_->Alarm(), HasSubstr("could not be verified"));
  EXPECT_FALSE(journal_->Leases()->empty()) << "nobody would try again";
}

TEST_F(VerifyTest, TheEndOfItsLeaseTriesAgain) {
  ASSERT_EQ(Contain("a", kStopped).outcome(), v1::OUTCOME_SUCCEEDED);
  losing_.loses = true;
  Contain("b", kRest);
  losing_.loses = false;
  shell_.rest().answers = true;
  clock_.Sleep(absl::Hours(1));
  executor_->EndDueLeases(nullptr);
  clock_.Sleep(absl::Minutes(10));
  executor_->EndDueLeases(nullptr);
  EXPECT_TRUE(Runs());
  EXPECT_TRUE(journal_->Leases()->empty());
  EXPECT_EQ(executor_->Alarm(), "");
  EXPECT_EQ(mail_->ListQuarantines()->quarantines_size(), 2)
      << "it ran for a while, and what it took then is set aside too";
}

}  // namespace
}  // namespace mailquench::agent::exchange
