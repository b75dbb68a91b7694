// Sets whole directories aside in constant time: each is exchanged with an empty one of the same
// owner and mode.
#ifndef MAILQUENCH_AGENT_QUARANTINE_SWAP_H_
#define MAILQUENCH_AGENT_QUARANTINE_SWAP_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "agent/quarantine/manifest.h"

namespace mailquench::agent {

struct SwapRequest {
  std::string root;    // Holds `directories`.
  std::string folder;  // Of the quarantine, on the same file system; made when missing.
  std::vector<std::string> directories;  // Plain names below `root`.
  // Owner and mode of a directory that `root` lacks, by name index; used when it has to be made.
  struct Fallback {
    unsigned owner = 0;
    unsigned group = 0;
    unsigned mode = 0700;
  };
  std::vector<Fallback> fallbacks;  // As many as `directories`.
  Manifest manifest;                // What is to be recorded; originals are filled in.
  bool can_exchange = true;         // false: as on a file system without RENAME_EXCHANGE.
};

// Called again after a crash at any point it completes what was begun; called when all is done it
// changes nothing. The caller guarantees that nobody works in the directories. `swap_time`: first
// rename to last fsync. Errors: kFailedPrecondition/NOT_A_DIRECTORY, /OTHER_FILE_SYSTEM,
// /QUEUE_CHANGED, /QUARANTINE_MOVED; those of the file system.
absl::StatusOr<Manifest> SwapDirectories(const SwapRequest& request, absl::Duration* swap_time);

}  // namespace mailquench::agent

#endif  // MAILQUENCH_AGENT_QUARANTINE_SWAP_H_
