// `mailquench-agent service ...`
#include <algorithm>
#include <iostream>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "agent/app/connected.h"
#include "agent/app/platform.h"
#include "agent/app/platform_commands.h"
#include "agent/app/service_windows.h"
#include "agent/os/event_log.h"
#include "agent/os/files.h"
#include "agent/os/program_place.h"
#include "agent/os/service_host.h"
#include "agent/os/service_manager.h"
#include "common/command/tree.h"
#include "common/command/words.h"
#include "common/status/error.h"
#include "common/text/harmless.h"

namespace mailquench::agent {
namespace {
constexpr char kProgram[] = "mailquench-agent";
constexpr absl::Duration kStartWithin = absl::Minutes(1);
constexpr absl::Duration kStopWithin = absl::Minutes(10);  // A change that goes on is waited for.

int Ended(const absl::Status& status) {
  if (status.ok()) return 0;
  command::Say(kProgram, std::string(status.message()));
  return absl::IsPermissionDenied(status) ? 4 : 1;
}

ServiceProgress Telling(const std::string& what) {
  return
      [what, told = absl::ZeroDuration()](const ServiceInfo& info, absl::Duration waited) mutable {
        if (waited - told < absl::Seconds(5)) return absl::OkStatus();
        told = waited;
        command::Say(kProgram, absl::StrCat(what, ": ", absl::ToInt64Seconds(waited), " s, step ",
                                            info.checkpoint));
        return absl::OkStatus();
      };
}

absl::Status Install(const ServiceFlags& flags) {
  const std::string program = OwnProgram();
  if (!IsPlainPath(program))
    return Error(absl::StatusCode::kFailedPrecondition, "PROGRAM_NOT_SAFE",
                 absl::StrCat(program,
                              " is no full path of a drive; nothing was made. Put the "
                              "program below C:\\Program Files and run it from there"));
  if (!IsPlainPath(flags.state_dir))
    return Error(absl::StatusCode::kInvalidArgument, "BAD_STATE_DIR",
                 absl::StrCat("--state-dir ", flags.state_dir,
                              " is no full path of a drive, and the service starts in another "
                              "folder than this; nothing was made"));
  MQ_RETURN_IF_ERROR(CheckProgramPlace(program));
  MQ_RETURN_IF_ERROR(MakeStateFolder(flags.state_dir));
  ServiceSetup setup;
  setup.name = flags.name;
  setup.display_name = flags.name == kServiceName
                           ? "Mailquench Agent"
                           : absl::StrCat("Mailquench Agent (", flags.name, ")");
  setup.description =
      "Carries out the operations of the Mailquench controller on this mail server, and undoes "
      "them "
      "by name.";
  setup.command = {program,       "service",       "run",          "--name",        flags.name,
                   "--state-dir", flags.state_dir, "--controller", flags.controller};
  MQ_ASSIGN_OR_RETURN(std::vector<std::string> notes, InstallService(setup));
  const absl::Status source = AddEventSource(flags.name);
  if (!source.ok()) notes.emplace_back(source.message());
  for (const std::string& note : notes)
    command::Say(kProgram, absl::StrCat("the service is there, but ", note));
  std::cout << flags.name << std::endl;
  return absl::OkStatus();
}

absl::Status Start(const ServiceFlags& flags) {
  MQ_RETURN_IF_ERROR(CheckOurs(flags.name).status());
  return MakeServiceManager()->Start(flags.name, absl::Now() + kStartWithin, Telling("starting"));
}

absl::Status Stop(const ServiceFlags& flags) {
  MQ_RETURN_IF_ERROR(CheckOurs(flags.name).status());
  return MakeServiceManager()->Stop(flags.name, absl::Now() + kStopWithin, Telling("stopping"));
}

// What only the agent can put back must not be left behind.
absl::Status NothingOutstanding(const ServiceFlags& flags, const char* left) {
  if (flags.force) return absl::OkStatus();
  MQ_ASSIGN_OR_RETURN(const std::vector<std::string> command, CheckOurs(flags.name));
  for (std::size_t i = 0; i + 1 < command.size(); ++i) {
    if (command[i] != "--state-dir") continue;
    if (OutstandingCommand(command[i + 1]) == 0) return absl::OkStatus();
    return Error(absl::StatusCode::kFailedPrecondition, "OUTSTANDING",
                 absl::StrCat("this host has what is above, and only its agent puts it back; ",
                              left, "; end the incident first, or give --force"));
  }
  return absl::OkStatus();
}

absl::Status Uninstall(const ServiceFlags& flags) {
  MQ_RETURN_IF_ERROR(NothingOutstanding(flags, "nothing was changed"));
  MQ_RETURN_IF_ERROR(Stop(flags));
  MQ_RETURN_IF_ERROR(NothingOutstanding(flags, "the service is stopped, but was not taken away"));
  MQ_RETURN_IF_ERROR(DeleteServiceNamed(flags.name));
  return RemoveEventSource(flags.name);
}

const char* StateText(ServiceState state) {
  switch (state) {
    case ServiceState::kStopped:
      return "stopped";
    case ServiceState::kStartPending:
      return "starting";
    case ServiceState::kStopPending:
      return "stopping";
    case ServiceState::kRunning:
      return "running";
    case ServiceState::kContinuePending:
    case ServiceState::kPausePending:
    case ServiceState::kPaused:
      return "paused";
  }
  return "unknown";
}

// 0 where it runs, 2 where it does not.
int Status(const ServiceFlags& flags) {
  const auto info = MakeServiceManager()->Query(flags.name);
  if (!info.ok()) return Ended(info.status());
  std::string text = absl::StrCat(flags.name, ": ", StateText(info->state));
  if (info->process_id != 0) absl::StrAppend(&text, ", process ", info->process_id);
  if (info->state == ServiceState::kStopped)
    absl::StrAppend(&text, ", exit code ", info->exit_code);
  if (info->start_type == StartType::kDisabled) absl::StrAppend(&text, ", disabled");
  const auto command = CommandOfService(flags.name);
  for (std::size_t i = 0; command.ok() && i + 1 < command->size(); ++i) {
    if ((*command)[i] != "--state-dir") continue;
    const auto connected = ReadConnected((*command)[i + 1]);
    if (!connected.ok()) continue;
    absl::StrAppend(&text, "; version ", connected->version, " reached the controller first at ",
                    absl::FormatTime("%Y-%m-%dT%H:%M:%SZ", connected->time, absl::UTCTimeZone()),
                    connected->process_id == info->process_id ? "" : ", in an earlier process");
  }
  std::cout << Harmless(text) << std::endl;
  return info->state == ServiceState::kRunning ? 0 : 2;
}

// Windows takes more, of which "/" and "\\" would name other keys of the registry. "" is yes.
std::string IsServiceName(const std::string& name) {
  const auto plain = [](char c) { return absl::ascii_isalnum(c) || c == '_' || c == '-'; };
  if (!name.empty() && name.size() <= 80 && std::all_of(name.begin(), name.end(), plain)) return "";
  return "a service's name has 1 to 80 letters, digits, '-' and '_'";
}

void AddName(CLI::App* app, ServiceFlags* flags) {
  app->add_option("--name", flags->name, "Name of the service")
      ->check(IsServiceName)
      ->capture_default_str();
}

std::string IsSha256(const std::string& text) {
  if (text.size() == 64 && std::all_of(text.begin(), text.end(), absl::ascii_isxdigit)) return "";
  return "a SHA-256 has 64 hexadecimal digits";
}

void AddPlace(CLI::App* app, ServiceFlags* flags) {
  app->add_option("--controller", flags->controller, "HOST:PORT of the agents' port")->required();
  app->add_option("--state-dir", flags->state_dir,
                  "Folder of identity, journal, log and agent.yaml")
      ->capture_default_str();
}
}  // namespace

void AddPlatformCommands(CLI::App* root, Action* action) {
  // As long as the tree, which lives as long as the program.
  const auto kept = std::make_shared<ServiceFlags>();
  kept->state_dir = DefaultStateDir();
  ServiceFlags* const flags = kept.get();
  CLI::App* service =
      command::AddCommand(root, "service", "The agent as a Windows service",
                          {"mailquench-agent service install --controller mail-control:7443",
                           "mailquench-agent service start",
                           "mailquench-agent service upgrade --from \"C:\\Program "
                           "Files\\Mailquench\\next.exe\" --sha256 "
                           "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"});
  service->require_subcommand(1);
  service->callback([kept] {});  // Keeps the flags.
  const auto add = [&](const char* name, const char* summary, std::function<int()> run) {
    CLI::App* app = service->add_subcommand(name, summary);
    AddName(app, flags);
    app->callback([action, run = std::move(run)] { *action = run; });
    return app;
  };
  AddPlace(add("install", "Make the service: it starts with Windows, and again where it has failed",
               [flags] { return Ended(Install(*flags)); }),
           flags);
  add("uninstall", "Stop the service and take it away; the state folder stays", [flags] {
    return Ended(Uninstall(*flags));
  })->add_flag("--force", flags->force, "Also where something is outstanding");
  add("start", "Start it and wait until it serves", [flags] { return Ended(Start(*flags)); });
  add("stop", "Ask it to stop and wait until it has", [flags] { return Ended(Stop(*flags)); });
  add("status", "What it does; exit code 0 where it runs, 2 where not",
      [flags] { return Status(*flags); });
  CLI::App* upgrade = add(
      "upgrade",
      "Put another version in its place, and the old one back where that one does not reach the "
      "controller; repeat it where it was broken off",
      [flags] { return UpgradeServiceCommand(*flags); });
  upgrade->add_option("--from", flags->from, "The new mailquench-agent.exe")->required();
  upgrade
      ->add_option("--sha256", flags->sha256,
                   "What it must have, as its SHA256SUMS says; checked before anything of it runs")
      ->check(IsSha256);
  upgrade
      ->add_option("--within", flags->within,
                   "Seconds that the new one has to reach the controller")
      ->check(CLI::Range(5, 3600))
      ->capture_default_str();
  CLI::App* run =
      add("run", "What the service manager starts", [flags] { return RunServiceCommand(*flags); });
  AddPlace(run, flags);
  run->group("");
}

}  // namespace mailquench::agent
