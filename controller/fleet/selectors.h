// Which hosts: `role=edge,site in (fra,ams),env!=test,canary,!canary`. A comma is AND.
#ifndef MAILQUENCH_CONTROLLER_FLEET_SELECTORS_H_
#define MAILQUENCH_CONTROLLER_FLEET_SELECTORS_H_

#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace mailquench::controller {

// A parsed selector. Immutable.
class Selector {
 public:
  // Terms: KEY=VALUE, KEY!=VALUE (also true where the label is missing), KEY in (A,B),
  // KEY notin (A,B), KEY (has it), !KEY (has it not). Keys and values: letters, digits, `.`, `-`,
  // `_`, `/`. Empty text matches every host. kInvalidArgument/BAD_SELECTOR with the column, from 1.
  static absl::StatusOr<Selector> Parse(const std::string& text);

  bool Matches(const std::map<std::string, std::string>& labels) const;
  // The label keys that it names; a key that no host has is most likely mistyped.
  std::vector<std::string> Keys() const;

 private:
  struct Term {
    std::string key;
    std::vector<std::string> values;  // Empty: only whether the label is there.
    bool negated = false;
  };
  std::vector<Term> terms_;
};

}  // namespace mailquench::controller

#endif  // MAILQUENCH_CONTROLLER_FLEET_SELECTORS_H_
