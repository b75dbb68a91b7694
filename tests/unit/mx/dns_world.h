// A small world of DNS on loopback: BIND as primary, Knot as secondary, unbound as resolver with a
// cache. All have one port and an address each, since a name server's name has no port.
#ifndef MAILQUENCH_TESTS_UNIT_MX_DNS_WORLD_H_
#define MAILQUENCH_TESTS_UNIT_MX_DNS_WORLD_H_

#include <sys/types.h>

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "controller/dns/look.h"
#include "controller/mx/options.h"
#include "tests/unit/dns/name_server.h"

namespace mailquench::controller::mx::test {

struct WorldOptions {
  bool secondary = false;
  bool notify = true;     // False: the secondary is not told, and lags until Refresh().
  bool resolver = false;  // Else the primary stands for it.
  std::string unbound;    // More lines of its section server.
  std::string servers;    // More records of servers.test, where the name servers' names are.
};

// The zones' texts are without SOA and NS: ns1 is the primary, ns2 the secondary where there is
// one. TTL 60, negative 2.
class World {
 public:
  explicit World(const std::map<std::string, std::string>& zones, const WorldOptions& options = {});
  ~World();
  World(const World&) = delete;
  World& operator=(const World&) = delete;

  int port() const { return port_; }
  std::string primary() const;    // "127.0.0.1:5353"
  std::string secondary() const;  // "127.0.0.2:5353"
  std::string resolver() const;   // "127.0.0.3:5353", or the primary's.
  // Every zone by update with the key that may.
  Options options() const;
  const dns::test::Folder& folder() const { return folder_; }
  // What the server has now; "A,B" sorted, "-": nothing.
  std::string Values(const std::string& server, const std::string& name, const std::string& type);
  // Somebody else's change, by nsupdate with our key.
  void Change(const std::string& zone, const std::string& lines);
  void Refresh();  // The secondary asks for every zone now.
  dns::test::Server& bind() { return *bind_; }

 private:
  void StartKnot(const WorldOptions& options);
  void StartUnbound(const WorldOptions& options);
  void WaitFor(const std::string& server) const;

  dns::test::Folder folder_;
  int port_ = 0;
  std::vector<std::string> zones_;
  bool has_resolver_ = false;
  std::optional<dns::test::Server> bind_;
  pid_t knot_ = 0, unbound_ = 0;
};

}  // namespace mailquench::controller::mx::test

#endif  // MAILQUENCH_TESTS_UNIT_MX_DNS_WORLD_H_
