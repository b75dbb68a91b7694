// escalation raise, test, history.
#include <memory>
#include <ostream>

#include "absl/strings/str_cat.h"
#include "cli/core/alert_document.h"
#include "cli/core/exit_code.h"
#include "cli/nouns/escalation.h"
#include "cli/output/escalation.h"
#include "cli/output/printer.h"
#include "cli/tree.h"
#include "common/status/error.h"
#include "mailquench/v1/escalation.grpc.pb.h"

namespace mailquench::cli {
namespace {

using Stub = v1::Escalations::Stub;

struct RaiseArgs {
  std::string name, host, fingerprint, file;
  std::vector<std::string> labels, annotations;
  bool resolved = false;
  bool dry_run = false;
};

absl::Status FillFromFlags(const RaiseArgs& args, v1::Alert* alert) {
  alert->set_status(args.resolved ? v1::ALERT_STATUS_RESOLVED : v1::ALERT_STATUS_FIRING);
  alert->set_fingerprint(args.fingerprint);
  if (!args.host.empty()) (*alert->mutable_labels())["host"] = args.host;
  for (const std::string& one : args.labels)
    MQ_RETURN_IF_ERROR(PutPair(one, "--label", alert->mutable_labels()));
  for (const std::string& one : args.annotations)
    MQ_RETURN_IF_ERROR(PutPair(one, "--annotation", alert->mutable_annotations()));
  (*alert->mutable_labels())["alertname"] = args.name;
  return absl::OkStatus();
}

absl::StatusOr<int> PrintTested(Session* session, const v1::TestAlertsRequest& request) {
  MQ_ASSIGN_OR_RETURN(const v1::TestAlertsResponse tested,
                      session->Call(&Stub::TestAlerts, request));
  MQ_RETURN_IF_ERROR(
      Print(session->flags.output, tested, DecisionsTable(tested), *session->env.out));
  session->Tell("nothing was kept or done");
  return kExitOk;
}

absl::StatusOr<int> DoRaise(Session* session, const RaiseArgs& args) {
  const bool flags = !args.labels.empty() || !args.annotations.empty() || !args.host.empty() ||
                     !args.fingerprint.empty() || args.resolved;
  if (args.name.empty() == args.file.empty() || (!args.file.empty() && flags)) {
    return UsageError(
        "Give either ALERTNAME with --label and its like, or -f FILE; nothing was sent.");
  }
  v1::RaiseAlertsRequest request;
  if (args.file.empty()) {
    MQ_RETURN_IF_ERROR(FillFromFlags(args, request.add_alerts()));
  } else {
    MQ_ASSIGN_OR_RETURN(const std::string document, ReadDocument(session, args.file));
    MQ_ASSIGN_OR_RETURN(const std::vector<v1::Alert> alerts, ReadGenericAlerts(document));
    for (const v1::Alert& alert : alerts) *request.add_alerts() = alert;
  }
  if (args.dry_run) {
    v1::TestAlertsRequest test;
    *test.mutable_alerts() = request.alerts();
    return PrintTested(session, test);
  }
  MQ_ASSIGN_OR_RETURN(const v1::RaiseAlertsResponse raised,
                      session->Call(&Stub::RaiseAlerts, request));
  const Table table{{"TAKEN", "DUPLICATES"},
                    {{std::to_string(raised.taken()), std::to_string(raised.duplicates())}}};
  MQ_RETURN_IF_ERROR(Print(session->flags.output, raised, table, *session->env.out));
  session->Tell("what becomes of it: `mailquench escalation history`");
  return kExitOk;
}

struct TestArgs {
  std::string file, kind, rules;
};

v1::SourceKind TestedKind(const std::string& word) {
  return word == "alertmanager" ? v1::SOURCE_KIND_ALERTMANAGER
         : word == "nagios"     ? v1::SOURCE_KIND_NAGIOS
                                : v1::SOURCE_KIND_GENERIC;
}

absl::StatusOr<int> DoTest(Session* session, const TestArgs& args) {
  v1::TestAlertsRequest request;
  MQ_ASSIGN_OR_RETURN(const std::string document, ReadDocument(session, args.file));
  request.set_document(document);
  request.set_kind(args.kind.empty() ? GuessKind(document) : TestedKind(args.kind));
  if (!args.rules.empty()) {
    MQ_ASSIGN_OR_RETURN(const std::string rules, ReadDocument(session, args.rules));
    if (rules.empty())
      return UsageError(absl::StrCat(args.rules, " is empty; nothing was tested."));
    request.set_rules(rules);
  }
  if (args.kind.empty())
    session->Tell(absl::StrCat("read as ", WordOf(request.kind()), "; --kind says otherwise"));
  return PrintTested(session, request);
}

struct HistoryArgs {
  std::string fingerprint, escalation;
  int limit = 100;
};

absl::StatusOr<int> DoHistory(Session* session, const HistoryArgs& args) {
  v1::ListAlertsRequest request;
  request.set_limit(args.limit);
  request.set_fingerprint(args.fingerprint);
  request.set_escalation_id(args.escalation);
  MQ_ASSIGN_OR_RETURN(const v1::ListAlertsResponse all, session->Call(&Stub::ListAlerts, request));
  MQ_RETURN_IF_ERROR(
      Print(session->flags.output, all, AlertsTable(all, session->flags.wide), *session->env.out));
  return kExitOk;
}

void AddRaise(CLI::App* noun, Session* session) {
  auto args = std::make_shared<RaiseArgs>();
  CLI::App* app =
      AddCommand(noun, "raise", "Give the controller an alert, as a webhook does; the rules decide",
                 {"mailquench escalation raise QueueFlood --host mx1 --label severity=page",
                  "mailquench escalation raise QueueFlood --host mx1 --resolved",
                  "mailquench escalation raise -f alert.json --dry-run      # what would happen"});
  app->add_option("ALERTNAME", args->name, "The label alertname")->type_name("NAME");
  app->add_option("--label", args->labels, "A label, by which rules know it")
      ->type_name("NAME=VALUE");
  app->add_option("--annotation", args->annotations, "A text for people")->type_name("NAME=VALUE");
  app->add_option("--host", args->host, "The label host")->type_name("HOST");
  app->add_option("--fingerprint", args->fingerprint,
                  "By which it is the same trouble each time; of its labels if not given")
      ->type_name("TEXT");
  app->add_flag("--resolved", args->resolved, "It is over");
  app->add_option("-f,--file", args->file, "Alerts of the generic form; - is stdin")
      ->type_name("FILE");
  app->add_flag("--dry-run", args->dry_run, "Say what would happen, and why; raise nothing");
  app->callback([=] { session->action = [=] { return DoRaise(session, *args); }; });
}

void AddTest(CLI::App* noun, Session* session) {
  auto args = std::make_shared<TestArgs>();
  CLI::App* app = AddCommand(
      noun, "test", "What would happen to these alerts now, and why; nothing is kept or done",
      {"mailquench escalation test alert.json",
       "mailquench escalation test alert.json --rules escalation.yaml",
       "mailquench escalation test - --kind alertmanager < webhook.json"});
  app->add_option("FILE", args->file, "As a source sends it; - is stdin")
      ->required()
      ->type_name("FILE");
  app->add_option("--kind", args->kind,
                  "Of the source: alertmanager, nagios or generic; if not given, by its form")
      ->check(CLI::IsMember({"alertmanager", "nagios", "generic"}))
      ->type_name("SOURCE-KIND");
  app->add_option("--rules", args->rules, "Rules instead of those that are loaded")
      ->type_name("FILE");
  app->callback([=] { session->action = [=] { return DoTest(session, *args); }; });
}

}  // namespace

void AddEscalationAlerts(CLI::App* noun, Session* session) {
  AddRaise(noun, session);
  AddTest(noun, session);
  auto args = std::make_shared<HistoryArgs>();
  CLI::App* app = AddCommand(noun, "history", "Alerts, the newest first, and what became of each",
                             {"mailquench escalation history --limit 20",
                              "mailquench escalation history --fingerprint 0f3a -o jsonl"});
  app->add_option("--fingerprint", args->fingerprint, "Only of this one")->type_name("TEXT");
  app->add_option("--escalation", args->escalation, "Only of this one")->type_name("ESCALATION");
  app->add_option("--limit", args->limit, "At most so many; 100 if not given")
      ->check(CLI::Range(1, 10000))
      ->type_name("COUNT");
  app->callback([=] { session->action = [=] { return DoHistory(session, *args); }; });
}

}  // namespace mailquench::cli
