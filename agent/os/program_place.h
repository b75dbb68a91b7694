// Where a program lies that a service runs. Windows alone.
#ifndef MAILQUENCH_AGENT_OS_PROGRAM_PLACE_H_
#define MAILQUENCH_AGENT_OS_PROGRAM_PLACE_H_

#include <string>

#include "absl/status/status.h"

namespace mailquench::agent {

// OK where nobody but SYSTEM, the administrators, the system's installer and, since he is an
// administrator where he makes services, this process' user can put something else in the place of
// `program` (a full path of a drive): by itself, its folder and those above it up to the drive.
// Errors: kFailedPrecondition/PROGRAM_NOT_SAFE, NOT_A_DIRECTORY (a link on the way),
// NOT_A_REGULAR_FILE; those of the file system.
absl::Status CheckProgramPlace(const std::string& program);

}  // namespace mailquench::agent

#endif  // MAILQUENCH_AGENT_OS_PROGRAM_PLACE_H_
