// antivirus, and quarantine scan: what is asked of the hosts, and how the answers read.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cli/core/operation_text.h"
#include "tests/unit/cli/fake_controller.h"

namespace mailquench::cli {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

class AntivirusTest : public ::testing::Test {
 protected:
  AntivirusTest() {
    controller_.plan.set_plan_hash("hash");
    controller_.plan.add_hosts()->set_name("mx1");
    controller_.plan.mutable_hosts(0)->set_host_id("id-mx1");
    controller_.hosts.add_hosts()->set_name("mx1");
    controller_.started.set_run_id("r1");
    controller_.started.add_hosts();
    v1::RunEvent event;
    event.mutable_run()->set_run_id("r1");
    event.mutable_run()->set_state(v1::RUN_STATE_SUCCEEDED);
    event.mutable_run()->add_hosts()->set_outcome(v1::OUTCOME_SUCCEEDED);
    controller_.events.push_back(event);
  }
  const v1::Operation& Started() {
    return controller_.starts.at(controller_.starts.size() - 1).plan().operation();
  }
  std::string Describe(const v1::OperationResult& result) {
    v1::OperationReport report;
    *report.mutable_result() = result;
    return cli::Describe(report);
  }
  FakeController controller_;
};

TEST_F(AntivirusTest, TheVerbsAreRunsOfOneOperation) {
  RunCli(&controller_, {"antivirus", "status", "-l", "role=edge"});
  ASSERT_THAT(controller_.starts, SizeIs(1));
  EXPECT_TRUE(Started().has_antivirus_status());
  RunCli(&controller_, {"antivirus", "update", "-l", "role=edge", "--yes"});
  EXPECT_TRUE(Started().has_antivirus_update());
  RunCli(&controller_, {"antivirus", "scan", "-l", "role=edge"});
  EXPECT_EQ(Started().antivirus_scan().kind(), v1::SCAN_KIND_QUICK);
  RunCli(&controller_, {"antivirus", "scan", "-l", "role=edge", "--full", "--second-opinion"});
  EXPECT_EQ(Started().antivirus_scan().kind(), v1::SCAN_KIND_FULL);
  EXPECT_TRUE(Started().antivirus_scan().second_opinion());
  RunCli(&controller_, {"antivirus", "scan", "--hosts", "mx1", "--path", "/a", "--path", "/b"});
  EXPECT_EQ(Started().antivirus_scan().kind(), v1::SCAN_KIND_PATHS);
  EXPECT_THAT(Started().antivirus_scan().paths(), ElementsAre("/a", "/b"));
}

TEST_F(AntivirusTest, WhatTakesFilesAwayIsAskedAbout) {
  EXPECT_EQ(RunCli(&controller_, {"antivirus", "scan", "-l", "role=edge", "--remove"}).code, 1);
  EXPECT_THAT(controller_.starts, IsEmpty());
  EXPECT_EQ(RunCli(&controller_, {"antivirus", "scan", "-l", "a", "--full", "--path", "/x"}).code,
            1);
}

TEST_F(AntivirusTest, AQuarantineIsScannedAndAFindingLetThrough) {
  auto* held = controller_.quarantines.add_quarantines();
  held->set_host_id("id-mx1");
  held->mutable_quarantine()->set_quarantine_id("q1");
  held->mutable_quarantine()->mutable_scan_time()->set_seconds(1800000000);
  held->mutable_quarantine()->set_infected(3);
  held->mutable_quarantine()->set_not_scanned(2);
  RunCli(&controller_, {"quarantine", "scan", "q1", "--again"});
  ASSERT_THAT(controller_.starts, SizeIs(1));
  EXPECT_TRUE(Started().quarantine_scan().again());
  RunCli(&controller_, {"quarantine", "release", "q1", "--false-positive", "A1", "--false-positive",
                        "A2", "--yes"});
  EXPECT_THAT(Started().quarantine_release().false_positives(), ElementsAre("A1", "A2"));
  const Ran list = RunCli(&controller_, {"quarantine", "list"});
  EXPECT_THAT(list.out, HasSubstr("KEPT OUT"));
  EXPECT_THAT(list.out, HasSubstr("  5  "));
}

TEST_F(AntivirusTest, FindingsAreToldTheFirstByName) {
  v1::OperationResult result;
  v1::QuarantineScanResult& scan = *result.mutable_quarantine_scan();
  scan.set_scanned(20);
  scan.set_clean(12);
  scan.set_infected(8);
  for (int i = 0; i < 8; ++i) {
    scan.add_findings()->set_queue_id("ID" + std::to_string(i));
    scan.mutable_findings(i)->set_signature("Eicar");
  }
  const std::string words = Describe(result);
  EXPECT_THAT(words, HasSubstr("20 messages scanned, 12 clean, 8 with findings; ID0 Eicar"));
  EXPECT_THAT(words, HasSubstr("ID4 Eicar; and 3 more; a release leaves these"));
  EXPECT_THAT(words, Not(HasSubstr("ID5")));
}

TEST_F(AntivirusTest, NoneAndOneThatDoesNotRunStandOut) {
  v1::OperationResult result;
  result.mutable_antivirus_status();
  EXPECT_EQ(Describe(result), "no antivirus");
  v1::AntivirusProduct& product = *result.mutable_antivirus_status()->add_products();
  product.set_product("ClamAV");
  product.set_problem("clamd does not answer");
  EXPECT_EQ(Describe(result),
            "ClamAV DOES NOT RUN, age of signatures not known, WARN clamd does not answer");
}

}  // namespace
}  // namespace mailquench::cli
