// Paths as settings of a mail system have them, of Windows or, in tests, of POSIX; UTF-8.
#ifndef MAILQUENCH_AGENT_MAIL_FOLDERS_PATHS_H_
#define MAILQUENCH_AGENT_MAIL_FOLDERS_PATHS_H_

#include <string>

namespace mailquench::agent {

// "C:\x", "\\server\x" or "/x".
bool IsAbsolutePath(const std::string& path);
// Without separators at its end, but for the root of a volume.
std::string Trimmed(std::string path);
// "" of a root.
std::string ParentOf(const std::string& path);
std::string JoinPath(const std::string& folder, const std::string& name);
// "%SystemDrive%\x" as this process' environment has it; an unknown name stays as it stands.
std::string ExpandVariables(const std::string& text);
// A name directly in a folder, and nothing else: no separator, no stream, no dots alone.
bool IsPlainName(const std::string& name);

}  // namespace mailquench::agent

#endif  // MAILQUENCH_AGENT_MAIL_FOLDERS_PATHS_H_
