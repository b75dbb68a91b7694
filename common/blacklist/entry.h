// One entry of a catalogue, from YAML. Internal to common/blacklist.
#ifndef MAILQUENCH_COMMON_BLACKLIST_ENTRY_H_
#define MAILQUENCH_COMMON_BLACKLIST_ENTRY_H_

#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/blacklist/catalogue.h"
#include "yaml-cpp/yaml.h"

namespace mailquench::blacklist {

// kInvalidArgument/BAD_CATALOGUE: "FILE:LINE:COLUMN: what; the file was not taken".
absl::Status BadEntry(const std::string& file, YAML::Mark at, const std::string& what);

// A map with these keys, each at most once.
absl::Status CheckKeys(const YAML::Node& map,
                       const std::string& file,
                       const std::set<std::string>& keys);

absl::StatusOr<std::vector<List>> ReadEntries(const YAML::Node& lists, const std::string& file);

// "127.0.0.2" or "127.0.0.4-127.0.0.7".
absl::StatusOr<Range> ParseRange(const std::string& text);

}  // namespace mailquench::blacklist

#endif  // MAILQUENCH_COMMON_BLACKLIST_ENTRY_H_
