// Many subjects at many lists: each question once, each answer judged and weighed by the list's
// health.
#ifndef MAILQUENCH_COMMON_BLACKLIST_SWEEP_H_
#define MAILQUENCH_COMMON_BLACKLIST_SWEEP_H_

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "common/blacklist/health.h"
#include "common/blacklist/pacer.h"
#include "common/blacklist/probe.h"
#include "common/blacklist/resolver.h"
#include "common/blacklist/subject.h"
#include "common/blacklist/verdict.h"

namespace mailquench::blacklist {

using HealthBook = std::map<std::string, ListHealth>;  // By zone.

// What one list says of one subject.
struct Check {
  const List* list = nullptr;
  const Subject* subject = nullptr;
  Finding finding;                 // Weighed.
  bool asked = false;              // False: what was known already was answer enough.
  Reply reply;                     // As it came, whatever it is worth.
  std::vector<std::string> texts;  // Reasons of a hit: TXT, bytes as they came.
  absl::Time time;
};

struct SweepOptions {
  Keys keys;
  bool allow_public = false;
  double share = 1.0;  // Of each quota that may be used.
  // No new question after this; the pairs that are left are not told of.
  absl::Time ask_until = absl::InfiniteFuture();
  // What is not answered by then is told as ERROR.
  absl::Time until = absl::InfiniteFuture();
};

struct SweepTotals {
  std::int64_t asked = 0;      // Address questions; TXT for hits comes on top.
  std::int64_t held_back = 0;  // Left out for a quota.
  absl::Duration took;
};

// Chooses among the pairs that the list covers.
using Wanted = std::function<bool(const List&, const Subject&)>;

// `on_check` gets each wanted pair once, in any order, from this call; what it points to is
// `lists`' and `subjects`'. A list that is quarantined, blocked or silent is not asked: its checks
// say so. Memory does not grow with the number of pairs.
SweepTotals RunSweep(Resolver* resolver,
                     Pacer* pacer,
                     const std::vector<Subject>& subjects,
                     const std::vector<const List*>& lists,
                     const HealthBook& health,
                     const SweepOptions& options,
                     const Wanted& wanted,
                     const std::function<void(const Check&)>& on_check);

// The findings of a subject that are one and the same, whichever zone shows them: "Spamhaus xbl".
std::vector<std::string> Components(const List& list, const Finding& finding);

}  // namespace mailquench::blacklist

#endif  // MAILQUENCH_COMMON_BLACKLIST_SWEEP_H_
