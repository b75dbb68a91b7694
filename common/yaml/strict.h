// What every YAML file of ours refuses, with file, line and column.
#ifndef MAILQUENCH_COMMON_YAML_STRICT_H_
#define MAILQUENCH_COMMON_YAML_STRICT_H_

#include <set>
#include <string>

#include "absl/status/status.h"
#include "yaml-cpp/yaml.h"

namespace mailquench::yaml {

// What kind of file is read: the reason of its errors, and the end of their sentence.
struct Kind {
  std::string reason;    // "BAD_PLAYBOOK"
  std::string left_off;  // "the playbook was not taken"
};

// kInvalidArgument with the kind's reason: "FILE:LINE:COLUMN: what; the playbook was not taken".
absl::Status Fault(const Kind& kind,
                   const std::string& file,
                   YAML::Mark at,
                   const std::string& what);

// `map` is a map with these keys, each at most once. A key that yaml-cpp would take twice is one.
absl::Status OnlyKeys(const Kind& kind,
                      const YAML::Node& map,
                      const std::string& file,
                      const std::set<std::string>& keys);

// `root` has at most 64 levels and 200,000 nodes, where each alias counts as all that it stands
// for: so an alias that stands for itself, or for aliases of aliases, is refused before anybody
// walks it.
absl::Status Bounded(const Kind& kind, const YAML::Node& root, const std::string& file);

}  // namespace mailquench::yaml

#endif  // MAILQUENCH_COMMON_YAML_STRICT_H_
