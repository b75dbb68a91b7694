// Where the messages of a quarantine are: beside the queue, or on another volume after a move. The
// manifest, which stays beside the queue, decides; every reader comes through here.
#ifndef MAILQUENCH_AGENT_QUARANTINE_PLACE_H_
#define MAILQUENCH_AGENT_QUARANTINE_PLACE_H_

#include <string>

#include "absl/status/statusor.h"
#include "agent/quarantine/manifest.h"

namespace mailquench::agent {

// `home` is the quarantine's own folder.
std::string PlaceOf(const std::string& home, const Manifest& manifest);

// The folder of the messages, open; the caller closes it. Errors: kFailedPrecondition/
// QUARANTINE_AWAY (what the manifest names is not there, or is another one's: a volume that is not
// mounted), kDataLoss/BAD_MANIFEST, those of the file system.
absl::StatusOr<int> OpenPlace(const std::string& home, const Manifest& manifest);

}  // namespace mailquench::agent

#endif  // MAILQUENCH_AGENT_QUARANTINE_PLACE_H_
