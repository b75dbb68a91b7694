// Hosts without an agent in runs: who waits for whom, what a restart leaves, what is owed.
#include <sqlite3.h>

#include "controller/blacklist/fleet_subjects.h"
#include "controller/incidents/incident_rules.h"
#include "tests/unit/controller/manual_fixture.h"

namespace mailquench::controller {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Not;

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
  const v1::OperationReport report = Host(run.run_id()).steps(2).report();
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

}  // namespace
}  // namespace mailquench::controller
