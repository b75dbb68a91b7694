// The flags that say which hosts, which messages and how to run.
#ifndef MAILQUENCH_CLI_CORE_TARGET_H_
#define MAILQUENCH_CLI_CORE_TARGET_H_

#include <CLI/CLI.hpp>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "mailquench/v1/operations.pb.h"

namespace mailquench::cli {

struct RunFlags {
  std::string selector;
  std::vector<std::string> hosts;
  std::string incident;
  std::string reason;
  bool dry_run = false;
  bool yes = false;
  bool detach = false;
  bool no_input = false;  // Nobody is asked anything.
};

struct FilterValues {
  std::vector<std::string> senders, clients, accounts, recipient_domains, subjects;
  std::string min_age;
  std::int64_t min_bytes = 0;
};
struct FilterFlags {
  FilterValues match, except;
};

enum class Targets { kHosts, kIncidentOnly };

// `flags` must outlive `app`. Which hosts, of which incident, why: -l, --hosts, --incident,
// --reason.
void AddTargetFlags(CLI::App* app, RunFlags* flags, Targets targets = Targets::kHosts);
// These and how to run.
void AddRunFlags(CLI::App* app, RunFlags* flags, Targets targets = Targets::kHosts);
void AddConfirmFlags(CLI::App* app, RunFlags* flags);  // --dry-run and --yes alone.
void AddFilterFlags(CLI::App* app, FilterFlags* flags);

// Adds what was given to `filter`.
// Errors: INVALID_ARGUMENT/BAD_DURATION.
absl::Status FillFilter(const FilterFlags& flags, v1::MessageFilter* filter);
bool AnyFilter(const FilterFlags& flags);

}  // namespace mailquench::cli

#endif  // MAILQUENCH_CLI_CORE_TARGET_H_
