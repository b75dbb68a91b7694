// What goes wrong at the endpoint or in the shell, on a real engine.
#include <gmock/gmock.h>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "common/status/error.h"
#include "tests/unit/exchange/powershell/shell_world.h"

namespace mailquench::agent::exchange {
namespace {
using ::testing::HasSubstr;

class EngineFaults : public ::testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    if (NoEngine()) GTEST_SKIP() << "dotnet is missing";
    server_ = GetParam();
    shell_ = MakeSession(world_.Options(server_));
  }
  // Of the first call; later ones are well.
  void Fault(const std::string& what) {
    world_.Faults(
        server_,
        absl::StrCat("[{\"cmdlet\": \"Get-RemoteDomain\", \"nth\": 1, \"do\": \"", what, "\"}]"));
  }
  absl::StatusOr<Answer> Ask(absl::Time deadline = Soon()) {
    return shell_->Run(Remote(Make("Get-RemoteDomain"), {"Name"}), deadline);
  }
  std::string Reason(absl::Time deadline = Soon()) {
    const auto answer = Ask(deadline);
    return answer.ok() ? "OK" : ReasonOf(answer.status());
  }
  bool IsEdge() const { return server_ == "EDGE1"; }

  ShellWorld world_;
  std::string server_;
  std::unique_ptr<Shell> shell_;
};
INSTANTIATE_TEST_SUITE_P(Servers, EngineFaults, ::testing::Values("EX1", "EDGE1"));

TEST_P(EngineFaults, AHangIsKilledAndTheNextCallIsWell) {
  Fault("hang");
  ASSERT_TRUE(shell_->Facts(Soon()).ok());
  EXPECT_EQ(Reason(absl::Now() + absl::Seconds(5)), "SHELL_TIMED_OUT");
  EXPECT_TRUE(world_.Processes().empty());
  EXPECT_EQ(Reason(), "OK");
}

TEST_P(EngineFaults, ADeathIsToldAndTheNextCallIsWell) {
  Fault("die");
  EXPECT_EQ(Reason(), "SHELL_ENDED");
  EXPECT_TRUE(world_.Processes().empty());
  EXPECT_EQ(Reason(), "OK");
}

TEST_P(EngineFaults, WhatIsThrownHasItsWords) {
  Fault("throw");
  const auto answer = Ask();
  EXPECT_EQ(ReasonOf(answer.status()), "CMDLET_FAILED");
  EXPECT_THAT(answer.status().message(), HasSubstr("A fault was asked for in Get-RemoteDomain"));
  EXPECT_EQ(Reason(), "OK");
}

TEST_P(EngineFaults, AnErrorBesideResultsIsAnError) {
  Fault("error");
  EXPECT_EQ(Reason(), "CMDLET_FAILED");
  EXPECT_EQ(Reason(), "OK");
}

TEST_P(EngineFaults, WhatIsPrintedOrWarnedOfDoesNotGetInTheWay) {
  for (const std::string what : {"host", "rubbish"}) {
    world_.Faults(server_,
                  absl::StrCat(R"([{"cmdlet": "Get-RemoteDomain", "do": ")", what, "\"}]"));
    const auto answer = Ask();
    ASSERT_TRUE(answer.ok()) << what << answer.status();
    EXPECT_EQ(answer->rows.size(), 1U);
    EXPECT_TRUE(answer->warnings.empty());
    EXPECT_FALSE(answer->noise.empty()) << what;
  }
}

TEST_P(EngineFaults, AWarningIsToldBesideTheResults) {
  Fault("warning");
  const auto answer = Ask();
  ASSERT_TRUE(answer.ok()) << answer.status();
  EXPECT_EQ(answer->rows.size(), 1U);
  EXPECT_THAT(answer->warnings, ::testing::ElementsAre(HasSubstr("A fault was asked for")));
}

TEST_P(EngineFaults, AConfirmationIsAskedOfNobody) {
  Fault("prompt");
  EXPECT_EQ(Reason(), "ASKED_FOR_CONFIRMATION");
  EXPECT_EQ(Reason(), "OK");
}

TEST_P(EngineFaults, ADroppedSessionIsLostAndTheNextCallIsWell) {
  if (IsEdge()) return;  // It has no session that could drop.
  Fault("drop");
  EXPECT_EQ(Reason(), "SESSION_LOST");
  EXPECT_TRUE(world_.Processes().empty());
  EXPECT_EQ(Reason(), "OK");
}

TEST_P(EngineFaults, ALateAnswerIsWaitedFor) {
  world_.Faults(server_,
                R"([{"cmdlet": "Get-RemoteDomain", "nth": 1, "do": "late", "seconds": 1}])");
  EXPECT_EQ(Reason(), "OK");
}

}  // namespace
}  // namespace mailquench::agent::exchange
