// mx plan, list.
#include <cstdint>
#include <memory>
#include <ostream>

#include "absl/strings/str_cat.h"
#include "cli/core/exit_code.h"
#include "cli/nouns/mx.h"
#include "cli/output/mx.h"
#include "cli/output/printer.h"
#include "cli/tree.h"
#include "common/status/error.h"
#include "mailquench/v1/mx.grpc.pb.h"

namespace mailquench::cli {
namespace {

using MxPlanStub = v1::Mx::Stub;

struct MxPlanArgs {
  std::vector<std::string> domains, resolvers;
  std::string from, to, exchanger, helo, incident, reason, vantage;
  std::uint32_t ttl = 0;
  bool lower = false, keep_spf = false, keep_ptr = false, inbound = false, all = false;
};

bool IsHeldUp(const v1::MxSwitch& planned) {
  for (const v1::Check& one : planned.checks()) {
    if (one.state() == v1::CHECK_STATE_FAILED || one.state() == v1::CHECK_STATE_UNKNOWN)
      return true;
  }
  return false;
}

absl::StatusOr<int> DoMxPlan(Session* session, const MxPlanArgs& args) {
  v1::PlanSwitchRequest request;
  for (const std::string& one : args.domains) request.add_domains(one);
  for (const std::string& one : args.resolvers) request.add_resolvers(one);
  request.set_from_address(args.from);
  request.set_to_address(args.to);
  request.set_exchanger(args.exchanger);
  request.set_helo_name(args.helo);
  request.set_incident_id(args.incident);
  request.set_reason(args.reason);
  request.set_ttl(args.ttl);
  request.set_lower_ttl_first(args.lower);
  request.set_keep_spf(args.keep_spf);
  request.set_keep_ptr(args.keep_ptr);
  request.set_inbound_only(args.inbound);
  request.set_vantage(args.vantage);
  MQ_ASSIGN_OR_RETURN(const v1::MxSwitch planned, session->Call(&MxPlanStub::PlanSwitch, request));
  std::ostream& out = *session->env.out;
  MQ_RETURN_IF_ERROR(Print(session->flags.output, planned, RecordsTable(planned), out));
  if (session->flags.output == "table") {
    out << "\n" << Render(ChecksTable(planned.checks()));
    for (const std::string& text : planned.requests()) out << "\n" << text;
    out << "\nswitch " << planned.switch_id() << "\nplan hash " << planned.plan_hash() << "\n";
  }
  session->Tell(absl::StrCat(planned.sentence(), "; nothing is changed yet: `mailquench mx switch ",
                             planned.switch_id(), "` begins it",
                             IsHeldUp(planned) ? " once each check has passed or is waived" : ""));
  return kExitOk;
}

absl::StatusOr<int> DoMxList(Session* session, const MxPlanArgs& args) {
  v1::ListSwitchesRequest request;
  request.set_include_ended(args.all);
  MQ_ASSIGN_OR_RETURN(const v1::ListSwitchesResponse all,
                      session->Call(&MxPlanStub::ListSwitches, request));
  MQ_RETURN_IF_ERROR(Print(session->flags.output, all, SwitchesTable(all), *session->env.out));
  return kExitOk;
}

}  // namespace

void AddMxPlan(CLI::App* noun, Session* session) {
  auto args = std::make_shared<MxPlanArgs>();
  CLI::App* plan = AddCommand(
      noun, "plan",
      "Which records would change, and whether the new address is fit; changes nothing",
      {"mailquench mx plan --domain example.org --from 192.0.2.1 --to 192.0.2.2 --reason listed",
       "mailquench mx plan --domain example.org --from 192.0.2.1 --to 192.0.2.2 --lower-ttl-first",
       "mailquench mx plan --domain example.org --exchanger mx.relay.example --to 203.0.113.5 "
       "--inbound-only"});
  plan->add_option("--domain", args->domains, "Mail domain; may be given more than once")
      ->required()
      ->type_name("DOMAIN");
  plan->add_option("--from", args->from, "The old address")->type_name("ADDRESS");
  plan->add_option("--to", args->to, "The new address")->required()->type_name("ADDRESS");
  plan->add_option("--exchanger", args->exchanger,
                   "Let the MX name this host, instead of giving the old one the new address")
      ->type_name("NAME");
  plan->add_option("--helo", args->helo, "What the server says in HELO: its reverse name")
      ->type_name("NAME");
  plan->add_option("--ttl", args->ttl, "Of the new records, in seconds; 300 if not given")
      ->check(CLI::Range(1, 86400))
      ->type_name("SECONDS");
  plan->add_flag("--lower-ttl-first", args->lower,
                 "Lower the TTLs first and wait the old ones out");
  plan->add_flag("--keep-spf", args->keep_spf, "Leave SPF alone");
  plan->add_flag("--keep-ptr", args->keep_ptr, "Leave the reverse name alone");
  plan->add_flag("--inbound-only", args->inbound, "Nothing is sent from the new address");
  plan->add_option("--resolver", args->resolvers, "Watch this one; may be given more than once")
      ->type_name("ADDRESS");
  plan->add_option("--vantage", args->vantage,
                   "Host that asks port 25 of the new address; else the controller does it")
      ->type_name("HOST");
  plan->add_option("--incident", args->incident, "It is part of this incident")
      ->type_name("INCIDENT");
  plan->add_option("--reason", args->reason, "Why")->type_name("TEXT");
  plan->callback([=] { session->action = [=] { return DoMxPlan(session, *args); }; });
  CLI::App* list = AddCommand(noun, "list", "Switches that are open, the newest first",
                              {"mailquench mx list", "mailquench mx list --all -o json"});
  list->add_flag("--all", args->all, "Also those that have ended");
  list->callback([=] { session->action = [=] { return DoMxList(session, *args); }; });
}

}  // namespace mailquench::cli
