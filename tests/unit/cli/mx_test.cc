// mx and antivirus posture: what is asked of the controller, how the answers read, and with which
// code they end.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "common/status/error.h"
#include "tests/unit/cli/fake_controller.h"

namespace mailquench::cli {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

class MxTest : public ::testing::Test {
 protected:
  MxTest() {
    v1::MxSwitch& one = mx().one;
    one.set_switch_id("s1");
    one.set_state(v1::SWITCH_STATE_PLANNED);
    one.set_plan_hash("abc");
    one.set_sentence("planned, 1 record");
    one.mutable_request()->add_domains("example.org");
    one.mutable_request()->set_from_address("192.0.2.1");
    one.mutable_request()->set_to_address("192.0.2.2");
    v1::SwitchRecord* record = one.add_records();
    record->set_purpose("address");
    record->mutable_before()->set_type("A");
    record->mutable_before()->set_name("mx.example.org");
    record->mutable_before()->add_values("192.0.2.1");
    record->mutable_after()->add_values("192.0.2.2");
    record->set_via(v1::SWITCH_VIA_UPDATE);
    AddCheck(one.mutable_checks(), "fcrdns", v1::CHECK_STATE_PASSED);
  }
  static void AddCheck(google::protobuf::RepeatedPtrField<v1::Check>* checks,
                       const std::string& id,
                       v1::CheckState state) {
    v1::Check* check = checks->Add();
    check->set_check_id(id);
    check->set_state(state);
    check->set_found("found so");
    check->set_remedy("do this");
  }
  FakeMx& mx() { return controller_.mx; }
  Ran Run(const std::vector<std::string>& args,
          const std::string& typed = "",
          bool terminal = false) {
    return RunCli(&controller_, args, typed, terminal);
  }
  FakeController controller_;
};

TEST_F(MxTest, PreflightEndsWithTheWorstCheck) {
  v1::PreflightReport& report = mx().report;
  report.set_passed(true);
  AddCheck(report.mutable_checks(), "fcrdns", v1::CHECK_STATE_PASSED);
  EXPECT_EQ(Run({"mx", "preflight", "192.0.2.2"}).code, 0);
  report.set_passed(false);
  AddCheck(report.mutable_checks(), "helo", v1::CHECK_STATE_UNKNOWN);
  EXPECT_EQ(Run({"mx", "preflight", "192.0.2.2"}).code, 3);
  AddCheck(report.mutable_checks(), "spf:example.org", v1::CHECK_STATE_FAILED);
  const Ran ran = Run({"mx", "preflight", "192.0.2.2", "--domain", "example.org", "--domain",
                       "b.org", "--inbound", "--vantage", "outside", "--helo", "mx.example.org"});
  EXPECT_EQ(ran.code, 2);
  EXPECT_THAT(ran.out, HasSubstr("spf:example.org"));
  EXPECT_THAT(ran.out, HasSubstr("do this"));
  const v1::PreflightRequest& asked = mx().preflights.back();
  EXPECT_THAT(asked.domains(), ElementsAre("example.org", "b.org"));
  EXPECT_TRUE(asked.inbound());
  EXPECT_EQ(asked.vantage(), "outside");
  EXPECT_EQ(asked.helo_name(), "mx.example.org");
}

TEST_F(MxTest, APlanShowsRecordsAndChecksAndChangesNothing) {
  mx().one.add_requests("To hostmaster@provider.example: please change PTR");
  const Ran ran =
      Run({"mx", "plan", "--domain", "example.org", "--from", "192.0.2.1", "--to", "192.0.2.2",
           "--vantage", "outside", "--lower-ttl-first", "--ttl", "60", "--reason", "listed"});
  EXPECT_EQ(ran.code, 0) << ran.err;
  EXPECT_THAT(ran.out, HasSubstr("mx.example.org"));
  EXPECT_THAT(ran.out, HasSubstr("please change PTR"));
  EXPECT_THAT(ran.out, HasSubstr("plan hash abc"));
  EXPECT_THAT(ran.err, HasSubstr("nothing is changed yet"));
  EXPECT_THAT(ran.err, Not(HasSubstr("is waived")));
  const v1::PlanSwitchRequest& asked = mx().plans.at(0);
  EXPECT_EQ(asked.vantage(), "outside");
  EXPECT_TRUE(asked.lower_ttl_first());
  EXPECT_EQ(asked.ttl(), 60u);
  EXPECT_THAT(mx().starts, IsEmpty());
  AddCheck(mx().one.mutable_checks(), "port25", v1::CHECK_STATE_FAILED);
  EXPECT_THAT(Run({"mx", "plan", "--domain", "example.org", "--to", "192.0.2.2"}).err,
              HasSubstr("once each check has passed or is waived"));
  EXPECT_EQ(Run({"mx", "plan", "--to", "192.0.2.2"}).code, 1);
}

TEST_F(MxTest, ASwitchIsAskedAboutAndBoundToThePlanThatWasSeen) {
  EXPECT_EQ(Run({"mx", "switch", "s"}).code, 1);  // Nobody is there to be asked.
  EXPECT_THAT(mx().starts, IsEmpty());
  EXPECT_EQ(Run({"mx", "switch", "s", "--dry-run"}).code, 0);
  EXPECT_THAT(mx().starts, IsEmpty());
  EXPECT_EQ(Run({"mx", "switch", "s", "--yes", "--detach"}).code, 0);
  ASSERT_THAT(mx().starts, SizeIs(1));
  EXPECT_EQ(mx().starts[0].switch_id(), "s1");
  EXPECT_EQ(mx().starts[0].plan_hash(), "abc");
}

TEST_F(MxTest, AWatchTellsEachChangeOnceAndEndsWithWhatBecameOfIt) {
  v1::MxSwitch now = mx().one;
  now.set_state(v1::SWITCH_STATE_WATCHING);
  now.set_sentence("ns2 is behind");
  mx().one = now;
  mx().watched = {now, now};
  now.set_state(v1::SWITCH_STATE_DONE);
  now.mutable_end_time()->set_seconds(1);
  now.set_sentence("done");
  mx().watched.push_back(now);
  Ran ran = Run({"mx", "watch", "s1"});
  EXPECT_EQ(ran.code, 0) << ran.err;
  EXPECT_EQ(ran.err.find("ns2 is behind"), ran.err.rfind("ns2 is behind"));
  EXPECT_THAT(ran.out, HasSubstr("switch s1 done"));
  now.clear_end_time();
  now.set_state(v1::SWITCH_STATE_STUCK);
  now.set_sentence("stuck at A of mx.example.org");
  mx().watched = {now};
  EXPECT_EQ(Run({"mx", "watch", "s1"}).code, 2);
  ran = Run({"-o", "jsonl", "mx", "watch", "s1"});
  EXPECT_EQ(nlohmann::json::parse(ran.out)["state"], "SWITCH_STATE_STUCK");
  // A controller that goes away in the middle is no end.
  now.set_state(v1::SWITCH_STATE_WATCHING);
  mx().watched = {now};
  mx().watch_status = grpc::Status(grpc::StatusCode::UNAVAILABLE, "the controller stops");
  EXPECT_EQ(Run({"mx", "watch", "s1"}).code, 1);
}

TEST_F(MxTest, TheWayBackAWaiverAndANoteAreWrittenDown) {
  mx().one.set_state(v1::SWITCH_STATE_DONE);
  EXPECT_EQ(Run({"mx", "revert", "s1"}).code, 1);  // No reason.
  EXPECT_EQ(Run({"mx", "revert", "s1", "--reason", "why", "--dry-run"}).code, 0);
  EXPECT_THAT(mx().reverts, IsEmpty());
  EXPECT_EQ(Run({"mx", "revert", "s1", "--reason", "why", "--yes", "--detach"}).code, 0);
  EXPECT_EQ(mx().reverts.at(0).reason(), "why");
  EXPECT_EQ(Run({"mx", "waive", "s1", "port25", "--reason", "later", "--yes"}).code, 0);
  EXPECT_EQ(mx().waivers.at(0).check_id(), "port25");
  EXPECT_EQ(Run({"mx", "note", "s1", "PTR", "2.2.0.192.in-addr.arpa", "ticket 4711"}).code, 0);
  EXPECT_EQ(mx().notes.at(0).text(), "ticket 4711");
  EXPECT_EQ(Run({"mx", "list", "--all"}).code, 0);
  EXPECT_TRUE(mx().lists.at(0).include_ended());
}

TEST_F(MxTest, WhatHoldsItUpIsNoFailureOfTheProgram) {
  const auto error = ToProto(Error(absl::StatusCode::kFailedPrecondition, "PREFLIGHT_FAILED",
                                   "the switch is held up by port25"));
  mx().status = grpc::Status(grpc::StatusCode::FAILED_PRECONDITION, error.message(),
                             error.SerializeAsString());
  const Ran ran = Run({"mx", "waive", "s1", "port25", "--reason", "later", "--yes"});
  EXPECT_EQ(ran.code, 5);
  EXPECT_THAT(ran.err, HasSubstr("held up by port25"));
}

TEST_F(MxTest, ADomainIsShownWithEachNameServer) {
  v1::DomainView& view = mx().view;
  view.set_domain("example.org");
  v1::NameServerView* server = view.add_servers();
  server->set_name("ns2.example.org");
  server->set_problem("does not answer");
  view.mutable_spf()->set_record("v=spf1 -all");
  view.add_problems("ns2.example.org is behind");
  const Ran ran = Run({"mx", "show", "example.org", "--selector", "s2026"});
  EXPECT_EQ(ran.code, 0);
  EXPECT_THAT(ran.out, HasSubstr("ns2.example.org: does not answer"));
  EXPECT_THAT(ran.out, HasSubstr("v=spf1 -all"));
  EXPECT_THAT(mx().shows.at(0).dkim_selectors(), ElementsAre("s2026"));
}

TEST_F(MxTest, ThePostureIsATableWithItsCounts) {
  FakeAntivirus& antivirus = controller_.antivirus;
  v1::PostureRow* row = antivirus.posture.add_rows();
  row->set_name("mx2");
  row->set_state(v1::POSTURE_STATE_STALE);
  row->set_why("signatures are 10 d old");
  (*antivirus.posture.mutable_counts())["stale"] = 1;
  Ran ran = Run({"antivirus", "posture", "-l", "site=fra"});
  EXPECT_EQ(ran.code, 0);
  EXPECT_THAT(ran.out, HasSubstr("signatures are 10 d old"));
  EXPECT_THAT(ran.out + ran.err, HasSubstr("1 stale"));
  EXPECT_EQ(antivirus.gets.at(0).selector(), "site=fra");

  char name[] = "/tmp/mailquench-machines-XXXXXX";
  ASSERT_GE(mkstemp(name), 0);
  std::ofstream(name) << "Hostname;Type;Location\r\nmx1.example.org;server;fra\r\nws1;Desktop;\r\n";
  EXPECT_EQ(Run({"antivirus", "import", name}).code, 0);
  ASSERT_THAT(antivirus.imports, SizeIs(1));
  ASSERT_EQ(antivirus.imports[0].machines_size(), 2);
  EXPECT_EQ(antivirus.imports[0].machines(1).kind(), "workstation");
  std::ofstream(name) << "a;b\r\n1;2\r\n";
  EXPECT_EQ(Run({"antivirus", "import", name}).code, 1);
  EXPECT_THAT(antivirus.imports, SizeIs(1));
  std::filesystem::remove(name);

  EXPECT_EQ(Run({"antivirus", "waive", "mx2", "--reason", "tonight", "--for", "12h"}).code, 0);
  EXPECT_EQ(antivirus.waivers.at(0).life().seconds(), 12 * 3600);
  EXPECT_EQ(Run({"antivirus", "waive", "mx2"}).code, 1);
}

}  // namespace
}  // namespace mailquench::cli
