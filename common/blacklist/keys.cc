#include "common/blacklist/keys.h"

#include <algorithm>
#include <cstddef>
#include <sstream>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "common/os/whole_file.h"
#include "common/status/error.h"

namespace mailquench::blacklist {
namespace {

constexpr std::size_t kLongestFile = 1 << 20;
constexpr std::size_t kLongestLabel = 63;  // RFC 1035 section 2.3.4.

bool IsKey(const std::string& key) {
  return !key.empty() && key.size() <= kLongestLabel &&
         std::all_of(key.begin(), key.end(),
                     [](unsigned char c) { return absl::ascii_isalnum(c) || c == '-'; });
}

}  // namespace

absl::StatusOr<Keys> ReadKeys(const std::string& path) {
  const absl::StatusOr<bool> exposed = os::OpenToOthers(path);
  if (!exposed.ok()) return Prepend(exposed.status(), "read the keys in");
  if (*exposed)
    return Error(absl::StatusCode::kPermissionDenied, "KEYS_EXPOSED",
                 absl::StrCat("others than its owner may read ", path,
                              "; no list was asked with these keys; ", os::HowToMakePrivate(path)));
  const absl::StatusOr<std::string> text = os::ReadWhole(path, kLongestFile);
  if (!text.ok()) return Prepend(text.status(), "read the keys in");
  std::istringstream file(*text);
  Keys keys;
  std::string line;
  for (int number = 1; std::getline(file, line); ++number) {
    const std::string bare(absl::StripAsciiWhitespace(line.substr(0, line.find('#'))));
    if (bare.empty()) continue;
    const std::vector<std::string> parts =
        absl::StrSplit(bare, absl::ByAnyChar(" \t"), absl::SkipEmpty());
    if (parts.size() != 2 || !IsKey(parts[1]))
      return Error(absl::StatusCode::kInvalidArgument, "BAD_KEYS",
                   absl::StrCat(path, ":", number,
                                ": a line is a zone and its key (one DNS label); no list was asked "
                                "with these keys"));
    keys[absl::AsciiStrToLower(parts[0])] = parts[1];
  }
  return keys;
}

absl::Status CheckKeyZones(const Catalogue& catalogue, const Keys& keys, const std::string& path) {
  for (const auto& [zone, key] : keys) {
    const List* list = catalogue.Find(zone);
    if (list != nullptr && list->key_first) continue;
    return Error(
        absl::StatusCode::kInvalidArgument, "BAD_KEYS",
        absl::StrCat(path, ": ", zone,
                     list == nullptr ? " is no list of the catalogue" : " is asked without a key",
                     "; no list was asked with these keys; give the list an entry with "
                     "'key: prefix', or take the line out"));
  }
  return absl::OkStatus();
}

std::string WithoutKeys(const Keys& keys, std::string text) {
  // The longest first: a key may begin with another one.
  std::vector<std::string> all;
  for (const auto& [zone, key] : keys) all.push_back(key);
  std::sort(all.begin(), all.end(),
            [](const std::string& a, const std::string& b) { return a.size() > b.size(); });
  for (const std::string& key : all) {
    const std::string lower = absl::AsciiStrToLower(key);
    for (std::size_t at = 0;;) {
      at = absl::AsciiStrToLower(text).find(lower, at);
      if (at == std::string::npos) break;
      text.replace(at, key.size(), "KEY");
      at += 3;
    }
  }
  return text;
}

}  // namespace mailquench::blacklist
