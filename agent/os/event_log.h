// The Application log of Windows' events. Windows alone.
#ifndef MAILQUENCH_AGENT_OS_EVENT_LOG_H_
#define MAILQUENCH_AGENT_OS_EVENT_LOG_H_

#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace mailquench::agent {

enum class EventKind { kInformation, kWarning, kError };

// Tells Windows where the words of `source`'s events are: in a program of the system whose messages
// are nothing but what they are given. For the whole host; needs an administrator.
// Error, besides those of the registry: kAlreadyExists/SOURCE_OF_ANOTHER.
absl::Status AddEventSource(const std::string& source);
// One that is not there, or that another program has made and keeps, is OK.
absl::Status RemoveEventSource(const std::string& source);

// Writes events as one source. Thread-safe. A log that takes nothing is no error: whoever writes
// here has another log.
class EventLog {
 public:
  explicit EventLog(const std::string& source);
  ~EventLog();
  EventLog(const EventLog&) = delete;
  EventLog& operator=(const EventLog&) = delete;

  // `id`: 1 to 1000, what administrators filter by. Text over 30000 bytes is cut.
  void Write(EventKind kind, int id, absl::string_view text);

 private:
  void* handle_;  // Null where the log cannot be opened.
};

}  // namespace mailquench::agent

#endif  // MAILQUENCH_AGENT_OS_EVENT_LOG_H_
