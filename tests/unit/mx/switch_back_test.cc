// The way back of a switch: what others have changed, what failed, what is asked for and not done.
#include <signal.h>
#include <sys/stat.h>

#include <thread>

#include "controller/dns/look.h"
#include "controller/mx/primaries.h"
#include "tests/unit/mx/switching.h"

namespace mailquench::controller::mx {
namespace {

using ::testing::HasSubstr;

// A program that does what it is told by nsupdate; what it was told stands in hook.seen.
constexpr char kWorkingHook[] = R"(#!/usr/bin/python3
import json, os, subprocess, sys, time
it = json.load(sys.stdin)
here = os.path.dirname(os.path.realpath(__file__))
open(here + "/hook.seen", "a").write(json.dumps(it) + "\n")
mode = open(here + "/mode").read().strip()
if mode == "later": sys.exit(0)
if mode == "slow": time.sleep(1)
lines = open(here + "/port").read() + "zone " + it["zone"] + "\n"
lines += "update delete %s %s\n" % (it["name"], it["type"])
for value in it["after"]["values"]:
    lines += "update add %s %d %s %s\n" % (it["name"], it["after"]["ttl"], it["type"], value)
done = subprocess.run(["/usr/bin/nsupdate", "-k", here + "/key"], input=lines + "send\n", text=True).returncode
sys.exit(9 if mode == "made, but fails" else done)
)";

class SwitchBack : public test::Switching {
 protected:
  void BeginVia(v1::SwitchVia via, const std::string& zone = "@ 2 MX 10 mx1\nmx1 2 A 192.0.2.1\n") {
    Begin({}, {{"example.test", zone}});
    options_.zones[0].via = via;
    options_.zones[0].contact = "hostmaster@provider.test";
    if (via != v1::SWITCH_VIA_UPDATE) options_.zones[0].key_file.clear();
    if (via == v1::SWITCH_VIA_HOOK) {
      options_.zones[0].hook = world_->folder().path("hook");
      world_->folder().Write("hook", kWorkingHook);
      chmod(options_.zones[0].hook.c_str(), 0755);
      world_->folder().Write("port", absl::StrCat("server 127.0.0.1 ", world_->port(), "\n"));
      Mode("well");
    }
    options_.hook_limit = absl::Seconds(5);
    Open();
  }
  void Mode(const std::string& mode) { world_->folder().Write("mode", mode); }
  int HookRuns() const {
    const std::string seen = dns::test::ReadAll(world_->folder().path("hook.seen"));
    return static_cast<int>(std::count(seen.begin(), seen.end(), '\n'));
  }
  v1::PlanSwitchRequest Inbound() const {
    v1::PlanSwitchRequest request = Request();
    request.set_inbound_only(true);
    return request;
  }
  void SetMx1(const std::string& address) {
    world_->Change("example.test", absl::StrCat("update delete mx1.example.test A\nupdate add "
                                                "mx1.example.test 2 A ",
                                                address));
  }
  std::uint32_t TtlOfMx1() {
    const auto found = Primaries(&options_, nullptr).Of(options_.zones[0]);
    return dns::Look(*found, "mx1.example.test", "A", absl::Now())->ttl;
  }
  absl::Status WaiveRecord(const v1::MxSwitch& one, const std::string& id) {
    v1::WaiveCheckRequest waive;
    waive.set_switch_id(one.switch_id());
    waive.set_check_id(id);
    waive.set_reason("theirs is right");
    return switches_->Waive(waive, "ada").status();
  }
  static bool HasCheck(const v1::MxSwitch& one, const std::string& id, v1::CheckState state) {
    return std::any_of(one.checks().begin(), one.checks().end(), [&](const v1::Check& check) {
      return check.check_id() == id && check.state() == state;
    });
  }
};

TEST_F(SwitchBack, ARecordThatSomebodyElseChangedHoldsUpNoOther) {
  std::vector<std::string> told;
  hands_.tell = [&](const v1::Notice& notice) {
    told.push_back(notice.text());
    return absl::OkStatus();
  };
  Begin();
  const v1::MxSwitch planned = Plan(Request());
  ASSERT_TRUE(Start(planned).ok());
  ASSERT_TRUE(Until(planned, v1::SWITCH_STATE_DONE));
  world_->Change("example.test", "update add example.test 2 TXT \"a-verification=1\"");
  ASSERT_TRUE(Revert(planned).ok());
  ASSERT_TRUE(Until(planned, v1::SWITCH_STATE_STUCK));
  EXPECT_EQ(Mx1(), "192.0.2.1");
  EXPECT_EQ(Ptr(), "-");
  const std::string theirs = "\"a-verification=1\",\"another=text\",\"v=spf1 ip4:192.0.2.2 -all\"";
  EXPECT_EQ(Spf(), theirs);
  const v1::MxSwitch stuck = Get(planned);
  EXPECT_EQ(stuck.records(0).state(), v1::RECORD_STATE_CONFLICT);
  EXPECT_EQ(stuck.records(1).state(), v1::RECORD_STATE_REVERTED);
  EXPECT_EQ(stuck.records(2).state(), v1::RECORD_STATE_REVERTED);
  EXPECT_THAT(stuck.sentence(), HasSubstr("stuck on the way back at TXT of example.test"));
  EXPECT_THAT(stuck.sentence(), HasSubstr("record:TXT/example.test"));
  EXPECT_THAT(told, ::testing::Contains(HasSubstr("needs a decision: TXT of example.test")));
  // Once more is not another word: it is theirs still. Then a person leaves it.
  ASSERT_TRUE(Revert(planned).ok());
  ASSERT_TRUE(Until(planned, v1::SWITCH_STATE_STUCK));
  ASSERT_TRUE(WaiveRecord(planned, "record:TXT/example.test").ok());
  ASSERT_TRUE(Until(planned, v1::SWITCH_STATE_REVERTED));
  EXPECT_THAT(Get(planned).sentence(), HasSubstr("left as they are: TXT of example.test"));
  EXPECT_EQ(Spf(), theirs);
}

TEST_F(SwitchBack, WhatSomebodyHasMendedIsPutBackAtTheNextTry) {
  Begin();
  const v1::MxSwitch planned = Plan(Request());
  ASSERT_TRUE(Start(planned).ok());
  ASSERT_TRUE(Until(planned, v1::SWITCH_STATE_WATCHING));
  world_->Change("example.test", "update add example.test 2 TXT \"a-verification=1\"");
  ASSERT_TRUE(Revert(planned).ok());
  ASSERT_TRUE(Until(planned, v1::SWITCH_STATE_STUCK));
  EXPECT_EQ(ReasonOf(StartOnly(planned).status()), "PLAN_DRIFTED");
  world_->Change("example.test", "update delete example.test TXT \"a-verification=1\"");
  ASSERT_TRUE(Revert(planned).ok());
  ASSERT_TRUE(Until(planned, v1::SWITCH_STATE_REVERTED));
  EXPECT_EQ(Spf(), "\"another=text\",\"v=spf1 ip4:192.0.2.1 -all\"");
  EXPECT_EQ(Get(planned).sentence(), "reverted: every name server has the former records");
}

TEST_F(SwitchBack, AHookThatFailedMayHaveMadeTheChangeAndIsUndone) {
  BeginVia(v1::SWITCH_VIA_HOOK);
  const v1::MxSwitch planned = Plan(Inbound());
  Mode("made, but fails");
  ASSERT_TRUE(Start(planned).ok());
  ASSERT_TRUE(Until(planned, v1::SWITCH_STATE_STUCK));
  ASSERT_EQ(Mx1(), "192.0.2.2");
  Mode("well");
  ASSERT_TRUE(Revert(planned).ok());
  ASSERT_TRUE(Until(planned, v1::SWITCH_STATE_REVERTED));
  EXPECT_EQ(Mx1(), "192.0.2.1");
}

TEST_F(SwitchBack, AHookWhoseChangeIsStillToComeIsRunTheOtherWay) {
  BeginVia(v1::SWITCH_VIA_HOOK);
  const v1::MxSwitch planned = Plan(Inbound());
  Mode("later");  // It has asked for it; DNS shows nothing yet.
  ASSERT_TRUE(Start(planned).ok());
  ASSERT_TRUE(UntilSo(planned, [](const v1::MxSwitch& now) {
    return now.records(0).state() == v1::RECORD_STATE_REQUESTED;
  }));
  ASSERT_TRUE(Revert(planned).ok());
  ASSERT_TRUE(Until(planned, v1::SWITCH_STATE_REVERTED));
  ASSERT_EQ(HookRuns(), 2);
  EXPECT_THAT(dns::test::ReadAll(world_->folder().path("hook.seen")),
              HasSubstr("\"revert\": true, \"switch\""));
  EXPECT_EQ(Mx1(), "192.0.2.1");
}

TEST_F(SwitchBack, ARevertWhileTheHookRunsIsKeptAndTheHookIsRunTheOtherWay) {
  BeginVia(v1::SWITCH_VIA_HOOK);
  const v1::MxSwitch planned = Plan(Inbound());
  Mode("slow");
  ASSERT_TRUE(Start(planned).ok());
  std::thread driver([&] { switches_->Pass(); });
  EXPECT_TRUE(mailquench::test::Eventually([&] { return HookRuns() > 0; }));
  EXPECT_TRUE(Revert(planned).ok());
  driver.join();
  EXPECT_EQ(Mx1(), "192.0.2.2");
  EXPECT_EQ(Get(planned).state(), v1::SWITCH_STATE_REVERTING);
  ASSERT_TRUE(Until(planned, v1::SWITCH_STATE_REVERTED));
  EXPECT_EQ(Mx1(), "192.0.2.1");
}

TEST_F(SwitchBack, AFailureThatComesLateUndoesNoRevert) {
  BeginVia(v1::SWITCH_VIA_HOOK);
  world_->folder().Write("hook", "#!/bin/sh\necho x >> $(dirname $0)/hook.seen\nsleep 1\nexit 3\n");
  const v1::MxSwitch planned = Plan(Inbound());
  ASSERT_TRUE(Start(planned).ok());
  std::thread driver([&] { switches_->Pass(); });
  EXPECT_TRUE(mailquench::test::Eventually([&] { return HookRuns() > 0; }));
  EXPECT_TRUE(Revert(planned).ok());
  driver.join();
  EXPECT_EQ(Get(planned).state(), v1::SWITCH_STATE_REVERTING);
  world_->folder().Write("hook", kWorkingHook);
  ASSERT_TRUE(Until(planned, v1::SWITCH_STATE_REVERTED));
}

TEST_F(SwitchBack, ARequestThatIsOutIsWithdrawnAndSilenceProvesNothing) {
  BeginVia(v1::SWITCH_VIA_REQUEST);
  const v1::MxSwitch planned = Plan(Inbound());
  ASSERT_TRUE(Start(planned).ok());
  ASSERT_TRUE(UntilSo(planned, [](const v1::MxSwitch& now) {
    return now.records(0).state() == v1::RECORD_STATE_REQUESTED;
  }));
  ASSERT_TRUE(Revert(planned).ok());
  ASSERT_EQ(Get(planned).requests_size(), 2);
  EXPECT_THAT(Get(planned).requests(1), HasSubstr("please do so no more, and undo it"));
  ASSERT_TRUE(UntilSo(planned, [](const v1::MxSwitch& now) {
    return HasCheck(now, "record:A/mx1.example.test", v1::CHECK_STATE_FAILED);
  }));
  for (int i = 0; i < 5; ++i) switches_->Pass();
  EXPECT_EQ(Get(planned).state(), v1::SWITCH_STATE_REVERTING);
  EXPECT_EQ(Get(planned).records(0).state(), v1::RECORD_STATE_REQUESTED);
  // It is done after all, and undone.
  SetMx1("192.0.2.2");
  ASSERT_TRUE(
      UntilSo(planned, [](const v1::MxSwitch& now) { return !now.records(0).open_request(); }));
  EXPECT_EQ(Get(planned).state(), v1::SWITCH_STATE_REVERTING);
  SetMx1("192.0.2.1");
  ASSERT_TRUE(Until(planned, v1::SWITCH_STATE_REVERTED));
  EXPECT_EQ(Get(planned).requests_size(), 2);
}

TEST_F(SwitchBack, AWithdrawnRequestIsAPersonsWord) {
  BeginVia(v1::SWITCH_VIA_REQUEST);
  const v1::MxSwitch planned = Plan(Inbound());
  ASSERT_TRUE(Start(planned).ok());
  ASSERT_TRUE(UntilSo(planned, [](const v1::MxSwitch& now) {
    return now.records(0).state() == v1::RECORD_STATE_REQUESTED;
  }));
  ASSERT_TRUE(Revert(planned).ok());
  ASSERT_TRUE(UntilSo(planned, [](const v1::MxSwitch& now) {
    return HasCheck(now, "record:A/mx1.example.test", v1::CHECK_STATE_FAILED);
  }));
  ASSERT_TRUE(WaiveRecord(planned, "record:A/mx1.example.test").ok());
  ASSERT_TRUE(Until(planned, v1::SWITCH_STATE_REVERTED));
}

// Stuck on the way back, and then it is to be made after all.
TEST_F(SwitchBack, StuckOnTheWayBackItIsTurnedForwardAgain) {
  Begin();
  ASSERT_EQ(options_.zones[0].zone, "2.0.192.in-addr.arpa");
  options_.zones[0].via = v1::SWITCH_VIA_REQUEST;
  Open();
  const v1::MxSwitch planned = Plan(Request());
  ASSERT_EQ(planned.requests_size(), 1);
  ASSERT_TRUE(Start(planned).ok());
  ASSERT_TRUE(Until(planned, v1::SWITCH_STATE_WATCHING));
  clock_.skew = absl::Minutes(10);  // The updates back fail; the request to undo is out.
  ASSERT_TRUE(Revert(planned).ok());
  ASSERT_TRUE(UntilSo(planned, [](const v1::MxSwitch& now) {
    return HasCheck(now, "record:PTR/2.2.0.192.in-addr.arpa", v1::CHECK_STATE_FAILED);
  }));
  ASSERT_TRUE(WaiveRecord(planned, "record:PTR/2.2.0.192.in-addr.arpa").ok());
  ASSERT_TRUE(Until(planned, v1::SWITCH_STATE_STUCK));
  EXPECT_EQ(Mx1(), "192.0.2.2");
  clock_.skew = absl::ZeroDuration();
  ASSERT_TRUE(StartOnly(planned).ok());
  ASSERT_EQ(Get(planned).requests_size(), 3);
  EXPECT_THAT(Get(planned).requests(2), HasSubstr("PTR of 2.2.0.192.in-addr.arpa"));
  ASSERT_TRUE(Until(planned, v1::SWITCH_STATE_WATCHING));
  world_->Change("2.0.192.in-addr.arpa",
                 "update add 2.2.0.192.in-addr.arpa 2 PTR mx1.example.test.");
  ASSERT_TRUE(Until(planned, v1::SWITCH_STATE_DONE));
  EXPECT_EQ(Mx1(), "192.0.2.2");
  EXPECT_EQ(Spf(), "\"another=text\",\"v=spf1 ip4:192.0.2.2 -all\"");
}

#ifdef MAILQUENCH_FAULT_POINTS
// Killed when the record was written as sent and was not: the way back finds the lowered TTL.
TEST_F(SwitchBack, OutOfSendingWithALoweredTtlItPutsTheTtlBack) {
  Begin({}, {{"example.test", "@ 2 MX 10 mx1\nmx1 4 A 192.0.2.1\n"}});
  v1::PlanSwitchRequest request = Inbound();
  request.set_ttl(1);
  request.set_lower_ttl_first(true);
  const v1::MxSwitch planned = Plan(request);
  ASSERT_EQ(planned.records_size(), 2);
  ASSERT_TRUE(Start(planned).ok());
  KilledAt("mx.record.sending@2");
  ASSERT_EQ(Get(planned).records(1).state(), v1::RECORD_STATE_SENDING);
  ASSERT_EQ(TtlOfMx1(), 1U);
  ASSERT_TRUE(Revert(planned).ok());
  ASSERT_TRUE(Until(planned, v1::SWITCH_STATE_REVERTED));
  EXPECT_EQ(Mx1(), "192.0.2.1");
  EXPECT_EQ(TtlOfMx1(), 4U);
}

// The controller is killed at each point of LOWERING, of a hook and of a request, there and back.
TEST_F(SwitchBack, KilledInEveryWayOfChangingItGoesOnWhereItWas) {
  for (const char* point : {"mx.record.sending@1", "mx.record.sent@1", "mx.record.next@1"}) {
    for (const char* way : {"lowering", "hook", "request"}) {
      for (const bool back : {false, true}) {
        if (way == std::string("request") && point == std::string("mx.record.sent@1")) continue;
        SCOPED_TRACE(absl::StrCat(point, " ", way, back ? " back" : ""));
        const std::string kind = way;
        BeginVia(kind == "hook"      ? v1::SWITCH_VIA_HOOK
                 : kind == "request" ? v1::SWITCH_VIA_REQUEST
                                     : v1::SWITCH_VIA_UPDATE,
                 kind == "lowering" ? "@ 2 MX 10 mx1\nmx1 3 A 192.0.2.1\n"
                                    : "@ 2 MX 10 mx1\nmx1 2 A 192.0.2.1\n");
        v1::PlanSwitchRequest request = Inbound();
        request.set_ttl(1);
        request.set_lower_ttl_first(kind == "lowering");
        const v1::MxSwitch planned = Plan(request);
        ASSERT_TRUE(Start(planned).ok());
        const auto provider = [&](const std::string& address) {
          if (kind != "request") return;
          world_->Change("example.test",
                         absl::StrCat("update delete mx1.example.test A\nupdate add "
                                      "mx1.example.test 1 A ",
                                      address));
        };
        if (!back) {
          KilledAt(point);
          provider("192.0.2.2");
          ASSERT_TRUE(UntilSo(planned, [](const v1::MxSwitch& now) {
            return now.records().rbegin()->state() == v1::RECORD_STATE_SEEN;
          }));
          EXPECT_EQ(Mx1(), "192.0.2.2");
          ASSERT_TRUE(Revert(planned).ok());
        } else {
          provider("192.0.2.2");
          ASSERT_TRUE(UntilSo(planned, [](const v1::MxSwitch& now) {
            return now.records().rbegin()->state() == v1::RECORD_STATE_SEEN;
          }));
          ASSERT_TRUE(Revert(planned).ok());
          KilledAt(point);
        }
        provider("192.0.2.1");
        ASSERT_TRUE(Until(planned, v1::SWITCH_STATE_REVERTED));
        EXPECT_EQ(Mx1(), "192.0.2.1");
        if (kind == "lowering") {
          EXPECT_EQ(TtlOfMx1(), 3U);
        }
      }
    }
  }
}
#endif

TEST_F(SwitchBack, AfterAPartialRevertTheOldTtlIsLoweredAndWaitedOutAnew) {
  Begin({}, {{"example.test",
              "@ 2 MX 10 mx1\nmx1 4 A 192.0.2.1\n@ 2 TXT \"v=spf1 ip4:192.0.2.1 -all\"\n"},
             {"2.0.192.in-addr.arpa", ""}});
  v1::PlanSwitchRequest request = Request();
  request.set_ttl(1);
  request.set_lower_ttl_first(true);
  request.set_keep_ptr(true);
  const v1::MxSwitch planned = Plan(request);
  ASSERT_TRUE(Start(planned).ok());
  ASSERT_TRUE(Until(planned, v1::SWITCH_STATE_WATCHING));
  // SPF is theirs now: A goes back with its TTL, and the switch is stuck.
  world_->Change("example.test", "update add example.test 2 TXT \"a-verification=1\"");
  ASSERT_TRUE(Revert(planned).ok());
  ASSERT_TRUE(Until(planned, v1::SWITCH_STATE_STUCK));
  ASSERT_EQ(TtlOfMx1(), 4U);
  world_->Change("example.test", "update delete example.test TXT \"a-verification=1\"");
  ASSERT_TRUE(StartOnly(planned).ok());
  EXPECT_EQ(Get(planned).state(), v1::SWITCH_STATE_LOWERING);
  const absl::Time begun = absl::Now();
  switches_->Pass();
  EXPECT_EQ(Mx1(), "192.0.2.1");
  EXPECT_EQ(TtlOfMx1(), 1U);
  ASSERT_TRUE(UntilSo(planned, [&](const v1::MxSwitch&) { return Mx1() == "192.0.2.2"; }));
  EXPECT_GE(absl::Now() - begun, absl::Seconds(4));
  ASSERT_TRUE(Until(planned, v1::SWITCH_STATE_DONE));
}

}  // namespace
}  // namespace mailquench::controller::mx
