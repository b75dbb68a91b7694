// A contain in parts, by the executor, on every mail system: each part leaves it stopped, nothing
// is swept twice, and all of it is put back.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "agent/operations/executor.h"
#include "common/operation/names.h"
#include "tests/contract/mail_host.h"
#include "tests/contract/send_mail.h"

namespace mailquench::contract {
namespace {

class RealTime final : public Clock {
 public:
  absl::Time Now() override { return absl::Now(); }
  void Sleep(absl::Duration duration) override { absl::SleepFor(duration); }
};

class ContainParts : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string why;
    host_ = MakeMailHost(&why);
    if (host_ == nullptr) GTEST_SKIP() << why;
    state_ = absl::StrCat(::testing::TempDir(), "/mq-parts-", absl::ToUnixNanos(absl::Now()));
    ASSERT_TRUE(std::filesystem::create_directory(state_));
    agent::CallContext context;
    context.deadline = absl::Now() + absl::Seconds(120);
    const auto started = host_->mail().Start({}, context);
    ASSERT_TRUE(started.ok()) << started.status() << host_->Log();
    for (int i = 0; i < 3; ++i)
      ASSERT_EQ("250", SendMail(host_->target(), "spam@evil.test", "somebody@elsewhere.test",
                                absl::StrCat("spam-", i))
                           .substr(0, 3));
  }
  void TearDown() override {
    executor_.reset();
    journal_.reset();
    if (state_.empty()) return;
    std::error_code ignored;
    for (const char* name : {"journal.db", "journal.db-wal", "journal.db-shm", "changes.lock",
                             "changes.waiting", "alarm"})
      std::filesystem::remove(absl::StrCat(state_, "/", name), ignored);
    std::filesystem::remove(state_, ignored);
  }
  // Each time as a new process of the agent.
  v1::OperationReport Do(const std::string& id,
                         const std::string& operation,
                         const std::string& json) {
    executor_.reset();
    journal_.reset();
    auto journal = agent::Journal::Open(absl::StrCat(state_, "/journal.db"));
    EXPECT_TRUE(journal.ok()) << journal.status();
    if (!journal.ok()) return v1::OperationReport();
    journal_ = *std::move(journal);
    agent::ExecutorOptions options;
    options.host_id = "host";
    options.state_dir = state_;
    executor_ = std::make_unique<agent::Executor>(host_->mail(), *journal_, clock_, options);
    v1::Command command;
    command.set_command_id(id);
    command.set_host_id("host");
    *command.mutable_operation() = MakeOperation(operation, json).value();
    return executor_->Execute(command, false, nullptr);
  }
  bool Runs() {
    const auto status = host_->mail().Status({});
    return status.ok() && status->instances(0).running();
  }

  RealTime clock_;
  std::string state_;
  std::unique_ptr<MailHost> host_;
  std::unique_ptr<agent::Journal> journal_;
  std::unique_ptr<agent::Executor> executor_;
};

TEST_F(ContainParts, StopThenSweepThenStart) {
  const std::string before = host_->SettingsBytes();
  const auto stopped = Do("a", "contain", R"({"incidentId":"i","until":"CONTAIN_UNTIL_STOPPED"})");
  ASSERT_EQ(stopped.outcome(), v1::OUTCOME_SUCCEEDED) << stopped.DebugString() << host_->Log();
  EXPECT_FALSE(Runs());
  EXPECT_EQ(host_->SettingsBytes(), before);

  const auto swept = Do("b", "contain", R"({"incidentId":"i","until":"CONTAIN_UNTIL_SWEPT"})");
  ASSERT_EQ(swept.outcome(), v1::OUTCOME_SUCCEEDED) << swept.DebugString() << host_->Log();
  EXPECT_FALSE(Runs());
  EXPECT_NE(host_->SettingsBytes(), before);

  const auto rest = Do("c", "contain", R"({"incidentId":"i"})");
  ASSERT_EQ(rest.outcome(), v1::OUTCOME_SUCCEEDED) << rest.DebugString() << host_->Log();
  EXPECT_TRUE(Runs());
  const v1::ContainResult& result = rest.result().contain();
  EXPECT_EQ(result.quarantine().SerializeAsString(),
            swept.result().contain().quarantine().SerializeAsString());
  EXPECT_EQ(result.lock().snapshot_id(), "a.lock");
  EXPECT_EQ(result.evidence().SerializeAsString(),
            stopped.result().contain().evidence().SerializeAsString());
  const auto quarantines = host_->mail().ListQuarantines();
  ASSERT_TRUE(quarantines.ok()) << quarantines.status();
  ASSERT_EQ(quarantines->quarantines_size(), 1) << "an empty queue is not swept";
  v1::QuarantineAnalyse analyse;
  analyse.set_quarantine_id(quarantines->quarantines(0).quarantine_id());
  const auto picture = host_->mail().Analyse(analyse, agent::CallContext());
  ASSERT_TRUE(picture.ok()) << picture.status();
  EXPECT_EQ(picture->matching(), 3);
  EXPECT_EQ(host_->mail().CountQueued({}).value_or(-1), 0);
  EXPECT_TRUE(journal_->Leases()->empty());

  const auto restored = Do("r", "restore", R"({"snapshotIds":["a.lock"]})");
  // Unchanged: where each setting opened the relay, all of them wait for a person.
  ASSERT_TRUE(restored.outcome() == v1::OUTCOME_SUCCEEDED ||
              restored.outcome() == v1::OUTCOME_UNCHANGED)
      << restored.DebugString();
  const v1::RestoreResult& restore = restored.result().restore();
  EXPECT_GT(restore.put_back() + restore.needs_decision(), 0) << "an open relay is not put back";
}

}  // namespace
}  // namespace mailquench::contract
