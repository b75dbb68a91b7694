#include "common/blacklist/health.h"

namespace mailquench::blacklist {
namespace {

constexpr int kSoftSigns = 2;
constexpr int kGoodProbes = 3;

void Move(ListHealth& health, HealthState state, const std::string& reason, absl::Time now) {
  if (health.state != state) health.since = now;
  health.state = state;
  health.reason = reason;
}

void Remember(const Probe& probe, ListHealth& health) {
  health.probed = probe.time;
  if (!probe.name_servers.empty()) health.name_servers = probe.name_servers;
  if (probe.serial == 0 || probe.serial == health.serial) return;
  health.serial = probe.serial;
  health.serial_since = probe.time;
}

Finding Untrusted(Finding finding, const std::string& reason) {
  finding.verdict = Verdict::kUntrusted;
  finding.reason = reason;
  return finding;
}

}  // namespace

ListHealth After(const ListHealth& before, const Probe& given) {
  Probe probe = given;
  for (const auto kind : {Subject::Kind::kIp4, Subject::Kind::kIp6, Subject::Kind::kDomain}) {
    if (probe.sign != Probe::Sign::kGood || !before.proven.Of(kind) || probe.proven.Of(kind) ||
        !probe.answered.Of(kind))
      continue;
    probe.sign = Probe::Sign::kEmptied;
    probe.reason = "the test entry that it had before is gone: it was emptied";
  }
  ListHealth health = before;
  Remember(probe, health);
  const bool quarantined = before.state == HealthState::kQuarantined;
  switch (probe.sign) {
    case Probe::Sign::kWildcard:
    case Probe::Sign::kRewritten:
      health.good = 0;
      Move(health, HealthState::kQuarantined, probe.reason, probe.time);
      return health;
    case Probe::Sign::kEmptied:
    case Probe::Sign::kGone:
      ++health.soft;
      health.good = 0;
      if (quarantined) return health;
      Move(health, health.soft >= kSoftSigns ? HealthState::kQuarantined : HealthState::kSuspect,
           probe.reason, probe.time);
      return health;
    case Probe::Sign::kBlocked:
    case Probe::Sign::kSilent: {
      // Says nothing of what it would answer: no way back, and no step further down.
      health.good = 0;
      if (quarantined) return health;
      const bool blocked = probe.sign == Probe::Sign::kBlocked;
      if (blocked) health.why = probe.why;
      Move(health, blocked ? HealthState::kBlocked : HealthState::kSilent, probe.reason,
           probe.time);
      return health;
    }
    case Probe::Sign::kGood:
      health.soft = 0;
      health.proven = probe.proven;
      if (quarantined && ++health.good < kGoodProbes) return health;
      health.good = 0;
      Move(health, HealthState::kWell, "", probe.time);
      return health;
  }
  return health;
}

Finding Weigh(Finding finding, const ListHealth& health, Subject::Kind kind) {
  const bool claims = finding.verdict == Verdict::kListed || finding.verdict == Verdict::kClean;
  if (!claims) return finding;
  switch (health.state) {
    case HealthState::kWell:
      if (finding.verdict == Verdict::kListed || health.proven.Of(kind)) return finding;
      return Untrusted(std::move(finding),
                       "it shows no test entry for such subjects, so it may be empty");
    case HealthState::kSuspect:
      if (finding.verdict == Verdict::kListed) return finding;
      return Untrusted(std::move(finding), health.reason);
    case HealthState::kQuarantined:
    case HealthState::kSilent:
    case HealthState::kBlocked:
      return Untrusted(std::move(finding), health.reason);
    case HealthState::kUnknown:
      return Untrusted(std::move(finding), "its health has not been tested yet");
  }
  return finding;
}

const char* HealthStateName(HealthState state) {
  switch (state) {
    case HealthState::kUnknown:
      return "unknown";
    case HealthState::kWell:
      return "well";
    case HealthState::kSuspect:
      return "suspect";
    case HealthState::kQuarantined:
      return "quarantined";
    case HealthState::kSilent:
      return "silent";
    case HealthState::kBlocked:
      return "blocked";
  }
  return "unknown";
}

}  // namespace mailquench::blacklist
