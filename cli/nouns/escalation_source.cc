// escalation source add, list, revoke.
#include <memory>
#include <ostream>

#include "absl/strings/str_cat.h"
#include "cli/core/confirm.h"
#include "cli/core/duration.h"
#include "cli/core/exit_code.h"
#include "cli/core/target.h"
#include "cli/nouns/escalation.h"
#include "cli/output/escalation.h"
#include "cli/output/printer.h"
#include "cli/tree.h"
#include "common/os/whole_file.h"
#include "common/status/error.h"
#include "mailquench/v1/escalation.grpc.pb.h"

namespace mailquench::cli {
namespace {

using Stub = v1::Escalations::Stub;

struct SourceArgs {
  std::string name, kind, token_file;
  RunFlags flags;
};

v1::SourceKind KindOf(const std::string& word) {
  return word == "alertmanager" ? v1::SOURCE_KIND_ALERTMANAGER
         : word == "nagios"     ? v1::SOURCE_KIND_NAGIOS
         : word == "metrics"    ? v1::SOURCE_KIND_METRICS
                                : v1::SOURCE_KIND_GENERIC;
}

std::string WhereToPut(v1::SourceKind kind) {
  switch (kind) {
    case v1::SOURCE_KIND_ALERTMANAGER:
      return "Alertmanager reads it from a file that only it can read: "
             "webhook_configs: http_config: authorization: credentials_file, "
             "with url: https://CONTROLLER:PORT/v1/alerts";
    case v1::SOURCE_KIND_NAGIOS:
      return "the event handler reads it from a file that only the monitoring user can read, and "
             "sends to https://CONTROLLER:PORT/v1/alerts";
    case v1::SOURCE_KIND_METRICS:
      return "Prometheus reads it from a file that only it can read: scrape_configs: "
             "authorization: credentials_file, for https://CONTROLLER:PORT/metrics";
    default:
      return "the script sends it as `Authorization: Bearer TOKEN` to "
             "https://CONTROLLER:PORT/v1/alerts, out of a file that only it can read";
  }
}

// Before a token is made that could be lost: the file is there and is ours, and still empty.
absl::Status Reserve(const std::string& file) {
  absl::Status made = os::CreateWhole(file, "", os::Privacy::kPrivate);
  if (made.ok()) return made;
  return Prepend(made,
                 absl::StrCat("No token was made, since ", file, " cannot be the file for it"));
}

absl::Status KeepToken(const std::string& file, const v1::CreateSourceResponse& made) {
  absl::Status kept =
      os::ReplaceWhole(file, absl::StrCat(made.token(), "\n"), os::Privacy::kPrivate);
  if (kept.ok()) return kept;
  return Prepend(kept,
                 absl::StrCat("The source ", made.source().name(), " was made, but its token ",
                              "could not be written and is lost; revoke it and add another"));
}

absl::StatusOr<int> DoAdd(Session* session, const SourceArgs& args) {
  v1::CreateSourceRequest request;
  request.set_name(args.name);
  request.set_kind(KindOf(args.kind));
  if (args.flags.dry_run) {
    session->Tell(absl::StrCat("would do: make a source ", args.name, " of kind ", args.kind,
                               " and its token"));
    return kExitOk;
  }
  if (!args.token_file.empty()) MQ_RETURN_IF_ERROR(Reserve(args.token_file));
  auto made = session->Call(&Stub::CreateSource, request);
  if (!made.ok()) {
    if (!args.token_file.empty())
      session->Tell(absl::StrCat(args.token_file, " was made and left empty"));
    return made.status();
  }
  if (!args.token_file.empty()) {
    MQ_RETURN_IF_ERROR(KeepToken(args.token_file, *made));
    made->clear_token();  // It is where it belongs, and nowhere else.
    MQ_RETURN_IF_ERROR(
        Print(session->flags.output, *made, Table{{}, {{args.token_file}}}, *session->env.out));
  } else {
    MQ_RETURN_IF_ERROR(
        Print(session->flags.output, *made, Table{{}, {{made->token()}}}, *session->env.out));
  }
  session->Tell(absl::StrCat(
      "source ", made->source().name(), "; the token is ",
      args.token_file.empty() ? "shown this once" : absl::StrCat("in ", args.token_file),
      ". Where it goes: ", WhereToPut(request.kind())));
  return kExitOk;
}

absl::StatusOr<int> DoListSources(Session* session) {
  MQ_ASSIGN_OR_RETURN(const v1::ListSourcesResponse all,
                      session->Call(&Stub::ListSources, v1::ListSourcesRequest()));
  Table table{{"SOURCE", "KIND", "STATE", "LAST USED", "BY", "CREATED"}, {}};
  for (const v1::AlertSource& one : all.sources()) {
    table.rows.push_back({one.name(), WordOf(one.kind()), one.revoked() ? "revoked" : "good",
                          HumanTime(one.last_use_time()), one.created_by(),
                          HumanTime(one.create_time())});
  }
  MQ_RETURN_IF_ERROR(Print(session->flags.output, all, table, *session->env.out));
  return kExitOk;
}

absl::StatusOr<int> DoRevoke(Session* session, const SourceArgs& args) {
  const std::string what =
      absl::StrCat("Revoke the source ", args.name, ", whose alerts are refused from then on");
  if (args.flags.dry_run) {
    session->Tell(absl::StrCat("would do: ", what));
    return kExitOk;
  }
  MQ_RETURN_IF_ERROR(Confirm(*session, {what, 0, false, args.flags.yes}));
  v1::RevokeSourceRequest request;
  request.set_name(args.name);
  MQ_ASSIGN_OR_RETURN(const v1::AlertSource revoked, session->Call(&Stub::RevokeSource, request));
  MQ_RETURN_IF_ERROR(Print(session->flags.output, revoked,
                           Table{{"SOURCE", "STATE"}, {{revoked.name(), "revoked"}}},
                           *session->env.out));
  return kExitOk;
}

}  // namespace

void AddEscalationSources(CLI::App* noun, Session* session) {
  auto args = std::make_shared<SourceArgs>();
  CLI::App* source = AddCommand(
      noun, "source", "Who may send alerts or read metrics over HTTPS: a bearer token each",
      {"mailquench escalation source add alertmanager --kind alertmanager --token-file token",
       "mailquench escalation source list", "mailquench escalation source revoke alertmanager"});
  source->require_subcommand(1);
  CLI::App* add = AddCommand(
      source, "add", "Make a source; stdout is its token alone, this once",
      {"mailquench escalation source add alertmanager --kind alertmanager --token-file token",
       "mailquench escalation source add scrape --kind metrics"});
  add->add_option("NAME", args->name, "Its name, which no other ever had")
      ->required()
      ->type_name("NAME");
  add->add_option("--kind", args->kind,
                  "What it sends: alertmanager, nagios or generic; metrics may read /metrics alone")
      ->required()
      ->check(CLI::IsMember({"alertmanager", "nagios", "generic", "metrics"}))
      ->type_name("SOURCE-KIND");
  add->add_option("--token-file", args->token_file,
                  "Write the token to this new file, for its owner alone, and show it nowhere")
      ->type_name("FILE");
  add->add_flag("--dry-run", args->flags.dry_run, "Say what would be done; make nothing");
  add->callback([=] { session->action = [=] { return DoAdd(session, *args); }; });
  CLI::App* list = AddCommand(source, "list", "Sources, never their tokens",
                              {"mailquench escalation source list"});
  list->callback([=] { session->action = [=] { return DoListSources(session); }; });
  CLI::App* revoke = AddCommand(source, "revoke", "Make its token worthless from the next request",
                                {"mailquench escalation source revoke alertmanager"});
  revoke->add_option("NAME", args->name, "Its name")->required()->type_name("SOURCE");
  AddConfirmFlags(revoke, &args->flags);
  revoke->callback([=] { session->action = [=] { return DoRevoke(session, *args); }; });
}

}  // namespace mailquench::cli
