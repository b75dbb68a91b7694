// mailquench-agent: the command line of the agent.
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <CLI/CLI.hpp>

#include "agent/app/agent.h"
#include "common/fault/fault_point.h"
#include "common/rpc/credentials.h"

int main(int argc, char** argv) {
  using namespace mailquench::agent;
  mailquench::rpc::ForbidTls12();  // Before the first call of gRPC.
  spdlog::set_default_logger(spdlog::stderr_logger_mt("agent"));
  CLI::App app{
      "Examples:\n  mailquench-agent enrol --controller mail-control:7444 --token-file /run/token\n"
      "  mailquench-agent run --controller mail-control:7443\n"
      "  mailquench-agent do queue.survey\n  mailquench-agent do contain --dry-run\n\n"
      "The agent of a mail host. 'do' is break-glass: the same operations, through the same "
      "journal, without a controller."};
  app.require_subcommand(1);
  std::string state_dir = "/var/lib/mailquench-agent", controller, token_file, operation,
              json = "{}", command_id;
  char host[256] = "";
  if (gethostname(host, sizeof host - 1) != 0) host[0] = '\0';
  std::string hostname = host;
  bool dry_run = false;
  const auto common = [&](CLI::App* sub) {
    sub->add_option("--state-dir", state_dir, "Folder of identity, journal and agent.yaml")
        ->capture_default_str();
  };

  CLI::App* enrol =
      app.add_subcommand("enrol", "Exchange a one-use token for this host's identity");
  common(enrol);
  enrol->add_option("--controller", controller, "HOST:PORT of the enrolment port")->required();
  enrol
      ->add_option("--token-file", token_file,
                   "File that holds the token ('mailquench token create')")
      ->required();
  enrol->add_option("--name", hostname, "Name that this host wishes for")->capture_default_str();
  CLI::App* run =
      app.add_subcommand("run", "Serve: connect to the controller and carry out its commands");
  common(run);
  run->add_option("--controller", controller, "HOST:PORT of the agents' port")->required();
  CLI::App* act = app.add_subcommand("do", "Carry out one operation on this host, now");
  common(act);
  act->add_option("operation", operation, "For instance queue.survey, contain, restore")
      ->required();
  act->add_option("--json", json, "Its arguments, as the JSON of its message");
  act->add_flag("--dry-run", dry_run, "Say what would be done; touch nothing");
  act->add_option("--command-id", command_id,
                  "Id of the command: a repeat is answered from the journal, never done twice");
  CLI::App* points =
      app.add_subcommand("fault-points", "List the fault points of a test build")->group("");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 1;  // CLI11's own codes mean nothing to our callers.
  }

  if (*points) {
    for (const std::string& name : mailquench::fault::AllPoints())
      std::printf("%s\n", name.c_str());
    return 0;
  }
  if (*enrol) return EnrolCommand(state_dir, controller, token_file, hostname);
  if (*run) return RunCommand(state_dir, controller);
  return DoCommand(state_dir, operation, json, dry_run, command_id);
}
