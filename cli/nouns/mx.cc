// mx: show, preflight; the others in mx_*.cc.
#include "cli/nouns/mx.h"

#include <memory>
#include <ostream>

#include "absl/strings/str_cat.h"
#include "cli/core/exit_code.h"
#include "cli/output/mx.h"
#include "cli/output/printer.h"
#include "cli/tree.h"
#include "common/status/error.h"
#include "mailquench/v1/mx.grpc.pb.h"

namespace mailquench::cli {
namespace {

using MxStub = v1::Mx::Stub;

struct MxLookArgs {
  std::string domain, resolver, address, helo, incident, vantage;
  std::vector<std::string> selectors, domains;
  bool inbound = false;
};

absl::StatusOr<int> DoMxShow(Session* session, const MxLookArgs& args) {
  v1::ShowDomainRequest request;
  request.set_domain(args.domain);
  request.set_resolver(args.resolver);
  for (const std::string& one : args.selectors) request.add_dkim_selectors(one);
  MQ_ASSIGN_OR_RETURN(const v1::DomainView view, session->Call(&MxStub::ShowDomain, request));
  MQ_RETURN_IF_ERROR(Print(session->flags.output, view, DomainTable(view), *session->env.out));
  return kExitOk;
}

absl::StatusOr<int> DoMxPreflight(Session* session, const MxLookArgs& args) {
  v1::PreflightRequest request;
  request.set_address(args.address);
  for (const std::string& one : args.domains) request.add_domains(one);
  request.set_helo_name(args.helo);
  request.set_inbound(args.inbound);
  request.set_incident_id(args.incident);
  request.set_vantage(args.vantage);
  MQ_ASSIGN_OR_RETURN(const v1::PreflightReport report, session->Call(&MxStub::Preflight, request));
  MQ_RETURN_IF_ERROR(
      Print(session->flags.output, report, ChecksTable(report.checks()), *session->env.out));
  if (report.passed()) return kExitOk;
  int code = kExitSomeUnknown;
  for (const v1::Check& one : report.checks()) {
    if (one.state() == v1::CHECK_STATE_FAILED) code = kExitSomeFailed;
  }
  return code;
}

}  // namespace

void AddMx(CLI::App* root, Session* session) {
  CLI::App* noun = AddCommand(
      root, "mx", "Where mail of a domain goes, and the switch to a new address",
      {"mailquench mx show example.org",
       "mailquench mx preflight 192.0.2.2 --domain example.org --inbound",
       "mailquench mx plan --domain example.org --from 192.0.2.1 --to 192.0.2.2 --reason listed",
       "mailquench mx switch S", "mailquench mx watch S",
       "mailquench mx revert S --reason \"the new one is listed, too\""});
  noun->require_subcommand(1);
  auto args = std::make_shared<MxLookArgs>();
  CLI::App* show = AddCommand(
      noun, "show",
      "What DNS says of a mail domain: MX at each name server, addresses, SPF, DKIM, DMARC, TLS",
      {"mailquench mx show example.org", "mailquench mx show example.org --selector s2026",
       "mailquench mx show example.org --resolver 9.9.9.9 -o json"});
  show->add_option("DOMAIN", args->domain, "The mail domain")->required()->type_name("DOMAIN");
  show->add_option("--resolver", args->resolver, "Ask this one instead of the configured ones")
      ->type_name("ADDRESS");
  show->add_option("--selector", args->selectors, "DKIM selector; may be given more than once")
      ->type_name("SELECTOR-NAME");
  show->callback([=] { session->action = [=] { return DoMxShow(session, *args); }; });
  CLI::App* preflight = AddCommand(
      noun, "preflight",
      "Whether mail may leave from an address. exit: 0 passed, 2 a check failed, 3 some are "
      "unknown",
      {"mailquench mx preflight 192.0.2.2 --domain example.org",
       "mailquench mx preflight 192.0.2.2 --domain example.org --inbound --helo mx.example.org"});
  preflight->add_option("ADDRESS", args->address, "The new address")
      ->required()
      ->type_name("ADDRESS");
  preflight
      ->add_option("--domain", args->domains, "A domain that sends from it; several if given so")
      ->type_name("DOMAIN");
  preflight->add_option("--helo", args->helo, "What the server says in HELO; else the PTR's name")
      ->type_name("NAME");
  preflight->add_flag("--inbound", args->inbound,
                      "It takes mail as well: port 25 must answer, and not relay");
  preflight->add_option("--incident", args->incident, "The attack that must be over")
      ->type_name("INCIDENT");
  preflight
      ->add_option("--vantage", args->vantage,
                   "Host that asks port 25; else the controller does it")
      ->type_name("HOST");
  preflight->callback([=] { session->action = [=] { return DoMxPreflight(session, *args); }; });
  AddMxPlan(noun, session);
  AddMxSwitch(noun, session);
}

}  // namespace mailquench::cli
