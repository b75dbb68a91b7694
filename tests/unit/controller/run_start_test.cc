// The beginning of a run is one change of the store.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sqlite3.h>

#include <atomic>
#include <thread>

#include "tests/unit/controller/core_fixture.h"

namespace mailquench::controller {
namespace {

using testing::HasSubstr;

class RunStartTest : public CoreTest {
 protected:
  void SetUp() override {
    CoreTest::SetUp();
    v1::OpenIncidentRequest request;
    request.set_title("flood");
    incident_ = core_->OpenIncident(request, "ann")->incident_id();
  }
  void Sql(const std::string& statement) {
    sqlite3* db = nullptr;
    ASSERT_EQ(sqlite3_open((folder_ + "/store").c_str(), &db), SQLITE_OK);
    sqlite3_busy_timeout(db, 5000);
    EXPECT_EQ(sqlite3_exec(db, statement.c_str(), nullptr, nullptr, nullptr), SQLITE_OK)
        << sqlite3_errmsg(db);
    sqlite3_close(db);
  }
  absl::StatusOr<v1::Run> StartAgain() {
    v1::StartRunRequest request;
    request.set_request_id("the-same");
    request.mutable_plan()->set_playbook("contain");
    request.mutable_plan()->set_incident_id(incident_);
    request.mutable_plan()->add_hosts("a");
    return core_->StartRun(request, "ann");
  }
  std::string Timeline() {
    std::string all;
    const v1::Incident incident = GetIncident(incident_);
    for (const auto& entry : incident.timeline()) all += entry.text() + "\n";
    return all;
  }
  std::vector<std::string> Audited() {
    std::vector<std::string> actions;
    const auto entries = core_->ListAuditEntries({});
    for (const v1::AuditEntry& entry : entries->entries()) {
      if (entry.action() != "host.enrol") actions.push_back(entry.action());
    }
    return actions;
  }

  std::string incident_;
};

TEST_F(RunStartTest, WhatCannotBeKeptInOnePlaceIsKeptInNone) {
  for (const char* table : {"audit", "runs", "commands", "run_steps"}) {
    Sql(std::string("CREATE TRIGGER full BEFORE INSERT ON ") + table +
        " BEGIN SELECT RAISE(ABORT, 'no room'); END");
    const auto run = StartAgain();
    EXPECT_EQ(run.status().code(), absl::StatusCode::kInternal) << table << ": " << run.status();
    EXPECT_TRUE(link_.Commands().empty()) << table;
    EXPECT_EQ(core_->ListRuns({})->runs_size(), 0) << table;
    EXPECT_THAT(Timeline(), Not(HasSubstr("started"))) << table;
    EXPECT_THAT(Audited(), testing::ElementsAre("incident.open")) << table;
    core_->Tick();  // Nothing of it goes on.
    EXPECT_TRUE(link_.Commands().empty()) << table;
    Sql("DROP TRIGGER full");
  }
  const auto run = StartAgain();
  ASSERT_TRUE(run.ok()) << run.status();
  ASSERT_EQ(link_.Commands("a").size(), 1U);
  EXPECT_THAT(Timeline(), HasSubstr("run " + run->run_id() + " started"));
  EXPECT_THAT(Audited(), testing::ElementsAre("incident.open", "run.start"));
  EXPECT_TRUE(core_->VerifyAudit()->intact());
  // A controller that is killed now knows what it has sent.
  core_.reset();
  OpenCore();
  ASSERT_TRUE(core_->Resume().ok());
  Connect("a");
  bool asked = false;
  for (const auto& [host, message] : link_.sent) {
    for (const std::string& id : message.reconcile().command_ids())
      asked |= id == link_.Commands("a")[0].command_id();
  }
  EXPECT_TRUE(asked);
  EXPECT_EQ(link_.Commands("a").size(), 1U);
}

TEST_F(RunStartTest, WhoeverWritesAtTheSameTimeWaitsForNobodyForEver) {
  std::atomic<bool> stop{false};
  std::vector<std::thread> others;
  others.emplace_back([&] {
    while (!stop) EXPECT_TRUE(core_->Audit("ann", "test", "{}").ok());
  });
  others.emplace_back([&] {
    while (!stop) core_->events().OnConnected("c", v1::Hello());
  });
  others.emplace_back([&] {
    v1::AddNoteRequest note;
    note.set_incident_id(incident_);
    note.set_text("a word");
    while (!stop) EXPECT_TRUE(core_->AddNote(note, "ann").ok());
  });
  for (int i = 0; i < 20; ++i) {
    const auto run = StartOne(Status(), incident_, "name=mx-a");
    EXPECT_TRUE(run.ok()) << run.status();
  }
  stop = true;
  for (std::thread& one : others) one.join();
  EXPECT_TRUE(core_->VerifyAudit()->intact());
}

}  // namespace
}  // namespace mailquench::controller
