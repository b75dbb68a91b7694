// JSON that others wrote: read whole, or refused with where and why.
#ifndef MAILQUENCH_CONTROLLER_ESCALATION_JSON_DOCUMENT_H_
#define MAILQUENCH_CONTROLLER_ESCALATION_JSON_DOCUMENT_H_

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "google/protobuf/map.h"
#include "google/protobuf/timestamp.pb.h"

namespace mailquench::controller {

// kInvalidArgument/BAD_ALERTS: "WHERE: WHY; nothing of it was taken".
absl::Status BadAlerts(const std::string& where, const std::string& why);

// Besides what is no JSON, refuses a name that an object has twice (readers differ in which one
// they take), bytes after a NUL, and more than 32 levels.
absl::StatusOr<nlohmann::json> ParseJson(const std::string& document);

// One object of a document, and where it stands. The document must outlive it. A field that is
// not there is empty or unset; one of another type, null too, is refused with its place.
class JsonObject {
 public:
  // `where`: "alerts[3]"; "" is the whole document.
  static absl::StatusOr<JsonObject> Of(const nlohmann::json& value, const std::string& where);

  bool Has(const std::string& name) const { return value_->contains(name); }
  bool IsNumber(const std::string& name) const { return Has(name) && value_->at(name).is_number(); }
  const std::string& where() const { return where_; }
  std::string Where(const std::string& name) const;
  // The same status, with where it was before its sentence.
  absl::Status At(const absl::Status& status) const;

  absl::Status Text(const std::string& name, std::string* text) const;
  absl::Status Texts(const std::string& name,
                     google::protobuf::Map<std::string, std::string>* texts) const;
  absl::Status Count(const std::string& name, std::int64_t* count) const;
  // RFC 3339. The year 1, which Go writes for no time, is unset.
  absl::Status Time(const std::string& name, google::protobuf::Timestamp* time, bool* set) const;
  // Null where it is not there.
  absl::StatusOr<const nlohmann::json*> Array(const std::string& name) const;

 private:
  JsonObject(const nlohmann::json* value, std::string where)
      : value_(value), where_(std::move(where)) {}
  absl::Status Wrong(const std::string& name, const std::string& wanted) const;
  const nlohmann::json* Find(const std::string& name) const;

  const nlohmann::json* value_;
  std::string where_;
};

}  // namespace mailquench::controller

#endif  // MAILQUENCH_CONTROLLER_ESCALATION_JSON_DOCUMENT_H_
