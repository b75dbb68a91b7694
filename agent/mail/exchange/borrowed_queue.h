// The place of the present queue lent to another database, and given back. Everything is beside the
// queue, in "mailquench-isolated", so that all goes by renaming; what is there tells how far it
// came.
#ifndef MAILQUENCH_AGENT_MAIL_EXCHANGE_BORROWED_QUEUE_H_
#define MAILQUENCH_AGENT_MAIL_EXCHANGE_BORROWED_QUEUE_H_

#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "agent/mail/folders/disk.h"
#include "agent/mail/folders/folder_swap.h"
#include "agent/mail/folders/quarantine_home.h"
#include "agent/mail/mail_system.h"

namespace mailquench::agent::exchange {

// Transport is stopped at each call. Errors: those of the disk and of CheckTime().
class BorrowedQueue {
 public:
  // Label and path of each folder. What it is given outlives it.
  BorrowedQueue(const std::vector<std::pair<std::string, std::string>>& folders,
                const SwapOptions& swap,
                const Disk& disk,
                const CallContext& context)
      : folders_(folders), swap_(swap), disk_(disk), context_(context) {}

  // Copies what is set aside; Transport may run. kFailedPrecondition/NO_ROOM, /OTHER_FILE_SYSTEM (a
  // volume is mounted at a folder, which cannot be renamed).
  absl::Status MakeCopy(const OpenQuarantine& open) const;
  // The present folders out of the way, empty ones in their place.
  absl::Status PutAside() const;
  // The copies in the place of what is there.
  absl::Status PutIn() const;
  // The present folders where they were, from wherever it stopped; what was in their place is
  // deleted, or, where mail may be in it, kept beside them and named in *kept.
  absl::Status PutBack(bool keep, std::string* kept) const;

 private:
  absl::Status Move(const std::string& from, const std::string& to) const;
  absl::Status Delete(const std::string& folder) const;

  const std::vector<std::pair<std::string, std::string>>& folders_;
  const SwapOptions& swap_;
  const Disk& disk_;
  const CallContext& context_;
};

}  // namespace mailquench::agent::exchange

#endif  // MAILQUENCH_AGENT_MAIL_EXCHANGE_BORROWED_QUEUE_H_
