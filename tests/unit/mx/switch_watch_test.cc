// What a switch makes of what DNS shows, and that it tells what it does not know.
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include "absl/cleanup/cleanup.h"
#include "controller/mx/primaries.h"
#include "tests/unit/mx/switching.h"

namespace mailquench::controller::mx {
namespace {

using ::testing::HasSubstr;

class SwitchWatch : public test::Switching {
 protected:
  v1::PlanSwitchRequest Inbound() const {
    v1::PlanSwitchRequest request = Request();
    request.set_inbound_only(true);
    return request;
  }
  void SetMx1(const std::string& ttl, const std::string& address) {
    world_->Change("example.test", absl::StrCat("update delete mx1.example.test A\nupdate add "
                                                "mx1.example.test ",
                                                ttl, " A ", address));
  }
  static v1::CheckState StateOf(const v1::MxSwitch& one, const std::string& id) {
    for (const v1::Check& check : one.checks()) {
      if (check.check_id() == id) return check.state();
    }
    return v1::CHECK_STATE_UNSPECIFIED;
  }
  absl::Status Waive(const v1::MxSwitch& one, const std::string& id) {
    v1::WaiveCheckRequest waive;
    waive.set_switch_id(one.switch_id());
    waive.set_check_id(id);
    waive.set_reason("it is known");
    return switches_->Waive(waive, "ada").status();
  }
};

TEST_F(SwitchWatch, ATtlThatWasRaisedSinceThePlanIsADrift) {
  Begin();
  const v1::MxSwitch planned = Plan(Inbound());
  SetMx1("600", "192.0.2.1");
  const auto started = Start(planned);
  EXPECT_EQ(ReasonOf(started.status()), "PLAN_DRIFTED");
  EXPECT_THAT(std::string(started.status().message()), HasSubstr("600 s"));
}

TEST_F(SwitchWatch, TheLargestTtlThatAServerGivesOutCounts) {
  test::WorldOptions world;
  world.secondary = true;
  world.notify = false;
  Begin(world, {{"example.test", "@ 2 MX 10 mx1\nmx1 30 A 192.0.2.1\n"}});
  SetMx1("2", "192.0.2.1");  // Which the secondary has not heard of.
  const v1::MxSwitch planned = Plan(Inbound());
  ASSERT_EQ(planned.records(0).old_ttl(), 2U);
  ASSERT_TRUE(Start(planned).ok());
  ASSERT_TRUE(
      UntilSo(planned, [](const v1::MxSwitch& now) { return now.records(0).old_ttl() == 30; }));
  world_->Refresh();
  ASSERT_TRUE(UntilSo(planned, [](const v1::MxSwitch& now) { return now.has_done_time(); }));
  const v1::MxSwitch seen = Get(planned);
  EXPECT_GE(seen.records(0).expire_time().seconds() - seen.records(0).seen_time().seconds(), 30);
}

TEST_F(SwitchWatch, AWaivedAddressLeavesTheOthersOfItsServerWaitedFor) {
  test::WorldOptions world;
  world.secondary = true;
  world.notify = false;
  world.servers = "ns2 A 127.0.0.9\n";  // Where nobody is.
  Begin(world);
  const std::string silent = absl::StrCat("server:ns2.servers.test/127.0.0.9:", world_->port());
  const std::string lagging = absl::StrCat("server:ns2.servers.test/127.0.0.2:", world_->port());
  const v1::MxSwitch planned = Plan(Inbound());
  ASSERT_TRUE(Start(planned).ok());
  ASSERT_TRUE(UntilSo(planned, [&](const v1::MxSwitch& now) {
    return StateOf(now, silent) == v1::CHECK_STATE_FAILED &&
           StateOf(now, lagging) == v1::CHECK_STATE_FAILED;
  }));
  ASSERT_TRUE(Waive(planned, silent).ok());
  for (int i = 0; i < 5; ++i) {
    absl::SleepFor(absl::Milliseconds(60));
    switches_->Pass();
  }
  EXPECT_FALSE(Get(planned).has_done_time());
  world_->Refresh();
  ASSERT_TRUE(Until(planned, v1::SWITCH_STATE_DONE));
}

TEST_F(SwitchWatch, AFamilyWithoutARouteIsNotAskedAndSaid) {
  // A network of its own that has nothing but loopback.
  const int home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
  if (unshare(CLONE_NEWNET) != 0) {
    close(home);
    GTEST_SKIP() << "needs the right to make a network";
  }
  const dns::test::Folder said;
  const pid_t up =
      mailquench::test::Spawn({"/sbin/ip", "link", "set", "lo", "up"}, said.path("ip"));
  ASSERT_EQ(mailquench::test::WaitFor(up), 0);
  const auto back = absl::MakeCleanup([home] {
    EXPECT_EQ(setns(home, CLONE_NEWNET), 0);
    close(home);
  });
  test::WorldOptions world;
  world.servers = "ns1 AAAA 2001:db8::1\n";
  Begin(world);
  const v1::MxSwitch planned = Plan(Inbound());
  ASSERT_TRUE(Start(planned).ok());
  ASSERT_TRUE(Until(planned, v1::SWITCH_STATE_DONE));
  const v1::MxSwitch done = Get(planned);
  ASSERT_EQ(done.records(0).servers_size(), 2);
  EXPECT_EQ(done.records(0).servers(1).standing(), "no-route");
  EXPECT_THAT(done.records(0).servers(1).sentence(), HasSubstr("no route"));
}

TEST_F(SwitchWatch, AServerWhoseAddressIsNotKnownHoldsItUp) {
  Begin({}, {{"example.test", "@ 2 MX 10 mx1\nmx1 2 A 192.0.2.1\n@ NS ns9.unserved.test.\n"}});
  const v1::MxSwitch planned = Plan(Inbound());
  ASSERT_TRUE(Start(planned).ok());
  ASSERT_TRUE(UntilSo(planned, [](const v1::MxSwitch& now) {
    return StateOf(now, "server:ns9.unserved.test") == v1::CHECK_STATE_FAILED;
  }));
  EXPECT_FALSE(Get(planned).has_done_time());
  EXPECT_THAT(Get(planned).sentence(), HasSubstr("could not be looked up"));
}

TEST_F(SwitchWatch, WhatIsLostBeforeTheEndIsWaitedForAnew) {
  Begin({}, {{"example.test", "@ 2 MX 10 mx1\nmx1 4 A 192.0.2.1\n"}});
  const v1::MxSwitch planned = Plan(Inbound());
  ASSERT_TRUE(Start(planned).ok());
  ASSERT_TRUE(UntilSo(planned, [](const v1::MxSwitch& now) { return now.has_done_time(); }));
  const absl::Time first = absl::Now();
  SetMx1("2", "192.0.2.99");
  ASSERT_TRUE(UntilSo(planned, [](const v1::MxSwitch& now) { return !now.has_done_time(); }));
  EXPECT_GE(absl::Now() - first, absl::Seconds(3));  // Looked at rarely, and at its end.
  EXPECT_EQ(Get(planned).records(0).state(), v1::RECORD_STATE_APPLIED);
  for (int i = 0; i < 5; ++i) {
    absl::SleepFor(absl::Milliseconds(60));
    switches_->Pass();
  }
  EXPECT_EQ(Get(planned).state(), v1::SWITCH_STATE_WATCHING);
  EXPECT_THAT(Get(planned).sentence(), HasSubstr("192.0.2.99"));
  SetMx1("2", "192.0.2.2");
  ASSERT_TRUE(Until(planned, v1::SWITCH_STATE_DONE));
}

TEST_F(SwitchWatch, APrimaryThatIsDeadIsSaidAndToldOf) {
  std::vector<std::string> told;
  hands_.tell = [&](const v1::Notice& notice) {
    told.push_back(notice.text());
    return absl::OkStatus();
  };
  Begin();
  options_.lag_patience = absl::Seconds(5);
  Open();
  const v1::MxSwitch planned = Plan(Inbound());
  ASSERT_TRUE(Start(planned).ok());
  world_->bind().Pause();
  switches_->Pass();
  EXPECT_THAT(Get(planned).sentence(), HasSubstr("did not answer"));
  EXPECT_THAT(Get(planned).sentence(), HasSubstr("sent again"));
  EXPECT_THAT(told, ::testing::IsEmpty());
  absl::SleepFor(options_.lag_patience);
  switches_->Pass();
  EXPECT_THAT(told, ::testing::ElementsAre(HasSubstr("cannot go on at A of mx1.example.test")));
  world_->bind().GoOn();
  ASSERT_TRUE(Until(planned, v1::SWITCH_STATE_DONE));
  EXPECT_EQ(told.size(), 1U);
}

TEST_F(SwitchWatch, WithNoResolverConfiguredTheSystemsCachesAreAsked) {
  Begin();
  options_.resolvers.clear();
  options_.watch_resolvers.clear();
  Open();
  const v1::MxSwitch planned = Plan(Inbound());
  ASSERT_TRUE(Start(planned).ok());
  ASSERT_TRUE(UntilSo(planned,
                      [](const v1::MxSwitch& now) { return now.records(0).resolvers_size() > 0; }));
}

TEST_F(SwitchWatch, TheReverseNameIsAskedOfWhoHasAuthorityAndAtItsAliasesEnd) {
  test::WorldOptions world;
  world.resolver = true;
  Begin(world, {{"example.test", "@ 2 MX 10 mx1\nmx1 2 A 192.0.2.1\n"},
                {"2.0.192.in-addr.arpa",
                 "2 CNAME 2.0-127.2.0.192.in-addr.arpa.\n"
                 "2.0-127 PTR old.example.test.\n3 PTR old.example.test.\n"}});
  options_.zones.erase(options_.zones.begin());  // It is the provider's.
  ASSERT_EQ(options_.zones[0].zone, "example.test");
  Open();
  Lookups cache({world_->resolver()}, options_.patience);
  cache.Fetch({{"3.2.0.192.in-addr.arpa", "PTR"}, {"2.2.0.192.in-addr.arpa", "PTR"}});
  absl::SleepFor(absl::Seconds(2));  // Less of the TTL is left there.
  v1::PlanSwitchRequest request = Request();
  request.set_keep_spf(true);
  request.set_to_address("192.0.2.3");
  const v1::MxSwitch planned = Plan(request);
  ASSERT_EQ(planned.records(0).purpose(), "ptr");
  EXPECT_EQ(planned.records(0).before().ttl(), 60U);
  EXPECT_EQ(planned.records(0).old_ttl(), 60U);
  request.set_to_address("192.0.2.2");
  const v1::MxSwitch classless = Plan(request);
  ASSERT_EQ(classless.records(0).purpose(), "ptr");
  EXPECT_EQ(classless.records(0).before().name(), "2.0-127.2.0.192.in-addr.arpa");
  EXPECT_THAT(classless.records(0).before().values(), ::testing::ElementsAre("old.example.test."));
  EXPECT_THAT(classless.requests(0), HasSubstr("2.0-127.2.0.192.in-addr.arpa"));
  // And of one that nobody tells of, nothing is planned.
  options_.resolvers = {absl::StrCat("127.0.0.9:", world_->port())};
  Open();
  const auto unknown = switches_->Plan(request, "ada");
  EXPECT_EQ(ReasonOf(unknown.status()), "DNS_NO_ANSWER");
  EXPECT_THAT(std::string(unknown.status().message()), HasSubstr("--keep-ptr"));
}

class SwitchDrivers : public SwitchWatch {
 protected:
  void BeginTwo(const std::string& hook) {
    Begin({}, {{"example.test", "@ 2 MX 10 mx1\nmx1 2 A 192.0.2.1\n"},
               {"slow.test", "@ 2 MX 10 mx1\nmx1 2 A 192.0.2.1\n"}});
    ASSERT_EQ(options_.zones[1].zone, "slow.test");
    options_.zones[1].via = v1::SWITCH_VIA_HOOK;
    options_.zones[1].key_file.clear();
    options_.zones[1].hook = world_->folder().path("hook");
    world_->folder().Write("hook", hook);
    chmod(options_.zones[1].hook.c_str(), 0755);
    Open();
  }
  v1::MxSwitch SlowOne() {
    v1::PlanSwitchRequest slow = Inbound();
    slow.set_domains(0, "slow.test");
    const v1::MxSwitch planned = Plan(slow);
    EXPECT_TRUE(Start(planned).ok());
    return planned;
  }
};

TEST_F(SwitchDrivers, ASlowSwitchHoldsUpNoOther) {
  BeginTwo("#!/bin/sh\nsleep 30\n");
  const v1::MxSwitch slow = SlowOne();
  switches_->Begin();
  ASSERT_TRUE(mailquench::test::Eventually(
      [&] { return Get(slow).records(0).state() == v1::RECORD_STATE_SENDING; }));
  const v1::MxSwitch quick = Plan(Inbound());
  ASSERT_TRUE(Start(quick).ok());
  EXPECT_TRUE(mailquench::test::Eventually(
      [&] { return Get(quick).state() == v1::SWITCH_STATE_DONE; }, absl::Seconds(15)));
  EXPECT_EQ(Get(slow).records(0).state(), v1::RECORD_STATE_SENDING);
  // And its end does not wait for the program: it is run again after the next start.
  const absl::Time begun = absl::Now();
  switches_->Stop();
  EXPECT_LT(absl::Now() - begun, absl::Seconds(5));
  EXPECT_EQ(Get(slow).records(0).state(), v1::RECORD_STATE_SENDING);
  EXPECT_EQ(Get(slow).state(), v1::SWITCH_STATE_SWITCHING);
}

TEST_F(SwitchDrivers, EveryOpenSwitchIsTakenUpAndPlansAreNotWithoutEnd) {
  Begin();
  ASSERT_TRUE(store_
                  ->Transaction([&]() -> absl::Status {
                    for (int i = 0; i < 1200; ++i) {
                      v1::MxSwitch one;
                      one.set_switch_id(absl::StrCat("kept-", absl::Dec(i, absl::kZeroPad4)));
                      one.set_state(i < 1100 ? v1::SWITCH_STATE_STUCK : v1::SWITCH_STATE_PLANNED);
                      one.mutable_create_time()->set_seconds(absl::ToUnixSeconds(absl::Now()));
                      MQ_RETURN_IF_ERROR(store_->InsertSwitch(one));
                    }
                    return absl::OkStatus();
                  })
                  .ok());
  Open();
  EXPECT_EQ(store_->SwitchIds(false)->size(), 1200U);
  EXPECT_EQ(ReasonOf(switches_->Plan(Inbound(), "ada").status()), "TOO_MANY_PLANS");
  v1::RevertSwitchRequest revert;
  revert.set_switch_id("kept-1199");
  revert.set_reason("nobody needs it");
  ASSERT_TRUE(switches_->Revert(revert, "ada").ok());
  EXPECT_TRUE(switches_->Plan(Inbound(), "ada").ok());
}

}  // namespace
}  // namespace mailquench::controller::mx
