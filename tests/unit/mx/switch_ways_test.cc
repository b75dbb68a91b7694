// Zones that take no updates: the operator's own program, and a request to whoever has the zone.
#include <signal.h>
#include <sys/stat.h>

#include <cerrno>
#include <sstream>

#include "tests/unit/mx/switching.h"

namespace mailquench::controller::mx {
namespace {

using ::testing::HasSubstr;

class SwitchWays : public test::Switching {
 protected:
  void BeginVia(v1::SwitchVia via, const std::string& hook = "") {
    Begin({}, {{"example.test", "@ 2 MX 10 mx1\nmx1 2 A 192.0.2.1\n"}});
    options_.zones[0].via = via;
    options_.zones[0].contact = "hostmaster@provider.test";
    options_.zones[0].key_file.clear();
    if (!hook.empty()) {
      options_.zones[0].hook = world_->folder().path("hook");
      world_->folder().Write("hook", hook);
      chmod(options_.zones[0].hook.c_str(), 0755);
    }
    options_.hook_limit = absl::Seconds(5);
    Open();
  }
  v1::PlanSwitchRequest Inbound() const {
    v1::PlanSwitchRequest request = Request();
    request.set_inbound_only(true);
    return request;
  }
};

TEST_F(SwitchWays, AHookGetsTheRecordAndDnsSaysWhetherItWasDone) {
  BeginVia(v1::SWITCH_VIA_HOOK, R"(#!/usr/bin/python3
import json, os, subprocess, sys
it = json.load(sys.stdin)
here = os.path.dirname(os.path.realpath(__file__))
lines = open(here + "/port").read() + "zone " + it["zone"] + "\n"
lines += "update delete %s %s\n" % (it["name"], it["type"])
for value in it["after"]["values"]:
    lines += "update add %s %d %s %s\n" % (it["name"], it["after"]["ttl"], it["type"], value)
open(here + "/hook.seen", "a").write(json.dumps(it) + "\n")
sys.exit(subprocess.run(["/usr/bin/nsupdate", "-k", here + "/key"], input=lines + "send\n", text=True).returncode)
)");
  world_->folder().Write("port", absl::StrCat("server 127.0.0.1 ", world_->port(), "\n"));
  const v1::MxSwitch planned = Plan(Inbound());
  ASSERT_EQ(planned.records(0).via(), v1::SWITCH_VIA_HOOK);
  ASSERT_TRUE(Start(planned).ok());
  ASSERT_TRUE(Until(planned, v1::SWITCH_STATE_DONE));
  EXPECT_EQ(Mx1(), "192.0.2.2");
  EXPECT_THAT(dns::test::ReadAll(world_->folder().path("hook.seen")),
              HasSubstr("\"before\": {\"ttl\": 2, \"values\": [\"192.0.2.1\"]}"));
  ASSERT_TRUE(Revert(planned).ok());
  ASSERT_TRUE(Until(planned, v1::SWITCH_STATE_REVERTED));
  EXPECT_EQ(Mx1(), "192.0.2.1");
}

TEST_F(SwitchWays, AHookThatFailsSaysWhyAndStopsIt) {
  BeginVia(v1::SWITCH_VIA_HOOK, "#!/bin/sh\necho 'the provider is\033[31m closed' >&2\nexit 3\n");
  const v1::MxSwitch planned = Plan(Inbound());
  ASSERT_TRUE(Start(planned).ok());
  ASSERT_TRUE(Until(planned, v1::SWITCH_STATE_STUCK));
  const v1::MxSwitch stuck = Get(planned);
  EXPECT_EQ(stuck.records(0).state(), v1::RECORD_STATE_FAILED);
  EXPECT_THAT(stuck.records(0).error(), HasSubstr("ended with code 3"));
  EXPECT_THAT(stuck.records(0).error(), HasSubstr("the provider is"));
  EXPECT_EQ(stuck.records(0).error().find('\033'), std::string::npos);
}

TEST_F(SwitchWays, AHookThatHangsIsKilledWithItsChildren) {
  BeginVia(v1::SWITCH_VIA_HOOK,
           "#!/bin/sh\nsleep 300 &\necho $! $$ > $(dirname $0)/pids\nsleep 300\n");
  options_.hook_limit = absl::Milliseconds(300);
  Open();
  const v1::MxSwitch planned = Plan(Inbound());
  ASSERT_TRUE(Start(planned).ok());
  ASSERT_TRUE(Until(planned, v1::SWITCH_STATE_STUCK));
  EXPECT_THAT(Get(planned).records(0).error(), HasSubstr("did not end within 300ms"));
  std::istringstream pids(dns::test::ReadAll(world_->folder().path("pids")));
  pid_t child = 0, program = 0;
  ASSERT_TRUE(pids >> child >> program);
  // Gone, or dead and not yet taken by whoever has it now.
  const auto is_gone = [](pid_t pid) {
    if (kill(pid, 0) != 0) return errno == ESRCH;
    const std::string stat = dns::test::ReadAll(absl::StrCat("/proc/", pid, "/stat"));
    const std::size_t end = stat.rfind(") ");
    return end == std::string::npos || stat[end + 2] == 'Z';
  };
  for (const pid_t pid : {child, program})
    EXPECT_TRUE(mailquench::test::Eventually([&] { return is_gone(pid); })) << pid;
}

TEST_F(SwitchWays, AnotherTtlThanWasAskedForIsSaid) {
  BeginVia(v1::SWITCH_VIA_REQUEST);
  const v1::MxSwitch planned = Plan(Inbound());
  ASSERT_TRUE(Start(planned).ok());
  world_->Change("example.test",
                 "update delete mx1.example.test A\nupdate add mx1.example.test 77 A 192.0.2.2");
  ASSERT_TRUE(Until(planned, v1::SWITCH_STATE_DONE));
  EXPECT_THAT(Get(planned).records(0).error(), HasSubstr("gives it a TTL of 77 s, not 2"));
}

TEST_F(SwitchWays, ARequestIsATextAndIsTrackedUntilTheChangeIsSeen) {
  BeginVia(v1::SWITCH_VIA_REQUEST);
  const v1::MxSwitch planned = Plan(Inbound());
  ASSERT_EQ(planned.requests_size(), 1);
  EXPECT_THAT(planned.requests(0), HasSubstr("To: hostmaster@provider.test"));
  EXPECT_THAT(planned.requests(0),
              HasSubstr("Please make it:\n  mx1.example.test.  2  IN  A  192.0.2.2"));
  EXPECT_THAT(planned.requests(0), HasSubstr("To go back"));
  ASSERT_TRUE(Start(planned).ok());
  ASSERT_TRUE(Until(planned, v1::SWITCH_STATE_WATCHING));
  switches_->Pass();
  EXPECT_EQ(Get(planned).records(0).state(), v1::RECORD_STATE_REQUESTED);
  world_->Change("example.test",
                 "update delete mx1.example.test A\nupdate add mx1.example.test 2 A 192.0.2.2");
  ASSERT_TRUE(Until(planned, v1::SWITCH_STATE_DONE));
  ASSERT_TRUE(Revert(planned).ok());
  ASSERT_TRUE(UntilSo(planned, [](const v1::MxSwitch& now) { return now.requests_size() == 2; }));
  EXPECT_THAT(Get(planned).requests(1), HasSubstr("please undo"));
  world_->Change("example.test",
                 "update delete mx1.example.test A\nupdate add mx1.example.test 2 A 192.0.2.1");
  ASSERT_TRUE(Until(planned, v1::SWITCH_STATE_REVERTED));
}

}  // namespace
}  // namespace mailquench::controller::mx
