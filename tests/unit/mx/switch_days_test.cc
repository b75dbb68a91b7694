// Bad days of a switch.
#include <signal.h>
#include <stdlib.h>

#include "tests/unit/mx/switching.h"

namespace mailquench::controller::mx {
namespace {

using ::testing::HasSubstr;

class SwitchDays : public test::Switching {};

TEST_F(SwitchDays, ASecondaryThatLagsIsNamedAndHoldsItUpUntilItHasItOrIsWaived) {
  test::WorldOptions world;
  world.secondary = true;
  world.notify = false;
  std::vector<std::string> told;
  hands_.tell = [&](const v1::Notice& notice) {
    told.push_back(notice.text());
    return absl::OkStatus();
  };
  Begin(world);
  const std::string server = absl::StrCat("server:ns2.servers.test/", world_->secondary());
  const v1::MxSwitch planned = Plan(Request());
  ASSERT_TRUE(Start(planned).ok());
  ASSERT_TRUE(UntilSo(planned, [&](const v1::MxSwitch& now) {
    return now.checks_size() > 0 && now.checks().rbegin()->check_id() == server;
  }));
  const v1::MxSwitch lagging = Get(planned);
  EXPECT_EQ(lagging.state(), v1::SWITCH_STATE_WATCHING);
  EXPECT_THAT(lagging.sentence(), HasSubstr("ns2.servers.test"));
  EXPECT_THAT(lagging.sentence(), HasSubstr("is behind: serial 1, the primary has"));
  EXPECT_FALSE(lagging.has_done_time());
  EXPECT_THAT(told, ::testing::ElementsAre(HasSubstr("ns2.servers.test")));
  world_->Refresh();
  ASSERT_TRUE(Until(planned, v1::SWITCH_STATE_DONE));
  EXPECT_EQ(Get(planned).checks().rbegin()->state(), v1::CHECK_STATE_PASSED);
  // The way back lags as well; this time nobody waits for it.
  ASSERT_TRUE(Revert(planned).ok());
  v1::WaiveCheckRequest waive;
  waive.set_switch_id(planned.switch_id());
  waive.set_check_id(server);
  waive.set_reason("it is taken out of the zone today");
  ASSERT_TRUE(switches_->Waive(waive, "ada").ok());
  ASSERT_TRUE(Until(planned, v1::SWITCH_STATE_REVERTED));
  EXPECT_EQ(Mx1(), "192.0.2.1");
  EXPECT_EQ(world_->Values(world_->secondary(), "mx1.example.test", "A"), "192.0.2.2");
}

TEST_F(SwitchDays, AResolverThatKeepsTheOldRecordIsWaitedForAsLongAsItSays) {
  test::WorldOptions world;
  world.resolver = true;
  world.unbound = "  cache-min-ttl: 6\n";
  Begin(world);
  options_.resolvers = {world_->primary()};
  Open();
  v1::PlanSwitchRequest request = Request();
  request.set_inbound_only(true);
  const v1::MxSwitch planned = Plan(request);
  Lookups cache({world_->resolver()}, options_.patience);
  ASSERT_THAT(cache.Ask("mx1.example.test", "A").values, ::testing::ElementsAre("192.0.2.1"));
  const absl::Time begun = absl::Now();
  ASSERT_TRUE(Start(planned).ok());
  ASSERT_TRUE(Until(planned, v1::SWITCH_STATE_DONE));
  EXPECT_GE(absl::Now() - begun, absl::Seconds(4));
  EXPECT_GE(Get(planned).records(0).old_ttl(), 4U);
  EXPECT_EQ(Get(planned).records(0).resolvers(0).standing(), "new");
}

TEST_F(SwitchDays, AResolverThatIgnoresTtlsIsNamedAndHoldsNothingUp) {
  test::WorldOptions world;
  world.resolver = true;
  // It says three seconds, and says it for ever.
  world.unbound =
      "  local-zone: \"mx1.example.test.\" static\n"
      "  local-data: \"mx1.example.test. 3 IN A 192.0.2.1\"\n";
  Begin(world);
  options_.resolvers = {world_->primary()};
  Open();
  Lookups cache({world_->resolver()}, options_.patience);
  ASSERT_THAT(cache.Ask("mx1.example.test", "A").values, ::testing::ElementsAre("192.0.2.1"));
  v1::PlanSwitchRequest request = Request();
  request.set_inbound_only(true);
  const v1::MxSwitch planned = Plan(request);
  ASSERT_TRUE(Start(planned).ok());
  ASSERT_TRUE(Until(planned, v1::SWITCH_STATE_DONE));
  const v1::MxSwitch done = Get(planned);
  EXPECT_EQ(done.records(0).resolvers(0).standing(), "old");
  EXPECT_THAT(done.sentence(), HasSubstr("does not keep to TTLs"));
}

TEST_F(SwitchDays, SomebodyElsesChangeIsNeverOverwritten) {
  Begin();
  const v1::MxSwitch planned = Plan(Request());
  ASSERT_TRUE(Start(planned).ok());
  world_->Change("example.test", "update add mx1.example.test 60 A 192.0.2.55");
  ASSERT_TRUE(Until(planned, v1::SWITCH_STATE_STUCK));
  const v1::MxSwitch stuck = Get(planned);
  EXPECT_EQ(stuck.records(0).state(), v1::RECORD_STATE_APPLIED);
  EXPECT_EQ(stuck.records(2).state(), v1::RECORD_STATE_CONFLICT);
  EXPECT_THAT(stuck.sentence(), HasSubstr("192.0.2.55"));
  EXPECT_EQ(Mx1(), "192.0.2.1,192.0.2.55");
  EXPECT_EQ(ReasonOf(StartOnly(planned).status()), "PLAN_DRIFTED");
  // The way back leaves theirs alone, too.
  ASSERT_TRUE(Revert(planned).ok());
  ASSERT_TRUE(Until(planned, v1::SWITCH_STATE_REVERTED));
  EXPECT_EQ(Mx1(), "192.0.2.1,192.0.2.55");
  EXPECT_EQ(Spf(), "\"another=text\",\"v=spf1 ip4:192.0.2.1 -all\"");
  EXPECT_EQ(Ptr(), "-");
}

TEST_F(SwitchDays, OneThatWaitsForAPersonTellsOnceAlsoIfKilledBeforeItDid) {
  std::vector<v1::Notice> notices;
  bool well = false;
  hands_.tell = [&](const v1::Notice& notice) -> absl::Status {
    if (!well) return absl::UnavailableError("the outbox is full");
    for (const v1::Notice& one : notices) {
      if (one.notice_id() == notice.notice_id()) return absl::OkStatus();
    }
    notices.push_back(notice);
    return absl::OkStatus();
  };
  Begin();
  const v1::MxSwitch planned = Plan(Request());
  ASSERT_TRUE(Start(planned).ok());
  world_->Change("example.test", "update add mx1.example.test 60 A 192.0.2.55");
  ASSERT_TRUE(Until(planned, v1::SWITCH_STATE_STUCK));
  EXPECT_TRUE(notices.empty());
  Open();
  well = true;
  for (int i = 0; i < 3; ++i) switches_->Pass();
  Open();
  switches_->Pass();
  ASSERT_EQ(notices.size(), 1u);
  EXPECT_EQ(notices[0].kind(), "switch-stuck");
  EXPECT_THAT(notices[0].text(), HasSubstr("stuck at A of mx1.example.test"));
  EXPECT_THAT(notices[0].next(), HasSubstr(planned.switch_id()));
  // Stuck anew is news.
  ASSERT_TRUE(Revert(planned).ok());
  EXPECT_FALSE(Get(planned).has_stuck_time());
  ASSERT_TRUE(Until(planned, v1::SWITCH_STATE_REVERTED));
  EXPECT_EQ(notices.size(), 1u);
}

TEST_F(SwitchDays, AChangeBetweenPlanAndStartIsADrift) {
  Begin();
  const v1::MxSwitch planned = Plan(Request());
  world_->Change("example.test", "update add mx1.example.test 60 A 192.0.2.55");
  const auto started = Start(planned);
  EXPECT_EQ(ReasonOf(started.status()), "PLAN_DRIFTED");
  EXPECT_THAT(std::string(started.status().message()), HasSubstr("A of mx1.example.test"));
}

TEST_F(SwitchDays, AWrongKeyStopsItAndTheRightOneLetsItGoOn) {
  Begin();
  const v1::MxSwitch planned = Plan(Request());
  ASSERT_TRUE(Start(planned).ok());
  const std::string good = dns::test::ReadAll(world_->folder().path("key"));
  dns::test::MakeKey(world_->folder(), "key", "hmac-sha256", "mq.test");
  ASSERT_TRUE(Until(planned, v1::SWITCH_STATE_STUCK));
  v1::MxSwitch stuck = Get(planned);
  EXPECT_EQ(stuck.records(0).state(), v1::RECORD_STATE_FAILED);
  EXPECT_EQ(stuck.records(1).state(), v1::RECORD_STATE_PLANNED);
  EXPECT_THAT(stuck.sentence(), HasSubstr("BADSIG"));
  // One that the server does not know at all.
  dns::test::MakeKey(world_->folder(), "key", "hmac-sha256", "removed.test");
  EXPECT_EQ(ReasonOf(StartOnly(planned).status()), "DNS_UNPROVEN_REPLY");
  world_->folder().Write("key", good);
  ASSERT_TRUE(StartOnly(planned).ok());
  ASSERT_TRUE(Until(planned, v1::SWITCH_STATE_DONE));
  EXPECT_EQ(Mx1(), "192.0.2.2");
}

TEST_F(SwitchDays, AClockThatIsTenMinutesOffStopsIt) {
  Begin();
  const v1::MxSwitch planned = Plan(Request());
  ASSERT_TRUE(Start(planned).ok());
  clock_.skew = absl::Minutes(10);
  ASSERT_TRUE(Until(planned, v1::SWITCH_STATE_STUCK));
  EXPECT_THAT(Get(planned).sentence(), HasSubstr("BADTIME"));
  EXPECT_EQ(Spf(), "\"another=text\",\"v=spf1 ip4:192.0.2.1 -all\"");
  clock_.skew = absl::ZeroDuration();
  ASSERT_TRUE(StartOnly(planned).ok());
  ASSERT_TRUE(Until(planned, v1::SWITCH_STATE_DONE));
}

TEST_F(SwitchDays, AFailureOnTheWayBackIsGoneOnWith) {
  Begin();
  const v1::MxSwitch planned = Plan(Request());
  ASSERT_TRUE(Start(planned).ok());
  ASSERT_TRUE(Until(planned, v1::SWITCH_STATE_WATCHING));
  ASSERT_TRUE(Revert(planned).ok());
  clock_.skew = absl::Minutes(10);
  ASSERT_TRUE(Until(planned, v1::SWITCH_STATE_STUCK));
  clock_.skew = absl::ZeroDuration();
  ASSERT_TRUE(Revert(planned).ok());
  ASSERT_TRUE(Until(planned, v1::SWITCH_STATE_REVERTED));
  EXPECT_EQ(Mx1(), "192.0.2.1");
  EXPECT_EQ(Ptr(), "-");
}

#ifdef MAILQUENCH_FAULT_POINTS
// The controller is killed at each point of each record, there and back, and goes on where it was.
TEST_F(SwitchDays, KilledAnywhereItGoesOnWhereItWas) {
  Begin();
  for (const char* point : {"mx.record.sending", "mx.record.sent", "mx.record.next"}) {
    for (const char* at : {"@1", "@2"}) {
      for (const bool back : {false, true}) {
        SCOPED_TRACE(absl::StrCat(point, at, back ? " back" : ""));
        Open();
        const v1::MxSwitch planned = Plan(Request());
        ASSERT_TRUE(Start(planned).ok());
        if (back) {
          ASSERT_TRUE(Until(planned, v1::SWITCH_STATE_WATCHING));
          ASSERT_TRUE(Revert(planned).ok());
        }
        switches_.reset();
        store_.reset();
        const pid_t child = fork();
        if (child == 0) {
          setenv("MAILQUENCH_FAULT", absl::StrCat(point, at, "=kill").c_str(), 1);
          Open();
          for (int i = 0; i < 20; ++i) switches_->Pass();
          _exit(0);
        }
        EXPECT_EQ(mailquench::test::WaitFor(child), 128 + SIGKILL);
        Open();
        if (!back) {
          ASSERT_TRUE(Until(planned, v1::SWITCH_STATE_WATCHING));
          EXPECT_EQ(Mx1(), "192.0.2.2");
          EXPECT_EQ(Ptr(), "mx1.example.test.");
          ASSERT_TRUE(Revert(planned).ok());
        }
        ASSERT_TRUE(Until(planned, v1::SWITCH_STATE_REVERTED));
        EXPECT_EQ(Mx1(), "192.0.2.1");
        EXPECT_EQ(Ptr(), "-");
        EXPECT_EQ(Spf(), "\"another=text\",\"v=spf1 ip4:192.0.2.1 -all\"");
      }
    }
  }
}
#endif

TEST_F(SwitchDays, SpfThatWouldTakeElevenLookUpsHoldsItUp) {
  std::string spf = "v=spf1";
  for (int i = 0; i < 11; ++i) absl::StrAppend(&spf, " a:mx1.example.test");
  Begin({}, {{"example.test",
              absl::StrCat("@ 2 MX 10 mx1\nmx1 2 A 192.0.2.1\n@ 2 TXT \"", spf, " -all\"\n")}});
  v1::PlanSwitchRequest request = Request();
  request.set_keep_ptr(true);
  const v1::MxSwitch planned = Plan(request);
  for (const v1::Check& check : planned.checks()) {
    if (check.check_id() != "spf:example.test") continue;
    EXPECT_EQ(check.state(), v1::CHECK_STATE_FAILED);
    EXPECT_THAT(check.found(), HasSubstr("11 look-ups"));
  }
  const auto started = StartOnly(planned);
  EXPECT_EQ(ReasonOf(started.status()), "PREFLIGHT_FAILED");
  EXPECT_THAT(std::string(started.status().message()), HasSubstr("spf:example.test"));
}

}  // namespace
}  // namespace mailquench::controller::mx
