// The part `blacklists` of the controller's configuration file. Internal to controller/app.
#ifndef MAILQUENCH_CONTROLLER_APP_CONFIG_BLACKLISTS_H_
#define MAILQUENCH_CONTROLLER_APP_CONFIG_BLACKLISTS_H_

#include <yaml-cpp/yaml.h>

#include <string>

#include "absl/status/status.h"
#include "controller/blacklist/watch.h"

namespace mailquench::controller {

// Keys: scheduled, resolvers (a list), lists, keys, allow_public_resolvers, private_addresses, and
// the time spans quiet, attacked, listed, health, sick and clean_spacing. Error:
// INVALID_ARGUMENT/BAD_CONFIG with file and line.
absl::Status ReadBlacklists(const std::string& path, const YAML::Node& node, WatchOptions* options);

}  // namespace mailquench::controller

#endif  // MAILQUENCH_CONTROLLER_APP_CONFIG_BLACKLISTS_H_
