// The controller's decisions against a fleet that is only a recording: the bad days by name.
#include "controller/app/core.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sqlite3.h>
#include <stdlib.h>

#include <filesystem>
#include <set>

#include "common/status/error.h"

namespace mailquench::controller {
namespace {

class FakeClock final : public Clock {
 public:
  absl::Time Now() override { return now_; }
  void Sleep(absl::Duration duration) override { now_ += duration; }
  absl::Time now_ = absl::FromUnixSeconds(1700000000);
};

// Records what was sent; a test answers as the agents would.
class FakeLink final : public FleetLink {
 public:
  bool IsOnline(const std::string& host) override { return online.count(host) > 0; }
  bool Send(const std::string& host, const v1::ControllerMessage& message) override {
    if (online.count(host) == 0) return false;
    sent.emplace_back(host, message);
    return true;
  }
  void Disconnect(const std::string& host, const std::string&) override { online.erase(host); }

  std::vector<v1::Command> Commands(const std::string& host = "") const {
    std::vector<v1::Command> commands;
    for (const auto& [to, message] : sent) {
      if (message.has_command() && (host.empty() || to == host))
        commands.push_back(message.command());
    }
    return commands;
  }
  std::set<std::string> online;
  std::vector<std::pair<std::string, v1::ControllerMessage>> sent;
};

class CoreTest : public ::testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/mq-core-XXXXXX";
    folder_ = mkdtemp(name);
    OpenCore();
    for (const char* id : {"a", "b", "c"}) {
      ASSERT_TRUE(
          core_->UpsertEnrolledHost(id, std::string("mx-") + id, {{"role", "edge"}}, "1").ok());
      Connect(id);
    }
  }
  void TearDown() override {
    core_.reset();
    std::filesystem::remove_all(folder_);
  }
  void OpenCore() {
    CoreOptions options;
    options.store_path = folder_ + "/store";
    options.clock = &clock_;
    options.link = &link_;
    options.timer_thread = false;
    options.plan_limit = absl::Milliseconds(50);
    auto core = Core::Open(options);
    ASSERT_TRUE(core.ok()) << core.status();
    core_ = *std::move(core);
  }
  void Connect(const std::string& id, const v1::Hello& hello = {}) {
    link_.online.insert(id);
    core_->events().OnConnected(id, hello);
  }
  void Cut(const std::string& id) {
    link_.online.erase(id);
    core_->events().OnDisconnected(id);
  }
  absl::StatusOr<v1::Run> Start(const std::string& playbook,
                                const std::string& incident = "",
                                const std::vector<std::string>& hosts = {}) {
    v1::StartRunRequest request;
    request.mutable_plan()->set_playbook(playbook);
    request.mutable_plan()->set_incident_id(incident);
    if (hosts.empty()) request.mutable_plan()->set_selector("role=edge");
    for (const std::string& host : hosts) request.mutable_plan()->add_hosts(host);
    return core_->StartRun(request, "ann");
  }
  absl::StatusOr<v1::Run> StartOne(const v1::Operation& operation,
                                   const std::string& incident = "",
                                   const std::string& selector = "role=edge") {
    v1::StartRunRequest request;
    *request.mutable_plan()->mutable_operation() = operation;
    request.mutable_plan()->set_selector(selector);
    request.mutable_plan()->set_incident_id(incident);
    return core_->StartRun(request, "ann");
  }
  v1::Run Get(const std::string& id) {
    v1::GetRunRequest request;
    request.set_run_id(id);
    return *core_->GetRun(request);
  }
  v1::Incident GetIncident(const std::string& id) {
    v1::GetIncidentRequest request;
    request.set_incident_id(id);
    return *core_->GetIncident(request);
  }
  static v1::OperationReport Report(const v1::Command& command, v1::Outcome outcome) {
    v1::OperationReport report;
    report.set_command_id(command.command_id());
    report.set_outcome(outcome);
    return report;
  }
  // Answers every command as a healthy agent would, until no more come.
  void AnswerAll(v1::WatchVerdict watch = v1::WATCH_VERDICT_QUIET) {
    for (; answered_ < link_.sent.size(); ++answered_) {
      const auto [host, message] = link_.sent[answered_];
      if (!message.has_command()) continue;
      v1::OperationReport report = Report(message.command(), v1::OUTCOME_SUCCEEDED);
      const v1::Operation& operation = message.command().operation();
      if (operation.has_contain()) {
        auto* lock = report.mutable_result()->mutable_contain()->mutable_lock();
        lock->set_snapshot_id("lock-1");
        lock->add_settings()->set_key("main.cf:mynetworks");
        lock->mutable_settings(0)->set_opened_relay(open_relay_);
      }
      if (operation.has_queue_watch()) {
        report.mutable_result()->mutable_queue_watch()->set_verdict(watch);
      }
      core_->events().OnReport(host, report);
    }
  }
  static v1::Operation Status() {
    v1::Operation operation;
    operation.mutable_service_status();
    return operation;
  }

  std::string folder_;
  FakeClock clock_;
  FakeLink link_;
  std::unique_ptr<Core> core_;
  std::size_t answered_ = 0;
  bool open_relay_ = false;
};

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

TEST_F(CoreTest, ContainOpensAnIncidentThatCannotCloseBeforeItsSettingsAreBack) {
  open_relay_ = true;
  const auto run = Start("contain");
  ASSERT_TRUE(run.ok()) << run.status();
  clock_.Sleep(absl::Seconds(7));
  AnswerAll();
  ASSERT_EQ(Get(run->run_id()).state(), v1::RUN_STATE_SUCCEEDED);
  v1::Incident incident = GetIncident(run->incident_id());
  EXPECT_EQ(incident.state(), v1::INCIDENT_STATE_CLEAN);
  EXPECT_EQ(incident.time_to_contain().seconds(), 7);
  ASSERT_EQ(incident.obligations_size(), 3);
  ASSERT_EQ(incident.causes_size(), 3);
  v1::CloseIncidentRequest close;
  close.set_incident_id(incident.incident_id());
  const auto refused = core_->CloseIncident(close, "ann");
  EXPECT_EQ(ReasonOf(refused.status()), "OBLIGATION_OUTSTANDING");
  EXPECT_THAT(std::string(refused.status().message()), ::testing::HasSubstr("a/lock-1"));
  EXPECT_EQ(ReasonOf(Start("restore", incident.incident_id()).status()), "CAUSE_UNRESOLVED");
  EXPECT_EQ(ReasonOf(Start("restore").status()), "CAUSE_UNRESOLVED");

  v1::Operation restore;
  auto* decision = restore.mutable_restore()->add_decisions();
  decision->set_key("main.cf:mynetworks");
  decision->set_choice(v1::RESTORE_CHOICE_KEEP_AS_FIX);
  decision->set_reason("it was the hole");
  const auto restoring = StartOne(restore, incident.incident_id());
  ASSERT_TRUE(restoring.ok()) << restoring.status();
  for (const char* id : {"a", "b", "c"}) {
    v1::OperationReport report = Report(link_.Commands(id).back(), v1::OUTCOME_SUCCEEDED);
    auto* setting = report.mutable_result()->mutable_restore()->add_settings();
    setting->mutable_setting()->set_key("main.cf:mynetworks");
    setting->set_state(id[0] == 'c' ? v1::RestoredSetting::STATE_NEEDS_DECISION
                                    : v1::RestoredSetting::STATE_KEPT_AS_FIX);
    core_->events().OnReport(id, report);
    core_->events().OnReport(id, report);  // Repeats change nothing.
  }
  incident = GetIncident(incident.incident_id());
  EXPECT_EQ(incident.obligations(0).state(), v1::Obligation::STATE_KEPT_AS_FIX);
  EXPECT_EQ(incident.obligations(2).state(), v1::Obligation::STATE_OUTSTANDING);
  v1::WaiveObligationRequest waive;
  waive.set_incident_id(incident.incident_id());
  waive.set_obligation_id("c/lock-1");
  EXPECT_FALSE(core_->WaiveObligation(waive, "ann").ok());
  waive.set_reason("host is scrapped");
  ASSERT_TRUE(core_->WaiveObligation(waive, "ann").ok());
  EXPECT_EQ(core_->CloseIncident(close, "ann")->state(), v1::INCIDENT_STATE_CLOSED);
}

TEST_F(CoreTest, ARefillingQueueSendsTheIncidentBack) {
  const auto run = Start("contain");
  AnswerAll(v1::WATCH_VERDICT_REFILLING);
  EXPECT_EQ(GetIncident(run->incident_id()).state(), v1::INCIDENT_STATE_REFILLING);
  ASSERT_TRUE(Start("contain", run->incident_id()).ok());
  EXPECT_EQ(GetIncident(run->incident_id()).state(), v1::INCIDENT_STATE_CONTAINING);
}

TEST_F(CoreTest, ARefillAfterRestoreLocksThatHostAgain) {
  const auto run = Start("restore", "", {"mx-b"});
  ASSERT_TRUE(run.ok()) << run.status();
  while (Get(run->run_id()).state() == v1::RUN_STATE_RUNNING)
    AnswerAll(v1::WATCH_VERDICT_REFILLING);
  bool locked = false;
  for (const v1::Command& command : link_.Commands("b"))
    locked |= command.operation().has_relay_lock();
  EXPECT_TRUE(locked);
  EXPECT_TRUE(link_.Commands("a").empty());
}

TEST_F(CoreTest, ARestoreIsFollowedByAWatchHoweverItWasAskedFor) {
  v1::Operation restore;
  restore.mutable_restore();
  const auto run = StartOne(restore, "", "name=mx-a");
  ASSERT_TRUE(run.ok()) << run.status();
  ASSERT_EQ(run->playbook().steps_size(), 2);
  EXPECT_TRUE(run->playbook().steps(1).operation().has_queue_watch());
}

TEST_F(CoreTest, DriftIsNotedInTheIncidentThatTheSettingIsOwedToWhenItChanges) {
  const auto run = Start("contain", "", {"mx-a"});
  ASSERT_TRUE(run.ok()) << run.status();
  AnswerAll();
  v1::Heartbeat beat;
  beat.add_drifted("- main.cf:mynetworks");
  core_->events().OnHeartbeat("a", beat);
  core_->events().OnHeartbeat("a", beat);
  const v1::Incident incident = GetIncident(run->incident_id());
  int found = 0;
  for (const auto& entry : incident.timeline())
    found += entry.text() == "drift on mx-a: - main.cf:mynetworks was changed since it was locked";
  EXPECT_EQ(found, 1);
}

TEST_F(CoreTest, EvidenceOfAContainIsInTheTimelineOnce) {
  v1::Operation contain;
  contain.mutable_contain();
  const auto run = StartOne(contain, "", "name=mx-a");
  ASSERT_TRUE(run.ok()) << run.status();
  v1::OperationReport report;
  report.set_command_id(link_.Commands("a").back().command_id());
  report.set_outcome(v1::OUTCOME_SUCCEEDED);
  auto* survey = report.mutable_result()->mutable_contain()->mutable_evidence()->add_instances();
  survey->set_instance("-");
  survey->set_messages(20200);
  auto* top = survey->mutable_picture()->add_accounts();
  top->set_value("alice");
  top->set_messages(20000);
  core_->events().OnReport("a", report);
  core_->events().OnReport("a", report);
  int found = 0;
  const v1::Incident incident = GetIncident(run->incident_id());
  for (const auto& entry : incident.timeline())
    found +=
        entry.text().find("20200 messages, most by account alice (20000)") != std::string::npos;
  EXPECT_EQ(found, 1);
}

TEST_F(CoreTest, AChangeMadeOnTheHostItselfIsOwedAndAudited) {
  v1::OperationReport report;
  report.set_command_id("local-1");
  report.set_local(true);
  report.set_outcome(v1::OUTCOME_SUCCEEDED);
  report.mutable_result()->mutable_relay_lock()->set_snapshot_id("s");
  core_->events().OnReport("a", report);
  core_->events().OnReport("a", report);
  const auto incidents = core_->ListIncidents({});
  ASSERT_EQ(incidents->incidents_size(), 1);
  EXPECT_EQ(incidents->incidents(0).obligations_size(), 1);
}

TEST_F(CoreTest, ATamperedAuditEntryIsFound) {
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(core_->Audit("ann", "test", "{}").ok());
  ASSERT_TRUE(core_->VerifyAudit()->intact());
  core_.reset();
  sqlite3* db = nullptr;
  ASSERT_EQ(sqlite3_open((folder_ + "/store").c_str(), &db), SQLITE_OK);
  ASSERT_EQ(
      sqlite3_exec(db, "UPDATE audit SET actor='eve' WHERE sequence=4", nullptr, nullptr, nullptr),
      SQLITE_OK);
  sqlite3_close(db);
  OpenCore();
  const auto verdict = core_->VerifyAudit();
  EXPECT_FALSE(verdict->intact());
  EXPECT_EQ(verdict->first_broken_sequence(), 4);
}

TEST_F(CoreTest, ATokenWorksOnceAndAgainOnlyForItsKey) {
  TokenRow token;
  token.id = "t";
  token.secret_hash = "h";
  token.labels = {{"site", "fra"}};
  token.expire = clock_.Now() + absl::Minutes(15);
  ASSERT_TRUE(core_->InsertToken(token).ok());
  EXPECT_TRUE(core_->MarkTokenUsed("t", "k1", "pem", "id").ok());
  EXPECT_TRUE(core_->MarkTokenUsed("t", "k1", "pem", "id").ok());
  EXPECT_EQ(ReasonOf(core_->MarkTokenUsed("t", "k2", "pem", "id")), "TOKEN_USED");
  EXPECT_EQ(core_->FindToken("t")->certificate_pem, "pem");
  clock_.Sleep(absl::Minutes(16));
  EXPECT_EQ(ReasonOf(core_->MarkTokenUsed("t", "k1", "pem", "id")), "TOKEN_EXPIRED");
}

TEST_F(CoreTest, ABannedHostIsCutAndMayNotComeBack) {
  v1::BanHostRequest ban;
  ban.set_host("mx-a");
  ASSERT_TRUE(core_->BanHost(ban, "ann").ok());
  EXPECT_FALSE(link_.IsOnline("a"));
  EXPECT_FALSE(core_->IsActive("a"));
  EXPECT_EQ(ReasonOf(core_->UpsertEnrolledHost("z", "mx-a", {}, "2")), "HOST_BANNED");
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

}  // namespace
}  // namespace mailquench::controller
