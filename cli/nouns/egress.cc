// egress: set. A run of one operation.
#include <memory>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "cli/core/run_driver.h"
#include "cli/tree.h"
#include "common/status/error.h"

namespace mailquench::cli {
namespace {

struct EgressArgs {
  RunFlags flags;
  std::vector<std::string> instances;
  std::string address, helo, smarthost, despite;
};

absl::StatusOr<int> DoEgress(Session* session, const EgressArgs& args) {
  std::vector<std::string> parts;
  if (!args.address.empty()) parts.push_back(absl::StrCat("from ", args.address));
  if (!args.helo.empty()) parts.push_back(absl::StrCat("under the name ", args.helo));
  if (!args.smarthost.empty())
    parts.push_back(args.smarthost == "direct" ? "without a smarthost"
                                               : absl::StrCat("through ", args.smarthost));
  if (parts.empty()) return UsageError("Name --address, --helo or --smarthost; nothing was done.");
  RunOrder order;
  order.flags = args.flags;
  order.verb = absl::StrCat("Send mail ", absl::StrJoin(parts, " "));
  MQ_RETURN_IF_ERROR(FillTargets(session, args.flags, &order.plan));
  v1::EgressSet* egress = order.plan.mutable_operation()->mutable_egress_set();
  for (const std::string& instance : args.instances) egress->add_instances(instance);
  egress->set_source_address(args.address);
  egress->set_helo_name(args.helo);
  egress->set_smarthost(args.smarthost);
  egress->set_despite(args.despite);
  return Drive(session, order);
}

}  // namespace

void AddEgress(CLI::App* root, Session* session) {
  const std::string example =
      "mailquench egress set --address 203.0.113.5 --helo out.example.org --hosts mx1 --reason "
      "\"the old address is listed\"";
  CLI::App* noun = AddCommand(root, "egress", "From where and through whom mail leaves", {example});
  noun->require_subcommand(1);
  auto args = std::make_shared<EgressArgs>();
  CLI::App* app = AddCommand(
      noun, "set", "Send from another address, under another name or through a smarthost",
      {example, "mailquench egress set --smarthost [192.0.2.9]:587 -l role=edge --dry-run",
       "mailquench egress set --smarthost direct --hosts mx1"});
  app->add_option("--address", args->address, "One of the host's own addresses")
      ->type_name("ADDRESS");
  app->add_option("--helo", args->helo, "The name that it says")->type_name("NAME");
  app->add_option("--smarthost", args->smarthost,
                  "NAME, NAME:PORT, [ADDRESS]:PORT, or 'direct' for none")
      ->type_name("HOST");
  app->add_option("--instance", args->instances, "Of the mail system; none: all")
      ->type_name("INSTANCE");
  app->add_option("--despite", args->despite, "Why, although the attack is not known to be over")
      ->type_name("TEXT");
  AddRunFlags(app, &args->flags);
  app->callback([=] { session->action = [=] { return DoEgress(session, *args); }; });
}

}  // namespace mailquench::cli
