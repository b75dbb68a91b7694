// escalation: list, show; the others in escalation_*.cc.
#include "cli/nouns/escalation.h"

#include <memory>
#include <ostream>

#include "absl/strings/str_cat.h"
#include "cli/core/exit_code.h"
#include "cli/output/escalation.h"
#include "cli/output/printer.h"
#include "cli/output/transcript.h"
#include "cli/tree.h"
#include "common/status/error.h"
#include "mailquench/v1/escalation.grpc.pb.h"

namespace mailquench::cli {
namespace {

using Stub = v1::Escalations::Stub;

struct EscalationArgs {
  std::string id, incident;
  bool all = false;
  int limit = 100;
};

absl::StatusOr<int> DoList(Session* session, const EscalationArgs& args) {
  v1::ListEscalationsRequest request;
  request.set_open_only(!args.all);
  request.set_incident_id(args.incident);
  request.set_limit(args.limit);
  MQ_ASSIGN_OR_RETURN(const v1::ListEscalationsResponse all,
                      session->Call(&Stub::ListEscalations, request));
  MQ_RETURN_IF_ERROR(Print(session->flags.output, all, EscalationsTable(all, session->flags.wide),
                           *session->env.out));
  return kExitOk;
}

absl::StatusOr<int> DoShow(Session* session, const EscalationArgs& args) {
  MQ_ASSIGN_OR_RETURN(const v1::Escalation one, GetEscalation(session, args.id));
  MQ_RETURN_IF_ERROR(PrintEscalation(session, one));
  return kExitOk;
}

}  // namespace

absl::StatusOr<v1::Escalation> GetEscalation(Session* session, const std::string& id) {
  v1::GetEscalationRequest request;
  request.set_escalation_id(id);
  return session->Call(&Stub::GetEscalation, request);
}

absl::Status PrintEscalation(Session* session, const v1::Escalation& escalation) {
  std::ostream& out = *session->env.out;
  MQ_RETURN_IF_ERROR(Print(session->flags.output, escalation, StoryTable(escalation), out));
  if (session->flags.output != "table" || !escalation.has_plan()) return absl::OkStatus();
  out << "\n"
      << Render(PlanTable(escalation.plan())) << "plan hash " << escalation.plan().plan_hash()
      << "\n";
  return absl::OkStatus();
}

void AddEscalation(CLI::App* root, Session* session) {
  CLI::App* noun = AddCommand(
      root, "escalation",
      "What monitoring called for, what came of it, and what waits for a person",
      {"mailquench escalation list", "mailquench escalation show E",
       "mailquench escalation approve E --reason \"as the dry run says\"",
       "mailquench escalation test alert.json                 # what would happen, and why",
       "mailquench escalation pause --reason \"maintenance\"    # nothing starts by itself"});
  noun->require_subcommand(1);
  auto args = std::make_shared<EscalationArgs>();
  CLI::App* list = AddCommand(noun, "list", "Escalations that are open, the newest first",
                              {"mailquench escalation list", "mailquench escalation list --all",
                               "mailquench escalation list -o wide"});
  list->add_flag("--all", args->all, "Also those that have ended");
  list->add_option("--incident", args->incident, "Only of this incident")->type_name("INCIDENT");
  list->add_option("--limit", args->limit, "At most so many; 100 if not given")
      ->check(CLI::Range(1, 10000))
      ->type_name("COUNT");
  list->callback([=] { session->action = [=] { return DoList(session, *args); }; });
  CLI::App* show = AddCommand(
      noun, "show", "The whole story of one: alerts, reasons, hosts, dry run, runs, silence, next",
      {"mailquench escalation show E", "mailquench escalation show E -o json"});
  show->add_option("ESCALATION", args->id, "Its id, or the beginning of it")
      ->required()
      ->type_name("ESCALATION");
  show->callback([=] { session->action = [=] { return DoShow(session, *args); }; });
  AddEscalationApproval(noun, session);
  AddEscalationAlerts(noun, session);
  AddEscalationRules(noun, session);
  AddEscalationSources(noun, session);
}

}  // namespace mailquench::cli
