// escalation rules show, lint, reload; escalation pause, resume.
#include <memory>
#include <ostream>

#include "absl/strings/str_cat.h"
#include "cli/core/alert_document.h"
#include "cli/core/confirm.h"
#include "cli/core/duration.h"
#include "cli/core/exit_code.h"
#include "cli/core/target.h"
#include "cli/nouns/escalation.h"
#include "cli/output/escalation.h"
#include "cli/output/printer.h"
#include "cli/tree.h"
#include "common/status/error.h"
#include "mailquench/v1/escalation.grpc.pb.h"

namespace mailquench::cli {
namespace {

using Stub = v1::Escalations::Stub;

struct RulesArgs {
  std::string file;
  bool text = false;
  RunFlags flags;
};

std::string PauseText(const v1::GetRulesResponse& rules) {
  return rules.paused() ? absl::StrCat("paused by ", rules.paused_by(), ": ", rules.pause_reason())
                        : "not paused";
}

// "" where the controller could take its file.
std::string LoadErrorText(const v1::GetRulesResponse& rules) {
  if (rules.load_error().empty()) return "";
  return absl::StrCat("error: the file of rules could not be taken: ", rules.load_error(),
                      "; nothing starts by itself; mend it, then `mailquench escalation rules "
                      "reload`");
}

absl::Status PrintRules(Session* session, const v1::GetRulesResponse& rules) {
  // First, and where whoever looks at the table looks; the other forms have it as a field.
  const std::string error = LoadErrorText(rules);
  if (!error.empty() && session->flags.output == "table") *session->env.out << error << '\n';
  Table table{{"RULE", "ACTION", "RUNS", "MATCH"}, {}};
  for (const v1::RuleSummary& one : rules.rules()) {
    table.rows.push_back({one.name(), WordOf(one.action()),
                          one.playbook().empty() ? "-" : one.playbook(), one.match()});
  }
  MQ_RETURN_IF_ERROR(Print(session->flags.output, rules, table, *session->env.out));
  session->Tell(absl::StrCat(rules.rules_size(), " rules of ", rules.file(), ", read ",
                             HumanTime(rules.load_time()), "; ", PauseText(rules), "; by itself ",
                             rules.runs_left(), " runs and ", rules.hosts_left(),
                             " hosts may begin now"));
  return absl::OkStatus();
}

absl::StatusOr<int> DoShow(Session* session, const RulesArgs& args) {
  MQ_ASSIGN_OR_RETURN(const v1::GetRulesResponse rules,
                      session->Call(&Stub::GetRules, v1::GetRulesRequest()));
  if (args.text && session->flags.output == "table") {
    if (const std::string error = LoadErrorText(rules); !error.empty()) session->Tell(error);
    *session->env.out << rules.rules_text();
    return kExitOk;
  }
  MQ_RETURN_IF_ERROR(PrintRules(session, rules));
  return kExitOk;
}

absl::StatusOr<int> DoLint(Session* session, const RulesArgs& args) {
  v1::LintRulesRequest request;
  MQ_ASSIGN_OR_RETURN(const std::string rules, ReadDocument(session, args.file));
  request.set_rules(rules);
  request.set_file(args.file == "-" ? "stdin" : args.file);
  MQ_ASSIGN_OR_RETURN(const v1::LintRulesResponse found, session->Call(&Stub::LintRules, request));
  Table table;
  for (const std::string& one : found.errors()) table.rows.push_back({"error:", one});
  for (const std::string& one : found.warnings()) table.rows.push_back({"warning:", one});
  MQ_RETURN_IF_ERROR(Print(session->flags.output, found, table, *session->env.out));
  session->Tell(absl::StrCat(request.file(), ": ", found.rules(), " rules, ", found.errors_size(),
                             " errors, ", found.warnings_size(), " warnings"));
  return found.errors_size() > 0 ? kExitUsage : kExitOk;
}

absl::StatusOr<int> DoReload(Session* session, const RulesArgs& args) {
  if (args.flags.dry_run) {
    session->Tell(
        "would do: read the rules again; `mailquench escalation rules lint FILE` says "
        "what is wrong with them");
    return kExitOk;
  }
  MQ_ASSIGN_OR_RETURN(const v1::GetRulesResponse rules,
                      session->Call(&Stub::ReloadRules, v1::ReloadRulesRequest()));
  MQ_RETURN_IF_ERROR(PrintRules(session, rules));
  return kExitOk;
}

absl::StatusOr<int> SetPause(Session* session, const RulesArgs& args, bool paused) {
  const std::string what = paused
                               ? "Pause: nothing starts by itself, it is proposed instead"
                               : "End the pause, so that rules may start runs by themselves again";
  if (args.flags.dry_run) {
    session->Tell(absl::StrCat("would do: ", what));
    return kExitOk;
  }
  // To hold back is safe and may be urgent; to let go is asked for.
  if (!paused) MQ_RETURN_IF_ERROR(Confirm(*session, {what, 0, false, args.flags.yes}));
  v1::SetPauseRequest request;
  request.set_paused(paused);
  request.set_reason(args.flags.reason);
  MQ_ASSIGN_OR_RETURN(const v1::GetRulesResponse rules, session->Call(&Stub::SetPause, request));
  MQ_RETURN_IF_ERROR(PrintRules(session, rules));
  return kExitOk;
}

void AddRules(CLI::App* noun, Session* session) {
  auto args = std::make_shared<RulesArgs>();
  CLI::App* rules = AddCommand(
      noun, "rules", "What may follow an alert",
      {"mailquench escalation rules show", "mailquench escalation rules lint escalation.yaml",
       "mailquench escalation rules reload"});
  rules->require_subcommand(1);
  CLI::App* show = AddCommand(rules, "show",
                              "The rules that are in force, pause and budget; first, why the file "
                              "could not be taken",
                              {"mailquench escalation rules show",
                               "mailquench escalation rules show --text > escalation.yaml"});
  show->add_flag("--text", args->text, "The file as the controller has read it");
  show->callback([=] { session->action = [=] { return DoShow(session, *args); }; });
  CLI::App* lint = AddCommand(
      rules, "lint", "What is wrong with a file of rules, also against this fleet; exit 1 then",
      {"mailquench escalation rules lint escalation.yaml"});
  lint->add_option("FILE", args->file, "The rules; - is stdin")->required()->type_name("FILE");
  lint->callback([=] { session->action = [=] { return DoLint(session, *args); }; });
  CLI::App* reload = AddCommand(rules, "reload",
                                "Have the controller read its file again; a wrong one changes "
                                "nothing",
                                {"mailquench escalation rules reload"});
  reload->add_flag("--dry-run", args->flags.dry_run, "Say what would be done; read nothing");
  reload->callback([=] { session->action = [=] { return DoReload(session, *args); }; });
}

}  // namespace

void AddEscalationRules(CLI::App* noun, Session* session) {
  AddRules(noun, session);
  auto args = std::make_shared<RulesArgs>();
  CLI::App* pause =
      AddCommand(noun, "pause", "Nothing starts by itself from now on: what would is proposed",
                 {"mailquench escalation pause --reason \"maintenance of the edge\""});
  pause->add_option("--reason", args->flags.reason, "Why; shown until the pause ends")
      ->required()
      ->type_name("TEXT");
  pause->add_flag("--dry-run", args->flags.dry_run, "Say what would be done; change nothing");
  pause->callback([=] { session->action = [=] { return SetPause(session, *args, true); }; });
  CLI::App* resume = AddCommand(noun, "resume", "End the pause",
                                {"mailquench escalation resume --reason \"maintenance is over\""});
  resume->add_option("--reason", args->flags.reason, "Why; kept in the audit log")
      ->type_name("TEXT");
  AddConfirmFlags(resume, &args->flags);
  resume->callback([=] { session->action = [=] { return SetPause(session, *args, false); }; });
}

}  // namespace mailquench::cli
