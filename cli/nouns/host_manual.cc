#include "cli/nouns/host_manual.h"

#include <memory>
#include <vector>

#include "absl/strings/str_cat.h"
#include "cli/core/confirm.h"
#include "cli/core/exit_code.h"
#include "cli/core/target.h"
#include "cli/output/printer.h"
#include "cli/tree.h"
#include "common/status/error.h"
#include "mailquench/v1/fleet.grpc.pb.h"
#include "mailquench/v1/incidents.grpc.pb.h"

namespace mailquench::cli {
namespace {

struct HostManualArgs {
  std::string name, platform;
  std::vector<std::string> labels, listeners, egress, domains, helo;
  RunFlags flags;
};

absl::StatusOr<int> DoAdd(Session* session, const HostManualArgs& args) {
  v1::AddManualHostRequest request;
  request.set_name(args.name);
  request.set_platform(args.platform);
  for (const std::string& label : args.labels) {
    const auto equals = label.find('=');
    if (label.empty() || equals == 0)
      return UsageError(absl::StrCat("'", label, "' is no label; write key=value."));
    (*request.mutable_labels())[label.substr(0, equals)] =
        equals == std::string::npos ? "" : label.substr(equals + 1);
  }
  for (const std::string& one : args.listeners) request.add_listeners(one);
  for (const std::string& one : args.helo) request.add_helo_names(one);
  v1::MailIdentity* identity = request.mutable_mail_identity();
  for (const std::string& one : args.egress) identity->add_egress_addresses(one);
  for (const std::string& one : args.domains) identity->add_mail_domains(one);
  if (args.flags.dry_run) {
    session->Tell(absl::StrCat("would do: register ", args.name, " (", args.platform,
                               ") as a host whose steps a person does"));
    return kExitOk;
  }
  auto host = session->Call(&v1::Fleet::Stub::AddManualHost, request);
  if (!host.ok()) return host.status();
  Table table;
  table.rows = {{"host", host->name()},
                {"id", host->host_id()},
                {"state", "manual"},
                {"platform", host->manual().platform()}};
  MQ_RETURN_IF_ERROR(Print(session->flags.output, *host, table, *session->env.out));
  return kExitOk;
}

absl::StatusOr<int> DoRemove(Session* session, const HostManualArgs& args) {
  v1::GetHostRequest get;
  get.set_host(args.name);
  auto host = session->Call(&v1::Fleet::Stub::GetHost, get);
  if (!host.ok()) return host.status();
  if (!host->has_manual()) {
    return Error(absl::StatusCode::kFailedPrecondition, "NOT_MANUAL",
                 absl::StrCat(host->name(),
                              " has an agent; nothing was changed. Use `mailquench host evict`."));
  }
  auto incidents = session->Call(&v1::Incidents::Stub::ListIncidents, v1::ListIncidentsRequest());
  if (!incidents.ok()) return incidents.status();
  for (const v1::Incident& incident : incidents->incidents()) {
    for (const v1::Obligation& owed : incident.obligations()) {
      if (owed.host_id() != host->host_id() || owed.state() != v1::Obligation::STATE_OUTSTANDING)
        continue;
      session->Tell(absl::StrCat("still to be put back on ", host->name(), ": ", owed.operation(),
                                 " (", owed.obligation_id(), ", incident ", incident.incident_id(),
                                 "); it stays owed, and nobody is asked to restore it once the "
                                 "host is out"));
    }
  }
  const std::string what = absl::StrCat("take 1 host (", host->name(), ") out of the fleet");
  if (args.flags.dry_run) {
    session->Tell(absl::StrCat("would do: ", what));
    return kExitOk;
  }
  MQ_RETURN_IF_ERROR(Confirm(*session, {what, 1, false, args.flags.yes}));
  v1::EvictHostRequest request;
  request.set_host(host->host_id());
  request.set_reason(args.flags.reason);
  auto gone = session->Call(&v1::Fleet::Stub::EvictHost, request);
  if (!gone.ok()) return gone.status();
  Table table;
  table.rows = {{"host", gone->name()}, {"state", "evicted"}};
  MQ_RETURN_IF_ERROR(Print(session->flags.output, *gone, table, *session->env.out));
  return kExitOk;
}

}  // namespace

void AddHostManual(CLI::App* noun, Session* session) {
  auto args = std::make_shared<HostManualArgs>();
  CLI::App* add = AddCommand(
      noun, "add-manual", "Register a host that can have no agent: a person does its steps",
      {"mailquench host add-manual old1 --platform exchange-2003 --listener 192.0.2.7:25 --egress "
       "192.0.2.7 --domain example.org",
       "mailquench host add-manual gw1 --platform appliance --label role=edge --listener "
       "'[2001:db8::7]:25'"});
  add->add_option("NAME", args->name, "Its name")->required()->type_name("NAME");
  add->add_option("--platform", args->platform,
                  "Whose instructions: exchange-2000, exchange-2003, iis-smtp or appliance")
      ->required()
      ->type_name("PLATFORM");
  add->add_option("--label", args->labels, "key=value")->type_name("LABEL");
  add->add_option("--listener", args->listeners, "Address and port that a probe from outside asks")
      ->type_name("ADDRESS:PORT");
  add->add_option("--egress", args->egress, "Address that its mail leaves from")
      ->type_name("ADDRESS");
  add->add_option("--domain", args->domains, "Mail domain")->type_name("DOMAIN");
  add->add_option("--helo", args->helo, "Name that it says to other servers; without it, NAME")
      ->type_name("NAME");
  add->add_flag("--dry-run", args->flags.dry_run, "Say what would be done; touch nothing");
  add->callback([=] { session->action = [=] { return DoAdd(session, *args); }; });

  CLI::App* remove =
      AddCommand(noun, "remove-manual",
                 "Take a host without an agent out; added again under its name it is the same host",
                 {"mailquench host remove-manual old1 --reason \"has an agent now\""});
  remove->add_option("HOST", args->name, "Name or id")->required()->type_name("HOST");
  remove->add_option("--reason", args->flags.reason, "Why")->type_name("TEXT");
  AddConfirmFlags(remove, &args->flags);
  remove->callback([=] { session->action = [=] { return DoRemove(session, *args); }; });
}

}  // namespace mailquench::cli
