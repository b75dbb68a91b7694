// What a child process finds: the program, its folders, its environment.
#ifndef MAILQUENCH_AGENT_OS_WINDOWS_SURROUNDINGS_H_
#define MAILQUENCH_AGENT_OS_WINDOWS_SURROUNDINGS_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace mailquench::agent {

std::wstring SystemFolder();  // "C:\Windows\System32"

// A program by its path, or by its name in the system's folders alone: never in the current one.
// Errors: kNotFound, kInvalidArgument (a batch file).
absl::StatusOr<std::wstring> LocateProgram(const std::string& program);

// For CreateProcessW(): what programs of the system cannot do without, a fixed PATH, and `more`
// ("NAME=value"), sorted by name without regard to case.
std::wstring EnvironmentBlock(const std::vector<std::string>& more);

// The same of all that this process has itself, and `more`.
std::wstring InheritedEnvironmentBlock(const std::vector<std::string>& more);

}  // namespace mailquench::agent

#endif  // MAILQUENCH_AGENT_OS_WINDOWS_SURROUNDINGS_H_
