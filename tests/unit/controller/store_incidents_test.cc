// What is read of incidents and their runs at once.
#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>

#include "controller/store/store.h"

namespace mailquench::controller {
namespace {

class StoreIncidentsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/mq-store-XXXXXX";
    folder_ = mkdtemp(name);
    auto store = Store::Open(folder_ + "/store");
    ASSERT_TRUE(store.ok()) << store.status();
    store_ = *std::move(store);
  }
  void TearDown() override {
    store_.reset();
    std::filesystem::remove_all(folder_);
  }
  void Incident(const std::string& id, std::int64_t opened, v1::IncidentState state) {
    v1::Incident incident;
    incident.set_incident_id(id);
    incident.set_state(state);
    incident.mutable_open_time()->set_seconds(opened);
    ASSERT_TRUE(store_->InsertIncident(incident, "request-" + id).ok());
  }
  void Run(const std::string& id,
           const std::string& incident,
           std::int64_t start,
           const std::vector<std::string>& hosts) {
    v1::Run run;
    run.set_run_id(id);
    run.set_incident_id(incident);
    run.set_state(v1::RUN_STATE_RUNNING);
    run.mutable_start_time()->set_seconds(start);
    for (const std::string& host_id : hosts) {
      v1::RunHost* host = run.add_hosts();
      host->set_host_id(host_id);
      for (int step = 0; step < 2; ++step) {
        v1::HostStep* one = host->add_steps();
        one->set_step(step);
        one->set_command_id(id + "/" + host_id + "/" + std::to_string(step));
      }
    }
    ASSERT_TRUE(store_->InsertRun(run, "request-" + id).ok());
  }
  void Owe(const std::string& id, const std::string& incident, const std::string& host) {
    v1::Obligation obligation;
    obligation.set_obligation_id(id);
    obligation.set_host_id(host);
    ASSERT_TRUE(store_->PutObligation(incident, obligation).ok());
  }

  std::string folder_;
  std::unique_ptr<Store> store_;
};

TEST_F(StoreIncidentsTest, TheOpenIncidentsOfAHostAreNewestFirst) {
  Incident("old", 100, v1::INCIDENT_STATE_OPEN);
  Incident("new", 200, v1::INCIDENT_STATE_CLEAN);
  Incident("over", 300, v1::INCIDENT_STATE_CLOSED);
  Run("1", "old", 110, {"a", "b"});
  Run("2", "new", 210, {"b"});
  Run("3", "over", 310, {"a", "b"});
  Run("4", "old", 220, {"b"});  // Twice in one incident is once.
  Owe("o1", "new", "c");
  Owe("o2", "over", "d");
  const auto by_host = store_->OpenIncidentsByHost();
  ASSERT_TRUE(by_host.ok()) << by_host.status();
  const std::map<std::string, std::vector<std::string>> expected = {
      {"a", {"old"}}, {"b", {"new", "old"}}, {"c", {"new"}}};
  EXPECT_EQ(*by_host, expected);
}

TEST_F(StoreIncidentsTest, AllIncidentsAreWhatEachOneIs) {
  Incident("old", 100, v1::INCIDENT_STATE_OPEN);
  Incident("new", 200, v1::INCIDENT_STATE_OPEN);
  Incident("over", 300, v1::INCIDENT_STATE_CLOSED);
  Run("2", "old", 120, {"a"});
  Run("1", "old", 110, {"a"});
  Run("3", "over", 310, {"a"});
  Owe("o1", "old", "a");
  Owe("o2", "old", "b");
  for (const bool closed : {false, true}) {
    const auto all = store_->AllIncidents(closed);
    ASSERT_TRUE(all.ok()) << all.status();
    ASSERT_EQ(all->size(), closed ? 3U : 2U);
    EXPECT_EQ(all->front().incident_id(), closed ? "over" : "new");
    EXPECT_EQ(all->back().incident_id(), "old");
    for (const v1::Incident& incident : *all) {
      const auto one = store_->FindIncident(incident.incident_id());
      ASSERT_TRUE(one.ok()) << one.status();
      EXPECT_EQ(incident.DebugString(), one->DebugString());
    }
  }
}

TEST_F(StoreIncidentsTest, TheRunsOfAnIncidentAreWhatEachOneIs) {
  Incident("one", 100, v1::INCIDENT_STATE_OPEN);
  Run("2", "one", 120, {"a", "b"});
  Run("1", "one", 110, {"b", "a"});
  Run("3", "two", 130, {"a"});
  const auto runs = store_->RunsOfIncident("one");
  ASSERT_TRUE(runs.ok()) << runs.status();
  ASSERT_EQ(runs->size(), 2U);
  EXPECT_EQ(runs->front().run_id(), "2");
  for (const v1::Run& run : *runs) {
    const auto found = store_->FindRun(run.run_id());
    ASSERT_TRUE(found.ok()) << found.status();
    EXPECT_EQ(run.DebugString(), found->DebugString());
    EXPECT_EQ(run.hosts(0).steps_size(), 2);
  }
  EXPECT_EQ(store_->RunsOfIncident("none")->size(), 0U);
}

TEST_F(StoreIncidentsTest, HostsThatAreNotActive) {
  for (const auto& [id, state] :
       std::map<std::string, v1::HostState>{{"a", v1::HOST_STATE_ACTIVE},
                                            {"b", v1::HOST_STATE_BANNED},
                                            {"c", v1::HOST_STATE_EVICTED}}) {
    Store::HostRow row;
    row.serial = "serial-" + id;
    row.host.set_host_id(id);
    row.host.set_state(state);
    ASSERT_TRUE(store_->PutHost(row).ok());
  }
  const auto gone = store_->HostsNotActive();
  ASSERT_TRUE(gone.ok()) << gone.status();
  EXPECT_EQ(*gone, (std::set<std::string>{"b", "c"}));
  const auto all = store_->AllHosts();
  ASSERT_TRUE(all.ok()) << all.status();
  ASSERT_EQ(all->size(), 3U);
  for (const Store::HostRow& row : *all) EXPECT_EQ(row.serial, "serial-" + row.host.host_id());
}

TEST_F(StoreIncidentsTest, ARepeatOfAWriteKeepsNothingOfTheOneBefore) {
  // The statement is prepared once: a shorter value is not followed by the rest of a longer one.
  Incident("a", 100, v1::INCIDENT_STATE_OPEN);
  v1::Incident incident = *store_->FindIncident("a");
  incident.set_title(std::string(1000, 't'));
  ASSERT_TRUE(store_->PutIncident(incident).ok());
  incident.clear_title();
  ASSERT_TRUE(store_->PutIncident(incident).ok());
  EXPECT_EQ(store_->FindIncident("a")->title(), "");
  // Nor does one that failed spoil the next.
  EXPECT_FALSE(store_->InsertIncident(incident, "request-a").ok());
  incident.set_incident_id("b");
  EXPECT_TRUE(store_->InsertIncident(incident, "request-b").ok());
  EXPECT_EQ(store_->FindIncident("b")->incident_id(), "b");
}

}  // namespace
}  // namespace mailquench::controller
