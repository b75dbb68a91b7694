// Which refusals of a peer the log has a line for: enough to find a peer with an old token, and
// never so many that whoever knocks fills the disk.
#ifndef MAILQUENCH_CONTROLLER_ESCALATION_FAILURE_LOG_H_
#define MAILQUENCH_CONTROLLER_ESCALATION_FAILURE_LOG_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>

#include "absl/time/time.h"

namespace mailquench::controller {

// The first refusal of a peer (controller/http/peers.h) has a line, then one a minute, with how
// many there were. All peers together have 60 lines a minute. Remembers 4,096 peers; more are
// forgotten, the oldest line first, and begin anew. Thread-safe.
class FailureLog {
 public:
  static constexpr absl::Duration kEach = absl::Minutes(1);
  static constexpr int kLines = 60;
  static constexpr std::size_t kPeers = 4096;

  // Counts a refusal. How many a line is to name, those since the last one; 0: no line now.
  std::int64_t Count(const std::string& address, absl::Time now);

 private:
  struct Peer {
    absl::Time told = absl::InfinitePast();
    std::int64_t untold = 0;
  };
  Peer& Find(const std::string& group);
  bool MayTell(absl::Time now);

  std::mutex mu_;
  std::map<std::string, Peer> peers_;
  absl::Time begin_ = absl::InfinitePast();  // Of the minute that lines_ were written in.
  int lines_ = 0;
};

}  // namespace mailquench::controller

#endif  // MAILQUENCH_CONTROLLER_ESCALATION_FAILURE_LOG_H_
