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
  }
  return "silent";
}

std::vector<std::string> ValuesAsTold(const v1::RecordSet& set) {
  return {set.values().begin(), set.values().end()};
}

// The server whose serial is the newest stands for a primary that nobody has named.
std::string Newest(const std::vector<dns::NameServer>& servers,
                   const std::string& zone,
                   const std::string& name,
                   const dns::Patience& patience) {
  std::string best;
  std::uint32_t serial = 0;
  for (const v1::NameServerView& one : AskServers(servers, zone, name, patience)) {
    if (!one.answers()) continue;
    if (!best.empty() && dns::CompareSerials(serial, one.serial()) != dns::SerialOrder::kBefore)
      continue;
    best = one.address();
    serial = one.serial();
  }
  return best;
}

void WatchServers(const Options& options,
                  Lookups* lookups,
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
  question.primary =
      zone != nullptr && !zone->primary.empty()
          ? zone->primary
          : Newest(question.servers, question.zone, record.before().name(), options.patience);
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
  watched->complete = true;
  for (const dns::ServerStanding& one : propagation->servers) {
    v1::ServerHas has;
    has.set_name(one.name);
    has.set_address(one.address);
    has.set_standing(WordOf(one.standing));
    has.set_serial(one.serial);
    has.set_sentence(one.sentence);
    const bool current = one.standing == dns::Standing::kCurrent;
    watched->arrived = watched->arrived || current;
    watched->former = watched->former || (one.standing == dns::Standing::kOtherData &&
                                          one.values == ValuesAsTold(former));
    watched->complete = watched->complete && (current || not_waited_for.count(one.name) > 0);
    watched->servers.push_back(std::move(has));
  }
  watched->complete = watched->complete && watched->arrived;
}

v1::ResolverHas WatchResolver(const Options& options,
                              const std::string& resolver,
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
  const auto answer = endpoint.ok() ? dns::Ask(*endpoint, question, options.patience)
                                    : absl::StatusOr<dns::Answer>(endpoint.status());
  if (!answer.ok() ||
      (answer->rcode != LDNS_RCODE_NOERROR && answer->rcode != LDNS_RCODE_NXDOMAIN)) {
    has.set_sentence(absl::StrCat(resolver, answer.ok() ? " answers with " : " does not answer",
                                  answer.ok() ? dns::RcodeText(answer->rcode) : ""));
    return has;
  }
  has.set_ttl(answer->ttl);
  const std::vector<std::string> news(wanted.values().begin(), wanted.values().end());
  const std::vector<std::string> old(former.values().begin(), former.values().end());
  if (answer->values == news) {
    has.set_standing("new");
    has.set_sentence(absl::StrCat(resolver, " has the new record"));
  } else if (answer->values == old) {
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

Watched WatchRecord(const Options& options,
                    Lookups* lookups,
                    const v1::SwitchRecord& record,
                    const v1::RecordSet& wanted,
                    const v1::RecordSet& former,
                    const std::vector<std::string>& resolvers,
                    const std::set<std::string>& not_waited_for,
                    absl::Time expire,
                    absl::Time now) {
  Watched watched;
  WatchServers(options, lookups, record, wanted, former, not_waited_for, &watched);
  for (const std::string& resolver : resolvers)
    watched.resolvers.push_back(WatchResolver(options, resolver, wanted, former, expire, now));
  return watched;
}

}  // namespace mailquench::controller::mx
