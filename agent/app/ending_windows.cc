#include <windows.h>

#include <algorithm>

#include "agent/app/ending.h"

namespace mailquench::agent {
namespace {
// Windows calls the handler on a thread of its own, and has no place for an object.
HANDLE asked = nullptr;
HANDLE ended = nullptr;
// After the handler's return for a closed console, a log-off or a shutdown the process is ended;
// Windows waits 5 s for that return (20 s at a shutdown).
constexpr DWORD kAllowed = 4500;

BOOL WINAPI OnControl(DWORD control) {
  ::SetEvent(asked);
  if (control != CTRL_C_EVENT && control != CTRL_BREAK_EVENT)
    ::WaitForSingleObject(ended, kAllowed);
  return TRUE;
}

class Console final : public Ending {
 public:
  Console() {
    asked = ::CreateEventW(nullptr, TRUE, FALSE, nullptr);
    ended = ::CreateEventW(nullptr, TRUE, FALSE, nullptr);
    ::SetConsoleCtrlHandler(OnControl, TRUE);
  }
  ~Console() override { ::SetEvent(ended); }
  bool Await(absl::Duration most) override {
    const std::int64_t ms = std::clamp<std::int64_t>(absl::ToInt64Milliseconds(most), 0, 60000);
    return ::WaitForSingleObject(asked, static_cast<DWORD>(ms)) == WAIT_OBJECT_0;
  }
};
}  // namespace

std::unique_ptr<Ending> EndingBySignal() {
  return std::make_unique<Console>();
}

}  // namespace mailquench::agent
