// Which host monitoring means, and whether a host accepts mail.
#include "tests/unit/escalation/fleet_fixture.h"

namespace mailquench::controller {
namespace {

std::vector<v1::Host> Fleet() {
  std::vector<v1::Host> hosts = {MakeHost("mx1.example.org"), MakeHost("mx2.example.org"),
                                 MakeHost("old.example.org")};
  v1::Hello* hello = hosts[0].mutable_hello();
  hello->add_addresses("192.0.2.1");
  hello->add_addresses("2001:db8::1");
  hello->add_addresses("127.0.0.1");
  hello->add_addresses("10.0.0.1");
  hello->add_listeners("192.0.2.11:25");
  hello->add_listeners("[2001:db8::2]:587");
  hello->add_listeners("0.0.0.0:25");
  hello->add_helo_names("mail.example.org");
  hello->add_helo_names("localhost");
  hosts[1].mutable_hello()->add_addresses("10.0.0.1");
  // It says that it is another one.
  hosts[1].mutable_hello()->add_helo_names("mx1.example.org");
  hosts[2].mutable_hello()->add_addresses("192.0.2.3");
  hosts[2].set_state(v1::HOST_STATE_EVICTED);
  return hosts;
}

TEST(HostNamed, ByWhatMonitoringSays) {
  const std::vector<v1::Host> hosts = Fleet();
  const struct {
    const char* value;
    const char* name;
  } kCases[] = {
      {"mx1.example.org", "mx1.example.org"},
      {"MX1.Example.ORG:9100", "mx1.example.org"},
      {"mx1.example.org.", "mx1.example.org"},
      {"mx2.example.org:25", "mx2.example.org"},
      {" 192.0.2.1 ", "mx1.example.org"},
      {"192.0.2.1:9100", "mx1.example.org"},
      {"192.0.2.11", "mx1.example.org"},
      {"::ffff:192.0.2.1", "mx1.example.org"},
      {"2001:db8::1", "mx1.example.org"},
      {"2001:DB8:0:0::1", "mx1.example.org"},
      {"[2001:db8::1]:9100", "mx1.example.org"},
      {"[2001:db8::2]", "mx1.example.org"},
      {"mail.example.org", "mx1.example.org"},
      {"", ""},
      {":9100", ""},
      {"[", ""},
      {"mx1", ""},
      {"mx9.example.org", ""},
      {"10.0.0.1", ""},  // Of two.
      {"127.0.0.1:9100", ""},
      {"localhost:9100", ""},
      {"0.0.0.0:25", ""},
      {"192.0.2.3", ""},  // Evicted.
      {"old.example.org", ""},
  };
  for (const auto& one : kCases) {
    const v1::Host* host = HostNamed(hosts, one.value);
    EXPECT_EQ(host == nullptr ? "" : host->name(), one.name) << one.value;
  }
}

TEST(IsAccepting, AsLastHeard) {
  EXPECT_TRUE(IsAccepting(MakeHost("a")));
  const std::map<std::string, std::function<void(v1::Host*)>> kCases = {
      {"evicted", [](v1::Host* h) { h->set_state(v1::HOST_STATE_EVICTED); }},
      {"offline", [](v1::Host* h) { h->set_online(false); }},
      {"no agent", [](v1::Host* h) { h->mutable_manual()->set_platform("appliance"); }},
      {"stopped",
       [](v1::Host* h) {
         h->mutable_heartbeat()->set_mail_service(v1::MAIL_SERVICE_STATE_STOPPED);
       }},
      {"not known", [](v1::Host* h) { h->clear_heartbeat(); }},
      {"leased", [](v1::Host* h) { h->mutable_heartbeat()->add_leases(); }},
      {"alarm", [](v1::Host* h) { h->mutable_heartbeat()->set_alarm(true); }},
  };
  for (const auto& [what, change] : kCases) {
    v1::Host host = MakeHost("a");
    change(&host);
    EXPECT_FALSE(IsAccepting(host)) << what;
  }
}

}  // namespace
}  // namespace mailquench::controller
