#include "agent/mail/folders/paths.h"

#include <algorithm>
#include <cstdlib>

#include "absl/strings/ascii.h"

namespace mailquench::agent {
namespace {
bool IsSeparator(char c) {
  return c == '/' || c == '\\';
}

bool IsRoot(const std::string& path) {
  if (path.size() == 3 && path[1] == ':') return true;
  return path == "/" || path == "\\" || path == "\\\\";
}
}  // namespace

bool IsAbsolutePath(const std::string& path) {
  if (path.size() > 2 && path[1] == ':' && IsSeparator(path[2]))
    return absl::ascii_isalpha(static_cast<unsigned char>(path[0]));
  return path.rfind("\\\\", 0) == 0 || path.rfind('/', 0) == 0;
}

std::string Trimmed(std::string path) {
  while (!path.empty() && IsSeparator(path.back()) && !IsRoot(path)) path.pop_back();
  return path;
}

std::string ParentOf(const std::string& path) {
  const std::string trimmed = Trimmed(path);
  const std::size_t last = trimmed.find_last_of("/\\");
  if (last == std::string::npos || IsRoot(trimmed)) return "";
  const bool root = last == 0 || (last == 2 && trimmed[1] == ':');
  return trimmed.substr(0, root ? last + 1 : last);
}

std::string JoinPath(const std::string& folder, const std::string& name) {
  if (!folder.empty() && IsSeparator(folder.back())) return folder + name;
  return folder + (folder.find('\\') != std::string::npos ? "\\" : "/") + name;
}

std::string ExpandVariables(const std::string& text) {
  std::string out;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = text[at] == '%' ? text.find('%', at + 1) : std::string::npos;
    const char* value =
        end == std::string::npos ? nullptr : std::getenv(text.substr(at + 1, end - at - 1).c_str());
    if (value == nullptr) {
      out.push_back(text[at++]);
    } else {
      out += value;
      at = end + 1;
    }
  }
  return out;
}

bool IsPlainName(const std::string& name) {
  if (name.empty() || name.size() > 1024 || name == "." || name == "..") return false;
  return std::none_of(name.begin(), name.end(), [](unsigned char c) {
    return c == '/' || c == '\\' || c == ':' || c < 32 || c == 127;
  });
}

}  // namespace mailquench::agent
