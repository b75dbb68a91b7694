// How often a peer may fail to show a token before it is only told to wait.
#ifndef MAILQUENCH_CONTROLLER_ESCALATION_FAILURE_LIMIT_H_
#define MAILQUENCH_CONTROLLER_ESCALATION_FAILURE_LIMIT_H_

#include <cstddef>
#include <list>
#include <map>
#include <mutex>
#include <string>

#include "absl/time/time.h"

namespace mailquench::controller {

// After ten failures of a peer (controller/http/peers.h) within a minute it is limited for a
// minute. Remembers 4,096 peers: of more, the one that has not failed for longest is forgotten,
// which only spares it. Thread-safe.
class FailureLimit {
 public:
  static constexpr int kFailures = 10;
  static constexpr absl::Duration kWindow = absl::Minutes(1);
  static constexpr std::size_t kPeers = 4096;

  // Counts a failure. For how long the peer is limited from now on; zero: it is not.
  absl::Duration Fail(const std::string& address, absl::Time now);
  std::size_t Peers();

 private:
  struct Peer {
    std::string group;
    absl::Time begin;  // Of its window.
    int failures = 0;
    absl::Time limited_until = absl::InfinitePast();
  };
  Peer& Find(const std::string& group);

  std::mutex mu_;
  std::list<Peer> peers_;  // The one that failed last is the first.
  std::map<std::string, std::list<Peer>::iterator> by_group_;
};

}  // namespace mailquench::controller

#endif  // MAILQUENCH_CONTROLLER_ESCALATION_FAILURE_LIMIT_H_
