#include "controller/mx/primaries.h"

#include "absl/strings/str_cat.h"
#include "common/status/error.h"
#include "controller/mx/values.h"
#include "controller/mx/zone_servers.h"

namespace mailquench::controller::mx {

absl::StatusOr<dns::Primary> Primaries::Of(const Zone& zone) {
  const std::lock_guard<std::mutex> lock(mu_);
  auto found = keys_.find(zone.key_file);
  if (found == keys_.end())
    found = keys_.emplace(zone.key_file, dns::TsigKey::Load(zone.key_file)).first;
  if (!found->second.ok())
    return Prepend(found->second.status(), absl::StrCat("the key of the zone ", zone.zone));
  return dns::Primary{zone.primary, zone.zone, *found->second, options_->patience};
}

absl::StatusOr<v1::RecordSet> Primaries::AskNow(const std::string& name,
                                                const std::string& type,
                                                absl::Time now) {
  const Zone* const zone = ConfiguredZone(*options_, name);
  if (zone == nullptr || zone->via != v1::SWITCH_VIA_UPDATE)
    return AskAuthority(*options_, lookups_, name, type);
  MQ_ASSIGN_OR_RETURN(const dns::Primary primary, Of(*zone));
  MQ_ASSIGN_OR_RETURN(const dns::Found found, dns::Look(primary, name, type, now));
  if (!found.alias.empty()) return IsAlias(name, Plain(found.alias), type);
  v1::RecordSet set;
  set.set_name(name);
  set.set_type(type);
  set.set_ttl(found.ttl);
  for (const std::string& value : found.values) set.add_values(value);
  return set;
}

absl::StatusOr<v1::RecordSet> Primaries::Current(const std::string& name,
                                                 const std::string& type,
                                                 absl::Time now) {
  {
    const std::lock_guard<std::mutex> lock(mu_);
    if (const auto found = kept_.find({name, type}); found != kept_.end()) return found->second;
  }
  auto set = AskNow(name, type, now);
  const std::lock_guard<std::mutex> lock(mu_);
  kept_.insert_or_assign({name, type}, set);
  return set;
}

}  // namespace mailquench::controller::mx
