// How runs go, against a fleet that is only a recording: the bad days by name.
#include "tests/unit/controller/core_fixture.h"

namespace mailquench::controller {
namespace {

TEST_F(CoreTest, WhatCopiesAWholeQueueHasMoreTime) {
  v1::Operation release;
  release.mutable_quarantine_release()->set_quarantine_id("q");
  EXPECT_EQ(StartOne(release)->playbook().steps(0).timeout_seconds(), 300);
  release.mutable_quarantine_release()->set_isolate(true);
  EXPECT_EQ(StartOne(release)->playbook().steps(0).timeout_seconds(), 1800);
}

TEST_F(CoreTest, FirstHostOfTheFirstWaveFailsAndExactlyOneHostIsTouched) {
  const auto run = Start("lockdown");
  ASSERT_TRUE(run.ok()) << run.status();
  ASSERT_EQ(link_.Commands().size(), 1u);
  core_->events().OnReport("a", Report(link_.Commands()[0], v1::OUTCOME_FAILED));
  core_->Tick();
  EXPECT_EQ(link_.Commands().size(), 1u);
  const v1::Run ended = Get(run->run_id());
  EXPECT_EQ(ended.state(), v1::RUN_STATE_STOPPED);
  EXPECT_EQ(ended.hosts(0).outcome(), v1::OUTCOME_FAILED);
  EXPECT_EQ(ended.hosts(1).outcome(), v1::OUTCOME_CANCELLED);
  EXPECT_EQ(ended.hosts(2).outcome(), v1::OUTCOME_CANCELLED);
}

TEST_F(CoreTest, AFailureThatComesLateStopsWhatHasNotBegunAndNothingElse) {
  const auto run = Start("lockdown");
  ASSERT_TRUE(run.ok()) << run.status();
  const v1::Command canary = link_.Commands("a")[0];
  clock_.Sleep(absl::Minutes(30));  // The first host does not answer in time: unknown.
  core_->Tick();
  ASSERT_EQ(link_.Commands("b").size(), 1u);
  ASSERT_EQ(link_.Commands("c").size(), 1u);
  core_->events().OnReport("b", Report(link_.Commands("b")[0], v1::OUTCOME_SUCCEEDED));
  ASSERT_EQ(link_.Commands("b").size(), 2u);
  core_->events().OnReport("a", Report(canary, v1::OUTCOME_FAILED));
  EXPECT_EQ(Get(run->run_id()).state(), v1::RUN_STATE_RUNNING);
  core_->events().OnReport("b", Report(link_.Commands("b")[1], v1::OUTCOME_SUCCEEDED));
  core_->events().OnReport("c", Report(link_.Commands("c")[0], v1::OUTCOME_SUCCEEDED));
  const v1::Run ended = Get(run->run_id());
  EXPECT_EQ(ended.state(), v1::RUN_STATE_STOPPED);
  EXPECT_EQ(ended.hosts(1).steps(0).report().outcome(), v1::OUTCOME_SUCCEEDED);
  EXPECT_EQ(ended.hosts(1).steps(1).report().outcome(), v1::OUTCOME_SUCCEEDED);
  EXPECT_EQ(ended.hosts(1).steps(2).report().outcome(), v1::OUTCOME_CANCELLED);
  EXPECT_EQ(ended.hosts(2).steps(0).report().outcome(), v1::OUTCOME_SUCCEEDED);
  EXPECT_EQ(link_.Commands("c").size(), 1u);
  EXPECT_THAT(ended.stop_reason(), ::testing::HasSubstr("nothing more was begun"));
}

TEST_F(CoreTest, AnOutcomeThatNoAgentMaySayIsAFailureAndEndsTheStep) {
  const auto run = StartOne(Status(), "", "name=mx-a");
  ASSERT_TRUE(run.ok()) << run.status();
  core_->events().OnReport("a", Report(link_.Commands("a")[0], v1::OUTCOME_UNKNOWN));
  EXPECT_EQ(Get(run->run_id()).state(), v1::RUN_STATE_FAILED);
}

TEST_F(CoreTest, AnOfflineHostNeitherBlocksNorVanishes) {
  Cut("b");
  const auto run = StartOne(Status());
  ASSERT_TRUE(run.ok()) << run.status();
  AnswerAll();
  EXPECT_EQ(Get(run->run_id()).state(), v1::RUN_STATE_RUNNING);
  clock_.Sleep(absl::Seconds(6));
  core_->Tick();
  const v1::Run ended = Get(run->run_id());
  EXPECT_EQ(ended.state(), v1::RUN_STATE_INCOMPLETE);
  ASSERT_EQ(ended.hosts_size(), 3);
  EXPECT_EQ(ended.hosts(1).outcome(), v1::OUTCOME_UNREACHABLE);
  EXPECT_EQ(ended.hosts(2).outcome(), v1::OUTCOME_SUCCEEDED);
  EXPECT_TRUE(link_.Commands("b").empty());
}

TEST_F(CoreTest, AMistypedSelectorMatchesNoHostAndNothingIsDone) {
  const auto run = StartOne(Status(), "", "rol=edge");
  EXPECT_EQ(ReasonOf(run.status()), "NO_HOST_MATCHED");
  EXPECT_THAT(std::string(run.status().message()),
              ::testing::HasSubstr("no host has a label 'rol'"));
  EXPECT_TRUE(link_.sent.empty());
}

TEST_F(CoreTest, ALinkCutInMidCommandIsUnknownThenReconciledWithTheJournal) {
  const auto run = StartOne(Status());
  const auto commands = link_.Commands();
  ASSERT_EQ(commands.size(), 3u);
  for (const char* id : {"a", "b", "c"}) Cut(id);
  EXPECT_EQ(Get(run->run_id()).hosts(0).outcome(), v1::OUTCOME_UNKNOWN);
  for (const char* id : {"a", "b", "c"}) Connect(id);
  EXPECT_EQ(link_.Commands().size(), 3u) << "nothing may be sent a second time";
  ASSERT_TRUE(link_.sent.back().second.has_reconcile());
  v1::KnownCommands done, running, never;
  *done.add_reports() = Report(link_.Commands("a")[0], v1::OUTCOME_SUCCEEDED);
  running.add_running(link_.Commands("b")[0].command_id());
  never.add_never_seen(link_.Commands("c")[0].command_id());
  core_->events().OnKnown("a", done);
  core_->events().OnKnown("b", running);
  core_->events().OnKnown("c", never);
  v1::Run now = Get(run->run_id());
  EXPECT_EQ(now.state(), v1::RUN_STATE_RUNNING);
  EXPECT_EQ(now.hosts(0).outcome(), v1::OUTCOME_SUCCEEDED);
  EXPECT_EQ(now.hosts(2).outcome(), v1::OUTCOME_UNREACHABLE);
  core_->events().OnReport("b", Report(link_.Commands("b")[0], v1::OUTCOME_SUCCEEDED));
  now = Get(run->run_id());
  EXPECT_EQ(now.state(), v1::RUN_STATE_INCOMPLETE);
  EXPECT_EQ(now.hosts(1).outcome(), v1::OUTCOME_SUCCEEDED);
  EXPECT_EQ(link_.Commands().size(), 3u);
}

TEST_F(CoreTest, AnUnknownEndsTheRunIncompleteAndALateReportStillCounts) {
  const auto run = StartOne(Status(), "", "name=mx-a");
  Cut("a");
  clock_.Sleep(absl::Seconds(320));
  core_->Tick();
  EXPECT_EQ(Get(run->run_id()).state(), v1::RUN_STATE_INCOMPLETE);
  core_->Tick();
  core_->events().OnReport("a", Report(link_.Commands()[0], v1::OUTCOME_SUCCEEDED));
  EXPECT_EQ(Get(run->run_id()).state(), v1::RUN_STATE_SUCCEEDED);
}

TEST_F(CoreTest, AControllerThatRestartsInMidRunEndsItAndRunsNothingTwice) {
  const auto run = Start("lockdown");
  const v1::Command first = link_.Commands()[0];
  core_.reset();  // As by kill -9: nothing is written on the way out.
  OpenCore();
  ASSERT_TRUE(core_->Resume().ok());
  EXPECT_EQ(link_.Commands().size(), 1u);
  ASSERT_TRUE(link_.sent.back().second.has_reconcile());
  EXPECT_EQ(link_.sent.back().second.reconcile().command_ids(0), first.command_id());
  v1::KnownCommands known;
  *known.add_reports() = Report(first, v1::OUTCOME_SUCCEEDED);
  core_->events().OnKnown("a", known);
  answered_ = link_.sent.size() - 2;  // Behind the reconciliation; ack and next command follow.
  AnswerAll();
  EXPECT_EQ(Get(run->run_id()).state(), v1::RUN_STATE_SUCCEEDED);
  std::set<std::string> ids;
  for (const v1::Command& command : link_.Commands()) ids.insert(command.command_id());
  EXPECT_EQ(ids.size(), link_.Commands().size());
  EXPECT_EQ(ids.size(), 9u);
}

TEST_F(CoreTest, ACommandOfAnotherHostCannotBeAnsweredByThisOne) {
  const auto run = StartOne(Status(), "", "name=mx-a");
  core_->events().OnReport("b", Report(link_.Commands()[0], v1::OUTCOME_SUCCEEDED));
  EXPECT_EQ(Get(run->run_id()).state(), v1::RUN_STATE_RUNNING);
}

TEST_F(CoreTest, CancelLeavesUnsentStepsAloneAndTellsTheAgents) {
  const auto run = Start("lockdown");
  v1::CancelRunRequest cancel;
  cancel.set_run_id(run->run_id());
  cancel.set_reason("wrong fleet");
  ASSERT_TRUE(core_->CancelRun(cancel, "ann").ok());
  EXPECT_TRUE(link_.sent.back().second.has_cancel());
  core_->events().OnReport("a", Report(link_.Commands()[0], v1::OUTCOME_CANCELLED));
  EXPECT_EQ(Get(run->run_id()).state(), v1::RUN_STATE_CANCELLED);
  EXPECT_EQ(link_.Commands().size(), 1u);
}

TEST_F(CoreTest, ARepeatedRequestReturnsTheSameRun) {
  v1::StartRunRequest request;
  request.set_request_id("r1");
  request.mutable_plan()->set_playbook("survey");
  const auto one = core_->StartRun(request, "ann"), two = core_->StartRun(request, "ann");
  EXPECT_EQ(one->run_id(), two->run_id());
  EXPECT_EQ(link_.Commands().size(), 3u);
  request.set_request_id("r2");
  request.set_expected_plan_hash("other");
  EXPECT_EQ(ReasonOf(core_->StartRun(request, "ann").status()), "PLAN_DRIFTED");
}

TEST_F(CoreTest, WithoutAVantageTheVerdictIsUnknownAndWithOneAnOpenRelayFailsTheStep) {
  ASSERT_TRUE(core_->UpsertEnrolledHost("v", "probe", {{"role", "vantage"}}, "1").ok());
  v1::Hello hello, outside;
  hello.add_listeners("0.0.0.0:25");
  hello.add_addresses("10.1.0.5");
  hello.add_trusted_ranges("10.1.0.0/16");
  Connect("a", hello);
  hello.add_trusted_ranges("128.0.0.0/1");  // That is the open relay, and no neighbourhood.
  Connect("a", hello);
  for (const char* address : {"10.1.9.9", "192.0.2.7"}) {
    outside.clear_addresses();
    outside.add_addresses(address);
    Connect("v", outside);
    answered_ = link_.sent.size();
    const auto run = Start("lockdown", "", {"mx-a"});
    for (int step = 0; step < 2; ++step) {
      core_->events().OnReport("a", Report(link_.Commands("a").back(), v1::OUTCOME_SUCCEEDED));
    }
    const v1::Command inside = link_.Commands("a").back();
    v1::OperationReport report = Report(inside, v1::OUTCOME_SUCCEEDED);
    auto* seen = report.mutable_result()->mutable_relay_probe()->add_listeners();
    seen->set_target("0.0.0.0:25");
    seen->set_verdict(v1::RELAY_VERDICT_CLOSED);
    core_->events().OnReport("a", report);
    if (std::string(address) == "10.1.9.9") {  // Trusted, so that it is no stranger.
      EXPECT_TRUE(link_.Commands("v").empty());
      const v1::Run blind = Get(run->run_id());
      EXPECT_EQ(blind.state(), v1::RUN_STATE_SUCCEEDED);
      EXPECT_EQ(blind.hosts(0).steps(2).report().result().relay_probe().listeners(0).verdict(),
                v1::RELAY_VERDICT_UNKNOWN);
      continue;
    }
    ASSERT_EQ(link_.Commands("v").size(), 1u);
    EXPECT_EQ(link_.Commands("v")[0].operation().relay_probe().targets(0), "10.1.0.5:25");
    report = Report(link_.Commands("v")[0], v1::OUTCOME_SUCCEEDED);
    seen = report.mutable_result()->mutable_relay_probe()->add_listeners();
    seen->set_target("10.1.0.5:25");
    seen->set_verdict(v1::RELAY_VERDICT_OPEN);
    core_->events().OnReport("v", report);
    const v1::Run ended = Get(run->run_id());
    EXPECT_EQ(ended.state(), v1::RUN_STATE_FAILED);
    const v1::OperationReport& merged = ended.hosts(0).steps(2).report();
    ASSERT_EQ(merged.result().relay_probe().listeners_size(), 1);
    EXPECT_TRUE(merged.result().relay_probe().listeners(0).outside());
  }
}

TEST_F(CoreTest, AWatcherSeesTheRunNowAndEachChangeUntilItsEnd) {
  const auto run = StartOne(Status(), "", "name=mx-a");
  std::vector<v1::RunEvent> events;
  const auto id =
      core_->Subscribe(run->run_id(), [&](const v1::RunEvent& e) { events.push_back(e); });
  ASSERT_TRUE(id.ok());
  AnswerAll();
  core_->Unsubscribe(*id);
  ASSERT_GE(events.size(), 2u);
  EXPECT_LT(events.front().sequence(), events.back().sequence());
  EXPECT_EQ(events.back().run().state(), v1::RUN_STATE_SUCCEEDED);
}

TEST_F(CoreTest, TheLeasesOfItsOwnStopsAreRenewedWhileTheHostIsHeard) {
  v1::Operation stop;
  stop.mutable_service_stop();
  ASSERT_TRUE(StartOne(stop).ok());
  const std::string id = link_.Commands("a").front().command_id();
  v1::Heartbeat beat;
  beat.mutable_time()->set_seconds(1000);
  const auto renewed = [&](const std::string& command, std::int64_t left, const char* host) {
    beat.clear_leases();
    v1::HeldLease* lease = beat.add_leases();
    lease->set_command_id(command);
    lease->mutable_length()->set_seconds(900);
    lease->mutable_end_time()->set_seconds(1000 + left);
    const std::size_t before = link_.sent.size();
    core_->events().OnHeartbeat(host, beat);
    if (link_.sent.size() == before) return std::string();
    const v1::LeaseRenewal& renewal = link_.sent.back().second.lease();
    EXPECT_EQ(renewal.length().seconds(), 900);
    return link_.sent.back().first + " " + renewal.command_id();
  };
  EXPECT_EQ(renewed(id, 600, "a"), "") << "more than half of it is left";
  EXPECT_EQ(renewed(id, 400, "a"), "a " + id);
  EXPECT_EQ(renewed(id, -50, "a"), "a " + id);
  EXPECT_EQ(renewed(id, 400, "b"), "") << "it is no command of b's";
  EXPECT_EQ(renewed("by-hand", 400, "a"), "");
  beat.clear_leases();
  v1::HeldLease* brief = beat.add_leases();
  brief->set_command_id(id);
  brief->mutable_length()->set_seconds(60);
  brief->mutable_end_time()->set_seconds(1059);
  core_->events().OnHeartbeat("a", beat);
  EXPECT_EQ(link_.sent.back().second.lease().length().seconds(), 60) << "it ends before long";
}

}  // namespace
}  // namespace mailquench::controller
