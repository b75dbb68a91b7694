// host: list, show, label, egress, add-manual, remove-manual, evict, ban.
#include <algorithm>
#include <memory>
#include <ostream>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "cli/core/confirm.h"
#include "cli/core/duration.h"
#include "cli/core/exit_code.h"
#include "cli/core/target.h"
#include "cli/nouns/host_manual.h"
#include "cli/nouns/restore.h"
#include "cli/output/printer.h"
#include "cli/tree.h"
#include "common/status/error.h"
#include "mailquench/v1/fleet.grpc.pb.h"
#include "mailquench/v1/incidents.grpc.pb.h"

namespace mailquench::cli {
namespace {

template <class Map>
std::string Labels(const Map& labels) {
  std::map<std::string, std::string> sorted(labels.begin(), labels.end());
  std::string out;
  for (const auto& [key, value] : sorted) {
    absl::StrAppend(&out, out.empty() ? "" : ",", key, value.empty() ? "" : "=", value);
  }
  return out.empty() ? "-" : out;
}

std::string Queued(const v1::Host& host) {
  return host.has_heartbeat() && host.heartbeat().queued_messages() >= 0
             ? std::to_string(host.heartbeat().queued_messages())
             : "-";
}

std::string State(const v1::Host& host) {
  if (host.state() != v1::HOST_STATE_ACTIVE) {
    return EnumWord(v1::HostState_Name(host.state()), "HOST_STATE_");
  }
  if (host.has_manual()) return "manual";
  if (host.online() && host.heartbeat().alarm()) return "ALARM";
  if (host.online() && host.heartbeat().drifted_size() > 0) return "drift";
  return host.online() ? "online" : "offline";
}

std::string GroupOf(const v1::Hello& hello) {
  if (hello.transport_group().empty()) return "-";
  return hello.organisation().empty()
             ? hello.transport_group()
             : absl::StrCat(hello.organisation(), ":", hello.transport_group());
}

Table HostTable(const v1::Host& host) {
  Table table;
  table.rows = {
      {"host", host.name()},
      {"id", host.host_id()},
      {"state", State(host)},
      {"labels", Labels(host.labels())},
      {"platform", absl::StrCat(host.hello().platform(), " ", host.hello().platform_version())},
      {"agent", host.hello().agent_version()},
      {"queued", Queued(host)},
      {"last seen", HumanTime(host.last_seen_time())},
      {"enrolled", HumanTime(host.enrol_time())}};
  if (host.has_manual())
    table.rows.push_back({"by hand", absl::StrCat("a person does its steps; registered by ",
                                                  host.manual().added_by())});
  if (!host.hello().organisation().empty())
    table.rows.push_back({"organisation", host.hello().organisation()});
  if (!host.hello().transport_group().empty())
    table.rows.push_back({"group", absl::StrCat(host.hello().transport_group(),
                                                " (keeps copies of mail; contains in lockstep)")});
  for (const auto& one : host.hello().capabilities()) {
    if (one.organisation_wide()) table.rows.push_back({"for all of it", one.operation()});
  }
  for (const auto& one : host.hello().listeners()) table.rows.push_back({"listener", one});
  for (const auto& one : host.hello().trusted_ranges()) table.rows.push_back({"trusts", one});
  const auto seen = [&host](const std::string& address) {
    return std::find(host.confirmed_addresses().begin(), host.confirmed_addresses().end(),
                     address) != host.confirmed_addresses().end();
  };
  for (const auto& one : host.mail_identity().egress_addresses())
    table.rows.push_back({"mail leaves from",
                          absl::StrCat(one, seen(one) ? " (set, seen from outside)" : " (set)")});
  for (const auto& one : host.hello().egress_addresses())
    table.rows.push_back(
        {"mail leaves from", absl::StrCat(one, seen(one) ? " (seen from outside)" : "")});
  for (const auto& one : host.hello().helo_names()) table.rows.push_back({"says HELO", one});
  for (const auto& one : host.mail_identity().mail_domains())
    table.rows.push_back({"domain", absl::StrCat(one, " (set)")});
  for (const auto& one : host.hello().mail_domains()) table.rows.push_back({"domain", one});
  if (host.hello().mail_domains_cut())
    table.rows.push_back({"domain", "... and more that the host did not tell"});
  for (const auto& one : host.hello().capabilities()) {
    if (!one.available()) {
      table.rows.push_back({"cannot", absl::StrCat(one.operation(), ": ", one.reason())});
    }
  }
  for (const std::string& one : host.heartbeat().drifted())
    table.rows.push_back({"drift", absl::StrCat(one, " was changed since it was locked")});
  if (host.heartbeat().alarm()) table.rows.push_back({"alarm", host.heartbeat().alarm_text()});
  return table;
}

absl::StatusOr<int> DoListHosts(Session* session, const std::string& selector) {
  v1::ListHostsRequest request;
  request.set_selector(selector);
  auto hosts = session->Call(&v1::Fleet::Stub::ListHosts, request);
  if (!hosts.ok()) return hosts.status();
  Table table{{"NAME", "STATE", "QUEUED", "PLATFORM", "LABELS", "SEEN"}, {}};
  const bool grouped =
      std::any_of(hosts->hosts().begin(), hosts->hosts().end(),
                  [](const v1::Host& host) { return !host.hello().transport_group().empty(); });
  if (grouped) table.header.push_back("GROUP");
  for (const v1::Host& host : hosts->hosts()) {
    table.rows.push_back({host.name(), State(host), Queued(host), host.hello().platform(),
                          Labels(host.labels()), HumanTime(host.last_seen_time())});
    if (grouped) table.rows.back().push_back(GroupOf(host.hello()));
  }
  MQ_RETURN_IF_ERROR(Print(session->flags.output, *hosts, table, *session->env.out));
  return !selector.empty() && hosts->hosts_size() == 0 ? kExitNoHost : kExitOk;
}

absl::StatusOr<v1::Host> GetHost(Session* session, const std::string& name) {
  v1::GetHostRequest request;
  request.set_host(name);
  return session->Call(&v1::Fleet::Stub::GetHost, request);
}

absl::StatusOr<int> PrintHost(Session* session, const absl::StatusOr<v1::Host>& host) {
  if (!host.ok()) return host.status();
  MQ_RETURN_IF_ERROR(Print(session->flags.output, *host, HostTable(*host), *session->env.out));
  return kExitOk;
}

struct HostArgs {
  std::string host;
  std::vector<std::string> changes, addresses, domains;
  bool as_reported = false;
  RunFlags flags;
};

// The host is looked up first, so that a dry run fails where the real one would.
absl::StatusOr<bool> GoOn(Session* session, const HostArgs& args, const std::string& what) {
  auto host = GetHost(session, args.host);
  if (!host.ok()) return host.status();
  if (args.flags.dry_run) {
    session->Tell(absl::StrCat("would do: ", what, " ", host->name()));
    return false;
  }
  MQ_RETURN_IF_ERROR(Confirm(
      *session, {absl::StrCat(what, " 1 host (", host->name(), ")"), 1, false, args.flags.yes}));
  return true;
}

absl::StatusOr<int> DoLabel(Session* session, const HostArgs& args) {
  v1::SetLabelsRequest request;
  request.set_host(args.host);
  for (const std::string& change : args.changes) {
    const auto equals = change.find('=');
    if (change.size() > 1 && change.back() == '-' && equals == std::string::npos) {
      request.add_remove(change.substr(0, change.size() - 1));
    } else if (equals != 0 && !change.empty()) {
      (*request.mutable_labels())[change.substr(0, equals)] =
          equals == std::string::npos ? "" : change.substr(equals + 1);
    } else {
      return UsageError(absl::StrCat("'", change,
                                     "' is no label; write key=value, or key- to "
                                     "remove it."));
    }
  }
  // Labels decide who is reached by the next command, so they are asked for like a change on the
  // host.
  auto go_on = GoOn(session, args, absl::StrCat("change ", args.changes.size(), " labels of"));
  if (!go_on.ok()) return go_on.status();
  if (!*go_on) return kExitOk;
  return PrintHost(session, session->Call(&v1::Fleet::Stub::SetLabels, request));
}

absl::StatusOr<int> DoEgress(Session* session, const HostArgs& args) {
  const bool sets = !args.addresses.empty() || !args.domains.empty();
  if (sets == args.as_reported)
    return UsageError("Give --address or --domain, or --as-reported alone.");
  v1::SetMailIdentityRequest request;
  request.set_host(args.host);
  v1::MailIdentity* identity = request.mutable_mail_identity();
  for (const std::string& one : args.addresses) identity->add_egress_addresses(one);
  for (const std::string& one : args.domains) identity->add_mail_domains(one);
  auto before = GetHost(session, args.host);
  if (!before.ok()) return before.status();
  const v1::MailIdentity& set = before->mail_identity();
  // A kind that is not named stays.
  if (sets && args.addresses.empty())
    *identity->mutable_egress_addresses() = set.egress_addresses();
  if (sets && args.domains.empty()) *identity->mutable_mail_domains() = set.mail_domains();
  std::vector<std::string> replaced;
  if (args.as_reported || !args.addresses.empty())
    replaced.assign(set.egress_addresses().begin(), set.egress_addresses().end());
  if (args.as_reported || !args.domains.empty())
    replaced.insert(replaced.end(), set.mail_domains().begin(), set.mail_domains().end());
  auto go_on = GoOn(
      session, args,
      absl::StrCat("change what is known of the egress", replaced.empty() ? "" : " (in place of ",
                   absl::StrJoin(replaced, ", "), replaced.empty() ? "" : ")", " of"));
  if (!go_on.ok()) return go_on.status();
  if (!*go_on) return kExitOk;
  return PrintHost(session, session->Call(&v1::Fleet::Stub::SetMailIdentity, request));
}

// The record of what a whole organisation shares is on one host, and goes with it. A host whose key
// was stolen is cut off all the same: what cannot be asked is not said.
void WarnOfRecords(Session* session, const std::string& name) {
  auto host = GetHost(session, name);
  if (!host.ok()) return;
  auto all = session->Call(&v1::Incidents::Stub::ListIncidents, v1::ListIncidentsRequest());
  if (!all.ok()) return;
  for (const v1::Incident& incident : all->incidents()) {
    for (const v1::Obligation& one : incident.obligations()) {
      if (one.host_id() != host->host_id() || one.organisation().empty() || !one.duty().empty() ||
          one.state() != v1::Obligation::STATE_OUTSTANDING)
        continue;
      session->Tell(absl::StrCat(
          "WARN ", host->name(), " alone holds the record of what ", one.operation(),
          " changed for all of ", one.organisation(),
          "; without it no run puts that back: first 'mailquench run restore --incident ",
          incident.incident_id(), "', or else put back by hand", ByHandOf(one)));
    }
  }
}

template <class Request>
absl::StatusOr<int> DoCut(Session* session,
                          const HostArgs& args,
                          const std::string& what,
                          grpc::Status (v1::Fleet::Stub::*method)(grpc::ClientContext*,
                                                                  const Request&,
                                                                  v1::Host*)) {
  WarnOfRecords(session, args.host);
  auto go_on = GoOn(session, args, what);
  if (!go_on.ok()) return go_on.status();
  if (!*go_on) return kExitOk;
  Request request;
  request.set_host(args.host);
  request.set_reason(args.flags.reason);
  return PrintHost(session, session->Call(method, request));
}

}  // namespace

void AddHost(CLI::App* root, Session* session) {
  CLI::App* noun = AddCommand(root, "host", "The fleet: who is there, with which labels",
                              {"mailquench host list -l 'role=edge,site in (fra,ams)'",
                               "mailquench host show mx1", "mailquench host label mx1 site=fra"});
  noun->require_subcommand(1);
  auto args = std::make_shared<HostArgs>();
  CLI::App* list =
      AddCommand(noun, "list", "Hosts and their state",
                 {"mailquench host list", "mailquench host list -l role=edge -o jsonl"});
  list->add_option("-l,--selector", args->flags.selector, "Only these")->type_name("SELECTOR");
  list->callback(
      [=] { session->action = [=] { return DoListHosts(session, args->flags.selector); }; });
  CLI::App* show = AddCommand(noun, "show", "One host in full", {"mailquench host show mx1"});
  show->add_option("HOST", args->host, "Name or id")->required()->type_name("HOST");
  show->callback(
      [=] { session->action = [=] { return PrintHost(session, GetHost(session, args->host)); }; });
  CLI::App* label = AddCommand(noun, "label", "Set and remove labels",
                               {"mailquench host label mx1 role=edge site=fra canary-"});
  label->add_option("HOST", args->host, "Name or id")->required()->type_name("HOST");
  label->add_option("LABEL", args->changes, "key=value sets, key- removes")
      ->required()
      ->type_name("LABEL");
  AddConfirmFlags(label, &args->flags);
  label->callback([=] { session->action = [=] { return DoLabel(session, *args); }; });
  CLI::App* egress = AddCommand(
      noun, "egress",
      "Say which addresses and domains receivers see, where the host's agent cannot know (NAT)",
      {"mailquench host egress mx1 --address 203.0.113.5 --domain example.org",
       "mailquench host egress mx1 --as-reported"});
  egress->add_option("HOST", args->host, "Name or id")->required()->type_name("HOST");
  egress->add_option("--address", args->addresses, "Address that its mail leaves from")
      ->type_name("ADDRESS");
  egress->add_option("--domain", args->domains, "Mail domain")->type_name("DOMAIN");
  egress->add_flag("--as-reported", args->as_reported, "Forget what was set");
  AddConfirmFlags(egress, &args->flags);
  egress->callback([=] { session->action = [=] { return DoEgress(session, *args); }; });
  AddHostManual(noun, session);
  CLI::App* evict = AddCommand(noun, "evict", "Cut a host off; it may enrol again",
                               {"mailquench host evict mx1 --reason \"taken out of service\""});
  CLI::App* ban = AddCommand(noun, "ban", "Cut a host off; it may not enrol again",
                             {"mailquench host ban mx1 --reason \"key was stolen\""});
  for (CLI::App* app : {evict, ban}) {
    app->add_option("HOST", args->host, "Name or id")->required()->type_name("HOST");
    app->add_option("--reason", args->flags.reason, "Why")->type_name("TEXT");
    AddConfirmFlags(app, &args->flags);
  }
  evict->callback([=] {
    session->action = [=] { return DoCut(session, *args, "evict", &v1::Fleet::Stub::EvictHost); };
  });
  ban->callback([=] {
    session->action = [=] { return DoCut(session, *args, "ban", &v1::Fleet::Stub::BanHost); };
  });
}

}  // namespace mailquench::cli
