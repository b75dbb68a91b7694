// What is known of a host beside what it says itself.
#include "controller/fleet/hosts.h"

#include <atomic>
#include <chrono>
#include <thread>

#include "tests/unit/controller/core_fixture.h"

namespace mailquench::controller {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

TEST(HostsTest, AnAddressIsConfirmedByAGreetingInTheHostsNameAndNoOther) {
  char name[] = "/tmp/mq-hosts-XXXXXX";
  const std::string folder = mkdtemp(name);
  FakeClock clock;
  FakeLink link;
  auto store = Store::Open(folder + "/store");
  ASSERT_TRUE(store.ok());
  auto hosts = Hosts::Open(store->get(), &link, &clock);
  ASSERT_TRUE((*hosts)->Upsert("a", "mx1", {}, "1").ok());
  v1::Hello hello;
  hello.set_hostname("mx1");
  hello.add_helo_names("mx1.example.org");
  (*hosts)->Connected("a", hello);
  const auto confirmed = [&] { return (*hosts)->Find("a")->confirmed_addresses(); };
  for (const char* other : {"220 mx2.example.org ESMTP", "220 ", "220", "", "554 go away",
                            "220 mx1.example.org.evil.test ESMTP"}) {
    (*hosts)->Greeted("a", "192.0.2.1", other);
    EXPECT_THAT(confirmed(), IsEmpty()) << other;
  }
  (*hosts)->Greeted("a", "192.0.2.1", "220 MX1.example.org ESMTP Postfix");
  (*hosts)->Greeted("a", "192.0.2.1", "220-mx1.example.org hello");
  EXPECT_THAT(confirmed(), ElementsAre("192.0.2.1"));
  auto again = Hosts::Open(store->get(), &link, &clock);
  EXPECT_THAT((*again)->Find("a")->confirmed_addresses(), ElementsAre("192.0.2.1"));
  (*hosts)->Greeted("a", "192.0.2.1", "220 somebody.else ESMTP");
  EXPECT_THAT(confirmed(), IsEmpty());
  std::filesystem::remove_all(folder);
}

// Whoever connects has a lock of the fleet and wants the store; a change of the store asks for the
// fleet. Neither may wait for the other.
TEST(HostsTest, AChangeOfTheStoreMayAskForHostsWhileOneConnects) {
  char name[] = "/tmp/mq-hosts-XXXXXX";
  const std::string folder = mkdtemp(name);
  FakeClock clock;
  FakeLink link;
  auto store = Store::Open(folder + "/store");
  ASSERT_TRUE(store.ok());
  auto hosts = Hosts::Open(store->get(), &link, &clock);
  ASSERT_TRUE((*hosts)->Upsert("a", "mx1", {}, "1").ok());
  std::atomic<bool> inside{false};
  std::thread connects;
  const absl::Status done = (*store)->Transaction([&] {
    connects = std::thread([&] {
      inside = true;
      (*hosts)->Connected("a", {});
    });
    while (!inside) std::this_thread::yield();
    std::this_thread::sleep_for(std::chrono::milliseconds(200));  // It waits for the store now.
    EXPECT_THAT((*hosts)->All(), SizeIs(1));
    return absl::OkStatus();
  });
  EXPECT_TRUE(done.ok());
  connects.join();
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace mailquench::controller
