// Alerts as files and flags have them.
#ifndef MAILQUENCH_CLI_CORE_ALERT_DOCUMENT_H_
#define MAILQUENCH_CLI_CORE_ALERT_DOCUMENT_H_

#include <google/protobuf/map.h>

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "cli/core/session.h"
#include "mailquench/v1/escalation.pb.h"

namespace mailquench::cli {

// A file, or of "-" what comes on stdin. At most 16 MiB, which one call carries. Errors:
// those of os::ReadWhole(), with the name.
absl::StatusOr<std::string> ReadDocument(Session* session, const std::string& file);

// The generic form, as the endpoint takes it: an alert, or {"alerts": [...]}. An alert has labels
// and may have annotations, status (firing, resolved), fingerprint, start, end. All of them or
// none; unlike there, a field that the form does not have is a person's slip and is refused.
// Errors: INVALID_ARGUMENT/BAD_ALERTS, with where and why.
absl::StatusOr<std::vector<v1::Alert>> ReadGenericAlerts(const std::string& document);

// The kind of source that such a document comes from; generic where it is no other's.
v1::SourceKind GuessKind(const std::string& document);

// Takes "a=b" of an option apart. Error: INVALID_ARGUMENT/USAGE.
absl::Status PutPair(const std::string& pair,
                     const std::string& option,
                     google::protobuf::Map<std::string, std::string>* map);

}  // namespace mailquench::cli

#endif  // MAILQUENCH_CLI_CORE_ALERT_DOCUMENT_H_
