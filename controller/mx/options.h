// What the controller's configuration says of DNS: whom to ask, and how each zone is changed.
#ifndef MAILQUENCH_CONTROLLER_MX_OPTIONS_H_
#define MAILQUENCH_CONTROLLER_MX_OPTIONS_H_

#include <functional>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "controller/dns/exchange.h"
#include "mailquench/v1/mx.pb.h"

namespace mailquench::controller::mx {

struct Zone {
  std::string zone;      // Lower case, no final dot.
  std::string primary;   // See dns::ParseEndpoint(). Empty: its name servers are asked instead.
  std::string key_file;  // See dns::TsigKey::Load(). Of an update.
  v1::SwitchVia via = v1::SWITCH_VIA_UPDATE;
  std::string hook;     // Of a hook: the program, an absolute path.
  std::string contact;  // Of a request: who has the zone, and where that is sent.
  int port = 53;        // Of its name servers.
};

struct Options {
  std::vector<std::string> resolvers;        // Empty: the system's.
  std::vector<std::string> watch_resolvers;  // Empty: `resolvers`.
  std::vector<std::string> dkim_selectors;
  std::vector<Zone> zones;
  int port = 53;  // Of the name servers of zones that are not configured.
  int smtp_port = 25;
  absl::Duration smtp_limit = absl::Seconds(10);
  dns::Patience patience = {absl::Seconds(1), 2};
  absl::Duration look_every = absl::Seconds(5);    // At a switch that is watched.
  absl::Duration seen_every = absl::Minutes(1);    // At its records that are everywhere.
  absl::Duration lag_patience = absl::Minutes(2);  // Before a server that is behind is a check.
  absl::Duration hook_limit = absl::Minutes(1);
  std::function<void(const std::string&)> log = [](const std::string&) {};
};

}  // namespace mailquench::controller::mx

#endif  // MAILQUENCH_CONTROLLER_MX_OPTIONS_H_
