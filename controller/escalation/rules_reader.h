// Values of escalation.yaml, each read strictly: a wrong one is an error with its place.
#ifndef MAILQUENCH_CONTROLLER_ESCALATION_RULES_READER_H_
#define MAILQUENCH_CONTROLLER_ESCALATION_RULES_READER_H_

#include <cstdint>
#include <functional>
#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "common/yaml/strict.h"
#include "controller/escalation/rules.h"
#include "yaml-cpp/yaml.h"

namespace mailquench::controller {

// One map of the file. What is not in it leaves the value as it was, so that defaults stand in
// rules.h alone. Errors: kInvalidArgument/BAD_RULES, "FILE:LINE:COLUMN: what; the rules were not
// taken".
class RulesMap {
 public:
  RulesMap(const std::string& file, const YAML::Node& map) : file_(file), map_(map) {}

  // First: it is a map with these keys alone.
  absl::Status Keys(const std::set<std::string>& keys) const;
  bool Has(const std::string& key) const { return map_[key].IsDefined(); }
  YAML::Node Get(const std::string& key) const { return map_[key]; }
  RulesMap Map(const std::string& key) const { return {file_, map_[key]}; }
  const std::string& file() const { return file_; }

  absl::Status Text(const std::string& key, std::string* text) const;  // 1 to 500 bytes.
  absl::Status Flag(const std::string& key, bool* flag) const;
  absl::Status Number(const std::string& key, int least, int most, int* number) const;
  absl::Status Number(const std::string& key, std::int64_t least, std::int64_t* number) const;
  absl::Status Number(const std::string& key, double least, double* number) const;
  absl::Status Length(const std::string& key,
                      absl::Duration least,
                      absl::Duration most,
                      absl::Duration* length) const;
  // Each of a list; without a value there are none.
  absl::Status Each(const std::string& key,
                    const std::function<absl::Status(const YAML::Node&)>& read) const;
  // At the value of `key`, or where it is not there at the map.
  absl::Status Fault(const std::string& key, const std::string& what) const;

 private:
  const std::string& file_;
  const YAML::Node map_;
};

inline const yaml::Kind kRules = {"BAD_RULES", "the rules were not taken"};
// At `node`. The one place where errors of these files are made.
absl::Status RulesFault(const std::string& file, const YAML::Node& node, const std::string& what);

// Letters, digits, `.`, `-`, `_`; 64 bytes at most.
bool IsRuleName(const std::string& name);

// One entry of `rules`.
absl::Status ReadRule(const RulesMap& map, Rule* rule);
// One entry of `quiet_hours`, or of `bulk_mail`, which may name hosts.
absl::Status ReadWindow(const RulesMap& map, bool with_hosts, TimeWindow* window);

}  // namespace mailquench::controller

#endif  // MAILQUENCH_CONTROLLER_ESCALATION_RULES_READER_H_
