// What runs mean for incidents, and what else the controller keeps: audit, tokens, bans.
#include <sqlite3.h>

#include "tests/unit/controller/core_fixture.h"

namespace mailquench::controller {
namespace {

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

TEST_F(CoreTest, AnIncidentDoesNotCloseWhileALockMayStillBeMadeAndOpensAgainForOneThatWas) {
  v1::Operation contain;
  contain.mutable_contain();
  const auto run = StartOne(contain, "", "name=mx-a");
  ASSERT_TRUE(run.ok()) << run.status();
  const v1::Command command = link_.Commands("a")[0];
  v1::CloseIncidentRequest close;
  close.set_incident_id(run->incident_id());
  EXPECT_EQ(ReasonOf(core_->CloseIncident(close, "ann").status()), "STILL_CHANGING");
  Cut("a");
  EXPECT_EQ(ReasonOf(core_->CloseIncident(close, "ann").status()), "STILL_CHANGING");
  // Never seen, says the agent: closed. Then it turns out that it had been (its journal came back).
  Connect("a");
  v1::KnownCommands known;
  known.add_never_seen(command.command_id());
  core_->events().OnKnown("a", known);
  ASSERT_TRUE(core_->CloseIncident(close, "ann").ok());
  v1::OperationReport report = Report(command, v1::OUTCOME_SUCCEEDED);
  report.mutable_result()->mutable_contain()->mutable_lock()->set_snapshot_id("late");
  core_->events().OnReport("a", report);
  const v1::Incident incident = GetIncident(run->incident_id());
  EXPECT_EQ(incident.state(), v1::INCIDENT_STATE_CONTAINED);
  EXPECT_EQ(incident.obligations_size(), 1);
}

TEST_F(CoreTest, AReportThatCannotBeKeptIsAskedForAgain) {
  v1::Operation contain;
  contain.mutable_contain();
  const auto run = StartOne(contain, "", "name=mx-a");
  ASSERT_TRUE(run.ok()) << run.status();
  v1::OperationReport report = Report(link_.Commands("a")[0], v1::OUTCOME_SUCCEEDED);
  report.mutable_result()->mutable_contain()->mutable_lock()->set_snapshot_id("s");
  const auto sql = [&](const char* text) {
    sqlite3* db = nullptr;
    ASSERT_EQ(sqlite3_open((folder_ + "/store").c_str(), &db), SQLITE_OK);
    EXPECT_EQ(sqlite3_exec(db, text, nullptr, nullptr, nullptr), SQLITE_OK) << sqlite3_errmsg(db);
    sqlite3_close(db);
  };
  sql("CREATE TRIGGER full BEFORE INSERT ON obligations BEGIN SELECT RAISE(ABORT, 'full'); END");
  core_->events().OnReport("a", report);
  EXPECT_FALSE(link_.IsOnline("a")) << "it was acknowledged";
  EXPECT_EQ(GetIncident(run->incident_id()).obligations_size(), 0);
  sql("DROP TRIGGER full");
  Connect("a");
  core_->events().OnReport("a", report);
  EXPECT_TRUE(link_.IsOnline("a"));
  EXPECT_EQ(GetIncident(run->incident_id()).obligations_size(), 1);
}

TEST_F(CoreTest, ARefillingQueueSendsTheIncidentBack) {
  const auto run = Start("contain");
  AnswerAll(v1::WATCH_VERDICT_REFILLING);
  EXPECT_EQ(GetIncident(run->incident_id()).state(), v1::INCIDENT_STATE_REFILLING);
  ASSERT_TRUE(Start("contain", run->incident_id()).ok());
  EXPECT_EQ(GetIncident(run->incident_id()).state(), v1::INCIDENT_STATE_CONTAINING);
}

TEST_F(CoreTest, AnIncidentIsContainedAndCleanOnlyWhenEachOfItsHostsIs) {
  const auto run = Start("contain");
  ASSERT_TRUE(run.ok()) << run.status();
  const std::string id = run->incident_id();
  // The first wave's host cannot be locked: the others are not touched.
  const v1::Command first = link_.Commands().front();
  core_->events().OnReport(first.host_id(), Report(first, v1::OUTCOME_FAILED));
  answered_ = link_.sent.size();
  EXPECT_EQ(GetIncident(id).state(), v1::INCIDENT_STATE_CONTAINING);
  clock_.Sleep(absl::Minutes(5));
  ASSERT_TRUE(Start("contain", id, {"mx-b"}).ok());
  AnswerAll();
  v1::Incident incident = GetIncident(id);
  EXPECT_EQ(incident.state(), v1::INCIDENT_STATE_CONTAINING) << "one of three hosts";
  EXPECT_FALSE(incident.has_contain_time());
  EXPECT_THAT(incident.timeline().rbegin()->text(), ::testing::HasSubstr(": mx-a, mx-c"));
  ASSERT_TRUE(Start("contain", id, {"mx-a", "mx-c"}).ok());
  AnswerAll();
  incident = GetIncident(id);
  EXPECT_EQ(incident.state(), v1::INCIDENT_STATE_CLEAN);
  EXPECT_EQ(incident.time_to_contain().seconds(), 300);
}

TEST_F(CoreTest, ALateReportOfAnOldRunDoesNotSendAnIncidentBack) {
  const auto run = Start("contain");
  ASSERT_TRUE(run.ok()) << run.status();
  AnswerAll();
  const std::string id = run->incident_id();
  v1::Operation restore;
  restore.mutable_restore();
  ASSERT_TRUE(StartOne(restore, id).ok());
  EXPECT_EQ(GetIncident(id).state(), v1::INCIDENT_STATE_RESTORING);
  const int noted = GetIncident(id).timeline_size();
  const v1::Command contain = link_.Commands("a").front();
  core_->events().OnReport("a", Report(contain, v1::OUTCOME_SUCCEEDED));
  EXPECT_EQ(GetIncident(id).state(), v1::INCIDENT_STATE_RESTORING);
  EXPECT_EQ(GetIncident(id).timeline_size(), noted);
}

TEST_F(CoreTest, OneHostsOpenRelayKeepsNoOtherFromBeingRestoredAndARefusalResolvesNothing) {
  open_relay_ = true;
  const auto run = Start("contain", "", {"mx-a"});
  ASSERT_TRUE(run.ok()) << run.status();
  AnswerAll();
  open_relay_ = false;
  const std::string id = run->incident_id();
  ASSERT_TRUE(Start("contain", id, {"mx-b"}).ok());
  AnswerAll();
  v1::AddCauseRequest stolen;
  stolen.set_incident_id(id);
  stolen.set_kind("account");
  stolen.set_value("alice");
  const auto cause = core_->AddCause(stolen, "ann");
  ASSERT_TRUE(cause.ok());
  v1::Operation restore;
  auto* decision = restore.mutable_restore()->add_decisions();
  decision->set_key("main.cf:mynetworks");
  decision->set_choice(v1::RESTORE_CHOICE_KEEP_AS_FIX);
  decision->set_reason("it was the hole");
  EXPECT_EQ(ReasonOf(StartOne(restore, id, "name=mx-a").status()), "CAUSE_UNRESOLVED");
  const v1::Incident after = GetIncident(id);
  for (const v1::Cause& one : after.causes()) EXPECT_FALSE(one.resolved()) << one.value();
  v1::ResolveCauseRequest resolve;
  resolve.set_incident_id(id);
  resolve.set_cause_id(cause->causes().rbegin()->cause_id());
  resolve.set_how("password changed");
  ASSERT_TRUE(core_->ResolveCause(resolve, "ann").ok());
  // The decision is not about mx-a here, and mx-a's hole is none of mx-b.
  ASSERT_TRUE(StartOne(restore, id, "name=mx-b").ok());
  EXPECT_FALSE(GetIncident(id).causes(0).resolved());
  ASSERT_TRUE(StartOne(restore, id, "name=mx-a").ok());
  EXPECT_FALSE(GetIncident(id).causes(0).resolved()) << "the host has not kept it yet";
  v1::OperationReport report = Report(link_.Commands("a").back(), v1::OUTCOME_SUCCEEDED);
  auto* setting = report.mutable_result()->mutable_restore()->add_settings();
  setting->mutable_setting()->set_key("main.cf:mynetworks");
  setting->set_state(v1::RestoredSetting::STATE_KEPT_AS_FIX);
  core_->events().OnReport("a", report);
  EXPECT_TRUE(GetIncident(id).causes(0).resolved());
}

TEST_F(CoreTest, ACauseThatIsNamedAgainIsOpenAgain) {
  v1::OpenIncidentRequest open;
  open.set_request_id("r");
  const std::string id = core_->OpenIncident(open, "ann")->incident_id();
  v1::AddCauseRequest stolen;
  stolen.set_incident_id(id);
  stolen.set_kind("account");
  stolen.set_value("alice");
  v1::ResolveCauseRequest resolve;
  resolve.set_incident_id(id);
  resolve.set_cause_id(core_->AddCause(stolen, "ann")->causes(0).cause_id());
  resolve.set_how("password changed");
  ASSERT_TRUE(core_->ResolveCause(resolve, "ann")->causes(0).resolved());
  const auto again = core_->AddCause(stolen, "ann");
  ASSERT_EQ(again->causes_size(), 1);
  EXPECT_FALSE(again->causes(0).resolved());
}

TEST_F(CoreTest, EachHostThatRefillsIsLockedByItself) {
  const auto run = Start("restore", "", {"mx-a", "mx-b", "mx-c"});
  ASSERT_TRUE(run.ok()) << run.status();
  while (Get(run->run_id()).state() == v1::RUN_STATE_RUNNING)
    AnswerAll(v1::WATCH_VERDICT_REFILLING);
  for (const char* id : {"a", "b", "c"}) {
    const auto commands = link_.Commands(id);
    const auto locks = std::count_if(commands.begin(), commands.end(), [](const auto& command) {
      return command.operation().has_relay_lock();
    });
    EXPECT_EQ(locks, 1) << id;
  }
}

TEST_F(CoreTest, ALockThatARefillCallsForIsNotLostWithTheController) {
  const auto run = Start("restore", "", {"mx-b"});
  ASSERT_TRUE(run.ok()) << run.status();
  while (Get(run->run_id()).state() == v1::RUN_STATE_RUNNING)
    AnswerAll(v1::WATCH_VERDICT_REFILLING);
  core_.reset();
  // As if it had died between the end of that run and the start of the next.
  sqlite3* db = nullptr;
  ASSERT_EQ(sqlite3_open((folder_ + "/store").c_str(), &db), SQLITE_OK);
  const std::string forget =
      "DELETE FROM runs WHERE request_id LIKE 'relock:" + run->run_id() + "%'";
  ASSERT_EQ(sqlite3_exec(db, forget.c_str(), nullptr, nullptr, nullptr), SQLITE_OK);
  ASSERT_EQ(sqlite3_changes(db), 1);
  sqlite3_close(db);
  link_.sent.clear();
  OpenCore();
  ASSERT_TRUE(core_->Resume().ok());
  ASSERT_EQ(link_.Commands("b").size(), 1u);
  EXPECT_TRUE(link_.Commands("b")[0].operation().has_relay_lock());
  ASSERT_TRUE(core_->Resume().ok());
  EXPECT_EQ(link_.Commands("b").size(), 1u) << "it was locked twice";
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
  std::vector<std::string> actors;
  const auto entries = core_->ListAuditEntries({});
  ASSERT_TRUE(entries.ok());
  for (const auto& entry : entries->entries()) {
    if (entry.action() == "host.local-operation") actors.push_back(entry.actor());
  }
  ASSERT_FALSE(actors.empty());
  EXPECT_THAT(actors, ::testing::Each("host:mx-a"));
}

TEST_F(CoreTest, AHostThatIsCalledLikeAnOperatorIsNotTheSameActor) {
  ASSERT_TRUE(core_->UpsertEnrolledHost("d", "ann", {}, "1").ok());
  ASSERT_TRUE(core_->Audit("ann", "test", "{}").ok());
  std::map<std::string, std::string> actors;
  const auto entries = core_->ListAuditEntries({});
  ASSERT_TRUE(entries.ok());
  for (const auto& entry : entries->entries()) actors[entry.action()] = entry.actor();
  EXPECT_EQ(actors["host.enrol"], "host:ann");
  EXPECT_EQ(actors["test"], "ann");
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

}  // namespace
}  // namespace mailquench::controller
