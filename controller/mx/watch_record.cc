#include "controller/mx/watch_record.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/status/error.h"
#include "controller/dns/message.h"
#include "controller/dns/query.h"
#include "controller/dns/serials.h"
#include "controller/mx/zone_servers.h"

namespace mailquench::controller::mx {
namespace {

const char* WordOf(dns::Standing standing) {
  switch (standing) {
    case dns::Standing::kCurrent:
      return "current";
    case dns::Standing::kBehind:
      return "behind";
    case dns::Standing::kOtherData:
      return "other-data";
    case dns::Standing::kLame:
      return "lame";
    case dns::Standing::kSilent:
      return "silent";
    case dns::Standing::kNoAddress:
      return "no-address";
    case dns::Standing::kNoRoute:
      return "no-route";
  }
  return "silent";
}

std::vector<std::string> ValuesAsTold(const v1::RecordSet& set) {
  return {set.values().begin(), set.values().end()};
}

// The server whose serial is the newest stands for a primary that nobody has named.
std::string Newest(const std::vector<dns::NameServer>& servers,
                   const std::string& zone,
                   const dns::Patience& patience,
                   dns::SerialMemory* memory) {
  std::string best;
  std::uint32_t serial = 0;
  for (const dns::NameServer& server : servers) {
    for (const std::string& address : server.addresses) {
      const auto endpoint = dns::ParseEndpoint(address);
      if (!endpoint.ok() || !dns::HasRoute(*endpoint)) continue;
      const auto soa = memory->Soa(*endpoint, zone, patience);
      if (!soa.ok() || !soa->authoritative || soa->values.empty()) continue;
      if (!best.empty() && dns::CompareSerials(serial, soa->serial) != dns::SerialOrder::kBefore)
        continue;
      best = address;
      serial = soa->serial;
    }
  }
  return best;
}

void WatchServers(const Options& options,
                  Lookups* lookups,
                  dns::SerialMemory* memory,
                  const v1::SwitchRecord& record,
                  const v1::RecordSet& wanted,
                  const v1::RecordSet& former,
                  const std::set<std::string>& not_waited_for,
                  Watched* watched) {
  const Zone* const zone = ConfiguredZone(options, record.before().name());
  dns::PropagationQuestion question;
  question.zone = record.zone();
  if (question.zone.empty()) {
    const auto cut = FindZone(lookups, record.before().name());
    if (!cut.ok()) {
      watched->error = std::string(cut.status().message());
      return;
    }
    question.zone = cut->zone;
  }
  question.servers = ServersOf(lookups, question.zone, zone != nullptr ? zone->port : options.port);
  question.patience = options.patience;
  question.primary = zone != nullptr && !zone->primary.empty()
                         ? zone->primary
                         : Newest(question.servers, question.zone, options.patience, memory);
  question.memory = memory;
  question.name = wanted.name();
  question.type = wanted.type();
  question.values = {wanted.values().begin(), wanted.values().end()};
  if (question.servers.empty() || question.primary.empty()) {
    watched->error = absl::StrCat("the name servers of ", question.zone,
                                  " are not known, or none answers; see the resolvers");
    return;
  }
  const auto propagation = dns::AskPropagation(question);
  if (!propagation.ok()) {
    watched->error = std::string(propagation.status().message());
    return;
  }
  watched->serial = propagation->primary_serial;
  const bool ttl_only = record.purpose() == "ttl";
  const std::vector<std::string> news = ValuesAsTold(wanted), old = ValuesAsTold(former);
  google::protobuf::RepeatedPtrField<v1::ServerHas> all;
  for (const dns::ServerStanding& one : propagation->servers) {
    v1::ServerHas& has = *all.Add();
    has.set_name(one.name);
    has.set_address(one.address);
    has.set_standing(WordOf(one.standing));
    has.set_serial(one.serial);
    has.set_sentence(one.sentence);
    if (!one.answered) continue;
    const bool other_ttl = !news.empty() && one.values == news && one.ttl != wanted.ttl();
    const bool is_old = ttl_only ? other_ttl : !old.empty() && one.values == old;
    if (is_old) watched->old_ttl = std::max(watched->old_ttl, one.ttl);
    if (one.standing == dns::Standing::kCurrent && other_ttl) {
      const std::string what = absl::StrCat(one.name, " (", one.address, ") gives it a TTL of ",
                                            one.ttl, " s, not ", wanted.ttl());
      if (ttl_only) {
        has.set_standing(WordOf(dns::Standing::kOtherData));
        has.set_sentence(what);
      } else {
        watched->error = what;
      }
    }
    if (has.standing() == "other-data" && (is_old || (!ttl_only && one.values == old)))
      watched->former = true;
  }
  watched->complete = watched->holds = true;
  for (int i = 0; i < all.size(); ++i) {
    const v1::ServerHas& has = all[i];
    const dns::ServerStanding& one = propagation->servers[static_cast<std::size_t>(i)];
    const bool current = has.standing() == "current";
    const bool right =
        current || (has.standing() == "behind" && one.answered && one.values == news && !ttl_only);
    const bool waits = IsAsked(all, has) && not_waited_for.count(ServerKey(has)) == 0;
    watched->arrived = watched->arrived || current;
    watched->complete = watched->complete && (current || !waits);
    watched->holds = watched->holds && (right || !waits);
    watched->contrary = watched->contrary || (waits && one.answered && !right);
    watched->servers.push_back(has);
  }
  watched->complete = watched->complete && watched->arrived;
  watched->holds = watched->holds && watched->arrived;
}

v1::ResolverHas WatchResolver(const Options& options,
                              dns::SerialMemory* memory,
                              const std::string& resolver,
                              bool ttl_only,
                              const v1::RecordSet& wanted,
                              const v1::RecordSet& former,
                              absl::Time expire,
                              absl::Time now) {
  v1::ResolverHas has;
  has.set_resolver(resolver);
  has.set_standing("silent");
  const auto endpoint = dns::ParseEndpoint(resolver);
  dns::Question question;
  question.name = wanted.name();
  question.type = wanted.type();
  question.recursion = true;
  absl::StatusOr<dns::Answer> answer = absl::UnavailableError("it was silent before");
  if (!endpoint.ok())
    answer = endpoint.status();
  else if (!memory->IsSilent(*endpoint))
    answer = dns::Ask(*endpoint, question, options.patience);
  if (endpoint.ok() && absl::IsUnavailable(answer.status())) memory->SetSilent(*endpoint);
  if (!answer.ok() ||
      (answer->rcode != LDNS_RCODE_NOERROR && answer->rcode != LDNS_RCODE_NXDOMAIN)) {
    has.set_sentence(absl::StrCat(resolver, answer.ok() ? " answers with " : " does not answer",
                                  answer.ok() ? dns::RcodeText(answer->rcode) : ""));
    return has;
  }
  has.set_ttl(answer->ttl);
  const std::vector<std::string> news(wanted.values().begin(), wanted.values().end());
  const std::vector<std::string> old(former.values().begin(), former.values().end());
  const bool old_ttl = ttl_only && answer->ttl > wanted.ttl();
  if (answer->values == news && !old_ttl) {
    has.set_standing("new");
    has.set_sentence(absl::StrCat(resolver, " has the new record"));
  } else if (answer->values == old || old_ttl) {
    has.set_standing("old");
    has.set_sentence(
        now > expire
            ? absl::StrCat(resolver, " keeps the old record for ", answer->ttl,
                           " s more, though its TTL is over: it does not keep to TTLs, and is not "
                           "waited for")
            : absl::StrCat(resolver, " has the old record for ", answer->ttl, " s more"));
  } else {
    has.set_standing("other");
    has.set_sentence(
        absl::StrCat(resolver, " has neither the old nor the new record: ",
                     answer->values.empty() ? "none" : absl::StrJoin(answer->values, ", ")));
  }
  return has;
}

}  // namespace

std::string ServerKey(const v1::ServerHas& server) {
  return server.address().empty() ? server.name()
                                  : absl::StrCat(server.name(), "/", server.address());
}

bool IsAsked(const google::protobuf::RepeatedPtrField<v1::ServerHas>& servers,
             const v1::ServerHas& server) {
  if (server.standing() != "no-route") return true;
  return std::none_of(servers.begin(), servers.end(), [&](const v1::ServerHas& other) {
    return other.name() == server.name() && other.standing() != "no-route";
  });
}

Watched WatchRecord(const Options& options,
                    Lookups* lookups,
                    dns::SerialMemory* memory,
                    const v1::SwitchRecord& record,
                    const v1::RecordSet& wanted,
                    const v1::RecordSet& former,
                    const std::vector<std::string>& resolvers,
                    const std::set<std::string>& not_waited_for,
                    absl::Time expire,
                    absl::Time now) {
  Watched watched;
  WatchServers(options, lookups, memory, record, wanted, former, not_waited_for, &watched);
  const bool ttl_only = record.purpose() == "ttl";
  for (const std::string& resolver : resolvers) {
    watched.resolvers.push_back(
        WatchResolver(options, memory, resolver, ttl_only, wanted, former, expire, now));
    const v1::ResolverHas& has = watched.resolvers.back();
    if (has.standing() == "old") watched.cache_ttl = std::max(watched.cache_ttl, has.ttl());
  }
  return watched;
}

}  // namespace mailquench::controller::mx
