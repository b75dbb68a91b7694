// run: start, contain, restore, op, manual, confirm, list, show, watch, cancel.
#include <map>
#include <memory>
#include <ostream>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "cli/core/confirm.h"
#include "cli/core/duration.h"
#include "cli/core/exit_code.h"
#include "cli/core/operation_text.h"
#include "cli/core/run_driver.h"
#include "cli/nouns/restore.h"
#include "cli/nouns/run_manual.h"
#include "cli/output/printer.h"
#include "cli/output/transcript.h"
#include "cli/tree.h"
#include "common/status/error.h"
#include "mailquench/v1/incidents.grpc.pb.h"
#include "mailquench/v1/runs.grpc.pb.h"

namespace mailquench::cli {
namespace {

struct ContainArgs {
  RunFlags flags;
  std::string mode;
  std::vector<std::string> clients;
  bool keep_notifications = false;
  bool leave_stopped = false;
  bool all_at_once = false;
  bool without_copies = false;
  std::string without_copies_in;
};

absl::StatusOr<int> DoContain(Session* session, const ContainArgs& args) {
  if (args.flags.reason.empty()) {
    return UsageError(
        "Say why: add --reason TEXT; it goes into the incident and the audit log. "
        "Nothing was done.");
  }
  RunOrder order;
  order.verb =
      absl::StrCat("Contain (stop, set the queue aside, close the relay, start, prove it; ",
                   args.all_at_once ? "all at once)" : "in waves)");
  order.flags = args.flags;
  MQ_RETURN_IF_ERROR(FillTargets(session, args.flags, &order.plan));
  order.plan.set_playbook("contain");
  // Only what was given, so that a playbook of one's own keeps its values. The controller puts
  // reason and incident into its steps.
  auto& parameters = *order.plan.mutable_parameters();
  if (!args.mode.empty()) parameters["mode"] = args.mode;
  if (!args.clients.empty()) parameters["clients"] = absl::StrJoin(args.clients, ",");
  if (args.keep_notifications) parameters["keep_notifications"] = "true";
  if (args.leave_stopped) parameters["leave_stopped"] = "true";
  if (args.all_at_once) parameters["waves"] = "100%";
  if (args.without_copies)
    parameters["without_copies"] = args.without_copies_in.empty() ? "true" : args.without_copies_in;
  // What is set aside and locked has to be owed back to somebody: the controller opens an incident,
  // named after the reason, or goes on with the one in which a part has left these hosts stopped.
  return Drive(session, order);
}

void AddContain(CLI::App* noun, Session* session) {
  auto args = std::make_shared<ContainArgs>();
  CLI::App* app = AddCommand(
      noun, "contain",
      "The playbook contain, the one command in a fire: stop, set the queue aside, close "
      "the relay, start, prove it; one host first, then all",
      {"mailquench run contain -l role=edge --reason \"outbound spam\"",
       "mailquench run contain --hosts mx1,mx2 --reason \"stolen login\" "
       "--mode authenticated-only",
       "mailquench run contain -l role=edge --reason \"it burns everywhere\" --all-at-once",
       "mailquench run contain -l role=edge --reason drill --dry-run"});
  AddRunFlags(app, &args->flags);
  app->add_option("--mode", args->mode,
                  "Who may relay: closed (if not given), authenticated-only or listed")
      ->check(CLI::IsMember({"closed", "authenticated-only", "listed"}))
      ->type_name("MODE");
  app->add_option("--allow-client", args->clients, "With --mode listed: who still relays")
      ->type_name("ADDRESS")
      ->delimiter(',');
  app->add_flag("--keep-notifications", args->keep_notifications,
                "Let delivery status reports leave");
  app->add_flag("--leave-stopped", args->leave_stopped, "Do not start the service again");
  app->add_flag("--all-at-once", args->all_at_once,
                "No waves: no host waits for another, and none is spared where one fails");
  CLI::Option* without =
      app->add_option("--without-copies", args->without_copies_in,
                      "Your word that no server of this organisation keeps copies of another "
                      "one's mail, so that a group may lack some; named where several are in the "
                      "run. Where it is wrong, the spam comes back from those that keep some")
          ->type_name("ORGANISATION")
          ->expected(0, 1);
  app->callback([=] {
    args->without_copies = without->count() > 0;
    session->action = [=] { return DoContain(session, *args); };
  });
}

struct StartArgs {
  RunFlags flags;
  std::string what;
  std::vector<std::string> set;
  FilterFlags filter;
};

absl::StatusOr<int> DoStart(Session* session, const StartArgs& args) {
  RunOrder order;
  order.verb = absl::StrCat("Run playbook ", args.what);
  order.flags = args.flags;
  MQ_RETURN_IF_ERROR(FillTargets(session, args.flags, &order.plan));
  order.plan.set_playbook(args.what);
  for (const std::string& one : args.set) {
    const auto equals = one.find('=');
    if (equals == std::string::npos) {
      return UsageError(absl::StrCat("--param wants name=value, not '", one, "'."));
    }
    (*order.plan.mutable_parameters())[one.substr(0, equals)] = one.substr(equals + 1);
  }
  return Drive(session, order);
}

absl::StatusOr<int> DoOp(Session* session, const StartArgs& args) {
  auto operation = MakeOperation(args.what);
  if (!operation.ok()) return operation.status();
  for (const std::string& one : args.set) MQ_RETURN_IF_ERROR(SetField(&*operation, one));
  if (AnyFilter(args.filter)) {
    v1::MessageFilter* filter = FilterOf(&*operation);
    if (filter == nullptr) {
      return UsageError(absl::StrCat(args.what,
                                     " looks at no messages, so it takes no filter "
                                     "flags; nothing was done."));
    }
    MQ_RETURN_IF_ERROR(FillFilter(args.filter, filter));
  }
  RunOrder order;
  order.verb = absl::StrCat("Run ", args.what);
  order.flags = args.flags;
  MQ_RETURN_IF_ERROR(FillTargets(session, args.flags, &order.plan));
  *order.plan.mutable_operation() = *operation;
  return Drive(session, order);
}

void AddStartAndOp(CLI::App* noun, Session* session) {
  auto args = std::make_shared<StartArgs>();
  CLI::App* start = AddCommand(noun, "start", "Start a playbook",
                               {"mailquench run start survey -l role=edge",
                                "mailquench run start lockdown -l site=fra --reason drill "
                                "--dry-run"});
  start->add_option("PLAYBOOK", args->what, "Its name")->required()->type_name("PLAYBOOK");
  start->add_option("--param", args->set, "A parameter of the playbook, name=value")
      ->type_name("NAME=VALUE");
  AddRunFlags(start, &args->flags);
  start->callback([=] { session->action = [=] { return DoStart(session, *args); }; });

  auto op_args = std::make_shared<StartArgs>();
  CLI::App* op = AddCommand(
      noun, "op", absl::StrCat("Run one operation: ", absl::StrJoin(OperationNames(), ", ")),
      {"mailquench run op queue.survey -l role=edge",
       "mailquench run op relay.lock --hosts mx1 --set mode=authenticated-only --reason spam",
       "mailquench run op queue.quarantine -l role=edge --sender @example.org --reason spam"});
  op->add_option("OPERATION", op_args->what, "Its name")->required()->type_name("OPERATION");
  op->add_option("--set", op_args->set, "A field of the operation; dots go into its parts")
      ->type_name("FIELD=VALUE");
  AddRunFlags(op, &op_args->flags);
  AddFilterFlags(op, &op_args->filter);
  op->callback([=] { session->action = [=] { return DoOp(session, *op_args); }; });
}

absl::StatusOr<int> DoListRuns(Session* session, const std::string& incident) {
  v1::ListRunsRequest request;
  request.set_incident_id(incident);
  auto runs = session->Call(&v1::Runs::Stub::ListRuns, request);
  if (!runs.ok()) return runs.status();
  Table table{{"RUN", "PLAYBOOK", "STATE", "HOSTS", "BY", "STARTED"}, {}};
  for (const v1::Run& run : runs->runs()) {
    table.rows.push_back({run.run_id(), run.playbook().name(),
                          EnumWord(v1::RunState_Name(run.state()), "RUN_STATE_"),
                          std::to_string(run.hosts_size()), run.requested_by(),
                          HumanTime(run.start_time())});
  }
  MQ_RETURN_IF_ERROR(Print(session->flags.output, *runs, table, *session->env.out));
  return kExitOk;
}

absl::StatusOr<int> DoShow(Session* session, const std::string& id) {
  v1::GetRunRequest request;
  request.set_run_id(id);
  auto run = session->Call(&v1::Runs::Stub::GetRun, request);
  if (!run.ok()) return run.status();
  MQ_RETURN_IF_ERROR(Print(session->flags.output, *run, RunTable(*run), *session->env.out));
  session->Tell(SummaryLine(*run));
  return kExitOk;
}

absl::StatusOr<int> DoCancel(Session* session, const std::string& id, const RunFlags& flags) {
  v1::GetRunRequest get;
  get.set_run_id(id);
  auto run = session->Call(&v1::Runs::Stub::GetRun, get);
  if (!run.ok()) return run.status();
  const int hosts = run->hosts_size();
  const std::string what =
      absl::StrCat("Cancel run ", id, " on ", hosts, hosts == 1 ? " host" : " hosts",
                   " (what a host has begun, it finishes)");
  if (flags.dry_run) {
    session->Tell(absl::StrCat("would do: ", what));
    return kExitOk;
  }
  MQ_RETURN_IF_ERROR(Confirm(*session, {what, hosts, false, flags.yes}));
  v1::CancelRunRequest request;
  request.set_run_id(id);
  request.set_reason(flags.reason);
  auto cancelled = session->Call(&v1::Runs::Stub::CancelRun, request);
  if (!cancelled.ok()) return cancelled.status();
  MQ_RETURN_IF_ERROR(
      Print(session->flags.output, *cancelled, RunTable(*cancelled), *session->env.out));
  return kExitOk;
}

}  // namespace

void AddRun(CLI::App* root, Session* session) {
  CLI::App* noun = AddCommand(root, "run", "Act on hosts, and see how it goes",
                              {"mailquench run contain -l role=edge --reason \"outbound spam\"",
                               "mailquench run op queue.survey -l 'site in (fra,ams)'",
                               "mailquench run restore --incident I", "mailquench run watch RUN"});
  noun->require_subcommand(1);
  AddContain(noun, session);
  AddRestore(noun, session);
  AddStartAndOp(noun, session);
  AddRunManual(noun, session);

  auto id = std::make_shared<std::string>();
  auto incident = std::make_shared<std::string>();
  auto flags = std::make_shared<RunFlags>();
  CLI::App* list = AddCommand(noun, "list", "Runs, the newest first",
                              {"mailquench run list", "mailquench run list --incident I -o json"});
  list->add_option("--incident", *incident, "Only of this incident")->type_name("INCIDENT");
  list->callback([=] { session->action = [=] { return DoListRuns(session, *incident); }; });
  CLI::App* show =
      AddCommand(noun, "show", "One run, host by host", {"mailquench run show RUN -o yaml"});
  show->add_option("RUN", *id, "Its id")->required()->type_name("RUN");
  show->callback([=] { session->action = [=] { return DoShow(session, *id); }; });
  CLI::App* watch = AddCommand(noun, "watch", "Follow a run to its end",
                               {"mailquench run watch RUN",
                                "mailquench run watch RUN --timeout "
                                "5m"});
  watch->add_option("RUN", *id, "Its id")->required()->type_name("RUN");
  watch->callback([=] { session->action = [=] { return Watch(session, *id); }; });
  CLI::App* cancel = AddCommand(noun, "cancel", "Start nothing more; what has begun is finished",
                                {"mailquench run cancel RUN --reason \"wrong hosts\""});
  cancel->add_option("RUN", *id, "Its id")->required()->type_name("RUN");
  cancel->add_option("--reason", flags->reason, "Why")->type_name("TEXT");
  AddConfirmFlags(cancel, flags.get());
  cancel->callback([=] { session->action = [=] { return DoCancel(session, *id, *flags); }; });
}

}  // namespace mailquench::cli
