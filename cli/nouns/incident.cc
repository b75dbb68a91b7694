// incident: open, list, show, note, cause add|resolve, done, waive, close, report.
#include <memory>
#include <ostream>

#include "absl/strings/str_cat.h"
#include "cli/core/confirm.h"
#include "cli/core/duration.h"
#include "cli/core/exit_code.h"
#include "cli/core/target.h"
#include "cli/output/printer.h"
#include "cli/output/report.h"
#include "cli/tree.h"
#include "common/status/error.h"
#include "mailquench/v1/incidents.grpc.pb.h"
#include "mailquench/v1/runs.grpc.pb.h"

namespace mailquench::cli {
namespace {

using IncidentsStub = v1::Incidents::Stub;

struct IncidentArgs {
  std::string incident, text, kind, value, id, format = "md";
  bool all = false;
  RunFlags flags;
};

std::string StateOf(const v1::Incident& incident) {
  return EnumWord(v1::IncidentState_Name(incident.state()), "INCIDENT_STATE_");
}

Table IncidentTable(const v1::Incident& incident) {
  Table table;
  table.rows = {
      {"incident", incident.incident_id()},
      {"title", incident.title()},
      {"state", StateOf(incident)},
      {"opened", absl::StrCat(HumanTime(incident.open_time()), " by ", incident.opened_by())},
      {"contained", incident.has_time_to_contain()
                        ? absl::StrCat("after ", HumanSeconds(Seconds(incident.time_to_contain())))
                        : "-"}};
  for (const auto& cause : incident.causes()) {
    table.rows.push_back(
        {"cause", absl::StrCat(cause.cause_id(), " ", cause.kind(), " ", cause.value(), ": ",
                               cause.resolved() ? cause.how() : "not resolved")});
  }
  for (const auto& one : incident.obligations()) {
    table.rows.push_back(
        {"owed",
         absl::StrCat(
             one.obligation_id(), " ",
             one.duty().empty() ? absl::StrCat(one.host_name(), " ", one.operation())
                                : absl::StrCat("by a person: ", one.duty()),
             one.organisation().empty() ? "" : absl::StrCat(" for all of ", one.organisation()),
             ": ", EnumWord(v1::Obligation::State_Name(one.state()), "STATE_"))});
    for (const auto& setting : one.settings()) {
      table.rows.push_back({"", absl::StrCat(one.host_name(), ":", setting.key(),
                                             setting.opened_relay() ? " (opened the relay)" : "")});
    }
  }
  for (const auto& id : incident.listing_ids()) table.rows.push_back({"listing", id});
  for (const auto& run : incident.run_ids()) table.rows.push_back({"run", run});
  for (const auto& entry : incident.timeline()) {
    table.rows.push_back(
        {HumanTime(entry.time()), absl::StrCat(entry.actor(), ": ", entry.text())});
  }
  return table;
}

absl::StatusOr<int> PrintIncident(Session* session, const absl::StatusOr<v1::Incident>& incident) {
  if (!incident.ok()) return incident.status();
  MQ_RETURN_IF_ERROR(
      Print(session->flags.output, *incident, IncidentTable(*incident), *session->env.out));
  return kExitOk;
}

absl::StatusOr<v1::Incident> GetIncident(Session* session, const std::string& id) {
  v1::GetIncidentRequest request;
  request.set_incident_id(id);
  return session->Call(&IncidentsStub::GetIncident, request);
}

// Every change of an incident: with --dry-run it is only said, else it is sent and the incident
// shown.
template <class Request>
absl::StatusOr<int> Change(Session* session,
                           const IncidentArgs& args,
                           const std::string& what,
                           grpc::Status (IncidentsStub::*method)(grpc::ClientContext*,
                                                                 const Request&,
                                                                 v1::Incident*),
                           const Request& request) {
  if (args.flags.dry_run) {
    session->Tell(absl::StrCat("would do: ", what));
    return kExitOk;
  }
  return PrintIncident(session, session->Call(method, request));
}

absl::StatusOr<int> DoOpen(Session* session, const IncidentArgs& args) {
  v1::OpenIncidentRequest request;
  request.set_title(args.text);
  request.set_request_id(NewUuid());
  return Change(session, args, absl::StrCat("open an incident '", args.text, "'"),
                &IncidentsStub::OpenIncident, request);
}

absl::StatusOr<int> DoList(Session* session, const IncidentArgs& args) {
  v1::ListIncidentsRequest request;
  request.set_include_closed(args.all);
  auto all = session->Call(&IncidentsStub::ListIncidents, request);
  if (!all.ok()) return all.status();
  Table table{{"INCIDENT", "STATE", "OWED", "OPENED", "TITLE"}, {}};
  for (const auto& one : all->incidents()) {
    int owed = 0;
    for (const auto& o : one.obligations()) owed += o.state() == v1::Obligation::STATE_OUTSTANDING;
    table.rows.push_back({one.incident_id(), StateOf(one), std::to_string(owed),
                          HumanTime(one.open_time()), one.title()});
  }
  MQ_RETURN_IF_ERROR(Print(session->flags.output, *all, table, *session->env.out));
  return kExitOk;
}

absl::StatusOr<int> DoNote(Session* session, const IncidentArgs& args) {
  v1::AddNoteRequest request;
  request.set_incident_id(args.incident);
  request.set_text(args.text);
  return Change(session, args, "add a note", &IncidentsStub::AddNote, request);
}

absl::StatusOr<int> DoAddCause(Session* session, const IncidentArgs& args) {
  v1::AddCauseRequest request;
  request.set_incident_id(args.incident);
  request.set_kind(args.kind);
  request.set_value(args.value);
  return Change(session, args, absl::StrCat("add the cause ", args.kind, " ", args.value),
                &IncidentsStub::AddCause, request);
}

absl::StatusOr<int> DoResolve(Session* session, const IncidentArgs& args) {
  v1::ResolveCauseRequest request;
  request.set_incident_id(args.incident);
  request.set_cause_id(args.id);
  request.set_how(args.text);
  return Change(session, args, absl::StrCat("mark the cause ", args.id, " as resolved"),
                &IncidentsStub::ResolveCause, request);
}

absl::StatusOr<int> DoWaive(Session* session, const IncidentArgs& args) {
  v1::WaiveObligationRequest request;
  request.set_incident_id(args.incident);
  request.set_obligation_id(args.id);
  request.set_reason(args.flags.reason);
  const std::string what = absl::StrCat("Waive what is owed (", args.id, ") to 1 host");
  if (!args.flags.dry_run) {
    MQ_RETURN_IF_ERROR(Confirm(*session, {what, 1, false, args.flags.yes}));
  }
  return Change(session, args, what, &IncidentsStub::WaiveObligation, request);
}

absl::StatusOr<int> DoDone(Session* session, const IncidentArgs& args) {
  v1::WaiveObligationRequest request;
  request.set_incident_id(args.incident);
  request.set_obligation_id(args.id);
  request.set_reason(args.text);
  request.set_done(true);
  return Change(session, args, absl::StrCat("say that ", args.id, " was done"),
                &IncidentsStub::WaiveObligation, request);
}

absl::StatusOr<int> DoClose(Session* session, const IncidentArgs& args) {
  v1::CloseIncidentRequest request;
  request.set_incident_id(args.incident);
  request.set_summary(args.text);
  return Change(session, args, absl::StrCat("close incident ", args.incident),
                &IncidentsStub::CloseIncident, request);
}

absl::StatusOr<int> DoReport(Session* session, const IncidentArgs& args) {
  auto incident = GetIncident(session, args.incident);
  if (!incident.ok()) return incident.status();
  v1::ListRunsRequest request;
  request.set_incident_id(args.incident);
  auto listed = session->Call(&v1::Runs::Stub::ListRuns, request);
  if (!listed.ok()) return listed.status();
  std::vector<v1::Run> runs;
  for (const auto& run : listed->runs()) {
    // A list may leave out the steps, and the report counts what they did.
    v1::GetRunRequest get;
    get.set_run_id(run.run_id());
    auto whole = session->Call(&v1::Runs::Stub::GetRun, get);
    if (!whole.ok()) return whole.status();
    runs.push_back(*std::move(whole));
  }
  *session->env.out << IncidentReport(*incident, runs, args.format);
  return kExitOk;
}

}  // namespace

void AddIncident(CLI::App* root, Session* session) {
  CLI::App* noun = AddCommand(root, "incident", "What happened, what is owed, who caused it",
                              {"mailquench incident list", "mailquench incident show I",
                               "mailquench incident report I --format html > report.html"});
  noun->require_subcommand(1);
  auto args = std::make_shared<IncidentArgs>();
  using Do = absl::StatusOr<int> (*)(Session*, const IncidentArgs&);
  const auto add = [=](CLI::App* parent, const char* name, const char* summary,
                       const std::string& example, bool takes_id, Do act) {
    CLI::App* app = AddCommand(parent, name, summary, {example});
    if (takes_id) {
      app->add_option("INCIDENT", args->incident, "Its id")->required()->type_name("INCIDENT");
    }
    app->callback([=] { session->action = [=] { return act(session, *args); }; });
    return app;
  };
  const auto dry = [=](CLI::App* app) {
    app->add_flag("--dry-run", args->flags.dry_run, "Say what would be done; change nothing");
  };
  CLI::App* open = add(noun, "open", "Open an incident",
                       "mailquench incident open \"outbound spam from edge\"", false, DoOpen);
  open->add_option("TITLE", args->text, "In a few words")->required()->type_name("TEXT");
  dry(open);
  CLI::App* list = add(noun, "list", "Incidents", "mailquench incident list --all", false, DoList);
  list->add_flag("--all", args->all, "Closed ones too");
  add(noun, "show", "One incident in full", "mailquench incident show I", true,
      [](Session* s, const IncidentArgs& a) {
        return PrintIncident(s, GetIncident(s, a.incident));
      });
  CLI::App* note = add(noun, "note", "Write into the timeline",
                       "mailquench incident note I \"customer was told\"", true, DoNote);
  note->add_option("TEXT", args->text, "What")->required()->type_name("TEXT");
  dry(note);
  CLI::App* cause =
      AddCommand(noun, "cause", "Who or what did it; restore waits for all of them",
                 {"mailquench incident cause add I account mallory",
                  "mailquench incident cause resolve I C --how \"password changed\""});
  cause->require_subcommand(1);
  CLI::App* cause_add = add(cause, "add", "Record a cause",
                            "mailquench incident cause add I account mallory", true, DoAddCause);
  cause_add->add_option("KIND", args->kind, "account, client, local_user, open_relay or other")
      ->required()
      ->check(CLI::IsMember({"account", "client", "local_user", "open_relay", "other"}))
      ->type_name("KIND");
  cause_add->add_option("VALUE", args->value, "Who or what")->required()->type_name("TEXT");
  dry(cause_add);
  CLI::App* resolve =
      add(cause, "resolve", "Mark a cause as blocked or fixed",
          "mailquench incident cause resolve I C --how \"password changed\"", true, DoResolve);
  resolve->add_option("CAUSE", args->id, "Its id")->required()->type_name("CAUSE");
  resolve->add_option("--how", args->text, "What was done")->required()->type_name("TEXT");
  dry(resolve);
  CLI::App* done =
      add(noun, "done", "Say that a person's duty was done, and how",
          "mailquench incident done I OBLIGATION --how \"reset, ticket 12\"", true, DoDone);
  done->add_option("OBLIGATION", args->id, "Its id")->required()->type_name("OBLIGATION");
  done->add_option("--how", args->text, "What was done")->required()->type_name("TEXT");
  dry(done);
  CLI::App* waive =
      add(noun, "waive", "Give up an obligation, with a reason",
          "mailquench incident waive I OBLIGATION --reason \"host was scrapped\"", true, DoWaive);
  waive->add_option("OBLIGATION", args->id, "Its id")->required()->type_name("OBLIGATION");
  waive->add_option("--reason", args->flags.reason, "Why")->required()->type_name("TEXT");
  AddConfirmFlags(waive, &args->flags);
  CLI::App* close = add(noun, "close", "Close; refused while something is owed",
                        "mailquench incident close I --summary \"stolen password\"", true, DoClose);
  close->add_option("--summary", args->text, "What it was")->type_name("TEXT");
  dry(close);
  CLI::App* report =
      add(noun, "report", "A report for people who were not there",
          "mailquench incident report I --format html > report.html", true, DoReport);
  report->add_option("--format", args->format, "md or html")
      ->check(CLI::IsMember({"md", "html"}))
      ->type_name("FORM");
}

}  // namespace mailquench::cli
