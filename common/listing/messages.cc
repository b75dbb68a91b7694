#include "common/listing/messages.h"

#include "absl/strings/str_cat.h"
#include "common/blacklist/keys.h"
#include "common/text/harmless.h"

namespace mailquench::blacklist {
namespace {

constexpr std::size_t kLongestText = 1000;  // Of a reason; more is kept nowhere.

bool IsTime(absl::Time time) {
  return time != absl::InfinitePast() && time != absl::InfiniteFuture();
}

void SetTime(absl::Time time, google::protobuf::Timestamp* out) {
  const std::int64_t nanos = absl::ToUnixNanos(time);
  out->set_seconds(nanos / 1000000000);
  out->set_nanos(static_cast<std::int32_t>(nanos % 1000000000));
}

void SetDuration(absl::Duration length, google::protobuf::Duration* out) {
  const std::int64_t nanos = absl::ToInt64Nanoseconds(length);
  out->set_seconds(nanos / 1000000000);
  out->set_nanos(static_cast<std::int32_t>(nanos % 1000000000));
}

absl::Time Time(const google::protobuf::Timestamp& time) {
  return absl::FromUnixSeconds(time.seconds()) + absl::Nanoseconds(time.nanos());
}

const char* PurposeName(Purpose purpose) {
  switch (purpose) {
    case Purpose::kBlock:
      return "block";
    case Purpose::kAllow:
      return "allow";
    case Purpose::kInfo:
      return "info";
  }
  return "block";
}

const char* StateName(State state) {
  switch (state) {
    case State::kLive:
      return "live";
    case State::kDead:
      return "dead";
    case State::kWildcard:
      return "wildcard";
  }
  return "dead";
}

v1::ListHealthState StateOf(HealthState state) {
  switch (state) {
    case HealthState::kUnknown:
      return v1::LIST_HEALTH_STATE_UNSPECIFIED;
    case HealthState::kWell:
      return v1::LIST_HEALTH_STATE_WELL;
    case HealthState::kSuspect:
      return v1::LIST_HEALTH_STATE_SUSPECT;
    case HealthState::kQuarantined:
      return v1::LIST_HEALTH_STATE_QUARANTINED;
    case HealthState::kSilent:
      return v1::LIST_HEALTH_STATE_SILENT;
    case HealthState::kBlocked:
      return v1::LIST_HEALTH_STATE_BLOCKED;
  }
  return v1::LIST_HEALTH_STATE_UNSPECIFIED;
}

HealthState StateOf(v1::ListHealthState state) {
  switch (state) {
    case v1::LIST_HEALTH_STATE_WELL:
      return HealthState::kWell;
    case v1::LIST_HEALTH_STATE_SUSPECT:
      return HealthState::kSuspect;
    case v1::LIST_HEALTH_STATE_QUARANTINED:
      return HealthState::kQuarantined;
    case v1::LIST_HEALTH_STATE_SILENT:
      return HealthState::kSilent;
    case v1::LIST_HEALTH_STATE_BLOCKED:
      return HealthState::kBlocked;
    default:
      return HealthState::kUnknown;
  }
}

}  // namespace

v1::BlacklistVerdict ToMessage(Verdict verdict) {
  switch (verdict) {
    case Verdict::kListed:
      return v1::BLACKLIST_VERDICT_LISTED;
    case Verdict::kClean:
      return v1::BLACKLIST_VERDICT_CLEAN;
    case Verdict::kBlocked:
      return v1::BLACKLIST_VERDICT_BLOCKED;
    case Verdict::kError:
      return v1::BLACKLIST_VERDICT_ERROR;
    case Verdict::kUntrusted:
      return v1::BLACKLIST_VERDICT_UNTRUSTED;
    case Verdict::kRewritten:
      return v1::BLACKLIST_VERDICT_REWRITTEN;
  }
  return v1::BLACKLIST_VERDICT_ERROR;
}

v1::BlacklistAnswer ToMessage(const Check& check, const Keys& keys) {
  v1::BlacklistAnswer message;
  message.set_subject(check.subject->text());
  message.set_zone(check.list->zone);
  message.set_list_operator(check.list->operator_name);
  message.set_verdict(ToMessage(check.finding.verdict));
  message.set_reason(WithoutKeys(keys, check.finding.reason));
  message.set_tier(check.list->tier);
  message.set_alert(check.list->alert);
  SetTime(check.time, message.mutable_time());
  for (const std::string& one : Components(*check.list, check.finding)) message.add_components(one);
  for (const Meaning& meaning : check.finding.meanings) {
    if (!meaning.is.empty()) message.add_meanings(meaning.is);
  }
  // A list's operator writes these texts, and whoever has taken over its zone.
  for (const std::string& text : check.texts) {
    std::string shown = WithoutKeys(keys, text).substr(0, kLongestText);
    shown.resize(shown.size() - CutAtEnd(shown));
    message.add_texts(Harmless(shown));
  }
  if (!check.asked) return message;
  message.set_rcode(RcodeName(check.reply.answer.rcode));
  for (const std::uint32_t address : check.reply.answer.addresses)
    message.add_addresses(AddressText(address));
  message.set_server(check.reply.server);
  SetDuration(check.reply.time, message.mutable_took());
  return message;
}

v1::BlacklistHealth ToMessage(const ListHealth& health) {
  v1::BlacklistHealth message;
  message.set_state(StateOf(health.state));
  message.set_reason(health.reason);
  if (IsTime(health.since)) SetTime(health.since, message.mutable_since_time());
  if (IsTime(health.probed)) SetTime(health.probed, message.mutable_probe_time());
  message.set_soft_failures(health.soft);
  message.set_good_probes(health.good);
  message.set_serial(health.serial);
  if (IsTime(health.serial_since)) SetTime(health.serial_since, message.mutable_serial_time());
  for (const std::string& one : health.name_servers) message.add_name_servers(Harmless(one));
  if (health.proven.ip4) message.add_proven("ip4");
  if (health.proven.ip6) message.add_proven("ip6");
  if (health.proven.domain) message.add_proven("domain");
  message.set_blocked_by(static_cast<std::int32_t>(health.why));
  return message;
}

ListHealth FromMessage(const v1::BlacklistHealth& message) {
  ListHealth health;
  health.state = StateOf(message.state());
  health.reason = message.reason();
  if (message.has_since_time()) health.since = Time(message.since_time());
  if (message.has_probe_time()) health.probed = Time(message.probe_time());
  for (const std::string& one : message.proven()) {
    health.proven.ip4 |= one == "ip4";
    health.proven.ip6 |= one == "ip6";
    health.proven.domain |= one == "domain";
  }
  health.soft = message.soft_failures();
  health.good = message.good_probes();
  health.serial = message.serial();
  if (message.has_serial_time()) health.serial_since = Time(message.serial_time());
  health.name_servers.assign(message.name_servers().begin(), message.name_servers().end());
  if (message.blocked_by() >= 0 && message.blocked_by() <= static_cast<int>(Why::kRefused))
    health.why = static_cast<Why>(message.blocked_by());
  return health;
}

v1::BlacklistInfo ToMessage(const List& list, bool has_key) {
  v1::BlacklistInfo message;
  message.set_zone(list.zone);
  message.set_list_operator(list.operator_name);
  if (list.ip4) message.add_covers("ip4");
  if (list.ip6) message.add_covers("ip6");
  if (list.domain) message.add_covers("domain");
  message.set_purpose(PurposeName(list.purpose));
  message.set_tier(list.tier);
  message.set_summary(list.summary);
  message.set_status(StateName(list.state));
  message.set_since(list.since);
  message.set_why(list.why);
  message.set_enabled(list.enabled);
  message.set_confidence(std::string(1, list.confidence));
  message.set_needs_key(list.key_first);
  message.set_has_key(has_key);
  message.set_per_day(list.per_day);
  message.set_per_second(list.per_second);
  message.set_lookup_link(list.lookup);
  message.set_delist_link(list.delist.link);
  message.set_delist_how(list.delist.how);
  message.set_delist_note(list.delist.note);
  if (list.delist.clears_after > absl::ZeroDuration())
    SetDuration(list.delist.clears_after, message.mutable_clears_after());
  message.set_alert(list.alert);
  return message;
}

v1::AddressIdentity ToMessage(const ReverseFinding& finding) {
  v1::AddressIdentity message;
  message.set_address(finding.address);
  for (const std::string& name : finding.names) message.add_names(Harmless(name));
  message.set_confirmed(finding.confirmed);
  message.set_generic(finding.generic);
  message.set_helo(finding.helo);
  message.set_helo_matches(finding.helo_matches);
  for (const std::string& fault : finding.faults) message.add_faults(Harmless(fault));
  return message;
}

}  // namespace mailquench::blacklist
