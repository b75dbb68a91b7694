// `mailquench-agent service ...`
#include <iostream>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "agent/app/connected.h"
#include "agent/app/platform.h"
#include "agent/app/platform_commands.h"
#include "agent/app/service_windows.h"
#include "agent/os/event_log.h"
#include "agent/os/files.h"
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
  MQ_RETURN_IF_ERROR(MakeDirectories(flags.state_dir, 0700));
  MQ_RETURN_IF_ERROR(AddEventSource(flags.name));
  ServiceSetup setup;
  setup.name = flags.name;
  setup.display_name = flags.name == kServiceName
                           ? "Mailquench Agent"
                           : absl::StrCat("Mailquench Agent (", flags.name, ")");
  setup.description =
      "Carries out the operations of the Mailquench controller on this mail server, and undoes "
      "them "
      "by name.";
  setup.command = {OwnProgram(),  "service",       "run",          "--name",        flags.name,
                   "--state-dir", flags.state_dir, "--controller", flags.controller};
  const auto notes = InstallService(setup);
  if (!notes.ok()) {
    // One that was there keeps its source of events.
    if (!absl::IsAlreadyExists(notes.status())) (void)RemoveEventSource(flags.name);
    return notes.status();
  }
  for (const std::string& note : *notes)
    command::Say(kProgram, absl::StrCat("the service is there, but ", note));
  std::cout << flags.name << std::endl;
  return absl::OkStatus();
}

absl::Status Stop(const ServiceFlags& flags) {
  return MakeServiceManager()->Stop(flags.name, absl::Now() + kStopWithin, Telling("stopping"));
}

absl::Status Uninstall(const ServiceFlags& flags) {
  MQ_RETURN_IF_ERROR(Stop(flags));
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

void AddName(CLI::App* app, ServiceFlags* flags) {
  app->add_option("--name", flags->name, "Name of the service")->capture_default_str();
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
  CLI::App* service = command::AddCommand(
      root, "service", "The agent as a Windows service",
      {"mailquench-agent service install --controller mail-control:7443",
       "mailquench-agent service start",
       "mailquench-agent service upgrade --from C:\\Temp\\mailquench-agent.exe"});
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
  add("uninstall", "Stop the service and take it away; the state folder stays",
      [flags] { return Ended(Uninstall(*flags)); });
  add("start", "Start it and wait until it serves", [flags] {
    return Ended(
        MakeServiceManager()->Start(flags->name, absl::Now() + kStartWithin, Telling("starting")));
  });
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
