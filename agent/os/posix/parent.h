// The folder that a path names something in.
#ifndef MAILQUENCH_AGENT_OS_POSIX_PARENT_H_
#define MAILQUENCH_AGENT_OS_POSIX_PARENT_H_

#include <string>

namespace mailquench::agent {

// "." of a name alone, "/" of what is in the root.
inline std::string Parent(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

}  // namespace mailquench::agent

#endif  // MAILQUENCH_AGENT_OS_POSIX_PARENT_H_
