// Where the quarantines of one Postfix instance are: $queue_directory/.quarantine/ID, of root
// alone. One that was moved has only its manifest there.
#ifndef MAILQUENCH_AGENT_MAIL_POSTFIX_QUARANTINE_FOLDER_H_
#define MAILQUENCH_AGENT_MAIL_POSTFIX_QUARANTINE_FOLDER_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "agent/mail/postfix/instance.h"
#include "agent/mail/postfix/queue_dir.h"
#include "agent/quarantine/manifest.h"

namespace mailquench::agent::postfix {

inline constexpr char kQuarantines[] = ".quarantine";
inline constexpr char kSelected[] =
    "selected";  // What a selective quarantine took from the queues proper.

// Folders that hold messages in a quarantine, of either kind.
const std::vector<std::string>& QuarantinedQueues();
// Queues whose messages count as queued mail.
const std::vector<std::string>& LiveQueues();

// An existing quarantine, open. One that was never finished (a full disk, a deadline) is as good:
// what is in it is in it.
struct OpenQuarantine {
  std::string root;   // Of the queue.
  std::string path;   // Beside the queue, with the manifest.
  std::string place;  // Where its messages and lists are: the same, or on another volume.
  Fd queue;
  Fd folder;  // The place.
  Manifest manifest;
};
// Errors: kNotFound/UNKNOWN_QUARANTINE, those of ReadManifest() and OpenPlace().
absl::StatusOr<OpenQuarantine> OpenById(const Instance& instance, const std::string& quarantine_id);

// Makes the folder of a quarantine and the one above it, each of root alone.
absl::Status MakeFolder(const std::string& root, const std::string& quarantine_id);

// What a scan knew of messages that are not in it any more is forgotten, so that its counts are
// those of what is there. By whoever has LockScan().
absl::Status ForgetGone(const OpenQuarantine& quarantine);

absl::Status UnknownQuarantine(const std::string& quarantine_id);

}  // namespace mailquench::agent::postfix

#endif  // MAILQUENCH_AGENT_MAIL_POSTFIX_QUARANTINE_FOLDER_H_
