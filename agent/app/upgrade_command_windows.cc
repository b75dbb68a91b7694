#include <iostream>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "agent/app/service_windows.h"
#include "agent/app/upgrade.h"
#include "agent/os/process.h"
#include "agent/os/program_place.h"
#include "agent/os/service_host.h"
#include "common/command/words.h"
#include "common/status/error.h"

namespace mailquench::agent {
namespace {
constexpr char kProgram[] = "mailquench-agent";

// Another program than ours, or one for another Windows, must not take the service's place.
absl::Status CheckProgram(const std::string& path) {
  ProcessOptions options;
  options.timeout = absl::Seconds(30);
  MQ_ASSIGN_OR_RETURN(const ProcessResult result, RunProcess({path, "--help"}, options));
  if (result.exit_code == 0 && absl::StrContains(result.out, "mailquench-agent")) {
    return absl::OkStatus();
  }
  return absl::FailedPreconditionError(
      absl::StrCat("its --help ends with exit code ", result.exit_code, " or is not the agent's"));
}

// Between the two renames of an upgrade that was broken off there is no program: then the one that
// comes back into its place is looked at.
absl::Status PlaceIsSafe(const std::string& program) {
  const absl::Status safe = CheckProgramPlace(program);
  return absl::IsNotFound(safe) ? CheckProgramPlace(program + ".previous") : safe;
}

absl::Status FromService(UpgradeOptions& options) {
  MQ_ASSIGN_OR_RETURN(const std::vector<std::string> command, CheckOurs(options.service));
  for (std::size_t i = 0; i + 1 < command.size(); ++i) {
    if (command[i] == "--state-dir") options.state_dir = command[i + 1];
  }
  options.program = command.front();
  return PlaceIsSafe(options.program);
}
}  // namespace

absl::StatusOr<std::vector<std::string>> CheckOurs(const std::string& service) {
  MQ_ASSIGN_OR_RETURN(std::vector<std::string> command, CommandOfService(service));
  // As Install() writes it; its --name is what the process reports to the manager as.
  const auto has = [&](const std::string& flag, const std::string* value) {
    for (std::size_t i = 3; i + 1 < command.size(); ++i) {
      if (command[i] == flag &&
          (value == nullptr || absl::EqualsIgnoreCase(command[i + 1], *value)))  // As Windows does.
        return true;
    }
    return false;
  };
  if (command.size() > 3 && command[1] == "service" && command[2] == "run" &&
      has("--name", &service) && has("--state-dir", nullptr))
    return command;
  return Error(absl::StatusCode::kFailedPrecondition, "NOT_AN_AGENT",
               absl::StrCat("the service ", service,
                            " was not made by 'mailquench-agent service install'; nothing was "
                            "done to it"));
}

int UpgradeServiceCommand(const ServiceFlags& flags) {
  UpgradeOptions options;
  options.service = flags.name;
  options.from = flags.from;
  options.sha256 = flags.sha256;
  options.connect_within = absl::Seconds(flags.within);
  options.check = CheckProgram;
  options.say = [](const std::string& text) { command::Say(kProgram, text); };
  const absl::Status known = FromService(options);
  if (!known.ok()) {
    command::Say(kProgram, std::string(known.message()));
    return 1;
  }
  const auto outcome = Upgrade(options, *MakeServiceManager());
  if (!outcome.ok()) {
    command::Say(kProgram, std::string(outcome.status().message()));
    return 1;
  }
  if (*outcome == UpgradeOutcome::kUpgraded) {
    std::cout << "upgraded; the program before is " << options.program << ".previous" << std::endl;
    return 0;
  }
  std::cout << "returned to the program before; the new one is " << options.program
            << ".failed where it ran" << std::endl;
  return 2;
}

}  // namespace mailquench::agent
