// Where a command of somebody else may be let loose.
#ifndef MAILQUENCH_AGENT_ANTIVIRUS_SCAN_PLACE_H_
#define MAILQUENCH_AGENT_ANTIVIRUS_SCAN_PLACE_H_

#include <string>
#include <vector>

#include "absl/status/status.h"

namespace mailquench::agent {

// That `path`, absolute, is a file or a folder without a link in any component of it, and neither
// lies in one of the folders `left_out`, nor has one of them in it, by whatever name and mount: of
// a command that takes away what it finds. It is a look: whoever may rename folders above `path`
// can put a link there later. Errors: kFailedPrecondition/IS_LINK, /SCAN_PLACE_LEFT_OUT; those of
// the file system, as kNotFound.
absl::Status CheckScanPlace(const std::string& path, const std::vector<std::string>& left_out);

}  // namespace mailquench::agent

#endif  // MAILQUENCH_AGENT_ANTIVIRUS_SCAN_PLACE_H_
