// playbook: list, show. audit: list, verify. whoami.
#include <memory>
#include <ostream>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "cli/core/duration.h"
#include "cli/core/exit_code.h"
#include "cli/core/operation_text.h"
#include "cli/output/printer.h"
#include "cli/tree.h"
#include "common/status/error.h"
#include "common/text/suggest.h"
#include "mailquench/v1/audit.grpc.pb.h"
#include "mailquench/v1/fleet.grpc.pb.h"
#include "mailquench/v1/runs.grpc.pb.h"

namespace mailquench::cli {
namespace {

absl::StatusOr<int> ListPlaybooks(Session* session) {
  auto all = session->Call(&v1::Runs::Stub::ListPlaybooks, v1::ListPlaybooksRequest());
  if (!all.ok()) return all.status();
  Table table{{"PLAYBOOK", "STEPS", "WAVES", "SUMMARY"}, {}};
  for (const v1::Playbook& one : all->playbooks()) {
    std::vector<std::string> steps;
    for (const auto& step : one.steps()) steps.push_back(NameOf(step.operation()));
    table.rows.push_back({one.name(), absl::StrJoin(steps, ","),
                          one.waves_size() == 0 ? "all at once" : absl::StrJoin(one.waves(), ","),
                          one.summary()});
  }
  MQ_RETURN_IF_ERROR(Print(session->flags.output, *all, table, *session->env.out));
  return kExitOk;
}

absl::StatusOr<int> ShowPlaybook(Session* session, const std::string& name) {
  auto all = session->Call(&v1::Runs::Stub::ListPlaybooks, v1::ListPlaybooksRequest());
  if (!all.ok()) return all.status();
  std::vector<std::string> names;
  for (const v1::Playbook& one : all->playbooks()) {
    names.push_back(one.name());
    if (one.name() != name) continue;
    if (session->flags.output == "table" && !one.source().empty()) {
      *session->env.out << one.source();
      return kExitOk;
    }
    Table table{{"STEP", "OPERATION", "TIMEOUT"}, {}};
    for (const auto& step : one.steps()) {
      table.rows.push_back(
          {step.name(), NameOf(step.operation()), absl::StrCat(step.timeout_seconds(), " s")});
    }
    MQ_RETURN_IF_ERROR(Print(session->flags.output, one, table, *session->env.out));
    return kExitOk;
  }
  return Error(absl::StatusCode::kNotFound, "PLAYBOOK_NOT_FOUND",
               absl::StrCat("There is no playbook '", name, "'.", DidYouMean(name, names),
                            " `mailquench playbook list` shows them."));
}

absl::StatusOr<int> ListAudit(Session* session, std::int64_t after, int limit) {
  v1::ListEntriesRequest request;
  request.set_after_sequence(after);
  request.set_limit(limit);
  auto entries = session->Call(&v1::Audit::Stub::ListEntries, request);
  if (!entries.ok()) return entries.status();
  Table table{{"SEQUENCE", "TIME", "ACTOR", "ACTION", "DETAIL"}, {}};
  for (const v1::AuditEntry& one : entries->entries()) {
    table.rows.push_back({std::to_string(one.sequence()), HumanTime(one.time()), one.actor(),
                          one.action(), one.detail()});
  }
  MQ_RETURN_IF_ERROR(Print(session->flags.output, *entries, table, *session->env.out));
  return kExitOk;
}

absl::StatusOr<int> VerifyAudit(Session* session) {
  auto answer = session->Call(&v1::Audit::Stub::Verify, v1::VerifyRequest());
  if (!answer.ok()) return answer.status();
  Table table{
      {"INTACT", "ENTRIES", "DETAIL"},
      {{answer->intact() ? "yes" : "NO", std::to_string(answer->entries()),
        answer->intact() ? "-"
                         : absl::StrCat("first broken entry: ", answer->first_broken_sequence(),
                                        " ", answer->detail())}}};
  MQ_RETURN_IF_ERROR(Print(session->flags.output, *answer, table, *session->env.out));
  return answer->intact() ? kExitOk : kExitSomeFailed;
}

absl::StatusOr<int> WhoAmI(Session* session) {
  auto who = session->Call(&v1::Fleet::Stub::WhoAmI, v1::WhoAmIRequest());
  if (!who.ok()) return who.status();
  Table table{{"NAME", "ROLE", "VALID UNTIL"},
              {{who->name(), who->role(), HumanTime(who->expire_time())}}};
  MQ_RETURN_IF_ERROR(Print(session->flags.output, *who, table, *session->env.out));
  return kExitOk;
}

}  // namespace

void AddPlaybook(CLI::App* root, Session* session) {
  CLI::App* noun = AddCommand(root, "playbook", "What can be run as a whole",
                              {"mailquench playbook list", "mailquench playbook show contain"});
  noun->require_subcommand(1);
  CLI::App* list = AddCommand(noun, "list", "All playbooks", {"mailquench playbook list"});
  list->callback([=] { session->action = [=] { return ListPlaybooks(session); }; });
  auto name = std::make_shared<std::string>();
  CLI::App* show =
      AddCommand(noun, "show", "One playbook as YAML", {"mailquench playbook show contain"});
  show->add_option("PLAYBOOK", *name, "Its name")->required()->type_name("PLAYBOOK");
  show->callback([=] { session->action = [=] { return ShowPlaybook(session, *name); }; });
}

void AddAudit(CLI::App* root, Session* session) {
  CLI::App* noun = AddCommand(root, "audit", "Who did what, in a chain that shows tampering",
                              {"mailquench audit list --limit 20", "mailquench audit verify"});
  noun->require_subcommand(1);
  auto after = std::make_shared<std::int64_t>(0);
  auto limit = std::make_shared<int>(100);
  CLI::App* list = AddCommand(noun, "list", "Entries in their order",
                              {"mailquench audit list --after 120 --limit 20 -o jsonl"});
  list->add_option("--after", *after, "Begin after this entry")->type_name("SEQUENCE");
  list->add_option("--limit", *limit, "At most so many")->type_name("COUNT");
  list->callback([=] { session->action = [=] { return ListAudit(session, *after, *limit); }; });
  CLI::App* verify = AddCommand(noun, "verify", "Check the chain; exit 2 where it is broken",
                                {"mailquench audit verify"});
  verify->callback([=] { session->action = [=] { return VerifyAudit(session); }; });
}

void AddWhoAmI(CLI::App* root, Session* session) {
  CLI::App* app =
      AddCommand(root, "whoami", "As whom the controller knows you", {"mailquench whoami"});
  app->callback([=] { session->action = [=] { return WhoAmI(session); }; });
}

}  // namespace mailquench::cli
