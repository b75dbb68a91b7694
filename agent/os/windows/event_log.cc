#include "agent/os/event_log.h"

#include <windows.h>

#include "absl/strings/str_cat.h"
#include "common/os/wide.h"
#include "common/status/error.h"

namespace mailquench::agent {
namespace {
constexpr std::size_t kLongest = 30000;  // ReportEventW() takes 31839 characters.

std::wstring KeyOf(const std::string& source) {
  return L"SYSTEM\\CurrentControlSet\\Services\\EventLog\\Application\\" + os::ToWide(source);
}

// Its messages 1 to 1000 are "%1" (learn.microsoft.com/windows-server/administration/
// windows-commands/eventcreate).
constexpr wchar_t kMessages[] = L"%SystemRoot%\\System32\\EventCreate.exe";

// Whether there is none of that name, or one as AddEventSource() makes it.
bool IsFreeOrOurs(const std::wstring& key) {
  wchar_t present[512] = L"";
  DWORD size = sizeof present;
  const LSTATUS error =
      ::RegGetValueW(HKEY_LOCAL_MACHINE, key.c_str(), L"EventMessageFile",
                     RRF_RT_REG_EXPAND_SZ | RRF_RT_REG_SZ | RRF_NOEXPAND, nullptr, present, &size);
  if (error == ERROR_FILE_NOT_FOUND) return true;
  return error == ERROR_SUCCESS && std::wstring(present) == kMessages;
}
}  // namespace

absl::Status AddEventSource(const std::string& source) {
  const std::wstring key = KeyOf(source);
  if (!IsFreeOrOurs(key))
    return Error(absl::StatusCode::kAlreadyExists, "SOURCE_OF_ANOTHER",
                 absl::StrCat("the event log has a source ", source,
                              " of another program; it was left as it was"));
  LSTATUS error = ::RegSetKeyValueW(HKEY_LOCAL_MACHINE, key.c_str(), L"EventMessageFile",
                                    REG_EXPAND_SZ, kMessages, sizeof kMessages);
  const DWORD kinds = EVENTLOG_ERROR_TYPE | EVENTLOG_WARNING_TYPE | EVENTLOG_INFORMATION_TYPE;
  if (error == ERROR_SUCCESS)
    error = ::RegSetKeyValueW(HKEY_LOCAL_MACHINE, key.c_str(), L"TypesSupported", REG_DWORD, &kinds,
                              sizeof kinds);
  if (error == ERROR_SUCCESS) return absl::OkStatus();
  return os::WindowsError(static_cast<DWORD>(error),
                          absl::StrCat("register ", source, " with the event log"));
}

absl::Status RemoveEventSource(const std::string& source) {
  if (!IsFreeOrOurs(KeyOf(source))) return absl::OkStatus();
  const LSTATUS error = ::RegDeleteTreeW(HKEY_LOCAL_MACHINE, KeyOf(source).c_str());
  if (error == ERROR_SUCCESS || error == ERROR_FILE_NOT_FOUND) return absl::OkStatus();
  return os::WindowsError(static_cast<DWORD>(error),
                          absl::StrCat("take ", source, " from the event log"));
}

EventLog::EventLog(const std::string& source)
    : handle_(::RegisterEventSourceW(nullptr, os::ToWide(source).c_str())) {}

EventLog::~EventLog() {
  if (handle_ != nullptr) ::DeregisterEventSource(handle_);
}

void EventLog::Write(EventKind kind, int id, absl::string_view text) {
  if (handle_ == nullptr) return;
  const WORD type = kind == EventKind::kError     ? EVENTLOG_ERROR_TYPE
                    : kind == EventKind::kWarning ? EVENTLOG_WARNING_TYPE
                                                  : EVENTLOG_INFORMATION_TYPE;
  const std::wstring wide = os::ToWide(text.substr(0, kLongest));
  const wchar_t* words[1] = {wide.c_str()};
  (void)::ReportEventW(handle_, type, 0, static_cast<DWORD>(id), nullptr, 1, 0, words, nullptr);
}

}  // namespace mailquench::agent
