// blacklist check: from here, or by the controller.
#include <memory>

#include "cli/core/exit_code.h"
#include "cli/nouns/blacklist.h"
#include "cli/output/check.h"
#include "cli/tree.h"
#include "common/status/error.h"
#include "mailquench/v1/blacklist.grpc.pb.h"

namespace mailquench::cli {
namespace {

struct CheckArgs {
  std::vector<std::string> subjects, addresses, domains, hosts;
  std::string selector;
  bool fleet = false;
  bool all = false;
  HereOptions here;
};

absl::StatusOr<int> CheckFromHere(Session* session,
                                  const CheckArgs& args,
                                  const std::vector<std::string>& subjects) {
  MQ_ASSIGN_OR_RETURN(Here here, Here::Open(WithEnvironment(args.here, *session)));
  CheckOutput output(session, args.all);
  MQ_ASSIGN_OR_RETURN(
      const v1::BlacklistCheckDone done,
      here.Check(
          subjects, [&](const v1::BlacklistAnswer& answer) { output.Add(answer); },
          [&](std::int64_t asked, std::int64_t all) { output.Progress(asked, all); }));
  return output.Finish(done);
}

absl::StatusOr<int> CheckByController(Session* session,
                                      const CheckArgs& args,
                                      const std::vector<std::string>& subjects) {
  if (IsForHere(args.here))
    return UsageError(
        "--resolver, --catalogue, --keys and --allow-public-resolver go with "
        "--address and --domain; the controller has its own.");
  v1::BlacklistCheckRequest request;
  for (const std::string& one : subjects) request.add_subjects(one);
  for (const std::string& one : args.hosts) request.add_hosts(one);
  for (const std::string& one : args.here.zones) request.add_zones(one);
  request.set_selector(args.selector);
  request.set_all_of_fleet(args.fleet);
  auto channel = session->Channel();
  if (!channel.ok()) return channel.status();
  v1::Blacklists::Stub stub(*channel);
  grpc::ClientContext client;
  session->Prepare(&client);
  const auto reader = stub.Check(&client, request);
  CheckOutput output(session, args.all);
  v1::BlacklistCheckEvent event;
  v1::BlacklistCheckDone done;
  bool whole = false;
  while (reader->Read(&event)) {
    if (event.has_answer()) output.Add(event.answer());
    if (event.has_progress()) output.Progress(event.progress().asked(), event.progress().all());
    if (!event.has_done()) continue;
    done = event.done();
    whole = true;
  }
  const grpc::Status status = reader->Finish();
  if (!status.ok()) return session->FromGrpc(status);
  if (!whole)
    return Error(absl::StatusCode::kDataLoss, "CUT_OFF",
                 "The controller's answer was cut off; what is above is a part of it. Ask again.");
  return output.Finish(done);
}

absl::StatusOr<int> DoCheck(Session* session, const CheckArgs& args) {
  std::vector<std::string> subjects = args.subjects;
  subjects.insert(subjects.end(), args.addresses.begin(), args.addresses.end());
  subjects.insert(subjects.end(), args.domains.begin(), args.domains.end());
  if (args.fleet || !args.hosts.empty() || !args.selector.empty())
    return CheckByController(session, args, subjects);
  if (subjects.empty())
    return UsageError(
        "Name what is to be looked up: --address A or --domain D from here; --host "
        "H, -l SELECTOR or --fleet by the controller.");
  return CheckFromHere(session, args, subjects);
}

}  // namespace

void AddBlacklistCheck(CLI::App* blacklist, Session* session) {
  auto args = std::make_shared<CheckArgs>();
  CLI::App* check = AddCommand(
      blacklist, "check",
      "Ask DNS blacklists now. exit: 0 not listed, 2 LISTED, 3 not known (no list that is believed "
      "has answered)",
      {"mailquench blacklist check --address 203.0.113.5            # from here, no controller",
       "mailquench blacklist check --domain example.org --resolver 127.0.0.1",
       "mailquench blacklist check -l role=edge                     # by the controller"});
  check->add_option("SUBJECT", args->subjects, "Addresses and domains")->type_name("SUBJECT");
  check->add_option("--address", args->addresses, "IPv4 or IPv6 address")->type_name("ADDRESS");
  check->add_option("--domain", args->domains, "Mail domain")->type_name("DOMAIN");
  check
      ->add_option("--host", args->hosts, "All that mail of this host leaves from, and its domains")
      ->type_name("HOST");
  check->add_option("-l,--selector", args->selector, "The same of hosts by label")
      ->type_name("SELECTOR");
  check->add_flag("--fleet", args->fleet, "The same of all hosts");
  check->add_option("--list", args->here.zones, "Ask this list alone; may be given more than once")
      ->type_name("ZONE");
  check->add_flag("--all-answers", args->all, "Show CLEAN answers, too");
  AddHereOptions(check, &args->here);
  check->callback([=] { session->action = [=] { return DoCheck(session, *args); }; });
}

}  // namespace mailquench::cli
