// Who is waited for and for how long, over restarts and failures; who may speak for whom.
#include <sqlite3.h>

#include "controller/blacklist/fleet_subjects.h"
#include "controller/incidents/incident_rules.h"
#include "tests/unit/controller/manual_fixture.h"

namespace mailquench::controller {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Not;

TEST_F(ManualRunsTest, WithNobodyThereItIsUnreachableAndNeverSucceeded) {
  const v1::Run run = *StartWithoutInput("contain");
  EXPECT_EQ(Host(run.run_id()).outcome(), v1::OUTCOME_UNREACHABLE);
  EXPECT_THAT(Message(Host(run.run_id()).steps(2)), HasSubstr("--no-input"));
  EXPECT_THAT(Waiting(), ::testing::IsEmpty());
  AnswerAll();
  EXPECT_EQ(Get(run.run_id()).state(), v1::RUN_STATE_INCOMPLETE);
  EXPECT_EQ(GetIncident(run.incident_id()).state(), v1::INCIDENT_STATE_CONTAINING);
  EXPECT_EQ(
      ReasonOf(
          core_->ConfirmManualStep(Saying(run, "contain", v1::OUTCOME_UNCHANGED), "ada").status()),
      "NOT_BY_HAND");
}

TEST_F(ManualRunsTest, ARestartWaitsOnForTheSamePersonAndForNoLonger) {
  const v1::Run run = *StartOne(Status(), "", "manual");
  const v1::ManualStep before = Waiting().at(0);
  clock_.now_ += absl::Hours(3);
  core_.reset();  // Everything is in the store: nothing is said at the end.
  OpenCore();
  ASSERT_TRUE(core_->Resume().ok());
  EXPECT_EQ(Waiting().at(0).SerializeAsString(), before.SerializeAsString());
  EXPECT_EQ(Host(run.run_id()).outcome(), v1::OUTCOME_UNSPECIFIED);
  clock_.now_ += absl::Minutes(59);
  core_->Tick();
  EXPECT_EQ(Host(run.run_id()).outcome(), v1::OUTCOME_UNSPECIFIED);
  clock_.now_ += absl::Minutes(2);
  core_->Tick();
  EXPECT_EQ(Host(run.run_id()).outcome(), v1::OUTCOME_UNREACHABLE);
  EXPECT_THAT(Message(Host(run.run_id()).steps(0)), HasSubstr("nobody said within 4h"));
  EXPECT_EQ(Get(run.run_id()).state(), v1::RUN_STATE_INCOMPLETE);
  core_.reset();
  OpenCore();
  ASSERT_TRUE(core_->Resume().ok());
  EXPECT_EQ(Host(run.run_id()).outcome(), v1::OUTCOME_UNREACHABLE);
  // Whoever did it all the same says so late, and it counts.
  ASSERT_TRUE(
      core_->ConfirmManualStep(Saying(run, "service.status", v1::OUTCOME_SUCCEEDED), "ada").ok());
  EXPECT_EQ(Get(run.run_id()).state(), v1::RUN_STATE_SUCCEEDED);
}

TEST_F(ManualRunsTest, WhereNobodyCameNobodyIsWaitedForAgain) {
  const v1::Run run = *Start("survey", "", {"old1"});  // Each of its steps goes on after a failure.
  clock_.now_ += absl::Hours(5);
  core_->Tick();
  const v1::Run ended = Get(run.run_id());
  for (const v1::HostStep& step : ended.hosts(0).steps())
    EXPECT_EQ(step.report().outcome(), v1::OUTCOME_UNREACHABLE) << step.step();
  EXPECT_EQ(Get(run.run_id()).state(), v1::RUN_STATE_INCOMPLETE);
}

TEST_F(ManualRunsTest, ARestartAfterTheConfirmationGoesOnFromThere) {
  const v1::Run run = *Start("contain", "", {"old1"});
  ASSERT_TRUE(core_->ConfirmManualStep(Saying(run, "contain", v1::OUTCOME_SUCCEEDED), "ada").ok());
  core_.reset();
  OpenCore();
  ASSERT_TRUE(core_->Resume().ok());
  ASSERT_EQ(Waiting().size(), 1u);
  EXPECT_EQ(Waiting()[0].step_name(), "proof");
  EXPECT_EQ(Host(run.run_id()).steps(2).report().manual().confirmed_by(), "ada");
}

TEST_F(ManualRunsTest, AQueueIsQuietSinceThePersonSaidSoAndNotSinceTheRunEnded) {
  const v1::Run run = *Start("contain", "", {"old1"});
  for (const char* step : {"contain", "proof"})
    ASSERT_TRUE(core_->ConfirmManualStep(Saying(run, step, v1::OUTCOME_SUCCEEDED), "ada").ok());
  auto quiet = Saying(run, "quiet", v1::OUTCOME_SUCCEEDED);
  clock_.now_ += absl::Hours(5);
  core_->Tick();
  ASSERT_NE(Get(run.run_id()).state(), v1::RUN_STATE_RUNNING);
  clock_.now_ += absl::Hours(2);
  ASSERT_TRUE(core_->ConfirmManualStep(quiet, "ada").ok());
  FleetPicture picture;
  picture.Add(Get(run.run_id()));
  EXPECT_EQ(picture.QuietSince(id_), clock_.now_);
}

TEST_F(ManualRunsTest, IsConfirmedOnceAndAnotherWordIsRefused) {
  const v1::Run run = *StartOne(Status(), "", "manual");
  const auto said = Saying(run, "1", v1::OUTCOME_SUCCEEDED, "runs");
  ASSERT_TRUE(core_->ConfirmManualStep(said, "ada").ok());
  const auto entries = [&] { return core_->ListAuditEntries({})->entries_size(); };
  const int before = entries();
  EXPECT_TRUE(core_->ConfirmManualStep(said, "bob").ok());
  EXPECT_EQ(Host(run.run_id()).steps(0).report().manual().confirmed_by(), "ada");
  EXPECT_EQ(entries(), before);
  const auto other =
      core_->ConfirmManualStep(Saying(run, "1", v1::OUTCOME_FAILED, "does not run"), "bob");
  EXPECT_EQ(ReasonOf(other.status()), "ALREADY_CONFIRMED");
  EXPECT_THAT(std::string(other.status().message()), HasSubstr("ada has said already"));
  EXPECT_EQ(Host(run.run_id()).outcome(), v1::OUTCOME_SUCCEEDED);
  for (const char* step : {"2", "0", "nosuch"}) {
    EXPECT_EQ(
        ReasonOf(core_->ConfirmManualStep(Saying(run, step, v1::OUTCOME_FAILED), "bob").status()),
        "STEP_NOT_FOUND")
        << step;
  }
}

TEST_F(ManualRunsTest, WhatTheStoreCannotKeepIsSaidAgainAndCountsOnce) {
  const auto sql = [&](const std::string& text) {
    sqlite3* db = nullptr;
    ASSERT_EQ(sqlite3_open((folder_ + "/store").c_str(), &db), SQLITE_OK);
    EXPECT_EQ(sqlite3_exec(db, text.c_str(), nullptr, nullptr, nullptr), SQLITE_OK);
    sqlite3_close(db);
  };
  v1::Operation lock;
  lock.mutable_relay_lock()->set_mode(v1::RELAY_MODE_CLOSED);
  const v1::Run run = *StartOne(lock, "", "manual");
  const auto said = Saying(run, "relay.lock", v1::OUTCOME_SUCCEEDED);
  // Nothing of it, then all but the step itself, as a kill between the two leaves it.
  for (const char* table : {"obligations", "run_steps"}) {
    sql(std::string("CREATE TRIGGER full BEFORE INSERT ON ") + table +
        " BEGIN SELECT RAISE(ABORT, 'full'); END");
    const auto refused = core_->ConfirmManualStep(said, "ada");
    EXPECT_FALSE(refused.ok()) << table;
    EXPECT_THAT(std::string(refused.status().message()), HasSubstr("say it again"));
    EXPECT_EQ(Waiting(run.run_id()).size(), 1u) << table;
    EXPECT_EQ(GetIncident(run.incident_id()).obligations_size(),
              table == std::string("run_steps") ? 1 : 0);
    sql("DROP TRIGGER full");
  }
  core_.reset();
  OpenCore();
  ASSERT_TRUE(core_->Resume().ok());
  EXPECT_EQ(Waiting(run.run_id()).size(), 1u);
  ASSERT_TRUE(core_->ConfirmManualStep(said, "ada").ok());
  EXPECT_EQ(Get(run.run_id()).state(), v1::RUN_STATE_SUCCEEDED);
  const v1::Incident incident = GetIncident(run.incident_id());
  EXPECT_EQ(incident.obligations_size(), 1);
  int told = 0;
  for (const auto& entry : incident.timeline())
    told += entry.actor() == "ada" && entry.text().rfind("by hand", 0) == 0;
  EXPECT_EQ(told, 1);
}

TEST_F(ManualRunsTest, NobodySpeaksForAnAgentAndNoAgentForAPerson) {
  const v1::Run run = *StartOne(Status());
  v1::ConfirmManualStepRequest other = Saying(run, "1", v1::OUTCOME_SUCCEEDED);
  other.set_host("mx-a");
  EXPECT_EQ(ReasonOf(core_->ConfirmManualStep(other, "ada").status()), "NOT_BY_HAND");
  v1::OperationReport report = Report(link_.Commands("a")[0], v1::OUTCOME_SUCCEEDED);
  report.mutable_manual()->set_confirmed_by("ada");
  core_->events().OnReport("a", report);
  EXPECT_FALSE(Host(run.run_id(), "mx-a").steps(0).report().has_manual());
  // A command that a person was asked for is none of an agent's.
  v1::OperationReport foreign;
  foreign.set_command_id(Host(run.run_id()).steps(0).command_id());
  foreign.set_outcome(v1::OUTCOME_SUCCEEDED);
  core_->events().OnReport("b", foreign);
  EXPECT_EQ(Host(run.run_id()).outcome(), v1::OUTCOME_UNSPECIFIED);
}

TEST_F(ManualRunsTest, AFailureByHandStopsTheWavesThatHaveNotBegun) {
  const v1::Run run = *Start("contain");
  ASSERT_TRUE(
      core_->ConfirmManualStep(Saying(run, "contain", v1::OUTCOME_FAILED, "does not stop"), "ada")
          .ok());
  AnswerAll();
  EXPECT_EQ(Get(run.run_id()).state(), v1::RUN_STATE_STOPPED);
  EXPECT_EQ(Host(run.run_id(), "mx-b").outcome(), v1::OUTCOME_CANCELLED);
  EXPECT_EQ(Host(run.run_id()).outcome(), v1::OUTCOME_FAILED);
}

TEST_F(ManualRunsTest, AFailureByHandLeavesAWaveThatIsAtWorkAlone) {
  const v1::Run run = *Start("contain");
  while (link_.Commands("b").empty()) {  // Of the first wave, until the second has begun.
    const std::size_t before = link_.sent.size();
    for (const v1::Command& command : link_.Commands("a"))
      core_->events().OnReport("a", Report(command, v1::OUTCOME_SUCCEEDED));
    ASSERT_GT(link_.sent.size(), before);
  }
  ASSERT_TRUE(
      core_->ConfirmManualStep(Saying(run, "contain", v1::OUTCOME_FAILED, "does not stop"), "ada")
          .ok());
  for (const char* name : {"mx-b", "mx-c"}) {
    const v1::RunHost host = Host(run.run_id(), name);
    for (const v1::HostStep& step : host.steps())
      EXPECT_EQ(step.report().outcome(),
                step.notice().empty() ? v1::OUTCOME_UNSPECIFIED : v1::OUTCOME_UNCHANGED)
          << name << step.step();
  }
  AnswerAll();
  for (const char* name : {"mx-a", "mx-b", "mx-c"})
    EXPECT_EQ(Host(run.run_id(), name).outcome(), v1::OUTCOME_SUCCEEDED) << name;
  EXPECT_EQ(Get(run.run_id()).state(), v1::RUN_STATE_FAILED);
  EXPECT_EQ(Get(run.run_id()).stop_reason(), "");
}

TEST_F(ManualRunsTest, WhatNobodyCanDoByHandStopsNoWave) {
  v1::AddManualHostRequest other = Registration("web1");
  other.set_platform("iis-smtp");  // It has no switch for notifications.
  ASSERT_TRUE(core_->AddManualHost(other, "root").ok());
  const v1::Run run = *Start("lockdown");
  who_ = "web1";
  const auto locked = core_->ConfirmManualStep(Saying(run, "lock", v1::OUTCOME_SUCCEEDED), "ada");
  ASSERT_TRUE(locked.ok()) << locked.status();
  ASSERT_EQ(Host(run.run_id(), "web1").steps(1).report().outcome(), v1::OUTCOME_REFUSED);
  AnswerAll();
  EXPECT_EQ(Host(run.run_id(), "mx-b").outcome(), v1::OUTCOME_SUCCEEDED);
  EXPECT_EQ(Get(run.run_id()).stop_reason(), "");
}

TEST_F(ManualRunsTest, ACancelAndAnEvictionEndTheWaiting) {
  const v1::Run cancelled = *StartOne(Status(), "", "manual");
  v1::CancelRunRequest cancel;
  cancel.set_run_id(cancelled.run_id());
  cancel.set_reason("wrong");
  ASSERT_TRUE(core_->CancelRun(cancel, "ann").ok());
  EXPECT_EQ(Host(cancelled.run_id()).outcome(), v1::OUTCOME_CANCELLED);
  const v1::Run gone = *StartOne(Status(), "", "manual");
  v1::EvictHostRequest evict;
  evict.set_host("old1");
  ASSERT_TRUE(core_->EvictHost(evict, "root").ok());
  core_->Tick();
  EXPECT_EQ(Host(gone.run_id()).outcome(), v1::OUTCOME_UNREACHABLE);
  EXPECT_THAT(Message(Host(gone.run_id()).steps(0)), HasSubstr("taken out of the fleet"));
}

TEST_F(ManualRunsTest, WhatNobodySaidHoldsTheIncidentUntilSomebodyDoes) {
  v1::Operation lock;
  lock.mutable_relay_lock()->set_mode(v1::RELAY_MODE_CLOSED);
  const auto close = [&](const v1::Run& run) {
    v1::CloseIncidentRequest request;
    request.set_incident_id(run.incident_id());
    return ReasonOf(core_->CloseIncident(request, "ada").status());
  };
  const v1::Run late = *StartOne(lock, "", "manual");
  clock_.now_ += absl::Hours(5);
  core_->Tick();
  ASSERT_EQ(Host(late.run_id()).outcome(), v1::OUTCOME_UNREACHABLE);
  EXPECT_EQ(close(late), "STILL_CHANGING");
  ASSERT_TRUE(
      core_->ConfirmManualStep(Saying(late, "relay.lock", v1::OUTCOME_REFUSED), "ada").ok());
  EXPECT_EQ(close(late), "");

  const v1::Run cancelled = *StartOne(lock, "", "manual");
  v1::CancelRunRequest cancel;
  cancel.set_run_id(cancelled.run_id());
  ASSERT_TRUE(core_->CancelRun(cancel, "ann").ok());
  EXPECT_EQ(close(cancelled), "STILL_CHANGING");
  v1::EvictHostRequest evict;
  evict.set_host("old1");
  ASSERT_TRUE(core_->EvictHost(evict, "root").ok());
  EXPECT_EQ(close(cancelled), "");
  // Where nobody was asked, nothing can have been done.
  ASSERT_TRUE(core_->AddManualHost(Registration("old1"), "root").ok());
  v1::StartRunRequest request;
  *request.mutable_plan()->mutable_operation() = lock;
  request.mutable_plan()->add_hosts("old1");
  request.set_no_input(true);
  EXPECT_EQ(close(*core_->StartRun(request, "cron")), "");
}

TEST_F(ManualRunsTest, WhatCannotBeDoneByHandIsRefused) {
  v1::Operation move;
  move.mutable_quarantine_move()->set_quarantine_id("q");
  move.mutable_quarantine_move()->set_directory("/x");
  const v1::Run run = *StartOne(move, "", "manual");
  EXPECT_EQ(Host(run.run_id()).outcome(), v1::OUTCOME_REFUSED);
  EXPECT_THAT(Message(Host(run.run_id()).steps(0)), HasSubstr("cannot be done by hand"));
  EXPECT_EQ(Get(run.run_id()).state(), v1::RUN_STATE_FAILED);
}

}  // namespace
}  // namespace mailquench::controller
