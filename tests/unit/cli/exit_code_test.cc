#include "cli/core/exit_code.h"

#include <gtest/gtest.h>

#include "common/status/error.h"

namespace mailquench::cli {
namespace {

v1::Run MakeRun(v1::RunState state, std::initializer_list<v1::Outcome> outcomes) {
  v1::Run run;
  run.set_state(state);
  for (const auto outcome : outcomes) run.add_hosts()->set_outcome(outcome);
  return run;
}

TEST(ExitCodeTest, ARunThatSucceededEverywhereIsZero) {
  EXPECT_EQ(
      ExitCodeOf(MakeRun(v1::RUN_STATE_SUCCEEDED, {v1::OUTCOME_SUCCEEDED, v1::OUTCOME_UNCHANGED})),
      0);
}

TEST(ExitCodeTest, AFailedHostWinsOverAnUnreachableOne) {
  for (const auto bad : {v1::OUTCOME_FAILED, v1::OUTCOME_REFUSED, v1::OUTCOME_TIMED_OUT}) {
    EXPECT_EQ(ExitCodeOf(MakeRun(v1::RUN_STATE_INCOMPLETE, {v1::OUTCOME_UNREACHABLE, bad})), 2);
  }
}

TEST(ExitCodeTest, UnreachableOrUnknownAloneIsThree) {
  for (const auto lost : {v1::OUTCOME_UNREACHABLE, v1::OUTCOME_UNKNOWN}) {
    EXPECT_EQ(ExitCodeOf(MakeRun(v1::RUN_STATE_INCOMPLETE, {v1::OUTCOME_SUCCEEDED, lost})), 3);
  }
}

TEST(ExitCodeTest, AStateThatContradictsItsHostsIsNoSuccess) {
  EXPECT_EQ(ExitCodeOf(MakeRun(v1::RUN_STATE_SUCCEEDED, {v1::OUTCOME_FAILED})), 2);
  EXPECT_EQ(ExitCodeOf(MakeRun(v1::RUN_STATE_SUCCEEDED, {v1::OUTCOME_UNKNOWN})), 3);
}

TEST(ExitCodeTest, StoppedByAGateIsFiveAlthoughAHostFailed) {
  EXPECT_EQ(ExitCodeOf(MakeRun(v1::RUN_STATE_STOPPED, {v1::OUTCOME_FAILED})), 5);
}

TEST(ExitCodeTest, CancelledIsFiveUnlessAHostFailed) {
  EXPECT_EQ(ExitCodeOf(MakeRun(v1::RUN_STATE_CANCELLED, {v1::OUTCOME_CANCELLED})), 5);
  EXPECT_EQ(ExitCodeOf(MakeRun(v1::RUN_STATE_CANCELLED, {v1::OUTCOME_FAILED})), 2);
}

TEST(ExitCodeTest, ARunThatGoesOnIsADeadline) {
  EXPECT_EQ(ExitCodeOf(MakeRun(v1::RUN_STATE_RUNNING, {})), 124);
}

TEST(ExitCodeTest, StatusesMapByReasonFirstThenByCode) {
  using absl::StatusCode;
  EXPECT_EQ(ExitCodeOf(absl::OkStatus()), 0);
  EXPECT_EQ(ExitCodeOf(absl::InternalError("x")), 1);
  EXPECT_EQ(ExitCodeOf(absl::UnavailableError("x")), 1);
  EXPECT_EQ(ExitCodeOf(absl::UnauthenticatedError("x")), 4);
  EXPECT_EQ(ExitCodeOf(absl::PermissionDeniedError("x")), 4);
  EXPECT_EQ(ExitCodeOf(Error(StatusCode::kFailedPrecondition, "GATE_CLOSED", "x")), 5);
  EXPECT_EQ(ExitCodeOf(Error(StatusCode::kFailedPrecondition, "APPROVAL_PENDING", "x")), 6);
  EXPECT_EQ(ExitCodeOf(Error(StatusCode::kNotFound, "NO_HOST_MATCHED", "x")), 7);
  EXPECT_EQ(ExitCodeOf(Error(StatusCode::kNotFound, "RUN_NOT_FOUND", "x")), 1);
  EXPECT_EQ(ExitCodeOf(absl::DeadlineExceededError("x")), 124);
}

TEST(ExitCodeTest, TheWorseOfTwoRunsIsKept) {
  EXPECT_EQ(Worse(0, 3), 3);
  EXPECT_EQ(Worse(3, 2), 2);
  EXPECT_EQ(Worse(2, 124), 2);
  EXPECT_EQ(Worse(0, 0), 0);
}

}  // namespace
}  // namespace mailquench::cli
