// What the link says of the mail system while that does not answer.
#include "agent/app/observer.h"

#include <gtest/gtest.h>

#include <atomic>

#include "absl/synchronization/notification.h"
#include "absl/time/clock.h"

namespace mailquench::agent {
namespace {

class Play {
 public:
  Play() {
    options.heartbeat = absl::Milliseconds(20);
    options.first_hello = absl::Milliseconds(20);
    calls.inspect = [] {
      v1::Hello hello;
      hello.set_platform("fake");
      return hello;
    };
    calls.service = [] { return ServiceLook{v1::MAIL_SERVICE_STATE_RUNNING, 4096}; };
    calls.count = [] { return absl::StatusOr<std::int64_t>(7); };
    calls.drift = [] { return absl::StatusOr<std::vector<std::string>>({"- relay"}); };
    calls.is_changing = [] { return false; };
    calls.hello_changed = [] {};
  }
  ObserverOptions options;
  ObserverCalls calls;
};

TEST(Observer, AMailSystemThatHangsKeepsNoHelloAndNoHeartbeatWaiting) {
  Play play;
  absl::Notification answers, changed;
  const auto inspect = play.calls.inspect;
  play.calls.inspect = [&] {
    answers.WaitForNotification();
    return inspect();
  };
  play.calls.hello_changed = [&] {
    if (!changed.HasBeenNotified()) changed.Notify();
  };
  Observer observer(play.options, play.calls);
  observer.Start();
  EXPECT_EQ(observer.Hello().platform(), "");
  EXPECT_EQ(observer.Queued(), -1);
  EXPECT_EQ(observer.Service().state, v1::MAIL_SERVICE_STATE_UNSPECIFIED);
  answers.Notify();
  changed.WaitForNotification();
  EXPECT_EQ(observer.Hello().platform(), "fake");
}

TEST(Observer, TheFirstHelloWaitsForTheInventory) {
  Play play;
  play.options.first_hello = absl::Minutes(1);
  play.options.heartbeat = absl::Minutes(1);
  Observer observer(play.options, play.calls);
  observer.Start();
  EXPECT_EQ(observer.Hello().platform(), "fake");
  EXPECT_EQ(observer.Queued(), 7);
  EXPECT_EQ(observer.Service().state, v1::MAIL_SERVICE_STATE_RUNNING);
  EXPECT_EQ(observer.Service().queue_free_bytes, 4096);
}

TEST(Observer, AnOldCountIsNone) {
  Play play;
  absl::Notification hangs, goes_on;
  int asked = 0;
  play.calls.count = [&]() -> absl::StatusOr<std::int64_t> {
    if (++asked > 1) {
      if (!hangs.HasBeenNotified()) hangs.Notify();
      goes_on.WaitForNotification();
    }
    return 7;
  };
  Observer observer(play.options, play.calls);
  observer.Start();
  hangs.WaitForNotification();
  while (observer.Queued() != -1) absl::SleepFor(absl::Milliseconds(1));
  goes_on.Notify();
}

TEST(Observer, AnOldLookAtTheServiceIsNone) {
  Play play;
  absl::Notification hangs, goes_on;
  int asked = 0;
  play.calls.service = [&] {
    if (++asked > 1) {
      if (!hangs.HasBeenNotified()) hangs.Notify();
      goes_on.WaitForNotification();
    }
    return ServiceLook{v1::MAIL_SERVICE_STATE_STOPPED, 1};
  };
  Observer observer(play.options, play.calls);
  observer.Start();
  hangs.WaitForNotification();
  while (observer.Service().state != v1::MAIL_SERVICE_STATE_UNSPECIFIED)
    absl::SleepFor(absl::Milliseconds(1));
  EXPECT_FALSE(observer.Service().queue_free_bytes.has_value());
  goes_on.Notify();
}

TEST(Observer, LooksForNoDriftWhileAChangeGoesOn) {
  Play play;
  std::atomic<bool> changing = true;
  std::atomic<int> looks = 0, rounds = 0;
  absl::Notification looked;
  play.calls.is_changing = [&] {
    ++rounds;
    return changing.load();
  };
  play.calls.drift = [&]() -> absl::StatusOr<std::vector<std::string>> {
    if (++looks == 1) looked.Notify();
    return std::vector<std::string>{"- relay"};
  };
  Observer observer(play.options, play.calls);
  observer.Start();
  while (rounds < 5) absl::SleepFor(absl::Milliseconds(1));
  EXPECT_EQ(looks, 0);
  EXPECT_FALSE(observer.Drifted().has_value());  // Not "none".
  changing = false;
  looked.WaitForNotification();
  while (!observer.Drifted()) absl::SleepFor(absl::Milliseconds(1));
  EXPECT_EQ(*observer.Drifted(), std::vector<std::string>{"- relay"});
}

}  // namespace
}  // namespace mailquench::agent
