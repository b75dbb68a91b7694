// antivirus: status, update, scan. Each is a run of one operation.
#include "cli/nouns/antivirus.h"

#include <memory>

#include "absl/strings/str_cat.h"
#include "cli/core/run_driver.h"
#include "common/status/error.h"

namespace mailquench::cli {
namespace {

enum class Verb { kStatus, kUpdate, kScan };

struct AntivirusArgs {
  RunFlags flags;
  std::vector<std::string> paths;
  bool full = false;
  bool remove = false;
  bool second_opinion = false;
};

absl::StatusOr<int> DoAntivirus(Session* session, Verb verb, const AntivirusArgs& args) {
  if (args.full && !args.paths.empty())
    return UsageError("Say either --full or --path; nothing was done.");
  RunOrder order;
  order.flags = args.flags;
  MQ_RETURN_IF_ERROR(FillTargets(session, args.flags, &order.plan));
  v1::Operation* operation = order.plan.mutable_operation();
  switch (verb) {
    case Verb::kStatus:
      order.verb = "Ask the antivirus";
      operation->mutable_antivirus_status();
      break;
    case Verb::kUpdate:
      order.verb = "Update the antivirus";
      operation->mutable_antivirus_update();
      break;
    case Verb::kScan: {
      order.verb = args.remove ? "Scan, and take away what is found" : "Scan";
      v1::AntivirusScan* scan = operation->mutable_antivirus_scan();
      scan->set_kind(args.full            ? v1::SCAN_KIND_FULL
                     : args.paths.empty() ? v1::SCAN_KIND_QUICK
                                          : v1::SCAN_KIND_PATHS);
      for (const std::string& path : args.paths) scan->add_paths(path);
      scan->set_remove(args.remove);
      scan->set_second_opinion(args.second_opinion);
      break;
    }
  }
  return Drive(session, order);
}

}  // namespace

void AddAntivirusRuns(CLI::App* antivirus, Session* session) {
  const auto add = [&](Verb verb, const std::string& name, const std::string& summary,
                       const std::vector<std::string>& examples) {
    auto args = std::make_shared<AntivirusArgs>();
    CLI::App* app = AddCommand(antivirus, name, summary, examples);
    if (verb == Verb::kScan) {
      app->add_flag("--full", args->full, "All local file systems; it may take hours");
      app->add_option("--path", args->paths,
                      "This alone; below one of the host's own scan_roots. Again for more")
          ->type_name("PATH");
      app->add_flag("--remove", args->remove,
                    "Let the product put what it finds into its own quarantine");
      app->add_flag("--second-opinion", args->second_opinion,
                    "With the scanner that the host's agent.yaml pins, beside the resident one");
    }
    AddRunFlags(app, &args->flags);
    app->callback([=] { session->action = [=] { return DoAntivirus(session, verb, *args); }; });
  };
  add(Verb::kStatus, "status", "Ask the hosts now: products, signatures, protection, exclusions",
      {"mailquench antivirus status -l role=edge",
       "mailquench antivirus status --hosts mx1 -o json"});
  add(Verb::kUpdate, "update", "Let the products take their newest signatures",
      {"mailquench antivirus update -l role=edge"});
  add(Verb::kScan, "scan", "Scan the files of the hosts; without more, where malware starts from",
      {"mailquench antivirus scan -l role=edge --incident I",
       "mailquench antivirus scan --hosts mx1 --full",
       "mailquench antivirus scan --hosts mx1 --path /srv/upload --second-opinion"});
}

void AddAntivirus(CLI::App* root, Session* session) {
  CLI::App* antivirus = AddCommand(
      root, "antivirus",
      "Antivirus of the hosts: how it is, update, scan, and the table over the fleet",
      {"mailquench antivirus status -l role=edge", "mailquench antivirus scan -l role=edge",
       "mailquench run start antivirus-sweep -l role=edge --reason \"after the attack\""});
  antivirus->require_subcommand(1);
  AddAntivirusRuns(antivirus, session);
  AddAntivirusPosture(antivirus, session);
}

}  // namespace mailquench::cli
