#include "common/blacklist/pacer.h"

#include <algorithm>

namespace mailquench::blacklist {
namespace {}  // namespace

std::string QuotaDay(absl::Time now) {
  return absl::FormatTime("%Y-%m-%d", now, absl::UTCTimeZone());
}

absl::Time Pacer::Next(const List& list, absl::Time now, double share) const {
  if (list.per_day == 0 && list.per_second == 0) return absl::InfinitePast();
  const std::lock_guard<std::mutex> lock(mu_);
  const auto at = accounts_.find(list.operator_name);
  if (at == accounts_.end()) return absl::InfinitePast();
  const Account& account = at->second;
  const std::int64_t used = account.day == QuotaDay(now) ? account.used : 0;
  if (list.per_day > 0 && static_cast<double>(used) >= static_cast<double>(list.per_day) * share)
    return absl::InfiniteFuture();
  if (list.per_second <= 0) return absl::InfinitePast();
  // Never longer than one gap: the clock may have been set back.
  return std::min(account.next, now + absl::Seconds(1 / list.per_second));
}

void Pacer::Took(const List& list, absl::Time now) {
  const std::string day = QuotaDay(now);
  {
    const std::lock_guard<std::mutex> lock(mu_);
    Account& account = accounts_[list.operator_name];
    if (account.day != day) {
      account.day = day;
      account.used = 0;
    }
    ++account.used;
    if (list.per_second > 0) {
      account.next = now + absl::Seconds(1 / list.per_second);
    }
  }
  if (on_use_) on_use_(list.operator_name, day);
}

void Pacer::Restore(const std::string& operator_name, const std::string& day, std::int64_t used) {
  const std::lock_guard<std::mutex> lock(mu_);
  Account& account = accounts_[operator_name];
  if (account.day != day) account.used = 0;
  account.day = day;
  account.used += used;
}

std::int64_t Pacer::Used(const std::string& operator_name, absl::Time now) const {
  const std::lock_guard<std::mutex> lock(mu_);
  const auto at = accounts_.find(operator_name);
  return at != accounts_.end() && at->second.day == QuotaDay(now) ? at->second.used : 0;
}

}  // namespace mailquench::blacklist
