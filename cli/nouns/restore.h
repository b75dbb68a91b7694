// run restore: puts recorded settings back, with a decision for each that opened the relay.
#ifndef MAILQUENCH_CLI_NOUNS_RESTORE_H_
#define MAILQUENCH_CLI_NOUNS_RESTORE_H_

#include <CLI/CLI.hpp>
#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "cli/core/session.h"
#include "mailquench/v1/incidents.pb.h"

namespace mailquench::cli {

struct RestoreChoices {
  std::vector<std::string> keep_as_fix;  // "host:key=reason"; host "*" for every host.
  std::vector<std::string> put_back;
  std::string keep_open_relay_as_fix;  // The reason; empty: not given.
};

struct HostDecisions {
  std::string host_id;
  std::vector<v1::RestoreDecision> decisions;
};

// What to decide on each host that still owes something. Every choice must name an outstanding
// setting. Errors: INVALID_ARGUMENT/USAGE, with the settings that there are.
absl::StatusOr<std::vector<HostDecisions>> Decide(const v1::Incident& incident,
                                                  const RestoreChoices& choices);

// The recorded values of an obligation, for a person who puts them back: ", for all of ORG: KEY =
// 'VALUE', ...".
std::string ByHandOf(const v1::Obligation& obligation);

void AddRestore(CLI::App* run, Session* session);

}  // namespace mailquench::cli

#endif  // MAILQUENCH_CLI_NOUNS_RESTORE_H_
