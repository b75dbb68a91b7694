// How many questions each operator of lists may be asked: his rate and his daily quota.
#ifndef MAILQUENCH_COMMON_BLACKLIST_PACER_H_
#define MAILQUENCH_COMMON_BLACKLIST_PACER_H_

#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <string>

#include "absl/time/time.h"
#include "common/blacklist/catalogue.h"

namespace mailquench::blacklist {

// The day of a quota, in UTC: "2026-11-25".
std::string QuotaDay(absl::Time now);

// Thread-safe. Rate and quota are the operator's, over all of his zones; each zone's own figures
// are held against what all of them have used.
class Pacer {
 public:
  // Told of each question, so that somebody can keep it over a restart: operator, day.
  using OnUse = std::function<void(const std::string&, const std::string&)>;
  explicit Pacer(OnUse on_use = nullptr) : on_use_(std::move(on_use)) {}

  // When the next question may go to this list: `now` or earlier, at once; absl::InfiniteFuture():
  // not today. `share` of the quota may be used: what is urgent keeps the rest.
  absl::Time Next(const List& list, absl::Time now, double share = 1.0) const;
  void Took(const List& list, absl::Time now);

  // What was used before a restart; adds up.
  void Restore(const std::string& operator_name, const std::string& day, std::int64_t used);
  std::int64_t Used(const std::string& operator_name, absl::Time now) const;

 private:
  struct Account {
    std::string day;
    std::int64_t used = 0;
    absl::Time next = absl::InfinitePast();
  };
  mutable std::mutex mu_;
  std::map<std::string, Account> accounts_;  // By operator.
  const OnUse on_use_;
};

}  // namespace mailquench::blacklist

#endif  // MAILQUENCH_COMMON_BLACKLIST_PACER_H_
