#include "controller/dns/update_message.h"

#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/status/error.h"
#include "controller/dns/message.h"
#include "controller/dns/query.h"

namespace mailquench::controller::dns {
namespace {

constexpr std::uint32_t kLongestTtl = 0x7fffffff;  // RFC 2181 section 8.

absl::Status Bad(absl::string_view what) {
  return Error(absl::StatusCode::kInvalidArgument, "BAD_UPDATE",
               absl::StrCat(what, "; nothing was sent"));
}

// What a server passes over in silence must not be taken for applied.
absl::Status Check(const ldns_rdf* zone,
                   const ldns_rdf* name,
                   ldns_rr_type type,
                   const Change& change) {
  const std::string what = absl::StrCat(TypeText(type), " of ", NameText(name));
  if (change.expected.empty() && change.wanted.empty())
    return Bad(absl::StrCat("none expected and none wanted for ", what, " is no change"));
  if (change.ttl > kLongestTtl) return Bad(absl::StrCat("the TTL of ", what, " is over 2^31-1"));
  const bool apex = ldns_dname_compare(zone, name) == 0;
  if (type == LDNS_RR_TYPE_SOA || (type == LDNS_RR_TYPE_NS && apex)) {
    return Bad(absl::StrCat(what,
                            " belongs to the zone itself and is not changed this way (RFC "
                            "2136 section 3.4.2); change it on the name server"));
  }
  if (type == LDNS_RR_TYPE_CNAME && (change.wanted.size() > 1 || change.expected.size() > 1))
    return Bad(absl::StrCat("a name is an alias for one name at most: ", what));
  return absl::OkStatus();
}

absl::Status Put(ldns_pkt* packet,
                 ldns_pkt_section section,
                 const std::string& name,
                 ldns_rr_type type,
                 std::uint32_t ttl,
                 const std::vector<std::string>& values) {
  MQ_ASSIGN_OR_RETURN(const std::vector<std::string> each, Canonical(name, TypeText(type), values));
  for (const std::string& value : each) {
    MQ_ASSIGN_OR_RETURN(RecordPtr record, ParseRecord(name, type, ttl, value));
    Push(packet, section, std::move(record));
  }
  return absl::OkStatus();
}

absl::Status PutChange(ldns_pkt* packet,
                       const ldns_rdf* name,
                       ldns_rr_type type,
                       const Change& change) {
  constexpr auto kConditions = LDNS_SECTION_ANSWER;  // RFC 2136 section 2: the same places.
  constexpr auto kChanges = LDNS_SECTION_AUTHORITY;
  if (change.expected.empty()) {
    if (type == LDNS_RR_TYPE_CNAME) {
      // An alias stands alone: nothing at all may be in use at its name (section 2.4.5).
      Push(packet, kConditions, EmptyRecord(name, LDNS_RR_TYPE_ANY, LDNS_RR_CLASS_NONE));
    } else {
      Push(packet, kConditions, EmptyRecord(name, type, LDNS_RR_CLASS_NONE));
      Push(packet, kConditions, EmptyRecord(name, LDNS_RR_TYPE_CNAME, LDNS_RR_CLASS_NONE));
    }
  } else {
    MQ_RETURN_IF_ERROR(Put(packet, kConditions, change.name, type, 0, change.expected));
    Push(packet, kChanges, EmptyRecord(name, type, LDNS_RR_CLASS_ANY));
  }
  return Put(packet, kChanges, change.name, type, change.ttl, change.wanted);
}

}  // namespace

absl::StatusOr<std::string> UpdateMessage(const std::string& zone,
                                          const std::vector<Change>& changes) {
  if (changes.empty()) return Bad("an update without a change");
  MQ_ASSIGN_OR_RETURN(const NamePtr zone_name, ParseName(zone));
  const PacketPtr packet = NewPacket(LDNS_PACKET_UPDATE, zone_name.get(), LDNS_RR_TYPE_SOA);
  std::set<std::pair<std::string, ldns_rr_type>> seen;
  std::set<std::string> names, aliases;
  for (const Change& change : changes) {
    MQ_ASSIGN_OR_RETURN(const NamePtr name, ParseName(change.name));
    MQ_ASSIGN_OR_RETURN(const ldns_rr_type type, ParseType(change.type));
    MQ_RETURN_IF_ERROR(Check(zone_name.get(), name.get(), type, change));
    const std::string text = NameText(name.get());
    if (!seen.emplace(text, type).second)
      return Bad(absl::StrCat(TypeText(type), " of ", text, " is changed twice"));
    const bool alias = type == LDNS_RR_TYPE_CNAME;
    if (aliases.count(text) > 0 || (alias && names.count(text) > 0))
      return Bad(absl::StrCat("the alias ", text,
                              " and other records of that name cannot be "
                              "changed at once; make two updates"));
    (alias ? aliases : names).insert(text);
    MQ_RETURN_IF_ERROR(PutChange(packet.get(), name.get(), type, change));
  }
  return ToWire(packet.get());
}

}  // namespace mailquench::controller::dns
