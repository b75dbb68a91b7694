// One round of questions about the fleet: asked, looked at twice where something new is said, and
// handed on.
#ifndef MAILQUENCH_CONTROLLER_BLACKLIST_SWEEPER_H_
#define MAILQUENCH_CONTROLLER_BLACKLIST_SWEEPER_H_

#include <functional>
#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/blacklist/resolver.h"
#include "common/blacklist/sweep.h"
#include "common/clock/clock.h"
#include "controller/blacklist/answer_memory.h"
#include "controller/blacklist/knowledge.h"
#include "controller/blacklist/listings.h"

namespace mailquench::controller {

struct SweepJob {
  std::vector<blacklist::Subject> subjects;
  std::vector<const blacklist::List*> lists;  // Of in_force.
  ListKnowledge::InForce in_force;
  bool allow_public = false;
  double share = 1.0;
  absl::Time ask_until = absl::InfiniteFuture();  // What is not asked by then is left out.
  blacklist::Wanted wanted;
  Listings::HostsOf hosts;                // Of the subjects that are the fleet's own.
  std::vector<blacklist::Subject> fleet;  // All of these: who else a new listing concerns.
  // Ask lists that are under suspicion, too, and see whether it still stands.
  bool look_again = false;
  // Each answer as it is believed in the end.
  std::function<void(const v1::BlacklistAnswer&)> on_answer;
};

// Thread-safe; what is given outlives it.
class Sweeper {
 public:
  Sweeper(ListKnowledge* knowledge,
          AnswerMemory* memory,
          Listings* listings,
          blacklist::Pacer* pacer,
          Clock* clock)
      : knowledge_(knowledge), memory_(memory), listings_(listings), pacer_(pacer), clock_(clock) {}

  // A list that says something new of one of ours is not believed at once: its health is tested
  // again, and it is asked about all of the fleet, so that one that lists everybody is seen for
  // what it is. Errors: the store's.
  absl::StatusOr<blacklist::SweepTotals> Run(blacklist::Resolver* resolver, const SweepJob& job);

  // Tests the health of these lists. One clause where it is the resolver that fails, which
  // ListKnowledge then knows; empty: it is as it should be.
  absl::StatusOr<std::string> Probe(blacklist::Resolver* resolver,
                                    const std::vector<const blacklist::List*>& lists,
                                    const ListKnowledge::InForce& in_force,
                                    bool allow_public);

 private:
  class Catch;
  absl::StatusOr<blacklist::SweepTotals> LookTwice(
      blacklist::Resolver* resolver,
      const SweepJob& job,
      const blacklist::SweepOptions& options,
      const std::set<std::string>& zones,
      const std::function<void(const blacklist::Check&)>& add);

  ListKnowledge* const knowledge_;
  AnswerMemory* const memory_;
  Listings* const listings_;
  blacklist::Pacer* const pacer_;
  Clock* const clock_;
};

}  // namespace mailquench::controller

#endif  // MAILQUENCH_CONTROLLER_BLACKLIST_SWEEPER_H_
