#include "common/yaml/strict.h"

#include "absl/strings/str_cat.h"
#include "common/status/error.h"

namespace mailquench::yaml {

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

}  // namespace mailquench::yaml
