// Sets one folder aside by renaming it, with an empty one like it in its place: in a time that does
// not depend on what it holds. Called again after a crash at any point each call completes what was
// begun. Nothing follows a link.
#ifndef MAILQUENCH_AGENT_MAIL_FOLDERS_FOLDER_SWAP_H_
#define MAILQUENCH_AGENT_MAIL_FOLDERS_FOLDER_SWAP_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "agent/mail/folders/disk.h"
#include "agent/mail/folders/quarantine_home.h"
#include "agent/mail/mail_system.h"

namespace mailquench::agent {

struct SwapOptions {
  absl::Duration busy_wait = absl::Seconds(10);  // For a folder that another program has open.
  absl::Duration between_tries = absl::Milliseconds(250);
};

// Not thread-safe. What it is given outlives it.
class FolderSwap {
 public:
  FolderSwap(const SwapOptions& options, const Disk& disk, const CallContext& context)
      : options_(options), disk_(disk), context_(context) {}

  // Makes the place and the empty folder; nothing of the original is touched. Error:
  // kFailedPrecondition/OTHER_FILE_SYSTEM.
  absl::Status Prepare(const Item& item, const FileIdentity& original) const;

  // The caller guarantees that nobody works in the folder. One that stays open in another program
  // is emptied file by file, and so is one whose label ends in kInside. Errors: kAborted/QUEUE_BUSY
  // (some files are left), kFailedPrecondition/QUEUE_CHANGED (somebody replaced the folder).
  absl::Status Take(const DirectoryIdentity& recorded, const Item& item) const;

  // Of what is set aside already: an empty folder in its place, where none is.
  absl::Status RefillTaken(const DirectoryIdentity& recorded, const Item& item) const;

 private:
  struct Pass;
  absl::Status MoveWaiting(const std::string& from, const std::string& to) const;
  absl::StatusOr<bool> Rename(const Item& item) const;
  absl::Status Refill(const Item& item) const;
  absl::StatusOr<Pass> MoveEach(const Item& item) const;
  absl::Status OneByOne(const Item& item) const;

  const SwapOptions& options_;
  const Disk& disk_;
  const CallContext& context_;
};

}  // namespace mailquench::agent

#endif  // MAILQUENCH_AGENT_MAIL_FOLDERS_FOLDER_SWAP_H_
