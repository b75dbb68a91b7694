// quarantine: list, analyse, scan, release, discard, move. All but the first are runs on the hosts
// that hold the quarantines.
#include <memory>
#include <ostream>
#include <set>

#include "absl/strings/str_cat.h"
#include "cli/core/duration.h"
#include "cli/core/exit_code.h"
#include "cli/core/run_driver.h"
#include "cli/output/printer.h"
#include "cli/tree.h"
#include "common/status/error.h"
#include "mailquench/v1/quarantines.grpc.pb.h"

namespace mailquench::cli {
namespace {

enum class Act { kAnalyse, kRelease, kDiscard, kMove, kScan };

struct QuarantineArgs {
  std::vector<std::string> ids;
  RunFlags flags;
  FilterFlags filter;
  int samples = 5;
  bool maybe_delivered = false;
  std::string directory;
  bool isolate = false;
  std::vector<std::string> false_positives;
  bool again = false;
};

absl::StatusOr<v1::ListQuarantinesResponse> Fetch(Session* session, const std::string& incident) {
  v1::ListQuarantinesRequest request;
  request.set_incident_id(incident);
  return session->Call(&v1::Quarantines::Stub::ListQuarantines, request);
}

absl::StatusOr<int> DoListQuarantines(Session* session, const std::string& incident) {
  auto all = Fetch(session, incident);
  if (!all.ok()) return all.status();
  Table table{{"QUARANTINE", "HOST", "INSTANCE", "MESSAGES", "BYTES", "INCIDENT", "SCANNED",
               "KEPT OUT", "SINCE"},
              {}};
  for (const auto& one : all->quarantines()) {
    const auto& info = one.quarantine();
    const bool counted = info.messages() >= 0;
    table.rows.push_back(
        {info.quarantine_id(), one.host_name(), info.instance(),
         counted ? std::to_string(info.messages()) : "not counted",
         counted ? std::to_string(info.bytes()) : "-",
         info.incident_id().empty() ? "-" : info.incident_id(),
         info.has_scan_time() ? HumanTime(info.scan_time()) : "-",
         std::to_string(info.infected() + (info.has_scan_time() ? info.not_scanned() : 0)),
         HumanTime(info.create_time())});
  }
  MQ_RETURN_IF_ERROR(Print(session->flags.output, *all, table, *session->env.out));
  return kExitOk;
}

absl::StatusOr<int> Do(Session* session, Act act, const QuarantineArgs& args) {
  if (args.ids.empty() && args.flags.incident.empty()) {
    return UsageError(
        "Name a quarantine, or --incident for all of an incident's; nothing was "
        "done. `mailquench quarantine list` shows them.");
  }
  auto all = Fetch(session, args.flags.incident);
  if (!all.ok()) return all.status();
  v1::MessageFilter filter;
  MQ_RETURN_IF_ERROR(FillFilter(args.filter, &filter));
  std::set<std::string> wanted(args.ids.begin(), args.ids.end());
  std::vector<RunOrder> orders;
  for (const auto& one : all->quarantines()) {
    const std::string& id = one.quarantine().quarantine_id();
    if (!args.ids.empty() && wanted.erase(id) == 0) continue;
    RunOrder order;
    order.flags = args.flags;
    order.plan.add_hosts(one.host_id());
    order.plan.set_incident_id(args.flags.incident.empty() ? one.quarantine().incident_id()
                                                           : args.flags.incident);
    v1::Operation* operation = order.plan.mutable_operation();
    const auto fill = [&](auto* what) {
      what->set_quarantine_id(id);
      if (AnyFilter(args.filter)) *what->mutable_filter() = filter;
    };
    switch (act) {
      case Act::kAnalyse:
        order.verb = "Analyse";
        fill(operation->mutable_quarantine_analyse());
        operation->mutable_quarantine_analyse()->set_samples(args.samples);
        break;
      case Act::kRelease:
        order.verb = "Release mail (it will be delivered)";
        fill(operation->mutable_quarantine_release());
        operation->mutable_quarantine_release()->set_maybe_delivered(args.maybe_delivered);
        operation->mutable_quarantine_release()->set_isolate(args.isolate);
        for (const std::string& queue_id : args.false_positives)
          operation->mutable_quarantine_release()->add_false_positives(queue_id);
        if (args.isolate)
          order.verb = "Cut the host off from all others, and then release mail of the database";
        break;
      case Act::kDiscard:
        order.verb = "Delete mail for good";
        fill(operation->mutable_quarantine_discard());
        break;
      case Act::kScan:
        order.verb = "Let the antivirus read the messages";
        operation->mutable_quarantine_scan()->set_quarantine_id(id);
        operation->mutable_quarantine_scan()->set_again(args.again);
        break;
      case Act::kMove:
        order.verb = absl::StrCat("Move mail that was set aside to ", args.directory);
        operation->mutable_quarantine_move()->set_quarantine_id(id);
        operation->mutable_quarantine_move()->set_directory(args.directory);
        break;
    }
    orders.push_back(std::move(order));
  }
  if (!wanted.empty() && !args.ids.empty()) {
    return Error(absl::StatusCode::kNotFound, "QUARANTINE_NOT_FOUND",
                 absl::StrCat("No host is known to hold quarantine ", *wanted.begin(),
                              "; nothing was done. `mailquench quarantine list` shows those that "
                              "are held."));
  }
  return DriveAll(session, orders);
}

// The last word of a move is where to.
absl::Status TakeDirectory(QuarantineArgs* args) {
  if (!args->ids.empty() && (args->ids.back() == "home" || args->ids.back()[0] == '/')) {
    args->directory = args->ids.back();
    args->ids.pop_back();
    while (args->directory.size() > 1 && args->directory.back() == '/') args->directory.pop_back();
    return absl::OkStatus();
  }
  return UsageError(
      "Say last where to: a directory from / on, or `home`; nothing was done. The host's own "
      "quarantine_roots lists the directories.");
}

void AddAct(CLI::App* noun,
            Session* session,
            Act act,
            const std::string& name,
            const std::string& summary,
            const std::vector<std::string>& examples) {
  auto args = std::make_shared<QuarantineArgs>();
  CLI::App* app = AddCommand(noun, name, summary, examples);
  const bool move = act == Act::kMove;
  // One list: CLI11 gives a second name nothing that an open list before it can take.
  app->add_option("QUARANTINE", args->ids,
                  move ? "Which, none with --incident means all of it; then DIRECTORY, one of the "
                         "host's own quarantine_roots, or 'home', beside the queue"
                       : "Which; none with --incident means all of it")
      ->type_name("QUARANTINE");
  if (act == Act::kAnalyse) {
    app->add_option("--samples", args->samples, "How many messages to show, at most 100")
        ->check(CLI::Range(0, 100))
        ->type_name("COUNT");
  }
  if (act == Act::kScan)
    app->add_flag("--again", args->again, "Also what these signatures have read before");
  if (act == Act::kRelease) {
    app->add_option("--false-positive", args->false_positives,
                    "Also this message, although the antivirus keeps it out: its queue id, as the "
                    "scan lists it. Again for more")
        ->type_name("QUEUE-ID");
    app->add_flag("--maybe-delivered", args->maybe_delivered,
                  "Also those that may have been delivered already: some may arrive twice");
    app->add_flag(
        "--isolate", args->isolate,
        "Also messages of a whole queue database (Exchange): the host is cut off from all "
        "others, takes no mail, and opens a copy of it; it may take 30 minutes. Never "
        "tried on a real server");
  }
  AddRunFlags(app, &args->flags, Targets::kIncidentOnly);
  if (!move && act != Act::kScan) AddFilterFlags(app, &args->filter);
  app->callback([=] {
    session->action = [=]() -> absl::StatusOr<int> {
      if (move) MQ_RETURN_IF_ERROR(TakeDirectory(args.get()));
      return Do(session, act, *args);
    };
  });
}

}  // namespace

void AddQuarantine(CLI::App* root, Session* session) {
  CLI::App* noun = AddCommand(
      root, "quarantine", "Mail that was set aside: look, scan, give back, delete, move",
      {"mailquench quarantine list --incident I", "mailquench quarantine analyse Q",
       "mailquench quarantine release Q --except-account mallory --reason \"good mail\""});
  noun->require_subcommand(1);
  auto incident = std::make_shared<std::string>();
  CLI::App* list =
      AddCommand(noun, "list", "What is set aside, and where",
                 {"mailquench quarantine list", "mailquench quarantine list -o jsonl"});
  list->add_option("--incident", *incident, "Only of this incident")->type_name("INCIDENT");
  list->callback([=] { session->action = [=] { return DoListQuarantines(session, *incident); }; });
  AddAct(noun, session, Act::kAnalyse, "analyse", "Count and show what matches",
         {"mailquench quarantine analyse Q",
          "mailquench quarantine analyse --incident I --account mallory --samples 20"});
  AddAct(noun, session, Act::kScan, "scan",
         "Let the antivirus read every message; a release leaves what it finds",
         {"mailquench quarantine scan Q", "mailquench quarantine scan --incident I --again"});
  AddAct(noun, session, Act::kRelease, "release", "Put matching messages back into the mail system",
         {"mailquench quarantine release Q --sender @example.org",
          "mailquench quarantine release --incident I --except-account mallory --dry-run",
          "mailquench quarantine release Q --isolate --sender @example.org --dry-run"});
  AddAct(noun, session, Act::kDiscard, "discard", "Delete matching messages for good",
         {"mailquench quarantine discard Q --account mallory --reason spam",
          "mailquench quarantine discard Q --account mallory --dry-run"});
  AddAct(noun, session, Act::kMove, "move", "Move it to another volume of its host",
         {"mailquench quarantine move Q /srv/quarantine --dry-run",
          "mailquench quarantine move --incident I /srv/quarantine --reason 'no room'",
          "mailquench quarantine move Q home"});
}

}  // namespace mailquench::cli
