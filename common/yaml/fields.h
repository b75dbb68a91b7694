// The fields of one map of a YAML file, each read by its kind.
#ifndef MAILQUENCH_COMMON_YAML_FIELDS_H_
#define MAILQUENCH_COMMON_YAML_FIELDS_H_

#include <functional>
#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "common/yaml/strict.h"

namespace mailquench::yaml {

// Keeps the first fault, with file, line and column, and skips what follows it. A field that is not
// there leaves its variable as it is.
class Fields {
 public:
  // `keys`: those that the map may have.
  Fields(const Kind& kind,
         std::string file,
         const YAML::Node& map,
         const std::set<std::string>& keys);

  const absl::Status& status() const { return status_; }
  // Its node must be there and well; what is wrong with it is the caller's to say.
  void Fault(const char* key, const std::string& what);
  bool Has(const char* key) const { return status_.ok() && map_[key]; }
  void Need(const char* key);
  void Text(const char* key, std::string& out);   // Not empty, one line, at most 1,000 bytes.
  void Lines(const char* key, std::string& out);  // At most 20,000 bytes.
  void Flag(const char* key, bool& out);
  void Texts(const char* key, std::vector<std::string>& out);  // Or a single one.
  // "90s", "1h30m", between these two.
  void Length(const char* key,
              absl::Duration shortest,
              absl::Duration longest,
              absl::Duration& out);

 private:
  void With(const char* key, const std::function<void(const YAML::Node&)>& read);

  const Kind kind_;
  const std::string file_;
  const YAML::Node map_;
  absl::Status status_;
};

}  // namespace mailquench::yaml

#endif  // MAILQUENCH_COMMON_YAML_FIELDS_H_
