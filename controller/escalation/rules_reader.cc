#include "controller/escalation/rules_reader.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "common/operation/duration.h"
#include "common/status/error.h"

namespace mailquench::controller {

absl::Status RulesFault(const std::string& file, const YAML::Node& node, const std::string& what) {
  return yaml::Fault(kRules, file, node ? node.Mark() : YAML::Mark(), what);
}

bool IsRuleName(const std::string& name) {
  return !name.empty() && name.size() <= 64 &&
         std::all_of(name.begin(), name.end(), [](unsigned char c) {
           return absl::ascii_isalnum(c) || c == '.' || c == '-' || c == '_';
         });
}

absl::Status RulesMap::Keys(const std::set<std::string>& keys) const {
  return yaml::OnlyKeys(kRules, map_, file_, keys);
}

absl::Status RulesMap::Fault(const std::string& key, const std::string& what) const {
  return RulesFault(file_, Has(key) ? map_[key] : map_, absl::StrCat("'", key, "' ", what));
}

absl::Status RulesMap::Text(const std::string& key, std::string* text) const {
  if (!Has(key)) return absl::OkStatus();
  constexpr std::size_t kMost = 500;
  const YAML::Node node = map_[key];
  if (!node.IsScalar() || node.Scalar().empty() || node.Scalar().size() > kMost)
    return Fault(key, absl::StrCat("is a text of 1 to ", kMost, " bytes"));
  *text = node.Scalar();
  return absl::OkStatus();
}

absl::Status RulesMap::Flag(const std::string& key, bool* flag) const {
  if (!Has(key)) return absl::OkStatus();
  if (!YAML::convert<bool>::decode(map_[key], *flag)) return Fault(key, "is true or false");
  return absl::OkStatus();
}

absl::Status RulesMap::Number(const std::string& key, int least, int most, int* number) const {
  if (!Has(key)) return absl::OkStatus();
  const YAML::Node node = map_[key];
  if (!node.IsScalar() || !absl::SimpleAtoi(node.Scalar(), number) || *number < least ||
      *number > most)
    return Fault(key, absl::StrCat("is a whole number from ", least, " to ", most));
  return absl::OkStatus();
}

absl::Status RulesMap::Number(const std::string& key,
                              std::int64_t least,
                              std::int64_t* number) const {
  if (!Has(key)) return absl::OkStatus();
  const YAML::Node node = map_[key];
  if (!node.IsScalar() || !absl::SimpleAtoi(node.Scalar(), number) || *number < least)
    return Fault(key, absl::StrCat("is a whole number, ", least, " or more"));
  return absl::OkStatus();
}

absl::Status RulesMap::Number(const std::string& key, double least, double* number) const {
  if (!Has(key)) return absl::OkStatus();
  const YAML::Node node = map_[key];
  if (!node.IsScalar() || !absl::SimpleAtod(node.Scalar(), number) || !std::isfinite(*number) ||
      *number < least)
    return Fault(key, absl::StrCat("is a number, ", least, " or more"));
  return absl::OkStatus();
}

absl::Status RulesMap::Length(const std::string& key,
                              absl::Duration least,
                              absl::Duration most,
                              absl::Duration* length) const {
  if (!Has(key)) return absl::OkStatus();
  const YAML::Node node = map_[key];
  const absl::StatusOr<absl::Duration> read =
      node.IsScalar() ? ParseDuration(node.Scalar())
                      : absl::StatusOr<absl::Duration>(absl::InvalidArgumentError("no text"));
  if (!read.ok() || *read < least || *read > most)
    return Fault(key, absl::StrCat("is a length of time from ", absl::FormatDuration(least), " to ",
                                   absl::FormatDuration(most), ", such as 90s, 15m or 1h30m"));
  *length = *read;
  return absl::OkStatus();
}

absl::Status RulesMap::Each(const std::string& key,
                            const std::function<absl::Status(const YAML::Node&)>& read) const {
  const YAML::Node list = map_[key];
  // All of its entries commented out: none.
  if (!list.IsDefined() || list.IsNull()) return absl::OkStatus();
  if (!list.IsSequence()) return Fault(key, "is a list");
  for (const YAML::Node& item : list) MQ_RETURN_IF_ERROR(read(item));
  return absl::OkStatus();
}

}  // namespace mailquench::controller
