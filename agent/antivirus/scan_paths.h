// Paths that are scanned on request, of either platform: told apart by the root, which is the
// host's own setting.
#ifndef MAILQUENCH_AGENT_ANTIVIRUS_SCAN_PATHS_H_
#define MAILQUENCH_AGENT_ANTIVIRUS_SCAN_PATHS_H_

#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace mailquench::agent {

// Whether `path` is `root` or below it, without "." and "..". Below a root with a drive, "D:\\x",
// the path is one of Windows: with either slash, in any case of ASCII, and without what Windows
// reads as another name: streams, wildcards, dots and spaces at the end.
bool IsBelowRoot(const std::string& path, const std::string& root);

// Of a path of Windows: its names, of ASCII in lower case.
std::vector<std::string> WindowsParts(absl::string_view path);
// Whether `path` is `folder` or lies below it.
bool IsWithinWindows(const std::string& path, const std::string& folder);

}  // namespace mailquench::agent

#endif  // MAILQUENCH_AGENT_ANTIVIRUS_SCAN_PATHS_H_
