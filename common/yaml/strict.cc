#include "common/yaml/strict.h"

#include "absl/strings/str_cat.h"
#include "common/status/error.h"

namespace mailquench::yaml {
namespace {

constexpr int kMostLevels = 64;
constexpr int kMostNodes = 200000;

// Where it is too deep or too large; null mark: nowhere.
YAML::Mark TooMuch(const YAML::Node& node, int level, int* left) {
  if (level > kMostLevels || --*left < 0) return node.Mark();
  YAML::Mark at = YAML::Mark::null_mark();
  for (auto entry = node.begin(); entry != node.end() && at.is_null(); ++entry) {
    if (node.IsMap()) at = TooMuch(entry->first, level + 1, left);
    if (at.is_null()) at = TooMuch(node.IsMap() ? entry->second : *entry, level + 1, left);
  }
  return at;
}

}  // namespace

absl::Status Fault(const Kind& kind,
                   const std::string& file,
                   YAML::Mark at,
                   const std::string& what) {
  if (at.is_null()) at = YAML::Mark();  // Of an empty document: its beginning.
  return Error(
      absl::StatusCode::kInvalidArgument, kind.reason,
      absl::StrCat(file, ":", at.line + 1, ":", at.column + 1, ": ", what, "; ", kind.left_off));
}

absl::Status OnlyKeys(const Kind& kind,
                      const YAML::Node& map,
                      const std::string& file,
                      const std::set<std::string>& keys) {
  if (!map || !map.IsMap())
    return Fault(kind, file, map ? map.Mark() : YAML::Mark(), "a map is wanted here");
  std::set<std::string> seen;
  for (const auto& entry : map) {
    const std::string key = entry.first.IsScalar() ? entry.first.Scalar() : "?";
    if (keys.count(key) == 0)
      return Fault(kind, file, entry.first.Mark(), absl::StrCat("unknown key '", key, "'"));
    if (!seen.insert(key).second)
      return Fault(kind, file, entry.first.Mark(), absl::StrCat("'", key, "' twice"));
  }
  return absl::OkStatus();
}

absl::Status Bounded(const Kind& kind, const YAML::Node& root, const std::string& file) {
  int left = kMostNodes;
  const YAML::Mark at = TooMuch(root, 0, &left);
  if (at.is_null()) return absl::OkStatus();
  return Fault(kind, file, at,
               absl::StrCat("more than ", kMostLevels, " levels or ", kMostNodes,
                            " values, with what aliases stand for"));
}

}  // namespace mailquench::yaml
