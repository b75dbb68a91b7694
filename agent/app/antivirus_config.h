// The parts of agent.yaml that are about antivirus: clamav, defender, antivirus_adapters,
// second_opinion, scan_roots. docs/antivirus.md describes them.
#ifndef MAILQUENCH_AGENT_APP_ANTIVIRUS_CONFIG_H_
#define MAILQUENCH_AGENT_APP_ANTIVIRUS_CONFIG_H_

#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "agent/antivirus/adapter.h"

namespace YAML {
class Node;
}

namespace mailquench::agent {

struct AntivirusConfig {
  bool clamav = true;            // clamav: off
  bool defender = true;          // defender: off
  std::string clamd_config;      // clamav: clamd_config: FILE; absent: the usual places
  std::string freshclam;         // clamav: freshclam: PROGRAM; absent: that of the system's folders
  std::string freshclam_config;  // clamav: freshclam_config: FILE; absent: its own default
  std::vector<std::string> quick_places;  // clamav: quick_places: [...]; absent: the usual ones
  std::vector<AdapterConfig> adapters;
  std::optional<AdapterConfig> second_opinion;
  std::set<std::string> scan_roots;  // Below which paths are scanned on request; absent: nowhere
};

// Whether `key` of agent.yaml is one of these; if so its value is read into `config`. Errors:
// kInvalidArgument/BAD_CONFIG, a sentence without file and line, with the key. Throws as yaml-cpp
// does where a value is of another kind.
absl::StatusOr<bool> ReadAntivirusKey(const std::string& key,
                                      const YAML::Node& value,
                                      AntivirusConfig& config);

}  // namespace mailquench::agent

#endif  // MAILQUENCH_AGENT_APP_ANTIVIRUS_CONFIG_H_
