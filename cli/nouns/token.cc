// token: create, list, revoke.
#include <map>
#include <memory>
#include <ostream>

#include "absl/strings/str_cat.h"
#include "cli/core/confirm.h"
#include "cli/core/duration.h"
#include "cli/core/exit_code.h"
#include "cli/core/target.h"
#include "cli/output/printer.h"
#include "cli/tree.h"
#include "common/operation/duration.h"
#include "common/status/error.h"
#include "mailquench/v1/fleet.grpc.pb.h"

namespace mailquench::cli {
namespace {

struct TokenArgs {
  std::vector<std::string> labels;
  std::string life;
  std::string id;
  RunFlags flags;
};

absl::StatusOr<int> DoCreate(Session* session, const TokenArgs& args) {
  v1::CreateTokenRequest request;
  for (const std::string& label : args.labels) {
    const auto equals = label.find('=');
    if (equals == std::string::npos || equals == 0) {
      return UsageError(absl::StrCat("'", label, "' is no label; write key=value."));
    }
    (*request.mutable_labels())[label.substr(0, equals)] = label.substr(equals + 1);
  }
  if (!args.life.empty()) {
    auto life = ParseDuration(args.life);
    if (!life.ok()) return life.status();
    *request.mutable_life() = ToProtoDuration(*life);
  }
  if (args.flags.dry_run) {
    session->Tell(absl::StrCat("would do: make a token for one host, with ", request.labels_size(),
                               " labels, good for ", args.life.empty() ? "15m" : args.life));
    return kExitOk;
  }
  auto made = session->Call(&v1::Fleet::Stub::CreateToken, request);
  if (!made.ok()) return made.status();
  MQ_RETURN_IF_ERROR(
      Print(session->flags.output, *made, Table{{}, {{made->token()}}}, *session->env.out));
  session->Tell(absl::StrCat("token ", made->description().token_id(), ", for one host, until ",
                             HumanTime(made->description().expire_time()),
                             "; it is shown this once"));
  return kExitOk;
}

absl::StatusOr<int> DoListTokens(Session* session) {
  auto tokens = session->Call(&v1::Fleet::Stub::ListTokens, v1::ListTokensRequest());
  if (!tokens.ok()) return tokens.status();
  Table table{{"TOKEN", "USED", "LABELS", "BY", "EXPIRES"}, {}};
  for (const v1::Token& token : tokens->tokens()) {
    std::string labels;
    const std::map<std::string, std::string> sorted(token.labels().begin(), token.labels().end());
    for (const auto& [key, value] : sorted) {
      absl::StrAppend(&labels, labels.empty() ? "" : ",", key, "=", value);
    }
    table.rows.push_back({token.token_id(), token.used() ? "yes" : "no",
                          labels.empty() ? "-" : labels, token.created_by(),
                          HumanTime(token.expire_time())});
  }
  MQ_RETURN_IF_ERROR(Print(session->flags.output, *tokens, table, *session->env.out));
  return kExitOk;
}

absl::StatusOr<int> DoRevoke(Session* session, const TokenArgs& args) {
  const std::string what = absl::StrCat("Revoke token ", args.id, " (0 hosts are touched)");
  if (args.flags.dry_run) {
    session->Tell(absl::StrCat("would do: ", what));
    return kExitOk;
  }
  MQ_RETURN_IF_ERROR(Confirm(*session, {what, 0, false, args.flags.yes}));
  v1::RevokeTokenRequest request;
  request.set_token_id(args.id);
  auto done = session->Call(&v1::Fleet::Stub::RevokeToken, request);
  if (!done.ok()) return done.status();
  session->Tell(absl::StrCat("token ", args.id, " revoked"));
  return kExitOk;
}

}  // namespace

void AddToken(CLI::App* root, Session* session) {
  CLI::App* noun =
      AddCommand(root, "token", "One-use tokens by which hosts join",
                 {"mailquench token create --label role=edge --life 15m", "mailquench token list"});
  noun->require_subcommand(1);
  auto args = std::make_shared<TokenArgs>();
  CLI::App* create =
      AddCommand(noun, "create", "Make a token; stdout is the token alone",
                 {"mailquench token create --label role=edge --label site=fra --life 1h"});
  create->add_option("--label", args->labels, "A label that the host will have")
      ->type_name("KEY=VALUE");
  create->add_option("--life", args->life, "How long it is good; 15m if not given, at most 24h")
      ->type_name("DURATION");
  create->add_flag("--dry-run", args->flags.dry_run, "Say what would be done; make nothing");
  create->callback([=] { session->action = [=] { return DoCreate(session, *args); }; });
  CLI::App* list =
      AddCommand(noun, "list", "Tokens, never their secrets", {"mailquench token list"});
  list->callback([=] { session->action = [=] { return DoListTokens(session); }; });
  CLI::App* revoke =
      AddCommand(noun, "revoke", "Make a token worthless", {"mailquench token revoke TOKEN"});
  revoke->add_option("TOKEN", args->id, "Its id")->required()->type_name("TOKEN");
  AddConfirmFlags(revoke, &args->flags);
  revoke->callback([=] { session->action = [=] { return DoRevoke(session, *args); }; });
}

}  // namespace mailquench::cli
