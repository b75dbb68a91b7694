// From the reports of agents to the table, and to what stands in the way of a restore.
#include "controller/antivirus/postures.h"

#include "tests/unit/controller/core_fixture.h"

namespace mailquench::controller {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class PosturesTest : public CoreTest {
 protected:
  // What an agent reports of one operation, as a run of it brings it.
  v1::Run Report(const std::string& host,
                 const v1::Operation& operation,
                 const v1::OperationResult& result,
                 v1::Outcome outcome = v1::OUTCOME_SUCCEEDED,
                 const std::string& incident = "") {
    clock_.Sleep(absl::Seconds(10));
    const auto run = StartOne(operation, incident, "name=mx-" + host);
    EXPECT_TRUE(run.ok()) << run.status();
    v1::OperationReport report = CoreTest::Report(link_.Commands(host).back(), outcome);
    *report.mutable_result() = result;
    core_->events().OnReport(host, report);
    answered_ = link_.sent.size();
    return Get(run->run_id());
  }
  void Says(const std::string& host, absl::Duration age) {
    v1::Operation operation;
    operation.mutable_antivirus_status();
    v1::OperationResult result;
    v1::AntivirusProduct* const product = result.mutable_antivirus_status()->add_products();
    product->set_product("ClamAV");
    product->set_running(true);
    product->mutable_signature_time()->set_seconds(absl::ToUnixSeconds(clock_.Now() - age));
    Report(host, operation, result);
  }
  void Scans(const std::string& host,
             v1::ScanKind kind,
             const std::vector<std::string>& found,
             const std::string& incident = "",
             const std::vector<std::string>& paths = {},
             bool partial = false,
             const std::function<void(v1::AntivirusScanResult*)>& also = nullptr) {
    v1::Operation operation;
    operation.mutable_antivirus_scan()->set_kind(kind);
    for (const std::string& path : paths) operation.mutable_antivirus_scan()->add_paths(path);
    v1::OperationResult result;
    v1::AntivirusScanResult* const scan = result.mutable_antivirus_scan();
    for (const std::string& path : found) {
      v1::AntivirusFinding* const finding = scan->add_findings();
      finding->set_path(path);
      finding->set_signature("Eicar");
      finding->set_action("found");
    }
    scan->set_finding_count(static_cast<std::int64_t>(found.size()));
    scan->set_partial(partial);
    if (also) also(scan);
    Report(host, operation, result, v1::OUTCOME_SUCCEEDED, incident);
  }
  std::map<std::string, v1::PostureRow> Rows(const std::string& selector = "") {
    v1::GetPostureRequest request;
    request.set_selector(selector);
    const auto posture = core_->antivirus().Get(request);
    EXPECT_TRUE(posture.ok()) << posture.status();
    std::map<std::string, v1::PostureRow> rows;
    for (const v1::PostureRow& row : posture->rows()) rows[row.name()] = row;
    return rows;
  }
  std::string StateOf(const std::string& name) { return PostureName(Rows()[name].state()); }
};

TEST_F(PosturesTest, TheTableIsOfTheFleetAndOfWhatIsMissingInIt) {
  Says("a", absl::Hours(1));
  Says("b", absl::Hours(24 * 9));
  Cut("b");
  v1::ImportInventoryRequest import;
  import.add_machines()->set_name("MX-A");
  import.mutable_machines(0)->set_kind("server");
  import.add_machines()->set_name("ws-1");
  import.mutable_machines(1)->set_kind("workstation");
  const auto imported = core_->ImportInventory(import, "ann");
  ASSERT_TRUE(imported.ok()) << imported.status();
  EXPECT_EQ(imported->not_enrolled(), 1);
  EXPECT_EQ(imported->enrolled_only(), 2);
  EXPECT_EQ(StateOf("mx-a"), "up-to-date");
  EXPECT_EQ(Rows()["mx-a"].kind(), "server");
  EXPECT_EQ(StateOf("mx-b"), "unreachable");
  EXPECT_EQ(Rows()["mx-b"].before(), v1::POSTURE_STATE_STALE);
  EXPECT_EQ(StateOf("mx-c"), "unknown");
  EXPECT_EQ(StateOf("ws-1"), "not-enrolled");
  const auto posture = core_->antivirus().Get({});
  EXPECT_EQ(posture->rows(3).name(), "mx-a");  // The best one comes last.
  EXPECT_EQ(posture->counts().at("not-enrolled"), 1);
  EXPECT_THAT(Rows("name=mx-a"), SizeIs(1));
  // All of it is still there after a restart.
  core_.reset();
  OpenCore();
  Connect("a");
  EXPECT_EQ(StateOf("mx-a"), "up-to-date");
  EXPECT_EQ(StateOf("ws-1"), "not-enrolled");
  // A table that is wrong leaves the one from before.
  import.add_machines()->set_name("no name");
  EXPECT_EQ(ReasonOf(core_->ImportInventory(import, "ann").status()), "BAD_INVENTORY");
  EXPECT_EQ(StateOf("ws-1"), "not-enrolled");
}

TEST_F(PosturesTest, AFindingStaysUntilAScanThatLookedThereFindsItNoMore) {
  Says("a", absl::Hours(1));
  Scans("a", v1::SCAN_KIND_QUICK, {"/tmp/x", "/srv/y"});
  EXPECT_EQ(StateOf("mx-a"), "infected");
  EXPECT_EQ(Rows()["mx-a"].findings(), 2);
  Scans("a", v1::SCAN_KIND_QUICK, {});  // It says nothing of what lies elsewhere.
  EXPECT_EQ(Rows()["mx-a"].findings(), 2);
  Scans("a", v1::SCAN_KIND_PATHS, {}, "", {"/tmp"});
  EXPECT_EQ(Rows()["mx-a"].findings(), 1);
  Scans("a", v1::SCAN_KIND_FULL, {}, "", {}, true);  // It did not come to its end.
  EXPECT_EQ(Rows()["mx-a"].findings(), 1);
  Scans("a", v1::SCAN_KIND_FULL, {});
  EXPECT_EQ(StateOf("mx-a"), "up-to-date");
}

TEST_F(PosturesTest, WhatNobodyHasReadIsNotClean) {
  Says("a", absl::Hours(1));
  const auto by = [](const std::string& product) {
    return
        [product](v1::AntivirusScanResult* scan) { scan->mutable_product()->set_product(product); };
  };
  Scans("a", v1::SCAN_KIND_FULL, {"/srv/mail/x"}, "", {}, false, by("Second"));
  const auto found = [&] { return Rows()["mx-a"].findings(); };
  // It is the one that had missed it.
  Scans("a", v1::SCAN_KIND_FULL, {}, "", {}, false, by("ClamAV"));
  EXPECT_EQ(found(), 1);
  // It is too large by now, or may be among those of which nobody says the name.
  const auto unread = [&](std::int64_t count, const std::string& sample) {
    return [=](v1::AntivirusScanResult* scan) {
      by("Second")(scan);
      scan->set_unread(count);
      scan->add_unread_samples(sample);
    };
  };
  Scans("a", v1::SCAN_KIND_FULL, {}, "", {}, false, unread(1, "/srv/mail/x: too large"));
  EXPECT_EQ(found(), 1);
  Scans("a", v1::SCAN_KIND_FULL, {}, "", {}, false, unread(2, "/srv/other: too large"));
  EXPECT_EQ(found(), 1);
  // The folder was left out.
  Scans("a", v1::SCAN_KIND_FULL, {}, "", {}, false, [&](v1::AntivirusScanResult* scan) {
    by("Second")(scan);
    scan->add_not_entered("/srv/mail");
  });
  EXPECT_EQ(found(), 1);
  // What lies beside it was.
  Scans("a", v1::SCAN_KIND_FULL, {}, "", {}, false, [&](v1::AntivirusScanResult* scan) {
    unread(1, "/srv/mail/xy: too large")(scan);
    scan->add_not_entered("/srv/mai");
  });
  EXPECT_EQ(found(), 0);
}

TEST_F(PosturesTest, AWaiverEndsWithWhatItWasFor) {
  Says("a", absl::Hours(24 * 9));
  v1::WaiveHostRequest waive;
  waive.set_host("mx-a");
  waive.set_reason("tonight");
  ASSERT_TRUE(core_->WaiveAntivirus(waive, "ann").ok());
  const std::string id = Rows()["mx-a"].host_id();
  EXPECT_EQ(*core_->antivirus().Blocker(id), "");
  Scans("a", v1::SCAN_KIND_QUICK, {"/tmp/x"});
  EXPECT_THAT(*core_->antivirus().Blocker(id), HasSubstr("infected"));
  Scans("a", v1::SCAN_KIND_FULL, {});
  ASSERT_TRUE(core_->WaiveAntivirus(waive, "ann").ok());
  Says("a", absl::Hours(1));
  Says("a", absl::Hours(24 * 9));
  EXPECT_THAT(*core_->antivirus().Blocker(id), HasSubstr("stale"));
}

TEST_F(PosturesTest, WhatTheProductTookAwayIsNoFindingAnyMore) {
  Scans("a", v1::SCAN_KIND_QUICK, {"/tmp/x"});
  v1::Operation operation;
  operation.mutable_antivirus_scan()->set_remove(true);
  v1::OperationResult result;
  v1::AntivirusFinding* const finding = result.mutable_antivirus_scan()->add_findings();
  finding->set_path("/tmp/x");
  finding->set_action("quarantined");
  result.mutable_antivirus_scan()->set_finding_count(1);
  Report("a", operation, result);
  EXPECT_EQ(Rows()["mx-a"].findings(), 0);
}

TEST_F(PosturesTest, AnInfectedHostIsAStepOfTheIncidentUntilItIsClean) {
  v1::OpenIncidentRequest open;
  open.set_title("fire");
  const std::string id = core_->OpenIncident(open, "ann")->incident_id();
  Scans("a", v1::SCAN_KIND_FULL, {"/tmp/x"}, id);
  Scans("a", v1::SCAN_KIND_FULL, {"/tmp/x", "/tmp/z"}, id);
  const auto owed = [&] { return GetIncident(id).obligations(); };
  ASSERT_THAT(owed(), SizeIs(1));
  EXPECT_THAT(owed()[0].duty(), HasSubstr("clean mx-a of Eicar in /tmp/x and of 1 findings more"));
  v1::CloseIncidentRequest close;
  close.set_incident_id(id);
  EXPECT_EQ(ReasonOf(core_->CloseIncident(close, "ann").status()), "OBLIGATION_OUTSTANDING");
  Scans("a", v1::SCAN_KIND_FULL, {}, id);
  EXPECT_EQ(owed()[0].state(), v1::Obligation::STATE_DONE);
  Scans("a", v1::SCAN_KIND_FULL, {"/tmp/x"}, id);  // Again.
  ASSERT_THAT(owed(), SizeIs(2));
  EXPECT_EQ(owed()[0].state() == v1::Obligation::STATE_OUTSTANDING,
            owed()[1].state() == v1::Obligation::STATE_DONE);
}

TEST_F(PosturesTest, AStaleHostBlocksItsOwnRestoreAlone) {
  Says("a", absl::Hours(24 * 9));
  Says("b", absl::Hours(1));
  v1::PlanRunRequest wanted;
  wanted.set_playbook("restore");
  wanted.set_selector("role=edge");
  wanted.set_skip_agents(true);
  const auto plan = core_->PlanRun(wanted, "ann");
  ASSERT_TRUE(plan.ok()) << plan.status();
  EXPECT_THAT(plan->hosts(0).refusal(), HasSubstr("stale"));
  EXPECT_THAT(plan->hosts(1).refusal(), IsEmpty());
  const auto run = Start("restore");
  ASSERT_TRUE(run.ok()) << run.status();
  AnswerAll();
  const v1::Run ended = Get(run->run_id());
  ASSERT_THAT(ended.hosts(), SizeIs(3));
  EXPECT_EQ(ended.hosts(0).outcome(), v1::OUTCOME_REFUSED);
  EXPECT_EQ(ended.hosts(0).steps(0).report().operation(), "restore");
  EXPECT_THAT(ended.hosts(0).steps(0).report().error().message(), HasSubstr("waive mx-a"));
  EXPECT_EQ(ended.hosts(0).steps(1).report().outcome(), v1::OUTCOME_CANCELLED);
  EXPECT_FALSE(ended.hosts(0).steps(0).sent());
  // The others were not kept waiting by it, although it was the first wave.
  EXPECT_EQ(ended.hosts(1).outcome(), v1::OUTCOME_SUCCEEDED);
  EXPECT_EQ(ended.hosts(2).outcome(), v1::OUTCOME_SUCCEEDED);

  v1::WaiveHostRequest waive;
  waive.set_host("mx-a");
  EXPECT_EQ(ReasonOf(core_->WaiveAntivirus(waive, "ann").status()), "NO_REASON");
  waive.set_reason("updates come tonight");
  ASSERT_TRUE(core_->WaiveAntivirus(waive, "ann").ok());
  EXPECT_EQ(Rows()["mx-a"].waived_by(), "ann");
  const auto again = Start("restore", "", {"mx-a"});
  ASSERT_TRUE(again.ok());
  AnswerAll();
  EXPECT_EQ(Get(again->run_id()).hosts(0).outcome(), v1::OUTCOME_SUCCEEDED);
  clock_.Sleep(absl::Hours(25));
  EXPECT_EQ(Rows()["mx-a"].waived_by(), "");
}

}  // namespace
}  // namespace mailquench::controller
