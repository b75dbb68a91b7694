// Windows Management Instrumentation: questions, and methods of classes. One implementation is
// windows/, over COM; the tests have another.
#ifndef MAILQUENCH_AGENT_OS_WMI_H_
#define MAILQUENCH_AGENT_OS_WMI_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace mailquench::agent {

// One object: its properties by name (the system's own "__..." are left out), each as texts: none
// for null, one for a plain value ("true" and "false" for what is either), as many as it has for an
// array.
using WmiRow = std::map<std::string, std::vector<std::string>>;

constexpr std::size_t kMaxWmiRows = 20000;  // Of one answer.

// What goes into a method. WMI is strict: where a method takes an uint8, an uint32 is refused.
struct WmiParameter {
  std::string name;
  std::variant<std::uint8_t, std::uint32_t, std::string> value;
};

// What a method that was called came to.
struct WmiAnswer {
  // 0: done. Else the method's ReturnValue, or the HRESULT with which its provider failed.
  std::uint32_t code = 0;
  std::string text;  // What the provider says of it; "" mostly.
  WmiRow values;     // What the method gives back, "ReturnValue" among them.
};

// Calls block; thread-safe. Errors of all: kNotFound (no such namespace, class, method or
// parameter), kPermissionDenied, kInvalidArgument (no WQL, a parameter of another type),
// kUnavailable (WMI, or the service behind a class, does not run), kInternal; each names the
// HRESULT.
class Wmi {
 public:
  virtual ~Wmi() = default;

  // Runs a query in WQL, "SELECT Name FROM Win32_Service", in a namespace, "ROOT\\CIMV2". Also
  // kDeadlineExceeded; kResourceExhausted (more than kMaxWmiRows). Wine has no rows instead of "no
  // such class".
  virtual absl::StatusOr<std::vector<WmiRow>> Query(const std::string& name_space,
                                                    const std::string& query,
                                                    absl::Duration timeout) = 0;

  // Calls a static method and waits for its end, hours where need be. `still_wanted` is asked about
  // four times a second; its error ends the wait, not the method: what it has begun it may end.
  virtual absl::StatusOr<WmiAnswer> Call(const std::string& name_space,
                                         const std::string& class_name,
                                         const std::string& method,
                                         const std::vector<WmiParameter>& parameters,
                                         const std::function<absl::Status()>& still_wanted) = 0;
};

// Of this host. COM is initialised on the calling thread for each call. Windows alone; never null.
std::unique_ptr<Wmi> MakeWmi();

}  // namespace mailquench::agent

#endif  // MAILQUENCH_AGENT_OS_WMI_H_
