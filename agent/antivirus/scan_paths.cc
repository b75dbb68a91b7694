#include "agent/antivirus/scan_paths.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace mailquench::agent {
namespace {

bool HasDrive(const std::string& path) {
  return path.size() >= 2 && absl::ascii_isalpha(static_cast<unsigned char>(path[0])) &&
         path[1] == ':';
}

bool IsDots(const std::string& part) {
  return part == "." || part == "..";
}

bool IsOneName(const std::string& part) {
  return part.back() != '.' && part.back() != ' ' &&
         part.find_first_of("<>:\"|?*") == std::string::npos &&
         std::none_of(part.begin(), part.end(),
                      [](char c) { return static_cast<unsigned char>(c) < ' '; });
}

bool IsBelowDrive(const std::string& path, const std::string& root) {
  const std::vector<std::string> parts = WindowsParts(path);
  return HasDrive(path) && !parts.empty() && parts[0].size() == 2 &&
         std::all_of(parts.begin() + 1, parts.end(), IsOneName) && IsWithinWindows(path, root);
}
}  // namespace

std::vector<std::string> WindowsParts(absl::string_view path) {
  std::vector<std::string> parts = absl::StrSplit(path, absl::ByAnyChar("/\\"), absl::SkipEmpty());
  for (std::string& part : parts) absl::AsciiStrToLower(&part);
  return parts;
}

bool IsWithinWindows(const std::string& path, const std::string& folder) {
  const std::vector<std::string> inner = WindowsParts(path);
  const std::vector<std::string> outer = WindowsParts(folder);
  return outer.size() <= inner.size() && std::equal(outer.begin(), outer.end(), inner.begin());
}

bool IsBelowRoot(const std::string& path, const std::string& root) {
  if (HasDrive(root)) return IsBelowDrive(path, root);
  const std::vector<std::string> parts = absl::StrSplit(path, '/');
  if (std::any_of(parts.begin(), parts.end(), IsDots)) return false;
  if (root == "/") return absl::StartsWith(path, "/");
  return path == root || absl::StartsWith(path, absl::StrCat(root, "/"));
}

}  // namespace mailquench::agent
