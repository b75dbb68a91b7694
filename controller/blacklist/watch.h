// Asks the lists about the fleet, at the pace that the risk wants.
#ifndef MAILQUENCH_CONTROLLER_BLACKLIST_WATCH_H_
#define MAILQUENCH_CONTROLLER_BLACKLIST_WATCH_H_

#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/blacklist/pacer.h"
#include "controller/blacklist/answer_memory.h"
#include "controller/blacklist/fleet_subjects.h"
#include "controller/blacklist/knowledge.h"
#include "controller/blacklist/listings.h"
#include "controller/blacklist/schedule.h"
#include "controller/blacklist/sweeper.h"
#include "controller/fleet/hosts.h"
#include "controller/store/store.h"
#include "mailquench/v1/blacklist.pb.h"

namespace mailquench::controller {

struct WatchOptions {
  bool scheduled = true;               // False: nothing is asked but on request.
  std::vector<std::string> resolvers;  // Empty: those of /etc/resolv.conf.
  std::string lists;                   // The operator's own file; empty: none.
  std::string keys;                    // The same.
  bool allow_public = false;           // Ask public resolvers about lists that refuse those.
  bool with_private = false;           // Ask about private addresses, too: those of a lab.
  Paces paces;
  int source_port = 53;  // Of the lists' own name servers.
  ListingRules rules;
  std::function<void(const std::string&)> log;
};

// Thread-safe. What is given outlives it. What lists and resolvers fail to say is no error.
class BlacklistWatch {
 public:
  BlacklistWatch(Store* store, Hosts* hosts, Clock* clock, WatchOptions options);
  ~BlacklistWatch();

  // Takes up what the store has.
  absl::Status Start(Listings* listings);
  // A thread asks from now on what is due, where that is wanted. Ends with Stop().
  void Begin();
  void Stop();
  // Everything that is due now: the lists' health, the sweep, what their own servers say.
  absl::Status Tick();
  // Never null after Start().
  std::shared_ptr<const blacklist::Catalogue> Catalogue() { return knowledge_.now().catalogue; }

  using OnEvent = std::function<void(const v1::BlacklistCheckEvent&)>;
  // Blocks until it is done. Errors: those of the RPC Check, the store's.
  absl::Status Check(const v1::BlacklistCheckRequest& request, const OnEvent& on_event);
  absl::StatusOr<v1::BlacklistStatus> Status();
  absl::StatusOr<v1::ListBlacklistsResponse> Lists(const v1::ListBlacklistsRequest& request);
  absl::StatusOr<v1::SubjectExplanation> Explain(const v1::ExplainSubjectRequest& request);

 private:
  struct Fleet {
    std::vector<FleetSubject> all;
    std::vector<blacklist::Subject> asked;
    Listings::HostsOf hosts;
  };
  void Loop();
  Fleet FleetNow();
  absl::StatusOr<std::unique_ptr<blacklist::Resolver>> Ask(std::string* fault);
  absl::StatusOr<std::string> ProbeDue(blacklist::Resolver* resolver,
                                       const ListKnowledge::InForce& in_force);
  absl::Status SweepDue(blacklist::Resolver* resolver,
                        const ListKnowledge::InForce& in_force,
                        const Fleet& fleet);
  absl::Status LookAgain(blacklist::Resolver* resolver,
                         const ListKnowledge::InForce& in_force,
                         const Fleet& fleet);
  absl::Status AskSources(blacklist::Resolver* resolver, const ListKnowledge::InForce& in_force);
  absl::Status StoreUse();
  absl::Status RememberOpen();
  // Subjects with a host in a fire.
  std::set<std::string> Attacked(const Fleet& fleet);
  Pace PaceOf(const std::string& subject, const std::string& zone, bool attacked) const;
  v1::BlacklistInfo InfoOf(const blacklist::List& list, const blacklist::Keys& keys);
  absl::StatusOr<std::vector<blacklist::Subject>> Subjects(const v1::BlacklistCheckRequest& request,
                                                           const Fleet& fleet,
                                                           std::vector<std::string>* skipped);
  SweepJob JobFor(const ListKnowledge::InForce& in_force, const Fleet& fleet) const;

  Store* const store_;
  Hosts* const hosts_;
  Clock* const clock_;
  const WatchOptions options_;
  Listings* listings_ = nullptr;
  blacklist::Pacer pacer_;
  AnswerMemory memory_;
  ListKnowledge knowledge_;
  std::unique_ptr<Sweeper> sweeper_;

  std::mutex round_mu_;  // One round at a time.
  std::mutex mu_;
  std::map<std::pair<std::string, std::string>, std::int64_t> use_;  // Operator, day: not stored.
  absl::Time sweep_time_ = absl::InfinitePast();
  blacklist::SweepTotals sweep_;
  std::set<std::string> attacked_;  // As of the last sweep.
  absl::Time looked_again_ = absl::InfinitePast();
  std::map<std::string, absl::Time> asked_at_source_;  // By listing; of the round.
  std::condition_variable wake_;
  bool stopping_ = false;
  std::thread timer_;
};

}  // namespace mailquench::controller

#endif  // MAILQUENCH_CONTROLLER_BLACKLIST_WATCH_H_
