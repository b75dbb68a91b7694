#include "agent/antivirus/defender/exclusions.h"

#include <algorithm>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "agent/antivirus/antivirus.h"
#include "agent/antivirus/defender/wmi_values.h"
#include "agent/antivirus/scan_paths.h"

namespace mailquench::agent::defender {
namespace {
constexpr std::size_t kLongestPattern = 4096;

// `pattern` has "*" and "?". In time of their product at most.
bool Matches(absl::string_view pattern, absl::string_view name) {
  std::size_t at = 0;
  std::size_t in = 0;
  std::size_t star = absl::string_view::npos;
  std::size_t resume = 0;
  while (in < name.size()) {
    if (at < pattern.size() && (pattern[at] == '?' || pattern[at] == name[in])) {
      ++at;
      ++in;
    } else if (at < pattern.size() && pattern[at] == '*') {
      star = at++;
      resume = in;
    } else if (star != absl::string_view::npos) {
      at = star + 1;
      in = ++resume;
    } else {
      return false;
    }
  }
  while (at < pattern.size() && pattern[at] == '*') ++at;
  return at == pattern.size();
}

bool IsAbove(std::vector<std::string> pattern, const std::vector<std::string>& folder) {
  // "C:\\x\\*" is what is in x, as "C:\\x" is.
  if (pattern.size() > 1 && pattern.back() == "*") pattern.pop_back();
  return !pattern.empty() && pattern.size() <= folder.size() &&
         std::equal(pattern.begin(), pattern.end(), folder.begin(), Matches);
}

// Not what a path may begin with.
bool IsRefusal(const std::string& text) {
  return absl::StartsWith(text, "N/A:");
}
}  // namespace

Exclusions ExclusionsOf(const WmiRow& preference) {
  Exclusions out;
  for (const auto& [name, word] :
       {std::pair("ExclusionPath", "path"), std::pair("ExclusionExtension", "extension"),
        std::pair("ExclusionProcess", "process"), std::pair("ExclusionIpAddress", "address")}) {
    for (const std::string& one : TextsOf(preference, name)) {
      if (IsRefusal(one)) {
        out.hidden = true;
        continue;
      }
      ++out.count;
      if (out.words.size() < kMaxExclusions)
        out.words.push_back(Shown(absl::StrCat(word, " ", one), kMaxPath));
      if (name == absl::string_view("ExclusionPath") && one.size() <= kLongestPattern)
        out.paths.push_back(one);
    }
  }
  return out;
}

bool Covers(const Exclusions& exclusions, const std::string& folder) {
  const std::vector<std::string> parts = WindowsParts(folder);
  return std::any_of(exclusions.paths.begin(), exclusions.paths.end(),
                     [&](const std::string& one) { return IsAbove(WindowsParts(one), parts); });
}

}  // namespace mailquench::agent::defender
