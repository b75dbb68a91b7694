#include "controller/mx/zone_servers.h"

#include <algorithm>
#include <functional>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "common/parallel/parallel.h"
#include "common/status/error.h"
#include "controller/dns/message.h"
#include "controller/dns/query.h"
#include "controller/mx/values.h"

namespace mailquench::controller::mx {
namespace {

constexpr std::size_t kMostServers = 16;
constexpr std::size_t kMostAddresses = 8;

void AskServer(const std::string& zone,
               const std::string& domain,
               const dns::Patience& patience,
               v1::NameServerView* view) {
  const auto endpoint = dns::ParseEndpoint(view->address());
  if (!endpoint.ok()) {
    view->set_problem(std::string(endpoint.status().message()));
    return;
  }
  dns::Question question;
  question.name = zone;
  question.type = "SOA";
  const auto soa = dns::Ask(*endpoint, question, patience);
  if (!soa.ok()) {
    view->set_problem("does not answer");
    return;
  }
  if (soa->rcode != LDNS_RCODE_NOERROR || !soa->authoritative) {
    view->set_problem(absl::StrCat(
        "does not serve the zone (",
        soa->rcode != LDNS_RCODE_NOERROR ? dns::RcodeText(soa->rcode) : "no authority", ")"));
    return;
  }
  view->set_answers(true);
  view->set_serial(soa->serial);
  question.name = domain;
  question.type = "MX";
  const auto mx = dns::Ask(*endpoint, question, patience);
  if (!mx.ok()) {
    view->set_problem("does not answer the question for MX");
    return;
  }
  view->mutable_mx()->set_name(domain);
  view->mutable_mx()->set_type("MX");
  view->mutable_mx()->set_ttl(mx->ttl);
  for (const std::string& value : mx->values) view->mutable_mx()->add_values(value);
}

}  // namespace

absl::StatusOr<ZoneCut> FindZone(Lookups* lookups, const std::string& name) {
  for (std::string at = Plain(name); !at.empty();) {
    const Told told = lookups->Ask(at, "SOA");
    if (!told.known) {
      return Error(absl::StatusCode::kUnavailable, "DNS_NO_ANSWER",
                   absl::StrCat("the zone of ", name, " could not be found out: ", told.fault,
                                "; nothing was changed; see the resolvers"));
    }
    if (!told.values.empty() && told.alias.empty()) {
      ZoneCut cut{at, told.ttl};
      const std::vector<std::string> fields = absl::StrSplit(told.values[0], ' ');
      std::uint32_t minimum = 0;
      if (fields.size() == 7 && absl::SimpleAtoi(fields[6], &minimum))
        cut.negative_ttl = std::min(told.ttl, minimum);
      return cut;
    }
    const std::size_t dot = at.find('.');
    at = dot == std::string::npos ? "" : at.substr(dot + 1);
  }
  return Error(absl::StatusCode::kNotFound, "ZONE_NOT_FOUND",
               absl::StrCat("DNS knows no zone of ", name,
                            "; nothing was changed; see whether the name is right"));
}

std::vector<dns::NameServer> ServersOf(Lookups* lookups, const std::string& zone, int port) {
  std::vector<dns::NameServer> servers;
  for (const std::string& value : lookups->Ask(zone, "NS").values) {
    if (servers.size() == kMostServers) break;
    dns::NameServer server;
    server.name = Plain(value);
    for (const char* type : {"A", "AAAA"}) {
      bool known = false;
      const std::vector<std::string> addresses = lookups->Addresses(server.name, type, &known);
      server.partly = server.partly || !known;
      for (const std::string& address : addresses) {
        if (server.addresses.size() == kMostAddresses) break;
        server.addresses.push_back(absl::StrContains(address, ':')
                                       ? absl::StrCat("[", address, "]:", port)
                                       : absl::StrCat(address, ":", port));
      }
    }
    servers.push_back(std::move(server));
  }
  return servers;
}

std::vector<v1::NameServerView> AskServers(const std::vector<dns::NameServer>& servers,
                                           const std::string& zone,
                                           const std::string& domain,
                                           const dns::Patience& patience) {
  std::vector<v1::NameServerView> views;
  for (const dns::NameServer& server : servers) {
    for (const std::string& address : server.addresses) {
      views.emplace_back();
      views.back().set_name(server.name);
      views.back().set_address(address);
    }
    if (!server.addresses.empty() && !server.partly) continue;
    views.emplace_back();
    views.back().set_name(server.name);
    views.back().set_problem(server.partly ? "not all of its addresses could be looked up"
                                           : "its name has no address");
  }
  std::vector<std::function<void()>> tasks;
  for (v1::NameServerView& view : views) {
    if (view.address().empty()) continue;
    tasks.emplace_back([&, one = &view] { AskServer(zone, domain, patience, one); });
  }
  RunTogether(tasks, 16);
  return views;
}

const Zone* ConfiguredZone(const Options& options, const std::string& name) {
  const Zone* best = nullptr;
  for (const Zone& one : options.zones) {
    if (IsInside(name, one.zone) && (best == nullptr || one.zone.size() > best->zone.size()))
      best = &one;
  }
  return best;
}

absl::Status IsAlias(const std::string& name, const std::string& alias, const std::string& type) {
  return Error(absl::StatusCode::kFailedPrecondition, "RECORD_IS_ALIAS",
               absl::StrCat(name, " is an alias for ", alias, ", so that it has no ", type,
                            " of its own; nothing was changed; name what it stands for"));
}

absl::StatusOr<v1::RecordSet> AskAuthority(const Options& options,
                                           Lookups* lookups,
                                           const std::string& name,
                                           const std::string& type) {
  const Zone* const zone = ConfiguredZone(options, name);
  std::vector<std::string> addresses;
  if (zone != nullptr && !zone->primary.empty()) {
    addresses = {zone->primary};
  } else {
    MQ_ASSIGN_OR_RETURN(const ZoneCut cut, FindZone(lookups, name));
    for (const dns::NameServer& server :
         ServersOf(lookups, cut.zone, zone != nullptr ? zone->port : options.port))
      addresses.insert(addresses.end(), server.addresses.begin(), server.addresses.end());
  }
  dns::Question question;
  question.name = name;
  question.type = type;
  for (const std::string& address : addresses) {
    const auto endpoint = dns::ParseEndpoint(address);
    if (!endpoint.ok()) continue;
    const auto answer = dns::Ask(*endpoint, question, options.patience);
    if (!answer.ok() || !answer->authoritative ||
        (answer->rcode != LDNS_RCODE_NOERROR && answer->rcode != LDNS_RCODE_NXDOMAIN))
      continue;
    if (!answer->alias.empty() && answer->values.empty())
      return IsAlias(name, Plain(answer->alias), type);
    v1::RecordSet set;
    set.set_name(name);
    set.set_type(type);
    set.set_ttl(answer->ttl);
    for (const std::string& value : answer->values) set.add_values(value);
    return set;
  }
  return Error(absl::StatusCode::kUnavailable, "DNS_NO_ANSWER",
               absl::StrCat("no name server with authority answered the question for ", type,
                            " of ", name, "; nothing was changed; see the zone's name servers"));
}

}  // namespace mailquench::controller::mx
