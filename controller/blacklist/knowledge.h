// What is known of the lists themselves: the catalogue in force, keys, which resolvers and which
// lists are to be believed.
#ifndef MAILQUENCH_CONTROLLER_BLACKLIST_KNOWLEDGE_H_
#define MAILQUENCH_CONTROLLER_BLACKLIST_KNOWLEDGE_H_

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "common/blacklist/catalogue.h"
#include "common/blacklist/probe.h"
#include "common/blacklist/resolver.h"
#include "common/blacklist/sweep.h"
#include "controller/store/store.h"
#include "mailquench/v1/blacklist.pb.h"

namespace mailquench::controller {

struct KnowledgeOptions {
  std::vector<std::string> resolvers;  // Empty: those of /etc/resolv.conf.
  std::string lists;                   // The operator's own file; empty: none.
  std::string keys;                    // The same.
  // Whoever keeps listings is told of each change of a list's health. Never under a lock.
  std::function<absl::Status(const std::string& zone, const v1::BlacklistHealth&)> on_health;
  std::function<void(const std::string&)> log;  // One sentence a change; never under a lock.
};

// Thread-safe.
class ListKnowledge {
 public:
  ListKnowledge(Store* store, KnowledgeOptions options)
      : store_(store), options_(std::move(options)) {}

  // Reads the files, and what the store has of health. A file that is broken is no error: what was
  // in force stays (at first the built-in catalogue), and fault() says why.
  absl::Status Start();
  // Reads the files again where they have changed.
  void Reload();

  struct InForce {
    std::shared_ptr<const blacklist::Catalogue> catalogue;  // Never null after Start().
    blacklist::Keys keys;
    // Those that are asked by themselves: on, against something, and with their key where they
    // want one. They point into the catalogue.
    std::vector<const blacklist::List*> enabled;
  };
  InForce now();
  std::string fault();

  // With the servers to ask, tested at most once a minute; none: none is to be believed.
  blacklist::ResolverOptions Resolvers(absl::Time now);
  std::string resolver_fault();
  // The lists have shown it: no server is asked for some seconds, then they are tested again.
  void ResolverFailed(const std::string& fault, absl::Time now);
  // A few lists of other operators that were well when they were last tested.
  std::vector<const blacklist::List*> Witnesses(const InForce& in_force,
                                                const std::vector<const blacklist::List*>& tested);

  // As the health tests have it; and with suspicions over it.
  blacklist::HealthBook TestedBook();
  blacklist::HealthBook Book();
  std::vector<std::string> Suspected();
  blacklist::ListHealth Of(const std::string& zone);
  absl::Status Took(const blacklist::List& list, const blacklist::Probe& probe);
  // A list that lists the fleet at once and alone is not believed, for a day at most: then it may
  // be right. `why` by zone; a zone of `looked_at` without one is suspected no more.
  absl::Status Suspect(const std::vector<std::string>& looked_at,
                       const std::map<std::string, std::string>& why,
                       absl::Time now);

 private:
  struct File {
    std::string stamp;  // Size and time of what was read last; empty: never.
  };
  struct Suspicion {
    absl::Time since;
    std::string why;
    bool believed = false;  // It lasted for too long.
  };
  bool Changed(const std::string& path, File* file) const;
  blacklist::ListHealth Shown(const std::string& zone) const;  // Under the lock.
  absl::Status Tell(const std::string& zone, const blacklist::ListHealth& health);
  void Say(const std::string& text) const;

  Store* const store_;
  const KnowledgeOptions options_;
  std::mutex mu_;
  std::shared_ptr<const blacklist::Catalogue> catalogue_;
  blacklist::Keys keys_;
  std::string fault_, resolver_fault_;
  File lists_file_, keys_file_;
  absl::Time servers_tested_ = absl::InfinitePast();
  std::vector<std::string> servers_;
  bool random_case_ = true;
  blacklist::HealthBook health_;
  std::map<std::string, Suspicion> suspicions_;
};

}  // namespace mailquench::controller

#endif  // MAILQUENCH_CONTROLLER_BLACKLIST_KNOWLEDGE_H_
