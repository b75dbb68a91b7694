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

// An agent that has just begun has not looked yet, and a drift does not end by that.
TEST(HostsTest, ADriftHoldsUntilTheAgentHasLookedAgain) {
  char name[] = "/tmp/mq-hosts-XXXXXX";
  const std::string folder = mkdtemp(name);
  FakeClock clock;
  FakeLink link;
  auto store = Store::Open(folder + "/store");
  ASSERT_TRUE(store.ok());
  auto opened = Hosts::Open(store->get(), &link, &clock);
  Hosts& hosts = **opened;
  ASSERT_TRUE(hosts.Upsert("a", "mx1", {}, "1").ok());
  const auto now = [&] { return hosts.Find("a")->heartbeat(); };
  v1::Heartbeat began;
  began.set_drift_unknown(true);
  EXPECT_FALSE(hosts.Beat("a", began));
  EXPECT_TRUE(now().drift_unknown());  // After a restart of the controller nobody knows.
  v1::Heartbeat drifts;
  drifts.add_drifted("- relay");
  EXPECT_TRUE(hosts.Beat("a", drifts));
  EXPECT_FALSE(hosts.Beat("a", began));
  EXPECT_FALSE(now().drift_unknown());
  EXPECT_THAT(now().drifted(), ElementsAre("- relay"));
  EXPECT_FALSE(hosts.Beat("a", drifts));
  EXPECT_TRUE(hosts.Beat("a", v1::Heartbeat()));
  EXPECT_THAT(now().drifted(), IsEmpty());
  std::filesystem::remove_all(folder);
}

// Each way in which a host changes shows in the next copy of the fleet, and in none that is out.
TEST(HostsTest, ACopyOfTheFleetIsAsItWasAndTheNextOneAsItIs) {
  char name[] = "/tmp/mq-hosts-XXXXXX";
  const std::string folder = mkdtemp(name);
  FakeClock clock;
  FakeLink link;
  auto store = Store::Open(folder + "/store");
  ASSERT_TRUE(store.ok());
  auto opened = Hosts::Open(store->get(), &link, &clock);
  Hosts& hosts = **opened;
  EXPECT_THAT(*hosts.Fleet(), IsEmpty());
  v1::Hello hello;
  hello.set_hostname("mx1");
  hello.add_helo_names("mx1.example.org");
  hello.add_capabilities();
  v1::Heartbeat beat;
  beat.set_mail_service(v1::MAIL_SERVICE_STATE_RUNNING);
  v1::AddManualHostRequest manual;
  manual.set_name("han");
  v1::SetLabelsRequest labels;
  labels.set_host("mx1");
  (*labels.mutable_labels())["site"] = "fra";
  v1::SetMailIdentityRequest identity;
  identity.set_host("mx1");
  identity.mutable_mail_identity()->add_mail_domains("example.org");
  const std::vector<std::function<void()>> changes = {
      [&] { EXPECT_TRUE(hosts.Upsert("b", "mx2", {}, "1").ok()); },
      [&] { EXPECT_TRUE(hosts.Upsert("a", "mx1", {}, "1").ok()); },
      [&] { hosts.Connected("a", hello); },
      [&] { link.online.insert("a"); },
      [&] { hosts.Beat("a", beat); },
      [&] { hosts.Greeted("a", "192.0.2.1", "220 mx1.example.org ESMTP"); },
      [&] { EXPECT_TRUE(hosts.SetLabels(labels).ok()); },
      [&] { EXPECT_TRUE(hosts.SetMailIdentity(identity).ok()); },
      [&] {
        manual.set_name(manual.name() + "d");  // There is none of this name yet.
        EXPECT_TRUE(hosts.AddManual(manual, "ann").ok());
      },
      [&] { EXPECT_TRUE(hosts.Upsert("b", "a-new-name", {}, "1").ok()); },
      [&] { link.online.erase("a"); },
      [&] {
        clock.Sleep(absl::Seconds(5));
        hosts.Disconnected("a");
      },
      [&] { EXPECT_TRUE(hosts.SetState("a", v1::HOST_STATE_EVICTED).ok()); },
  };
  const auto text = [](const std::vector<v1::Host>& fleet) {
    std::string all;
    for (const v1::Host& host : fleet) all += host.ShortDebugString() + "\n";
    return all;
  };
  for (const bool keep : {false, true}) {
    for (std::size_t i = 0; i < changes.size(); ++i) {
      FleetCopy before = hosts.Fleet();
      EXPECT_EQ(before, hosts.Fleet());  // While nothing changes it is the same one.
      const std::string was = text(*before);
      if (!keep) before.reset();
      changes[i]();
      std::vector<v1::Host> whole = hosts.All();
      for (v1::Host& host : whole) {
        if (host.has_hello()) host.mutable_hello()->clear_capabilities();
      }
      EXPECT_EQ(text(*hosts.Fleet()), text(whole)) << i;
      if (keep) {
        EXPECT_EQ(text(*before), was) << i;
      }
    }
  }
  EXPECT_THAT(hosts.Where([](const v1::Host& host) { return host.host_id() == "a"; })[0]
                  .hello()
                  .capabilities(),
              SizeIs(1));
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace mailquench::controller
