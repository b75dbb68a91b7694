#include "tests/unit/mx/dns_world.h"

#include <signal.h>

#include <filesystem>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "controller/dns/query.h"
#include "tests/e2e/processes.h"

namespace mailquench::controller::mx::test {

using mailquench::test::Eventually;
using mailquench::test::Spawn;

namespace {

void End(pid_t* pid) {
  if (*pid == 0) return;
  kill(*pid, SIGTERM);
  mailquench::test::WaitFor(*pid);
  *pid = 0;
}

}  // namespace

World::World(const std::map<std::string, std::string>& zones, const WorldOptions& options)
    : port_(mailquench::test::FreePort()), has_resolver_(options.resolver) {
  dns::test::MakeKey(folder_, "key", "hmac-sha256", "mq.test");
  std::string rest = absl::StrCat("include \"", folder_.path("key"), "\";\n");
  for (const auto& [zone, text] : zones) {
    zones_.push_back(zone);
    folder_.Write(
        zone + ".zone",
        absl::StrCat("$TTL 60\n@ SOA ns1.servers.test. hostmaster 1 86400 86400 864000 2\n"
                     "@ NS ns1.servers.test.\n",
                     options.secondary ? "@ NS ns2.servers.test.\n" : "", text));
    absl::StrAppend(&rest, "zone \"", zone, "\" { type primary; file \"", zone,
                    ".zone\"; update-policy { grant mq.test zonesub ANY; }; ",
                    options.secondary && options.notify
                        ? absl::StrCat("also-notify { 127.0.0.2 port ", port_, "; }; ")
                        : "",
                    "};\n");
  }
  zones_.push_back("servers.test");
  folder_.Write("servers.test.zone",
                absl::StrCat("$TTL 60\n@ SOA ns1 hostmaster 1 86400 86400 864000 2\n@ NS ns1\n"
                             "ns1 A 127.0.0.1\nns2 A 127.0.0.2\n",
                             options.servers));
  absl::StrAppend(&rest, "zone \"servers.test\" { type primary; file \"servers.test.zone\"; };\n");
  bind_.emplace(dns::test::Server::Bind(
      folder_, "127.0.0.1", port_,
      "allow-transfer { any; }; notify-delay 0; check-names primary ignore; "
      "check-integrity no; check-mx ignore; check-mx-cname ignore;",
      rest));
  if (options.secondary) StartKnot(options);
  if (options.resolver) StartUnbound(options);
}

World::~World() {
  End(&knot_);
  End(&unbound_);
}

std::string World::primary() const {
  return absl::StrCat("127.0.0.1:", port_);
}
std::string World::secondary() const {
  return absl::StrCat("127.0.0.2:", port_);
}
std::string World::resolver() const {
  return has_resolver_ ? absl::StrCat("127.0.0.3:", port_) : primary();
}

void World::WaitFor(const std::string& server) const {
  const auto endpoint = dns::ParseEndpoint(server);
  dns::Question question;
  question.name = zones_.front();
  question.type = "SOA";
  question.recursion = true;
  EXPECT_TRUE(Eventually([&] {
    const auto answer = dns::Ask(*endpoint, question, {absl::Milliseconds(200), 1});
    return answer.ok() && !answer->values.empty();
  })) << server;
}

void World::StartKnot(const WorldOptions& options) {
  std::filesystem::create_directory(folder_.path("db"));
  std::filesystem::create_directory(folder_.path("knot"));
  std::string zones;
  for (const std::string& zone : zones_) {
    if (zone == "servers.test") continue;
    absl::StrAppend(&zones, "  - domain: ", zone, "\n    master: primary\n    acl: told\n");
  }
  folder_.Write(
      "knot.conf",
      absl::StrReplaceAll("server:\n  rundir: DIR\n  user: root:root\n  listen: 127.0.0.2@PORT\n"
                          "  udp-workers: 1\n  tcp-workers: 1\n  background-workers: 2\n"
                          "database:\n  storage: DIR/db\n"
                          "remote:\n  - id: primary\n    address: 127.0.0.1@PORT\n"
                          "    via: 127.0.0.2\n"
                          "acl:\n  - id: told\n    address: 127.0.0.1\n    action: notify\n"
                          "template:\n  - id: default\n    storage: DIR/knot\n"
                          "zone:\n",
                          {{"DIR", folder_.path()}, {"PORT", absl::StrCat(port_)}}) +
          zones);
  (void)options;
  knot_ = Spawn({"/usr/sbin/knotd", "-c", folder_.path("knot.conf")}, folder_.path("knot.log"));
  WaitFor(secondary());
}

void World::StartUnbound(const WorldOptions& options) {
  std::string conf = absl::StrReplaceAll(
      "server:\n  chroot: \"\"\n  username: \"\"\n  directory: \"DIR\"\n  pidfile: \"\"\n"
      "  use-syslog: no\n  interface: 127.0.0.3@PORT\n  do-not-query-localhost: no\n"
      "  do-ip6: no\n  do-daemonize: no\n  module-config: \"iterator\"\n  num-threads: 1\n"
      "  prefetch: no\n  serve-expired: no\n  minimal-responses: no\n",
      {{"DIR", folder_.path()}, {"PORT", absl::StrCat(port_)}});
  absl::StrAppend(&conf, options.unbound);
  for (const std::string& zone : zones_)
    absl::StrAppend(&conf, "  local-zone: \"", zone, ".\" nodefault\n");
  absl::StrAppend(&conf,
                  "  local-zone: \"test.\" nodefault\nremote-control:\n  control-enable: no\n");
  for (const std::string& zone : zones_)
    absl::StrAppend(&conf, "stub-zone:\n  name: \"", zone, "\"\n  stub-addr: 127.0.0.1@", port_,
                    "\n");
  folder_.Write("unbound.conf", conf);
  unbound_ = Spawn({"/usr/sbin/unbound", "-d", "-c", folder_.path("unbound.conf")},
                   folder_.path("unbound.log"));
  WaitFor(resolver());
}

Options World::options() const {
  Options options;
  options.resolvers = {resolver()};
  options.watch_resolvers = {resolver()};
  options.port = port_;
  options.patience = {absl::Milliseconds(300), 2};
  options.smtp_limit = absl::Milliseconds(200);
  options.look_every = absl::Milliseconds(50);
  options.lag_patience = absl::Seconds(1);
  for (const std::string& name : zones_) {
    if (name == "servers.test") continue;
    Zone zone;
    zone.zone = name;
    zone.primary = primary();
    zone.key_file = folder_.path("key");
    zone.port = port_;
    options.zones.push_back(zone);
  }
  return options;
}

std::string World::Values(const std::string& server,
                          const std::string& name,
                          const std::string& type) {
  dns::Question question;
  question.name = name;
  question.type = type;
  const auto answer = dns::Ask(*dns::ParseEndpoint(server), question, {absl::Seconds(1), 2});
  if (!answer.ok()) return std::string(answer.status().message());
  return answer->values.empty() ? "-" : absl::StrJoin(answer->values, ",");
}

void World::Change(const std::string& zone, const std::string& lines) {
  EXPECT_EQ(
      dns::test::NsUpdate(folder_, "key", primary(), absl::StrCat("zone ", zone, "\n", lines)), 0);
}

void World::Refresh() {
  const pid_t pid = Spawn({"/usr/sbin/knotc", "-c", folder_.path("knot.conf"), "zone-retransfer"},
                          folder_.path("knotc.log"));
  EXPECT_EQ(mailquench::test::WaitFor(pid), 0);
}

}  // namespace mailquench::controller::mx::test
