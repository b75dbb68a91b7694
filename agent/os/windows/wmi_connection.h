// What every call to WMI begins with and ends in.
#ifndef MAILQUENCH_AGENT_OS_WINDOWS_WMI_CONNECTION_H_
#define MAILQUENCH_AGENT_OS_WINDOWS_WMI_CONNECTION_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "agent/os/windows/com.h"
#include "agent/os/wmi.h"
// After windows.h.
#include <wbemidl.h>

namespace mailquench::agent {

// `what` was tried when `result` came; the codes are sorted as wmi.h says.
absl::Status WmiError(HRESULT result, const std::string& what);

absl::StatusOr<WmiRow> WmiRowOf(IWbemClassObject* object);

// COM must be initialised on this thread.
absl::Status ConnectWmi(const std::string& name_space, ComPointer<IWbemServices>& services);

}  // namespace mailquench::agent

#endif  // MAILQUENCH_AGENT_OS_WINDOWS_WMI_CONNECTION_H_
