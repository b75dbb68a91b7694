// context: list, use, add. Local only: no controller is asked.
#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>
#include <ostream>

#include "absl/strings/str_cat.h"
#include "cli/core/exit_code.h"
#include "cli/output/printer.h"
#include "cli/tree.h"
#include "common/status/error.h"
#include "common/text/harmless.h"
#include "common/text/suggest.h"

namespace mailquench::cli {
namespace {

struct ContextArgs {
  Context context;
  bool dry_run = false;
};

absl::StatusOr<int> DoListContexts(Session* session) {
  auto file = LoadContexts(session->ConfigPath());
  if (!file.ok()) return file.status();
  // Contexts are no message of the contract, so their JSON is written here; YAML readers read JSON
  // too.
  nlohmann::ordered_json all = nlohmann::ordered_json::array();
  Table table{{"CURRENT", "NAME", "ADDRESS", "CERT"}, {}};
  for (const Context& one : file->contexts) {
    const bool current = one.name == file->current;
    table.rows.push_back({current ? "*" : "", one.name, one.address, one.cert});
    all.push_back({{"name", one.name},
                   {"current", current},
                   {"address", one.address},
                   {"ca", one.ca},
                   {"cert", one.cert},
                   {"key", one.key},
                   {"trustDomain", one.trust_domain},
                   {"controllerId", one.controller_id}});
  }
  if (session->flags.output == "table") {
    *session->env.out << Render(table);
  } else if (session->flags.output == "jsonl") {
    for (const auto& one : all) *session->env.out << EscapeHarmful(one.dump()) << '\n';
  } else {
    *session->env.out << EscapeHarmful(all.dump(2)) << '\n';
  }
  return kExitOk;
}

absl::StatusOr<int> Save(Session* session,
                         const ContextFile& file,
                         const std::string& what,
                         bool dry_run) {
  if (dry_run) {
    session->Tell(absl::StrCat("would do: ", what));
    return kExitOk;
  }
  MQ_RETURN_IF_ERROR(SaveContexts(session->ConfigPath(), file));
  session->Tell(what);
  return kExitOk;
}

absl::StatusOr<int> DoUse(Session* session, const ContextArgs& args) {
  auto file = LoadContexts(session->ConfigPath());
  if (!file.ok()) return file.status();
  std::vector<std::string> names;
  for (const Context& one : file->contexts) names.push_back(one.name);
  if (file->Find(args.context.name) == nullptr) {
    return Error(absl::StatusCode::kNotFound, "NO_CONTEXT",
                 absl::StrCat("There is no context '", args.context.name,
                              "'; the current one "
                              "stays.",
                              DidYouMean(args.context.name, names)));
  }
  file->current = args.context.name;
  return Save(session, *file, absl::StrCat("use context ", args.context.name), args.dry_run);
}

absl::StatusOr<int> DoAdd(Session* session, const ContextArgs& args) {
  auto file = LoadContexts(session->ConfigPath());
  if (!file.ok()) return file.status();
  auto& all = file->contexts;
  all.erase(std::remove_if(all.begin(), all.end(),
                           [&](const Context& c) { return c.name == args.context.name; }),
            all.end());
  all.push_back(args.context);
  if (file->current.empty()) file->current = args.context.name;
  return Save(session, *file,
              absl::StrCat("context ", args.context.name, " for ", args.context.address),
              args.dry_run);
}

}  // namespace

void AddContext(CLI::App* root, Session* session) {
  CLI::App* noun = AddCommand(
      root, "context", "Which controllers this machine knows",
      {"mailquench context add prod --address ctl.example.org:7443 --ca ca.pem --cert me.pem "
       "--key me.key",
       "mailquench context use prod"});
  noun->require_subcommand(1);
  auto args = std::make_shared<ContextArgs>();
  CLI::App* list = AddCommand(noun, "list", "All contexts", {"mailquench context list"});
  list->callback([=] { session->action = [=] { return DoListContexts(session); }; });
  CLI::App* use =
      AddCommand(noun, "use", "Make one the current one", {"mailquench context use prod"});
  use->add_option("CONTEXT", args->context.name, "Its name")->required()->type_name("CONTEXT");
  use->add_flag("--dry-run", args->dry_run, "Say what would be done; write nothing");
  use->callback([=] { session->action = [=] { return DoUse(session, *args); }; });
  CLI::App* add = AddCommand(noun, "add", "Add a context, or replace the one of that name",
                             {"mailquench context add prod --address ctl.example.org:7443 "
                              "--ca ca.pem --cert me.pem --key me.key"});
  add->add_option("NAME", args->context.name, "Its name")->required()->type_name("NAME");
  add->add_option("--address", args->context.address, "host:port of the controller")
      ->required()
      ->type_name("ADDRESS");
  add->add_option("--ca", args->context.ca, "PEM file of the CA")->required()->type_name("FILE");
  add->add_option("--cert", args->context.cert, "PEM file of your certificate")
      ->required()
      ->type_name("FILE");
  add->add_option("--key", args->context.key, "PEM file of your key")
      ->required()
      ->type_name("FILE");
  add->add_option("--trust-domain", args->context.trust_domain, "The fleet's trust domain")
      ->type_name("DOMAIN");
  add->add_option("--controller-id", args->context.controller_id,
                  "SPIFFE id that the controller must show")
      ->type_name("URI");
  add->add_flag("--dry-run", args->dry_run, "Say what would be done; write nothing");
  add->callback([=] { session->action = [=] { return DoAdd(session, *args); }; });
}

}  // namespace mailquench::cli
