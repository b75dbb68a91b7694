// Hosts without an agent in runs: who waits for whom, what a restart leaves, what is owed.
#include <sqlite3.h>

#include "controller/blacklist/fleet_subjects.h"
#include "controller/incidents/incident_rules.h"
#include "tests/unit/controller/core_fixture.h"

namespace mailquench::controller {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Not;

class ManualRunsTest : public CoreTest {
 protected:
  void SetUp() override {
    CoreTest::SetUp();
    const auto host = core_->AddManualHost(Registration("old1"), "root");
    ASSERT_TRUE(host.ok()) << host.status();
    id_ = host->host_id();
  }
  static v1::AddManualHostRequest Registration(const std::string& name) {
    v1::AddManualHostRequest request;
    request.set_name(name);
    request.set_platform("exchange-2003");
    (*request.mutable_labels())["role"] = "edge";
    request.add_listeners("192.0.2.7:25");
    request.mutable_mail_identity()->add_egress_addresses("192.0.2.7");
    request.mutable_mail_identity()->add_mail_domains("Example.ORG");
    return request;
  }
  v1::ConfirmManualStepRequest Saying(const v1::Run& run,
                                      const std::string& step,
                                      v1::Outcome outcome,
                                      const std::string& seen = "it is so") {
    v1::ConfirmManualStepRequest request;
    request.set_run_id(run.run_id());
    request.set_host(who_);
    request.set_step(step);
    v1::ManualConfirmation* said = request.mutable_confirmation();
    said->set_outcome(outcome);
    said->set_seen(seen);
    for (const v1::ManualStep& one : Waiting(run.run_id())) {
      if (one.step_name() != step || one.host_name() != who_ || outcome != v1::OUTCOME_SUCCEEDED)
        continue;
      for (const v1::ManualQuestion& question : one.questions()) {
        v1::ManualNote* note = said->add_notes();
        note->set_key(question.key());
        note->set_value("before " + question.key());
        note->set_opened_relay(opened_ && question.key() == "relay.list");
        note->set_relay_was_closed(question.relay() && !note->opened_relay());
      }
      if (one.verdicts_size() > 0) said->set_verdict(one.verdicts(0));
    }
    return request;
  }
  std::vector<v1::ManualStep> Waiting(const std::string& run_id = "") {
    v1::ListManualStepsRequest request;
    request.set_run_id(run_id);
    const auto steps = core_->ListManualSteps(request);
    EXPECT_TRUE(steps.ok()) << steps.status();
    return {steps->steps().begin(), steps->steps().end()};
  }
  v1::RunHost Host(const std::string& run_id, const std::string& name = "old1") {
    const v1::Run run = Get(run_id);
    for (const v1::RunHost& host : run.hosts()) {
      if (host.name() == name) return host;
    }
    return {};
  }
  absl::StatusOr<v1::Run> StartWithoutInput(const std::string& playbook) {
    v1::StartRunRequest request;
    request.mutable_plan()->set_playbook(playbook);
    request.mutable_plan()->set_selector("role=edge");
    request.set_no_input(true);
    return core_->StartRun(request, "cron");
  }
  static std::string Message(const v1::HostStep& step) { return step.report().error().message(); }

  std::string id_;
  std::string who_ = "old1";  // Whom Saying() is about.
  bool opened_ = false;
};

TEST_F(ManualRunsTest, IsRegisteredShownAndPartOfTheSubjectsOfBlacklists) {
  v1::GetHostRequest get;
  get.set_host("old1");
  const v1::Host host = *core_->GetHost(get);
  EXPECT_EQ(host.manual().platform(), "exchange-2003");
  EXPECT_EQ(host.manual().added_by(), "root");
  EXPECT_EQ(host.labels().at("manual"), "exchange-2003");
  EXPECT_EQ(host.hello().helo_names(0), "old1");
  EXPECT_FALSE(host.online());
  const auto subjects = SubjectsOf({host}, true);
  ASSERT_EQ(subjects.size(), 2u);
  EXPECT_EQ(subjects[0].subject.text(), "192.0.2.7");
  EXPECT_EQ(subjects[1].subject.text(), "example.org");
  EXPECT_EQ(ReasonOf(core_->AddManualHost(Registration("old1"), "root").status()),
            "HOST_NAME_TAKEN");
  EXPECT_EQ(ReasonOf(core_->UpsertEnrolledHost("x", "old1", {}, "1")), "HOST_NAME_TAKEN");
  v1::AddManualHostRequest bad = Registration("old2");
  bad.set_platform("sendmail");
  EXPECT_EQ(ReasonOf(core_->AddManualHost(bad, "root").status()), "UNKNOWN_PLATFORM");
  for (const char* listener : {"mail.example.org:25", "192.0.2.7", "192.0.2.7:0", "2001:db8::1:25",
                               "192.0.2.7:70000", ":25"}) {
    bad = Registration("old2");
    bad.add_listeners(listener);
    EXPECT_EQ(ReasonOf(core_->AddManualHost(bad, "root").status()), "BAD_LISTENER") << listener;
  }
  bad = Registration("old 2\x1b");
  EXPECT_EQ(ReasonOf(core_->AddManualHost(bad, "root").status()), "BAD_HOSTNAME");
  // Out and in again it is the same host, with all that it owes.
  v1::EvictHostRequest evict;
  evict.set_host("old1");
  ASSERT_TRUE(core_->EvictHost(evict, "root").ok());
  EXPECT_EQ(core_->AddManualHost(Registration("old1"), "root")->host_id(), id_);
}

TEST_F(ManualRunsTest, TheDryRunShowsWhatAPersonWouldDo) {
  v1::PlanRunRequest request;
  request.set_playbook("contain");
  request.add_hosts("old1");
  const auto plan = core_->PlanRun(request, "ann");
  ASSERT_TRUE(plan.ok()) << plan.status();
  ASSERT_EQ(plan->hosts_size(), 1);
  EXPECT_EQ(plan->hosts(0).manual_platform(), "exchange-2003");
  EXPECT_EQ(plan->hosts(0).refusal(), "");
  std::string all;
  for (const auto& step : plan->hosts(0).steps()) {
    for (const std::string& text : step.steps()) all += text + "\n";
  }
  EXPECT_THAT(all, HasSubstr("net stop smtpsvc"));
  EXPECT_THAT(Waiting(), ::testing::IsEmpty());
}

TEST_F(ManualRunsTest, IsTrackedBesideTheOthersAndItsValuesAreOwed) {
  const v1::Run run = *Start("contain");
  AnswerAll();  // Agents alone: no wave waits for a person.
  for (const char* name : {"mx-a", "mx-b", "mx-c"}) {
    EXPECT_EQ(Host(run.run_id(), name).outcome(), v1::OUTCOME_SUCCEEDED) << name;
  }
  EXPECT_EQ(Get(run.run_id()).state(), v1::RUN_STATE_RUNNING);
  ASSERT_EQ(Waiting(run.run_id()).size(), 1u);
  EXPECT_EQ(Waiting()[0].operation(), "contain");
  EXPECT_EQ(GetIncident(run.incident_id()).state(), v1::INCIDENT_STATE_CONTAINING);

  clock_.now_ += absl::Minutes(20);
  opened_ = true;
  ASSERT_TRUE(core_
                  ->ConfirmManualStep(
                      Saying(run, "contain", v1::OUTCOME_SUCCEEDED, "down\x1b[2J and up"), "ada")
                  .ok());
  const v1::OperationReport report = Host(run.run_id()).steps(0).report();
  EXPECT_EQ(report.manual().confirmed_by(), "ada");
  EXPECT_EQ(report.manual().seen(), "down [2J and up");
  EXPECT_EQ(report.end_time().seconds() - report.start_time().seconds(), 1200);
  const v1::Incident incident = GetIncident(run.incident_id());
  bool owed = false;
  for (const v1::Obligation& one : incident.obligations()) {
    if (one.host_id() != id_) continue;
    owed = true;
    EXPECT_EQ(one.operation(), "contain");
    EXPECT_EQ(one.settings_size(), 5);
  }
  EXPECT_TRUE(owed);
  ASSERT_EQ(incident.causes_size(), 1);  // The value from before let strangers relay.
  EXPECT_EQ(incident.causes(0).host_id(), id_);
  std::string timeline;
  for (const auto& entry : incident.timeline())
    timeline += entry.actor() + ": " + entry.text() + "\n";
  EXPECT_THAT(timeline, HasSubstr("ada: by hand on old1: contain succeeded; seen: down [2J and up; "
                                  "noted: "));
  bool held = false;
  const auto quarantines = core_->ListQuarantines({});
  for (const auto& one : quarantines->quarantines()) held |= one.host_id() == id_;
  EXPECT_TRUE(held);
  std::string audit;
  const auto entries = core_->ListAuditEntries({});
  for (const auto& entry : entries->entries())
    audit += entry.actor() + " " + entry.action() + " " + entry.detail() + "\n";
  EXPECT_THAT(audit, HasSubstr("ada run.confirm"));
  EXPECT_THAT(audit, Not(HasSubstr("\x1b")));

  // No vantage is there: the proof is a person's, too; then the watch.
  ASSERT_EQ(Waiting().size(), 1u);
  EXPECT_EQ(Waiting()[0].operation(), "relay.probe");
  ASSERT_TRUE(
      core_->ConfirmManualStep(Saying(run, "proof", v1::OUTCOME_SUCCEEDED, "550"), "ada").ok());
  ASSERT_TRUE(
      core_->ConfirmManualStep(Saying(run, "quiet", v1::OUTCOME_SUCCEEDED, "3 3 3"), "ada").ok());
  EXPECT_EQ(Get(run.run_id()).state(), v1::RUN_STATE_SUCCEEDED);
  EXPECT_EQ(GetIncident(run.incident_id()).state(), v1::INCIDENT_STATE_CLEAN);
  v1::CloseIncidentRequest close;
  close.set_incident_id(run.incident_id());
  EXPECT_THAT(std::string(core_->CloseIncident(close, "ada").status().message()),
              HasSubstr("contain on old1"));
}

TEST_F(ManualRunsTest, RestoreShowsWhatTheOperatorNotedAndSettlesIt) {
  v1::Operation lock;
  lock.mutable_relay_lock()->set_mode(v1::RELAY_MODE_CLOSED);
  const v1::Run locked = *StartOne(lock, "", "manual");
  ASSERT_TRUE(
      core_->ConfirmManualStep(Saying(locked, "relay.lock", v1::OUTCOME_SUCCEEDED), "ada").ok());
  v1::Operation restore;
  restore.mutable_restore();
  clock_.now_ += absl::Seconds(5);
  const v1::Run run = *StartOne(restore, locked.incident_id(), "manual");
  ASSERT_EQ(Waiting(run.run_id()).size(), 1u);
  std::string words;
  const v1::ManualStep told = Waiting(run.run_id())[0];
  for (const auto& one : told.instructions()) words += one.text() + "\n";
  EXPECT_THAT(words, HasSubstr("PUT BACK relay.list (relay.lock), as it was: before relay.list"));
  // What is locked while the person restores is on no list of theirs, and stays owed.
  clock_.now_ += absl::Seconds(5);
  const v1::Run again = *StartOne(lock, locked.incident_id(), "manual");
  ASSERT_TRUE(
      core_->ConfirmManualStep(Saying(again, "relay.lock", v1::OUTCOME_SUCCEEDED), "ada").ok());
  clock_.now_ += absl::Seconds(5);
  ASSERT_TRUE(
      core_->ConfirmManualStep(Saying(run, "restore", v1::OUTCOME_SUCCEEDED, "as before"), "ada")
          .ok());
  int restored = 0, outstanding = 0;
  const v1::Incident incident = GetIncident(locked.incident_id());
  for (const v1::Obligation& one : incident.obligations()) {
    restored += one.state() == v1::Obligation::STATE_RESTORED;
    outstanding += one.state() == v1::Obligation::STATE_OUTSTANDING;
  }
  EXPECT_EQ(restored, 1);
  EXPECT_EQ(outstanding, 1);
}

TEST_F(ManualRunsTest, ARestoreKeepsTheBlockOfASenderAndSaysSo) {
  v1::Operation block;
  block.mutable_sender_block()->set_account("DOM\\mallory");
  const auto started = StartOne(block, "", "manual");
  ASSERT_TRUE(started.ok()) << started.status();
  const v1::Run blocked = *started;
  ASSERT_TRUE(
      core_->ConfirmManualStep(Saying(blocked, "sender.block", v1::OUTCOME_SUCCEEDED), "ada").ok());
  const v1::Incident before = GetIncident(blocked.incident_id());
  ASSERT_EQ(before.obligations_size(), 1);
  EXPECT_EQ(before.obligations(0).settings(0).key(), "block.before/DOM\\mallory");
  v1::Operation restore;
  restore.mutable_restore();
  clock_.now_ += absl::Seconds(5);
  const auto restoring = StartOne(restore, blocked.incident_id(), "manual");
  ASSERT_TRUE(restoring.ok()) << restoring.status();
  const v1::Run run = *restoring;
  std::string words;
  const v1::ManualStep told = Waiting(run.run_id()).at(0);
  for (const auto& one : told.instructions()) words += one.text() + "\n";
  EXPECT_THAT(words, HasSubstr("LEAVE block.before/DOM\\mallory as it is now"));
  ASSERT_TRUE(core_->ConfirmManualStep(Saying(run, "restore", v1::OUTCOME_SUCCEEDED), "ada").ok());
  const v1::Incident after = GetIncident(blocked.incident_id());
  EXPECT_EQ(after.obligations(0).state(), v1::Obligation::STATE_KEPT_AS_FIX);
  v1::CloseIncidentRequest close;
  close.set_incident_id(blocked.incident_id());
  EXPECT_TRUE(core_->CloseIncident(close, "ada").ok());
}

TEST_F(ManualRunsTest, WhatAPersonNotesOfAStopOrASweepIsOwed) {
  v1::Operation stop, start, sweep;
  stop.mutable_service_stop();
  start.mutable_service_start();
  sweep.mutable_queue_quarantine()->set_reason("r");
  v1::OpenIncidentRequest open;
  open.set_title("attack");
  const std::string incident = core_->OpenIncident(open, "ada")->incident_id();
  int owed = 0;
  for (const auto& [operation, name] :
       {std::make_pair(stop, "service.stop"), std::make_pair(sweep, "queue.quarantine"),
        std::make_pair(start, "service.start")}) {
    const v1::Run run = *StartOne(operation, incident, "manual");
    auto said = Saying(run, name, v1::OUTCOME_SUCCEEDED);
    EXPECT_EQ(said.confirmation().notes_size(), name == std::string("service.stop")    ? 1
                                                : name == std::string("service.start") ? 0
                                                                                       : 3);
    v1::ManualNote* own = said.mutable_confirmation()->add_notes();
    own->set_key("firewall25");
    own->set_value("open to all");
    const auto confirmed = core_->ConfirmManualStep(said, "ada");
    ASSERT_TRUE(confirmed.ok()) << confirmed.status();
    const v1::Incident after = GetIncident(incident);
    ASSERT_EQ(after.obligations_size(), ++owed) << name;
    const v1::Obligation& one = after.obligations(owed - 1);
    EXPECT_EQ(one.operation(), name);
    ASSERT_EQ(one.settings_size(), 1) << name;  // Places are noted, not owed.
    EXPECT_EQ(one.settings(0).key(), "firewall25");
  }
}

TEST_F(ManualRunsTest, AnUnchangedRestoreSettlesNothing) {
  v1::Operation lock;
  lock.mutable_relay_lock()->set_mode(v1::RELAY_MODE_CLOSED);
  const v1::Run locked = *StartOne(lock, "", "manual");
  opened_ = true;  // Its list needs a decision; the rest is put back.
  ASSERT_TRUE(
      core_->ConfirmManualStep(Saying(locked, "relay.lock", v1::OUTCOME_SUCCEEDED), "ada").ok());
  v1::Incident incident = GetIncident(locked.incident_id());
  ASSERT_EQ(incident.causes_size(), 1);
  v1::ResolveCauseRequest resolve;
  resolve.set_incident_id(incident.incident_id());
  resolve.set_cause_id(incident.causes(0).cause_id());
  resolve.set_how("shut");
  ASSERT_TRUE(core_->ResolveCause(resolve, "ada").ok());
  v1::Operation restore;
  restore.mutable_restore();
  clock_.now_ += absl::Seconds(5);
  const v1::Run run = *StartOne(restore, locked.incident_id(), "manual");
  const auto refused =
      core_->ConfirmManualStep(Saying(run, "restore", v1::OUTCOME_UNCHANGED), "ada").status();
  EXPECT_EQ(ReasonOf(refused), "BAD_CONFIRMATION");
  EXPECT_THAT(std::string(refused.message()), HasSubstr("relay.authenticated"));
  EXPECT_EQ(GetIncident(locked.incident_id()).obligations(0).state(),
            v1::Obligation::STATE_OUTSTANDING);
  EXPECT_EQ(Waiting(run.run_id()).size(), 1u);
}

TEST_F(ManualRunsTest, TheListIsOfOneHostAndTheAnswerToo) {
  ASSERT_TRUE(core_->AddManualHost(Registration("old2"), "root").ok());
  const v1::Run run = *StartOne(Status());
  EXPECT_EQ(Waiting(run.run_id()).size(), 2u);
  for (const std::string& host : {std::string("old1"), id_}) {
    v1::ListManualStepsRequest request;
    request.set_run_id(run.run_id());
    request.set_host(host);
    const auto steps = core_->ListManualSteps(request);
    ASSERT_EQ(steps->steps_size(), 1) << host;
    EXPECT_EQ(steps->steps(0).host_name(), "old1");
  }
  auto said = Saying(run, "1", v1::OUTCOME_SUCCEEDED);
  said.set_this_host_only(true);
  const auto answer = core_->ConfirmManualStep(said, "ada");
  ASSERT_TRUE(answer.ok()) << answer.status();
  ASSERT_EQ(answer->hosts_size(), 1);
  EXPECT_EQ(answer->hosts(0).name(), "old1");
  EXPECT_EQ(Get(run.run_id()).hosts_size(), 5);
}

TEST_F(ManualRunsTest, WhatIsNotTakenIsNotInTheAuditAndALabelIsNoSayOfAnybody) {
  const v1::Run run = *StartOne(Status(), "", "manual");
  ASSERT_TRUE(core_->ConfirmManualStep(Saying(run, "1", v1::OUTCOME_SUCCEEDED), "ada").ok());
  const auto entries = [&] { return core_->ListAuditEntries({})->entries_size(); };
  const int before = entries();
  EXPECT_EQ(
      ReasonOf(core_->ConfirmManualStep(Saying(run, "1", v1::OUTCOME_FAILED), "bob").status()),
      "ALREADY_CONFIRMED");
  EXPECT_EQ(entries(), before);

  v1::AddManualHostRequest bad = Registration("old2");
  (*bad.mutable_labels())["manual"] = "no";
  EXPECT_EQ(ReasonOf(core_->AddManualHost(bad, "root").status()), "BAD_LABEL");
  v1::SetLabelsRequest labels;
  labels.set_host("mx-a");
  (*labels.mutable_labels())["manual"] = "exchange-2003";
  EXPECT_EQ(ReasonOf(core_->SetLabels(labels, "root").status()), "BAD_LABEL");
  TokenRow token;
  token.id = "t1";
  token.labels["manual"] = "exchange-2003";
  EXPECT_EQ(ReasonOf(core_->InsertToken(token)), "BAD_LABEL");
  labels.Clear();
  labels.set_host("old1");
  labels.add_remove("manual");
  EXPECT_EQ(ReasonOf(core_->SetLabels(labels, "root").status()), "BAD_LABEL");
}

TEST_F(ManualRunsTest, WithNobodyThereItIsUnreachableAndNeverSucceeded) {
  const v1::Run run = *StartWithoutInput("contain");
  EXPECT_EQ(Host(run.run_id()).outcome(), v1::OUTCOME_UNREACHABLE);
  EXPECT_THAT(Message(Host(run.run_id()).steps(0)), HasSubstr("--no-input"));
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
  EXPECT_EQ(Host(run.run_id()).steps(0).report().manual().confirmed_by(), "ada");
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
      EXPECT_EQ(step.report().outcome(), v1::OUTCOME_UNSPECIFIED) << name << step.step();
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

class ProbeOfManualTest : public ManualRunsTest {
 protected:
  void SetUp() override {
    ManualRunsTest::SetUp();
    ASSERT_TRUE(core_->UpsertEnrolledHost("v", "vantage", {{"role", "vantage"}}, "1").ok());
    hello_.add_addresses("198.51.100.1");
    Connect("v", hello_);
    Again();
  }
  // A run whose relay the vantage is asked about.
  void Again() {
    link_.sent.clear();
    run_ = *Start("contain", "", {"old1"});
    ASSERT_TRUE(
        core_->ConfirmManualStep(Saying(run_, "contain", v1::OUTCOME_SUCCEEDED), "ada").ok());
  }
  v1::OperationReport Seen(v1::RelayVerdict verdict) {
    v1::OperationReport report = Report(link_.Commands("v").at(0), v1::OUTCOME_SUCCEEDED);
    auto* one = report.mutable_result()->mutable_relay_probe()->add_listeners();
    one->set_target("192.0.2.7:25");
    one->set_verdict(verdict);
    one->set_banner("220 old1 ESMTP");
    return report;
  }
  v1::Run run_;
  v1::Hello hello_;
};

TEST_F(ProbeOfManualTest, TheVantageAsksItsListenersAndNoPersonHasTo) {
  ASSERT_EQ(link_.Commands("v").size(), 1u);
  EXPECT_EQ(link_.Commands("v")[0].operation().relay_probe().targets(0), "192.0.2.7:25");
  EXPECT_THAT(Waiting(), ::testing::IsEmpty());
  core_->events().OnReport("v", Seen(v1::RELAY_VERDICT_CLOSED));
  const v1::OperationReport proof = Host(run_.run_id()).steps(1).report();
  EXPECT_EQ(proof.outcome(), v1::OUTCOME_SUCCEEDED);
  EXPECT_TRUE(proof.result().relay_probe().listeners(0).outside());
  ASSERT_TRUE(
      core_->ConfirmManualStep(Saying(run_, "quiet", v1::OUTCOME_SUCCEEDED, "3 3"), "ada").ok());
  v1::GetHostRequest get;
  get.set_host("old1");
  EXPECT_THAT(core_->GetHost(get)->confirmed_addresses(), Contains("192.0.2.7"));
}

TEST_F(ProbeOfManualTest, ARelayThatIsOpenFails) {
  core_->events().OnReport("v", Seen(v1::RELAY_VERDICT_OPEN));
  EXPECT_EQ(Host(run_.run_id()).outcome(), v1::OUTCOME_FAILED);
}

TEST_F(ProbeOfManualTest, WithoutItsAnswerAPersonIsAsked) {
  Cut("v");
  ASSERT_EQ(Waiting().size(), 1u);
  EXPECT_EQ(Waiting()[0].step_name(), "proof");
  core_.reset();
  OpenCore();
  ASSERT_TRUE(core_->Resume().ok());
  ASSERT_EQ(Waiting().size(), 1u);
  EXPECT_EQ(Waiting()[0].step_name(), "proof");
}

TEST_F(ProbeOfManualTest, WhatAPersonHasSaidOutlivesALateAnswerOfTheVantage) {
  struct Case {
    v1::Outcome outcome;
    const char* verdict;
    v1::Outcome step;  // An open relay fails a run that closes it.
  };
  const Case cases[] = {{v1::OUTCOME_FAILED, "", v1::OUTCOME_FAILED},
                        {v1::OUTCOME_SUCCEEDED, "open", v1::OUTCOME_FAILED}};
  for (const Case& one : cases) {
    for (const char* late : {"report", "never_seen"}) {
      SCOPED_TRACE(std::string(one.verdict) + " " + late);
      const v1::OperationReport seen = Seen(v1::RELAY_VERDICT_CLOSED);
      Cut("v");
      auto said = Saying(run_, "proof", one.outcome, "by telnet");
      said.mutable_confirmation()->set_verdict(one.verdict);
      ASSERT_TRUE(core_->ConfirmManualStep(said, "ada").ok());
      const std::string before = Host(run_.run_id()).steps(1).SerializeAsString();
      Connect("v", hello_);
      v1::KnownCommands known;
      if (late == std::string("report"))
        *known.add_reports() = seen;
      else
        known.add_never_seen(seen.command_id());
      core_->events().OnKnown("v", known);
      EXPECT_EQ(Host(run_.run_id()).steps(1).SerializeAsString(), before);
      EXPECT_EQ(Host(run_.run_id()).steps(1).report().outcome(), one.step);
      EXPECT_EQ(Host(run_.run_id()).steps(1).report().manual().confirmed_by(), "ada");
      // Kept as answered: it is not asked for again.
      link_.sent.clear();
      Connect("v", hello_);
      for (const auto& [to, message] : link_.sent) EXPECT_FALSE(message.has_reconcile()) << to;
      Again();
    }
  }
}

TEST_F(ProbeOfManualTest, WhileAPersonIsWaitedForALateAnswerChangesNothing) {
  for (const char* late : {"report", "never_seen"}) {
    SCOPED_TRACE(late);
    const v1::OperationReport seen = Seen(v1::RELAY_VERDICT_CLOSED);
    Cut("v");
    Connect("v", hello_);
    v1::KnownCommands known;
    if (late == std::string("report"))
      *known.add_reports() = seen;
    else
      known.add_never_seen(seen.command_id());
    const std::string before = Host(run_.run_id()).steps(1).SerializeAsString();
    core_->events().OnKnown("v", known);
    EXPECT_EQ(Host(run_.run_id()).steps(1).SerializeAsString(), before);
    ASSERT_EQ(Waiting(run_.run_id()).size(), 1u);
    ASSERT_TRUE(core_->ConfirmManualStep(Saying(run_, "proof", v1::OUTCOME_SUCCEEDED), "ada").ok());
    Again();
  }
}

TEST_F(ProbeOfManualTest, AViewThatDoesNotTellOfEveryListenerAsksAPerson) {
  v1::OperationReport other = Seen(v1::RELAY_VERDICT_CLOSED);
  other.mutable_result()->mutable_relay_probe()->mutable_listeners(0)->set_target("192.0.2.8:25");
  v1::OperationReport none = Seen(v1::RELAY_VERDICT_CLOSED);
  none.clear_result();
  v1::OperationReport failed = none;
  failed.set_outcome(v1::OUTCOME_FAILED);
  for (v1::OperationReport report : {Seen(v1::RELAY_VERDICT_UNKNOWN), other, none, failed}) {
    report.set_command_id(link_.Commands("v").at(0).command_id());
    core_->events().OnReport("v", report);
    ASSERT_EQ(Waiting(run_.run_id()).size(), 1u) << report.ShortDebugString();
    EXPECT_EQ(Waiting(run_.run_id())[0].step_name(), "proof");
    Again();
  }
}

TEST_F(ProbeOfManualTest, ARestartWhileTheVantageIsAskedAsksAPerson) {
  link_.online.clear();
  core_.reset();
  OpenCore();
  ASSERT_TRUE(core_->Resume().ok());
  ASSERT_EQ(Waiting().size(), 1u);
  EXPECT_EQ(Waiting()[0].step_name(), "proof");
  EXPECT_EQ(Get(run_.run_id()).state(), v1::RUN_STATE_RUNNING);
}

}  // namespace
}  // namespace mailquench::controller
