// mailquench-agent: the command line of the agent.
#include <cstdio>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "agent/app/agent.h"
#include "agent/app/platform.h"
#include "agent/app/platform_commands.h"
#include "agent/os/host.h"
#include "common/command/log.h"
#include "common/command/man_page.h"
#include "common/command/tree.h"
#include "common/command/words.h"
#include "common/fault/fault_point.h"
#include "common/os/program.h"
#include "common/os/terminal.h"
#include "common/rpc/credentials.h"

namespace mailquench::agent {
namespace {

struct Flags {
  std::string state_dir = DefaultStateDir();
  std::string controller;
  std::string token_file;
  std::string name;
  std::string operation;
  std::string json = "{}";
  std::string command_id;
  int timeout_seconds = 0;
  bool dry_run = false;
};

void AddStateDir(CLI::App* app, Flags* flags) {
  app->add_option("--state-dir", flags->state_dir, "Folder of identity, journal and agent.yaml")
      ->capture_default_str();
}

void AddEnrol(CLI::App* root, Flags* flags, Action* action) {
  CLI::App* app = command::AddCommand(
      root, "enrol", "Exchange a one-use token for this host's identity",
      {"mailquench-agent enrol --controller mail-control:7444 --token-file /run/token"});
  AddStateDir(app, flags);
  app->add_option("--controller", flags->controller, "HOST:PORT of the enrolment port")->required();
  app->add_option("--token-file", flags->token_file,
                  "File that holds the token ('mailquench token create')")
      ->required();
  app->add_option("--name", flags->name, "Name that this host wishes for; else its own");
  app->callback([=] {
    *action = [=] {
      return EnrolCommand(flags->state_dir, flags->controller, flags->token_file,
                          flags->name.empty() ? HostName() : flags->name);
    };
  });
}

void AddRun(CLI::App* root, Flags* flags, Action* action) {
  CLI::App* app = command::AddCommand(root, "run",
                                      "Serve: connect to the controller and carry out its commands",
                                      {"mailquench-agent run --controller mail-control:7443"});
  AddStateDir(app, flags);
  app->add_option("--controller", flags->controller, "HOST:PORT of the agents' port")->required();
  app->callback([=] {
    *action = [=] {
      const std::unique_ptr<Ending> ending = EndingBySignal();
      return RunCommand(flags->state_dir, flags->controller, *ending);
    };
  });
}

void AddDo(CLI::App* root, Flags* flags, Action* action) {
  CLI::App* app = command::AddCommand(
      root, "do",
      "Break-glass: one operation on this host, now, through the same journal, without a "
      "controller",
      {"mailquench-agent do queue.survey", "mailquench-agent do contain --dry-run",
       "mailquench-agent do contain --json '{\"reason\": \"spam wave\"}'",
       "mailquench-agent do restore"});
  AddStateDir(app, flags);
  app->add_option("operation", flags->operation, "For instance queue.survey, contain, restore")
      ->required();
  app->add_option("--json", flags->json, "Its arguments, as the JSON of its message")
      ->capture_default_str();
  app->add_flag("--dry-run", flags->dry_run, "Say what would be done; touch nothing");
  app->add_option("--timeout", flags->timeout_seconds,
                  "Seconds that it may take; without it half an hour")
      ->check(CLI::Range(1, 86400));
  app->add_option("--command-id", flags->command_id,
                  "Id of the command: a repeat is answered from the journal, never done twice");
  app->callback([=] {
    *action = [=] {
      return DoCommand(flags->state_dir, flags->operation, flags->json, flags->dry_run,
                       flags->command_id, absl::Seconds(flags->timeout_seconds));
    };
  });
}

void AddOutstanding(CLI::App* root, Flags* flags, Action* action) {
  CLI::App* app = command::AddCommand(
      root, "outstanding",
      "What was begun here and not finished, or changed and not put back; exit code 2 where there "
      "is something",
      {"mailquench-agent outstanding"});
  AddStateDir(app, flags);
  app->callback([=] { *action = [=] { return OutstandingCommand(flags->state_dir); }; });
}

void AddFaultPoints(CLI::App* root, Action* action) {
  CLI::App* app = root->add_subcommand("fault-points", "List the fault points of a test build");
  app->group("");
  app->callback([=] {
    *action = [] {
      for (const std::string& name : fault::AllPoints()) std::printf("%s\n", name.c_str());
      return 0;
    };
  });
}

command::ManText Man() {
  command::ManText text;
  text.section = 8;
  text.parts = {
      {"EXIT STATUS",
       "Of enrol: 0 done, 1 not done, 4 not permitted. Of run: 0 ended by a signal, 1 not begun, 2 "
       "ended by a signal while an alarm stands. Of do, as of mailquench: 0 succeeded or "
       "unchanged, 1 "
       "usage, refused or internal, 2 failed, 4 not permitted here, 124 timed out. Of outstanding: "
       "0 "
       "nothing, 2 something, 1 cannot be told.",
       {}},
      {"FILES",
       "Below the folder of --state-dir:",
       {{"agent.yaml",
         "Optional. mail_system, allow (operations that this host lets itself be told), "
         "postfix_config_directories, quarantine_roots, mail_log, delist_hosts, "
         "delist_private_targets, exchange_connection_uri, exchange_powershell, "
         "contain_settle_seconds, heartbeat_seconds."},
        {"alarm",
         "There while a person must look at this host, a line for each instance; for monitoring."},
        {"connected", "When the latest process reached the controller first, and its version."},
        {"journal.db", "What was begun and what came of it. Restores work from it: keep it."}}},
      {"SEE ALSO", "mailquench(1), mailquench-controller(8)", {}}};
  return text;
}

std::unique_ptr<CLI::App> BuildTree(Flags* flags, Action* action) {
  std::unique_ptr<CLI::App> root = command::NewRoot(
      "mailquench-agent",
      "The agent of a mail host: carries out typed operations, journaled and undone by name.",
      {"mailquench-agent enrol --controller mail-control:7444 --token-file /run/token",
       "mailquench-agent run --controller mail-control:7443", "mailquench-agent do queue.survey",
       "mailquench-agent do contain --dry-run"});
  root->require_subcommand(1);
  AddEnrol(root.get(), flags, action);
  AddRun(root.get(), flags, action);
  AddDo(root.get(), flags, action);
  AddOutstanding(root.get(), flags, action);
  AddPlatformCommands(root.get(), action);
  AddFaultPoints(root.get(), action);
  command::AddManCommand(
      root.get(), [=] { return BuildTree(flags, action); }, Man(), action);
  return root;
}

int Main(int argc, char** argv) {
  os::LoadSystemLibrariesOnly();
  const os::Console console;
  rpc::ForbidTls12();  // Before the first call of gRPC.
  command::LogTo("agent");
  Flags flags;
  Action action;
  const std::unique_ptr<CLI::App> root = BuildTree(&flags, &action);
  const std::vector<std::string> arguments = os::Arguments(argc, argv);
  std::vector<const char*> words = {"mailquench-agent"};
  for (const std::string& word : arguments) words.push_back(word.c_str());
  if (const std::optional<int> code =
          command::Parse(*root, static_cast<int>(words.size()), words.data()))
    return *code;
  return command::EndOutput(root->get_name(), action());
}

}  // namespace
}  // namespace mailquench::agent

int main(int argc, char** argv) {
  return mailquench::agent::Main(argc, argv);
}
