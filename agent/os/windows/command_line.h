// Arguments as one text, as Windows hands them to programs.
#ifndef MAILQUENCH_AGENT_OS_WINDOWS_COMMAND_LINE_H_
#define MAILQUENCH_AGENT_OS_WINDOWS_COMMAND_LINE_H_

#include <string>
#include <vector>

namespace mailquench::agent {

// From which CommandLineToArgvW() and the C runtime make the same arguments again
// (learn.microsoft.com/windows/win32/api/shellapi/nf-shellapi-commandlinetoargvw). Not for cmd.exe,
// which has rules of its own.
std::wstring CommandLine(const std::vector<std::string>& argv);

}  // namespace mailquench::agent

#endif  // MAILQUENCH_AGENT_OS_WINDOWS_COMMAND_LINE_H_
