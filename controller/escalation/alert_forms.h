// What the readers of the forms share.
#ifndef MAILQUENCH_CONTROLLER_ESCALATION_ALERT_FORMS_H_
#define MAILQUENCH_CONTROLLER_ESCALATION_ALERT_FORMS_H_

#include <cstddef>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "controller/escalation/json_document.h"
#include "mailquench/v1/escalation.pb.h"

namespace mailquench::controller {

inline constexpr std::size_t kMaxAlerts = 10'000;  // A document.
inline constexpr std::size_t kMaxLabels = 64;      // An alert; the same of annotations.
inline constexpr std::size_t kMaxText = 4096;      // Bytes.

// "firing" or "resolved".
absl::StatusOr<v1::AlertStatus> StatusOf(const std::string& text, const std::string& where);

// `read` makes an alert of each object of the array; "alerts[3]" is where it stands. An element
// for which it makes none (false) is left out.
using ReadOne = std::function<absl::StatusOr<bool>(const JsonObject&, v1::Alert*)>;
absl::StatusOr<std::vector<v1::Alert>> ReadEach(const nlohmann::json& array,
                                                const std::string& name,
                                                const ReadOne& read);

// The first half of the SHA-256, hex, of texts that may contain anything.
std::string FingerprintOf(const std::vector<std::string>& texts);

}  // namespace mailquench::controller

#endif  // MAILQUENCH_CONTROLLER_ESCALATION_ALERT_FORMS_H_
