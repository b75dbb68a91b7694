// An antivirus that the agent does not know itself, by commands of its own that the administrator
// of the host has described in agent.yaml, each with a stated meaning of its result. The same for a
// second opinion: one program, pinned by its hash.
#ifndef MAILQUENCH_AGENT_ANTIVIRUS_ADAPTER_H_
#define MAILQUENCH_AGENT_ANTIVIRUS_ADAPTER_H_

#include <map>
#include <optional>
#include <regex>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "agent/antivirus/antivirus.h"
#include "agent/antivirus/run_command.h"

namespace mailquench::agent {

// A pattern that each line of the output is searched for.
struct LinePattern {
  std::string text;
  std::regex expression;  // ECMAScript.
};
// kInvalidArgument/BAD_PATTERN. Of `groups` groups at least.
absl::StatusOr<LinePattern> MakePattern(const std::string& text, int groups);

// One command.
struct AdapterCommand {
  std::vector<std::string> argv;  // "{path}" in a word stands for each path of a scan of paths.
  // What an exit code means: of a status "running", "stopped", "out-of-date", "absent"; of an
  // update "updated", "up-to-date"; of a scan "clean", "found", "partial". Of any other code the
  // command has failed.
  std::map<int, std::string> codes;
  absl::Duration limit = absl::Minutes(5);
};
// The words that `kind` ("status", "update", "scan") may have, for the configuration.
const std::vector<std::string>& MeaningsOf(const std::string& kind);

struct AdapterConfig {
  std::string name;     // "acme": of the adapter.
  std::string product;  // "Acme Endpoint"
  std::optional<AdapterCommand> status, update, quick, full, paths;
  std::optional<LinePattern> engine_version;     // Group 1, in the output of `status`.
  std::optional<LinePattern> signature_version;  // The same.
  std::optional<LinePattern> signature_time;     // The same; read by `time_format`.
  std::string time_format;                       // As absl::ParseTime() has it; in UTC.
  std::string signature_file;                    // Or the time of this file.
  std::optional<LinePattern> finding;            // Group 1: the path, group 2: the signature.
  bool removes = false;                          // The scans remove what they find.
  // Of a second opinion: the program in the place of "{program}" as the first word, and the SHA-256
  // that it must have, in hexadecimal.
  std::string program, sha256;
  std::string private_folder;  // For the copy that is run.
};

class Adapter final : public Antivirus {
 public:
  explicit Adapter(AdapterConfig config) : config_(std::move(config)) {}

  bool IsPresent(const WorkContext& context = {}) override;
  v1::AntivirusProduct Status(const WorkContext& context = {}) override;
  std::vector<v1::AntivirusProduct> Look(const WorkContext& context) override;
  absl::StatusOr<Updated> Update(const WorkContext& context) override;
  // Errors beside those of the contract: kFailedPrecondition/SCANNER_CHANGED (its hash is another;
  // it was not run), /SCANNER_FAILED, /SCAN_REMOVES (it removes what it finds, and that was not
  // asked for), those of CheckScanPlace().
  absl::Status Scan(const ScanOrder& order,
                    const WorkContext& context,
                    v1::AntivirusScanResult& result) override;

 private:
  absl::Status RunScan(const AdapterCommand& command,
                       const std::string& path,
                       const std::string& program,
                       bool remove,
                       const WorkContext& context,
                       v1::AntivirusScanResult& result) const;
  absl::Status CheckPlaces(const ScanOrder& order) const;

  const AdapterConfig config_;
};

}  // namespace mailquench::agent

#endif  // MAILQUENCH_AGENT_ANTIVIRUS_ADAPTER_H_
