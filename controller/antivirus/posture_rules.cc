#include "controller/antivirus/posture_rules.h"

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/strip.h"
#include "controller/store/times.h"

namespace mailquench::controller {
namespace {

// "3 d", "5 h", "12 min"
std::string Rough(absl::Duration length) {
  if (length >= absl::Hours(72)) return absl::StrCat(absl::ToInt64Hours(length) / 24, " d");
  if (length >= absl::Hours(2)) return absl::StrCat(absl::ToInt64Hours(length), " h");
  return absl::StrCat(std::max<std::int64_t>(0, absl::ToInt64Minutes(length)), " min");
}

// A clock of a host, or of who made the signatures, may be ahead by so much.
constexpr absl::Duration kAhead = absl::Hours(24);

HostPosture PostureOfProduct(const v1::AntivirusProduct& product,
                             const AntivirusPolicy& policy,
                             absl::Time now) {
  const std::string name = product.product().empty() ? product.adapter() : product.product();
  const std::string because =
      product.problem().empty() ? "" : absl::StrCat(": ", product.problem());
  const bool says_nothing = !product.running() && !product.has_signature_time() &&
                            product.engine_version().empty() && !product.problem().empty();
  if (says_nothing)
    return {v1::POSTURE_STATE_UNKNOWN, absl::StrCat(name, " does not say", because)};
  if (!product.running())
    return {v1::POSTURE_STATE_OFF, absl::StrCat(name, " does not run", because)};
  // What it says of itself is worth nothing for the product that does protect.
  if (product.passive())
    return {v1::POSTURE_STATE_UNKNOWN,
            absl::StrCat(name, " is passive: another product protects, and is not known")};
  if (product.real_time() == v1::PROTECTION_OFF)
    return {v1::POSTURE_STATE_OFF, absl::StrCat("the real-time protection of ", name, " is off")};
  if (!product.has_signature_time() && !product.out_of_date())
    return {v1::POSTURE_STATE_UNKNOWN,
            absl::StrCat("how old the signatures of ", name, " are is not known", because)};
  const absl::Duration age = now - TimeOf(product.signature_time());
  if (product.has_signature_time() && age < -kAhead)
    return {v1::POSTURE_STATE_UNKNOWN,
            absl::StrCat("the signatures of ", name, " are from the future: a clock is wrong")};
  if (product.has_signature_time() && age > policy.max_signature_age)
    return {v1::POSTURE_STATE_STALE,
            absl::StrCat("signatures of ", name, " are ", Rough(age), " old, at most ",
                         Rough(policy.max_signature_age), " are allowed")};
  if (product.out_of_date())
    return {v1::POSTURE_STATE_STALE, absl::StrCat(name, " says that it is out of date")};
  return {v1::POSTURE_STATE_UP_TO_DATE,
          absl::StrCat(name, ", signatures ", Rough(std::max(age, absl::ZeroDuration())), " old")};
}

HostPosture Best(const v1::AntivirusStatusResult& status,
                 const AntivirusPolicy& policy,
                 absl::Time now) {
  HostPosture best{v1::POSTURE_STATE_ABSENT, "there is no antivirus"};
  bool any = false;
  // One that is passive counts where it is all that is known.
  const bool active = std::any_of(status.products().begin(), status.products().end(),
                                  [](const v1::AntivirusProduct& product) {
                                    return !product.second_opinion() && !product.passive();
                                  });
  for (const v1::AntivirusProduct& product : status.products()) {
    if (product.second_opinion() || (active && product.passive())) continue;
    const HostPosture one = PostureOfProduct(product, policy, now);
    if (!any || PostureRank(one.state) > PostureRank(best.state)) best = one;
    any = true;
  }
  return best;
}

}  // namespace

std::string PostureName(v1::PostureState state) {
  return absl::StrReplaceAll(
      absl::AsciiStrToLower(absl::StripPrefix(v1::PostureState_Name(state), "POSTURE_STATE_")),
      {{"_", "-"}});
}

int PostureRank(v1::PostureState state) {
  static constexpr v1::PostureState kWorstFirst[] = {
      v1::POSTURE_STATE_INFECTED, v1::POSTURE_STATE_OFF,          v1::POSTURE_STATE_ABSENT,
      v1::POSTURE_STATE_STALE,    v1::POSTURE_STATE_NOT_ENROLLED, v1::POSTURE_STATE_UNREACHABLE,
      v1::POSTURE_STATE_UNKNOWN,  v1::POSTURE_STATE_UP_TO_DATE};
  return static_cast<int>(std::find(std::begin(kWorstFirst), std::end(kWorstFirst), state) -
                          std::begin(kWorstFirst));
}

bool IsWaived(const v1::HostAntivirus& known, absl::Time now) {
  return !known.waived_by().empty() && now < TimeOf(known.waive_end_time());
}

HostPosture PostureOf(const v1::Host& host,
                      const v1::HostAntivirus& known,
                      const AntivirusPolicy& policy,
                      absl::Time now) {
  HostPosture posture;
  if (known.finding_count() > 0) {
    posture.state = v1::POSTURE_STATE_INFECTED;
    const v1::AntivirusFinding first =
        known.findings().empty() ? v1::AntivirusFinding() : known.findings(0);
    posture.why = absl::StrCat(
        first.signature(), " in ", first.path(),
        known.finding_count() > 1 ? absl::StrCat(" and ", known.finding_count() - 1, " more") : "");
    return posture;
  }
  if (host.has_manual()) return {v1::POSTURE_STATE_UNKNOWN, "it has no agent: a person must look"};
  posture = known.has_status_time() ? Best(known.status(), policy, now)
                                    : HostPosture{v1::POSTURE_STATE_UNKNOWN, "it was never asked"};
  if (host.online()) return posture;
  return {v1::POSTURE_STATE_UNREACHABLE,
          known.has_status_time()
              ? absl::StrCat("last asked ", Rough(now - TimeOf(known.status_time())),
                             " ago: ", posture.why)
              : "it was never asked",
          posture.state};
}

std::string RestoreBlocker(const v1::Host& host,
                           const v1::HostAntivirus& known,
                           const AntivirusPolicy& policy,
                           absl::Time now) {
  if (IsWaived(known, now)) return "";
  const HostPosture posture = PostureOf(host, known, policy, now);
  const v1::PostureState state =
      posture.state == v1::POSTURE_STATE_UNREACHABLE ? posture.before : posture.state;
  switch (state) {
    case v1::POSTURE_STATE_STALE:
    case v1::POSTURE_STATE_OFF:
    case v1::POSTURE_STATE_INFECTED:
      return absl::StrCat(PostureName(state), ": ", posture.why);
    default:
      return "";
  }
}

}  // namespace mailquench::controller
