// A switch from its plan to its end and back, on BIND, Knot and unbound.
#include "controller/dns/look.h"
#include "controller/mx/primaries.h"
#include "tests/unit/mx/switching.h"

namespace mailquench::controller::mx {
namespace {

using test::Switching;
using ::testing::HasSubstr;

TEST_F(Switching, PlansSpfReverseNameAndAddressAndTouchesNothing) {
  Begin();
  const v1::MxSwitch planned = Plan(Request());
  ASSERT_EQ(planned.records_size(), 3) << planned.DebugString();
  EXPECT_EQ(planned.records(0).purpose(), "spf");
  EXPECT_THAT(planned.records(0).before().values(),
              ::testing::ElementsAre("\"another=text\"", "\"v=spf1 ip4:192.0.2.1 -all\""));
  EXPECT_THAT(planned.records(0).after().values(),
              ::testing::ElementsAre("\"another=text\"", "\"v=spf1 ip4:192.0.2.2 -all\""));
  EXPECT_EQ(planned.records(1).purpose(), "ptr");
  EXPECT_THAT(planned.records(1).before().values(), ::testing::IsEmpty());
  EXPECT_EQ(planned.records(1).old_ttl(), 2U);  // The negative one.
  EXPECT_EQ(planned.records(2).purpose(), "address");
  EXPECT_EQ(planned.records(2).via(), v1::SWITCH_VIA_UPDATE);
  EXPECT_EQ(planned.state(), v1::SWITCH_STATE_PLANNED);
  // The checks know of what the switch will make.
  for (const v1::Check& check : planned.checks()) {
    if (check.check_id() == "fcrdns" || check.check_id() == "spf:example.test" ||
        check.check_id() == "helo") {
      EXPECT_EQ(check.state(), v1::CHECK_STATE_PASSED) << check.DebugString();
    }
  }
  EXPECT_EQ(Mx1(), "192.0.2.1");
  EXPECT_EQ(Ptr(), "-");
}

TEST_F(Switching, IsWatchedToItsEndOnTwoNameServersAndRolledBack) {
  test::WorldOptions world;
  world.secondary = true;
  world.resolver = true;
  Begin(world);
  const v1::MxSwitch planned = Plan(Request());
  ASSERT_TRUE(Start(planned).ok());
  ASSERT_TRUE(Until(planned, v1::SWITCH_STATE_WATCHING));
  EXPECT_EQ(Mx1(), "192.0.2.2");
  EXPECT_EQ(Spf(), "\"another=text\",\"v=spf1 ip4:192.0.2.2 -all\"");
  EXPECT_EQ(Ptr(), "mx1.example.test.");
  ASSERT_TRUE(UntilSo(planned, [](const v1::MxSwitch& now) { return now.has_done_time(); }));
  const v1::MxSwitch counting = Get(planned);
  EXPECT_THAT(counting.sentence(), HasSubstr("done at"));
  EXPECT_EQ(world_->Values(world_->secondary(), "mx1.example.test", "A"), "192.0.2.2");
  ASSERT_TRUE(Until(planned, v1::SWITCH_STATE_DONE));
  const v1::MxSwitch done = Get(planned);
  for (const v1::SwitchRecord& record : done.records()) {
    EXPECT_EQ(record.state(), v1::RECORD_STATE_SEEN);
    EXPECT_EQ(record.servers_size(), 2);
    ASSERT_EQ(record.resolvers_size(), 1);
    EXPECT_EQ(record.resolvers(0).standing(), "new") << record.DebugString();
    EXPECT_GE(record.expire_time().seconds() - record.seen_time().seconds(), 2);
  }
  ASSERT_TRUE(Revert(planned).ok());
  ASSERT_TRUE(Until(planned, v1::SWITCH_STATE_REVERTED));
  EXPECT_EQ(Mx1(), "192.0.2.1");
  EXPECT_EQ(Ptr(), "-");
  EXPECT_EQ(Spf(), "\"another=text\",\"v=spf1 ip4:192.0.2.1 -all\"");
  EXPECT_EQ(world_->Values(world_->secondary(), "mx1.example.test", "A"), "192.0.2.1");
}

TEST_F(Switching, AnExchangerTakesThePlaceOfThoseThatLeadToTheOldAddress) {
  Begin({}, {{"example.test",
              "@ 2 MX 10 mx1\n@ 2 MX 20 backup\nmx1 2 A 192.0.2.1\nbackup A 192.0.2.77\n"},
             {"other.test", "@ 2 A 192.0.2.1\n"}});
  v1::PlanSwitchRequest request = Request();
  request.add_domains("other.test");
  request.set_exchanger("new.example.test");
  request.set_inbound_only(true);
  const v1::MxSwitch planned = Plan(request);
  ASSERT_EQ(planned.records_size(), 3) << planned.DebugString();
  EXPECT_EQ(planned.records(0).after().name(), "new.example.test");
  EXPECT_THAT(planned.records(1).after().values(),
              ::testing::ElementsAre("10 new.example.test.", "20 backup.example.test."));
  EXPECT_THAT(planned.records(2).after().values(), ::testing::ElementsAre("10 new.example.test."));
  ASSERT_TRUE(Start(planned).ok());
  ASSERT_TRUE(Until(planned, v1::SWITCH_STATE_DONE));
  EXPECT_EQ(world_->Values(world_->primary(), "other.test", "MX"), "10 new.example.test.");
}

TEST_F(Switching, LowersTtlsFirstAndWaitsTheOldOnesOut) {
  Begin({}, {{"example.test", "@ 2 MX 10 mx1\nmx1 4 A 192.0.2.1\n"}});
  v1::PlanSwitchRequest request = Request();
  request.set_ttl(1);
  request.set_lower_ttl_first(true);
  request.set_inbound_only(true);
  const v1::MxSwitch planned = Plan(request);
  ASSERT_EQ(planned.records_size(), 2);
  EXPECT_EQ(planned.records(0).purpose(), "ttl");
  EXPECT_EQ(planned.records(1).old_ttl(), 1U);
  ASSERT_TRUE(Start(planned).ok());
  EXPECT_EQ(Get(planned).state(), v1::SWITCH_STATE_LOWERING);
  const absl::Time begun = absl::Now();
  switches_->Pass();
  EXPECT_EQ(Mx1(), "192.0.2.1");
  ASSERT_TRUE(Until(planned, v1::SWITCH_STATE_DONE));
  EXPECT_GE(absl::Now() - begun, absl::Seconds(5));
  EXPECT_EQ(Mx1(), "192.0.2.2");
  ASSERT_TRUE(Revert(planned).ok());
  ASSERT_TRUE(Until(planned, v1::SWITCH_STATE_REVERTED));
  const auto found = Primaries(&options_, nullptr).Of(options_.zones[0]);
  ASSERT_TRUE(found.ok());
  EXPECT_EQ(dns::Look(*found, "mx1.example.test", "A", absl::Now())->ttl, 4U);
}

TEST_F(Switching, WhatCannotBePlannedIsSaid) {
  Begin();
  v1::PlanSwitchRequest request = Request();
  request.set_domains(0, "elsewhere.test");
  EXPECT_EQ(ReasonOf(switches_->Plan(request, "ada").status()), "ZONE_NOT_CONFIGURED");
  request = Request();
  request.set_from_address("192.0.2.99");
  request.set_keep_ptr(true);
  request.set_keep_spf(true);
  EXPECT_EQ(ReasonOf(switches_->Plan(request, "ada").status()), "NOTHING_TO_SWITCH");
  request.set_to_address("nonsense");
  EXPECT_EQ(ReasonOf(switches_->Plan(request, "ada").status()), "BAD_ADDRESS");
  request.set_domains(0, "bad domain.test");
  EXPECT_EQ(ReasonOf(switches_->Plan(request, "ada").status()), "BAD_DOMAIN");
}

TEST_F(Switching, HashChecksAndReasonsAreHeldTo) {
  Begin();
  const v1::MxSwitch planned = Plan(Request());
  EXPECT_EQ(ReasonOf(StartOnly(planned).status()), "PREFLIGHT_FAILED");
  v1::MxSwitch other = planned;
  other.set_plan_hash("another");
  EXPECT_EQ(ReasonOf(Start(other).status()), "PLAN_DRIFTED");
  v1::WaiveCheckRequest waive;
  waive.set_switch_id(planned.switch_id());
  waive.set_check_id("port25");
  EXPECT_EQ(ReasonOf(switches_->Waive(waive, "ada").status()), "MISSING_REASON");
  waive.set_reason("because");
  waive.set_check_id("nonsense");
  EXPECT_EQ(ReasonOf(switches_->Waive(waive, "ada").status()), "CHECK_NOT_FOUND");
  ASSERT_TRUE(StartOnly(planned).ok());
  EXPECT_EQ(ReasonOf(StartOnly(planned).status()), "WRONG_STATE");
  v1::NoteRecordRequest note;
  note.set_switch_id(planned.switch_id().substr(0, 8));
  note.set_name("mx1.example.test.");
  note.set_type("A");
  note.set_text("ticket 4711");
  const auto noted = switches_->Note(note, "bob");
  ASSERT_TRUE(noted.ok()) << noted.status();
  EXPECT_THAT(noted->records(2).notes(0), HasSubstr("bob: ticket 4711"));
}

TEST_F(Switching, AnIncidentOwesTheOldAddressUntilItIsReverted) {
  std::map<std::string, std::string> owed;
  hands_.owe = [&](const std::string&, const std::string& id, const std::string& text) {
    owed[id] = text;
    return absl::OkStatus();
  };
  hands_.forgive = [&](const std::string&, const std::string& id, const std::string&) {
    owed.erase(id);
    return absl::OkStatus();
  };
  Begin();
  v1::PlanSwitchRequest request = Request();
  request.set_incident_id("I");
  const v1::MxSwitch planned = Plan(request);
  ASSERT_TRUE(Start(planned).ok());
  ASSERT_EQ(owed.size(), 1U);
  EXPECT_THAT(owed.begin()->second, HasSubstr("give back 192.0.2.1"));
  ASSERT_TRUE(Until(planned, v1::SWITCH_STATE_DONE));
  EXPECT_THAT(owed.begin()->second, HasSubstr("after 20"));
  ASSERT_TRUE(Revert(planned).ok());
  ASSERT_TRUE(Until(planned, v1::SWITCH_STATE_REVERTED));
  EXPECT_TRUE(owed.empty());
}

}  // namespace
}  // namespace mailquench::controller::mx
