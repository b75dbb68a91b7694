// Moves a quarantine to another file system, and back. At every moment it is whole in the place
// that its manifest names: that one is written atomically once the copy is on the disk, and before
// the first original is removed.
#ifndef MAILQUENCH_AGENT_QUARANTINE_RELOCATE_H_
#define MAILQUENCH_AGENT_QUARANTINE_RELOCATE_H_

#include <cstdint>
#include <functional>
#include <string>

#include "absl/status/statusor.h"
#include "agent/quarantine/manifest.h"
#include "agent/quarantine/tree.h"

namespace mailquench::agent {

struct Relocation {
  std::string home;            // The quarantine's own folder, with the manifest.
  std::string root;            // kHome, or an existing folder: it goes to ROOT/ID.
  std::int64_t keep_free = 0;  // Bytes that must stay free, for a move home.
  StillTime still_time;        // Its error ends the move.
  std::function<void(const std::string&)> progress;
};

struct Relocated {
  Manifest manifest;
  std::string from;  // The place that it left; empty where it was there already.
  TreeSize size;
  std::int64_t free_bytes = 0;  // At the target.
};

// What Relocate() would do; touches nothing. Errors beside those of the file system, all
// kFailedPrecondition: /NO_SUCH_DIRECTORY, /UNSAFE_DIRECTORY (others may write to it),
// /SAME_FILE_SYSTEM, /TARGET_TAKEN, /NO_ROOM, and those of OpenPlace().
absl::StatusOr<Relocated> PreviewRelocation(const Relocation& relocation);

// Called again after a crash at any point it completes what was begun; called when all is done it
// changes nothing. The caller guarantees that nobody else changes the quarantine. Where it fails
// before the manifest is written, nothing has changed, and the copy is removed but where still_time
// ended it. Errors beside those
// above: kResourceExhausted/TARGET_FULL, kAborted/QUARANTINE_CHANGED, those of `still_time`.
absl::StatusOr<Relocated> Relocate(const Relocation& relocation);

}  // namespace mailquench::agent

#endif  // MAILQUENCH_AGENT_QUARANTINE_RELOCATE_H_
