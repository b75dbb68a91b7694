// The part `dns` of the controller's configuration file. Internal to controller/app.
#ifndef MAILQUENCH_CONTROLLER_APP_CONFIG_DNS_H_
#define MAILQUENCH_CONTROLLER_APP_CONFIG_DNS_H_

#include <yaml-cpp/yaml.h>

#include <string>

#include "absl/status/status.h"
#include "controller/mx/options.h"

namespace mailquench::controller {

// Keys: resolvers, watch_resolvers, dkim_selectors (lists), look_every, lag_patience (time spans),
// and zones, a list of maps with zone, via (update, hook, request; update where none is given),
// primary and key_file (both needed for an update), hook (a path, needed for a hook), contact and
// port. Key files are read when they are needed. Error: INVALID_ARGUMENT/BAD_CONFIG with file and
// line.
absl::Status ReadDns(const std::string& path, const YAML::Node& node, mx::Options* options);

}  // namespace mailquench::controller

#endif  // MAILQUENCH_CONTROLLER_APP_CONFIG_DNS_H_
