// A message's way through a folder that Transport watches: Replay or Pickup.
#ifndef MAILQUENCH_AGENT_MAIL_EXCHANGE_REPLAY_H_
#define MAILQUENCH_AGENT_MAIL_EXCHANGE_REPLAY_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace mailquench::agent::exchange {

// A message on its way, at most once: its source is put away under another name before the file in
// the watched folder gets the name that Transport looks for.
struct Parcel {
  std::string source;  // In the quarantine; SOURCE.sent while it is on its way.
  std::string folder;  // The watched one; "": none is.
  std::string stem;    // Of the file's name there; the same each time, and no other's.
  // Where the watched folder, or its files, may be since: set aside in other quarantines.
  std::vector<std::string> aside;
};

enum class ParcelState {
  kHere,      // In the quarantine.
  kWaiting,   // In the watched folder.
  kAtWork,    // Transport has renamed it, and delivers or refuses it.
  kTaken,     // Transport has deleted it, which it does after it has queued it.
  kRefused,   // .bad
  kAside,     // In a folder that was set aside, and whole.
  kCutShort,  // So, while Transport was at work on it: queued or not, nobody knows.
  kLost,      // Not found, and the folder that it was in is not found either: nobody knows.
};

// SOURCE.sent, SOURCE.folder (where it was sent), SOURCE.unsure (it may have been delivered).
inline constexpr char kSent[] = ".sent", kFolderNote[] = ".folder", kUnsureMark[] = ".unsure";

// Puts it there, or goes on where a crash cut that short. `content` is what it shall hold.
absl::Status Post(const Parcel& parcel, const std::string& content);
// Errors: those of the disk, after which nothing is known. Who deletes a file out of the watched
// folder by hand has taken it, as far as can be seen.
absl::StatusOr<ParcelState> Look(const Parcel& parcel);
// Whether Post() was begun.
bool IsSent(const Parcel& parcel);
// Of a taken one: it is gone from the quarantine.
absl::Status Forget(const Parcel& parcel);
// Into the quarantine, of one of which nobody knows what became: marked as unsure first, so that a
// release leaves it alone until a person has chosen. So none is lost, and none sent twice unasked.
absl::Status PutBackUnsure(const Parcel& parcel);
// Of a waiting, refused or set aside one. False: Transport has it by now.
absl::StatusOr<bool> TakeBack(const Parcel& parcel);

}  // namespace mailquench::agent::exchange

#endif  // MAILQUENCH_AGENT_MAIL_EXCHANGE_REPLAY_H_
