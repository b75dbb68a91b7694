// What the verbs of `check` share. None of their exit codes follows the table: they are a
// monitoring plugin's.
#ifndef MAILQUENCH_CLI_NOUNS_CHECK_H_
#define MAILQUENCH_CLI_NOUNS_CHECK_H_

#include <CLI/CLI.hpp>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "cli/core/plugin.h"
#include "cli/core/session.h"

namespace mailquench::cli {

struct CheckFlags {
  std::string warning, critical;  // Ranges, as given or as the verb presets them.
  std::string timeout;
};

// Looks and judges. An error becomes UNKNOWN.
using CheckWork = std::function<absl::StatusOr<PluginResult>(const Thresholds& thresholds)>;

// Adds a verb with -w, -c and -t. `counted`: what the thresholds are of.
CLI::App* AddCheckVerb(CLI::App* noun,
                       Session* session,
                       const std::string& name,
                       const std::string& summary,
                       const std::vector<std::string>& examples,
                       const std::string& counted,
                       const CheckFlags& preset,
                       const CheckWork& work);

// Prints UNKNOWN with the error's sentence and gives its exit code.
int PluginFailure(const Session& session, const std::string& service, const absl::Status& status);

void AddFleetChecks(CLI::App* noun, Session* session);       // hosts, queue
void AddIncidentChecks(CLI::App* noun, Session* session);    // incidents, obligations, listings
void AddEscalationChecks(CLI::App* noun, Session* session);  // escalations, notices

// "3 hosts", "1 host".
std::string Counted(std::size_t count, const std::string& one, const std::string& many);

}  // namespace mailquench::cli

#endif  // MAILQUENCH_CLI_NOUNS_CHECK_H_
