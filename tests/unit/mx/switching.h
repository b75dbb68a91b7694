// A switch in a world of real name servers, driven pass by pass.
#ifndef MAILQUENCH_TESTS_UNIT_MX_SWITCHING_H_
#define MAILQUENCH_TESTS_UNIT_MX_SWITCHING_H_

#include <gmock/gmock.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include <map>
#include <memory>
#include <optional>
#include <string>

#include "absl/strings/str_cat.h"
#include "common/clock/clock.h"
#include "common/status/error.h"
#include "controller/mx/switches.h"
#include "tests/e2e/processes.h"
#include "tests/unit/mx/dns_world.h"

namespace mailquench::controller::mx::test {

class SkewedClock final : public Clock {
 public:
  absl::Time Now() override { return absl::Now() + skew; }
  void Sleep(absl::Duration duration) override { absl::SleepFor(duration); }
  absl::Duration skew = absl::ZeroDuration();
};

// example.test goes to mx1, 192.0.2.1, and is to go to 192.0.2.2; TTLs are 2 s.
inline const std::map<std::string, std::string>& ExampleZones() {
  static const auto* const zones = new std::map<std::string, std::string>{
      {"example.test",
       "@ 2 MX 10 mx1\nmx1 2 A 192.0.2.1\n@ 2 TXT \"v=spf1 ip4:192.0.2.1 -all\"\n"
       "@ 2 TXT \"another=text\"\nmx2 2 A 192.0.2.2\n"},
      {"2.0.192.in-addr.arpa", "1 2 PTR mx1.example.test.\n"}};
  return *zones;
}

class Switching : public ::testing::Test {
 protected:
  void Begin(const WorldOptions& options = {},
             const std::map<std::string, std::string>& zones = ExampleZones()) {
    world_.emplace(zones, options);
    options_ = world_->options();
    Open();
  }
  // As after a restart.
  void Open() {
    switches_.reset();
    store_.reset();
    auto store = Store::Open(world_->folder().path("controller.db"));
    ASSERT_TRUE(store.ok()) << store.status();
    store_ = *std::move(store);
    SwitchHands hands = hands_;
    switches_ = std::make_unique<Switches>(store_.get(), &clock_, options_, hands);
    ASSERT_TRUE(switches_->Open().ok());
  }
  v1::PlanSwitchRequest Request() const {
    v1::PlanSwitchRequest request;
    request.add_domains("example.test");
    request.set_from_address("192.0.2.1");
    request.set_to_address("192.0.2.2");
    request.set_ttl(2);
    request.set_reason("the old one is listed");
    return request;
  }
  v1::MxSwitch Plan(const v1::PlanSwitchRequest& request) {
    auto planned = switches_->Plan(request, "ada");
    EXPECT_TRUE(planned.ok()) << planned.status();
    return planned.ok() ? *planned : v1::MxSwitch();
  }
  // All checks that did not pass are waived first.
  absl::StatusOr<v1::MxSwitch> Start(const v1::MxSwitch& planned) {
    for (const v1::Check& check : planned.checks()) {
      if (check.state() == v1::CHECK_STATE_PASSED || check.state() == v1::CHECK_STATE_SKIPPED)
        continue;
      v1::WaiveCheckRequest waive;
      waive.set_switch_id(planned.switch_id());
      waive.set_check_id(check.check_id());
      waive.set_reason("a test has no such thing");
      EXPECT_TRUE(switches_->Waive(waive, "ada").ok());
    }
    return StartOnly(planned);
  }
  absl::StatusOr<v1::MxSwitch> StartOnly(const v1::MxSwitch& planned) {
    v1::StartSwitchRequest start;
    start.set_switch_id(planned.switch_id());
    start.set_plan_hash(planned.plan_hash());
    return switches_->Start(start, "ada");
  }
  absl::StatusOr<v1::MxSwitch> Revert(const v1::MxSwitch& one) {
    v1::RevertSwitchRequest revert;
    revert.set_switch_id(one.switch_id());
    revert.set_reason("it was the wrong one");
    return switches_->Revert(revert, "ada");
  }
  v1::MxSwitch Get(const v1::MxSwitch& one) { return *switches_->Get(one.switch_id()); }
  // Passes until it is so. False: it never was.
  bool Until(const v1::MxSwitch& one, v1::SwitchState state) {
    const bool there = mailquench::test::Eventually([&] {
      switches_->Pass();
      return Get(one).state() == state;
    });
    EXPECT_TRUE(there) << Get(one).DebugString();
    return there;
  }
  template <class Condition>
  bool UntilSo(const v1::MxSwitch& one, Condition condition) {
    const bool there = mailquench::test::Eventually([&] {
      switches_->Pass();
      return condition(Get(one));
    });
    EXPECT_TRUE(there) << Get(one).DebugString();
    return there;
  }
#ifdef MAILQUENCH_FAULT_POINTS
  // The controller, in a process of its own, is killed there; then it is started again.
  void KilledAt(const std::string& point) {
    switches_.reset();
    store_.reset();
    const pid_t child = fork();
    if (child == 0) {
      setenv("MAILQUENCH_FAULT", absl::StrCat(point, "=kill").c_str(), 1);
      Open();
      for (int i = 0; i < 200; ++i) {
        switches_->Pass();
        absl::SleepFor(absl::Milliseconds(30));
      }
      _exit(0);
    }
    EXPECT_EQ(mailquench::test::WaitFor(child), 128 + SIGKILL);
    Open();
  }
#endif
  std::string Mx1() {
    return world_->Values(world_->primary(), "mx1.example.test", "A");
  }
  std::string Spf() {
    return world_->Values(world_->primary(), "example.test", "TXT");
  }
  std::string Ptr() {
    return world_->Values(world_->primary(), "2.2.0.192.in-addr.arpa", "PTR");
  }

  std::optional<World> world_;
  Options options_;
  SwitchHands hands_;
  SkewedClock clock_;
  std::unique_ptr<Store> store_;
  std::unique_ptr<Switches> switches_;
};

}  // namespace mailquench::controller::mx::test

#endif  // MAILQUENCH_TESTS_UNIT_MX_SWITCHING_H_
