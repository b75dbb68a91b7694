// sender: block, unblock. relay: probe. shadow: suspend. Each is a run of one operation.
#include <memory>

#include "absl/strings/str_cat.h"
#include "cli/core/run_driver.h"
#include "cli/tree.h"
#include "common/status/error.h"

namespace mailquench::cli {
namespace {

struct SenderArgs {
  RunFlags flags;
  std::string account, client, local_user;
};

absl::StatusOr<int> DoSender(Session* session, bool block, const SenderArgs& args) {
  const int given = !args.account.empty() + !args.client.empty() + !args.local_user.empty();
  if (given != 1) {
    return UsageError("Name one of --account, --client and --local-user; nothing was done.");
  }
  RunOrder order;
  order.flags = args.flags;
  order.verb =
      absl::StrCat(block ? "Block " : "Unblock ", args.account, args.client, args.local_user);
  MQ_RETURN_IF_ERROR(FillTargets(session, args.flags, &order.plan));
  const auto fill = [&](auto* who) {
    if (!args.account.empty()) who->set_account(args.account);
    if (!args.client.empty()) who->set_client(args.client);
    if (!args.local_user.empty()) who->set_local_user(args.local_user);
  };
  block ? fill(order.plan.mutable_operation()->mutable_sender_block())
        : fill(order.plan.mutable_operation()->mutable_sender_unblock());
  return Drive(session, order);
}

struct ProbeArgs {
  bool skip_auth = false;
  RunFlags flags;
  std::vector<std::string> targets;
};

absl::StatusOr<int> DoProbe(Session* session, const ProbeArgs& args) {
  RunOrder order;
  order.flags = args.flags;
  order.verb = "Probe the relay";
  MQ_RETURN_IF_ERROR(FillTargets(session, args.flags, &order.plan));
  v1::RelayProbe* probe = order.plan.mutable_operation()->mutable_relay_probe();
  for (const auto& target : args.targets) probe->add_targets(target);
  probe->set_skip_auth(args.skip_auth);
  return Drive(session, order);
}

absl::StatusOr<int> DoSuspend(Session* session, const RunFlags& flags) {
  if (flags.reason.empty()) {
    return UsageError(
        "Say why: add --reason TEXT; it goes into the incident and the audit log. "
        "Nothing was done.");
  }
  RunOrder order;
  order.flags = flags;
  order.verb = "Keep no copies of mail in the whole organisation, changed once";
  MQ_RETURN_IF_ERROR(FillTargets(session, flags, &order.plan));
  order.plan.mutable_operation()->mutable_shadow_suspend();
  return Drive(session, order);
}

}  // namespace

void AddShadow(CLI::App* root, Session* session) {
  const std::string example = "mailquench shadow suspend -l role=exchange --reason \"ex3 is down\"";
  CLI::App* noun =
      AddCommand(root, "shadow", "Copies that servers keep of each other's mail", {example});
  noun->require_subcommand(1);
  auto flags = std::make_shared<RunFlags>();
  CLI::App* app = AddCommand(
      noun, "suspend",
      "Keep them no more, in the whole organisation, until it is restored; one host does it",
      {example});
  AddRunFlags(app, flags.get());
  app->callback([=] { session->action = [=] { return DoSuspend(session, *flags); }; });
}

void AddSender(CLI::App* root, Session* session) {
  CLI::App* noun = AddCommand(root, "sender", "Shut the cause: block who sends",
                              {"mailquench sender block --account mallory -l role=edge "
                               "--reason \"stolen password\"",
                               "mailquench sender unblock --account mallory -l role=edge"});
  noun->require_subcommand(1);
  for (const bool block : {true, false}) {
    auto args = std::make_shared<SenderArgs>();
    const std::string name = block ? "block" : "unblock";
    CLI::App* app = AddCommand(
        noun, name, block ? "Let one sender send no more" : "Let a blocked sender send again",
        {absl::StrCat("mailquench sender ", name, " --account mallory -l role=edge --incident I"),
         absl::StrCat("mailquench sender ", name, " --client 192.0.2.7 --hosts mx1 --dry-run")});
    app->add_option("--account", args->account, "Login name")->type_name("NAME");
    app->add_option("--client", args->client, "Address or CIDR block")->type_name("ADDRESS");
    app->add_option("--local-user", args->local_user, "Unix user")->type_name("NAME");
    AddRunFlags(app, &args->flags);
    app->callback([=] { session->action = [=] { return DoSender(session, block, *args); }; });
  }
}

void AddRelay(CLI::App* root, Session* session) {
  CLI::App* noun = AddCommand(root, "relay", "Ask whether strangers may relay",
                              {"mailquench relay probe -l role=edge",
                               "mailquench relay probe 192.0.2.10:25 -l role=vantage"});
  noun->require_subcommand(1);
  auto args = std::make_shared<ProbeArgs>();
  CLI::App* app = AddCommand(noun, "probe", "A real SMTP conversation that ends before DATA",
                             {"mailquench relay probe -l role=edge",
                              "mailquench relay probe 192.0.2.10:25 -l role=vantage"});
  app->add_option("TARGET", args->targets,
                  "address:port, asked by the chosen hosts; none: each asks its own listeners")
      ->type_name("TARGET");
  app->add_flag("--skip-auth", args->skip_auth,
                "No login with an account that does not exist: where a failed one bans who asks");
  AddRunFlags(app, &args->flags);
  app->callback([=] { session->action = [=] { return DoProbe(session, *args); }; });
}

}  // namespace mailquench::cli
