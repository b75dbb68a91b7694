// What a failed call of IIS' COM classes means. Windows alone.
#ifndef MAILQUENCH_AGENT_MAIL_SMTPSVC_COM_WINDOWS_H_
#define MAILQUENCH_AGENT_MAIL_SMTPSVC_COM_WINDOWS_H_

#include "agent/os/windows/com.h"
// After windows.h.
#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace mailquench::agent::smtpsvc {

// kUnavailable/NO_METABASE where no class or service is there for it, kNotFound where a key is not,
// kPermissionDenied, else kInternal; with the number and what was done.
absl::Status ComError(HRESULT result, absl::string_view what);

}  // namespace mailquench::agent::smtpsvc

#endif  // MAILQUENCH_AGENT_MAIL_SMTPSVC_COM_WINDOWS_H_
