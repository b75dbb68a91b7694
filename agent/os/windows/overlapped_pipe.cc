#include "agent/os/windows/overlapped_pipe.h"

#include <algorithm>
#include <atomic>
#include <cstdint>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "common/os/wide.h"

namespace mailquench::agent {

absl::Status OverlappedPipe::Open(bool child_reads, Handle& theirs) {
  // A name that nobody has; another program that guesses it makes the opening fail, no more: the
  // first instance is ours, and there is one.
  static std::atomic<std::uint64_t> count{0};
  const std::wstring name = os::ToWide(
      absl::StrCat("\\\\.\\pipe\\mailquench-", static_cast<std::uint64_t>(::GetCurrentProcessId()),
                   "-", absl::ToUnixNanos(absl::Now()), "-", ++count));
  event_.Reset(::CreateEventW(nullptr, /*bManualReset=*/TRUE, FALSE, nullptr));
  if (!event_.valid()) return os::WindowsError(::GetLastError(), "an event for a child");
  ours_.Reset(::CreateNamedPipeW(name.c_str(),
                                 (child_reads ? PIPE_ACCESS_OUTBOUND : PIPE_ACCESS_INBOUND) |
                                     FILE_FLAG_OVERLAPPED | FILE_FLAG_FIRST_PIPE_INSTANCE,
                                 PIPE_TYPE_BYTE | PIPE_WAIT | PIPE_REJECT_REMOTE_CLIENTS, 1, 65536,
                                 65536, 0, nullptr));
  if (!ours_.valid()) return os::WindowsError(::GetLastError(), "a pipe for a child");
  SECURITY_ATTRIBUTES inherited{sizeof inherited, nullptr, TRUE};
  // Theirs is an ordinary one: what programs expect.
  theirs.Reset(::CreateFileW(name.c_str(), child_reads ? GENERIC_READ : GENERIC_WRITE, 0,
                             &inherited, OPEN_EXISTING, 0, nullptr));
  if (!theirs.valid()) return os::WindowsError(::GetLastError(), "a child's end of a pipe");
  return absl::OkStatus();
}

void OverlappedPipe::Close() {
  if (pending_) {
    (void)::CancelIoEx(ours_.get(), &operation_);
    DWORD bytes = 0;
    (void)::GetOverlappedResult(ours_.get(), &operation_, &bytes, TRUE);
    pending_ = false;
  }
  ours_.Reset();
}

void OverlappedPipe::StartRead() {
  if (pending_ || !open()) return;
  operation_ = {};
  operation_.hEvent = event_.get();
  pending_ = true;
  // Also what is done at once sets the event.
  if (!::ReadFile(ours_.get(), room_.data(), static_cast<DWORD>(room_.size()), nullptr,
                  &operation_) &&
      ::GetLastError() != ERROR_IO_PENDING) {
    pending_ = false;
    Close();
  }
}

std::string OverlappedPipe::Taken() {
  DWORD bytes = 0;
  return Over(bytes) ? std::string(room_.data(), bytes) : std::string();
}

void OverlappedPipe::StartWrite(absl::string_view bytes) {
  if (pending_ || !open()) return;
  const std::size_t size = std::min(bytes.size(), room_.size());
  std::copy_n(bytes.data(), size, room_.data());
  operation_ = {};
  operation_.hEvent = event_.get();
  pending_ = true;
  if (!::WriteFile(ours_.get(), room_.data(), static_cast<DWORD>(size), nullptr, &operation_) &&
      ::GetLastError() != ERROR_IO_PENDING) {
    pending_ = false;
    Close();
  }
}

std::size_t OverlappedPipe::Written() {
  DWORD bytes = 0;
  return Over(bytes) ? bytes : 0;
}

bool OverlappedPipe::Over(DWORD& bytes) {
  if (!pending_) return false;
  if (::GetOverlappedResult(ours_.get(), &operation_, &bytes, FALSE)) {
    pending_ = false;
    return true;
  }
  if (::GetLastError() != ERROR_IO_INCOMPLETE) {
    pending_ = false;
    Close();
  }
  return false;
}

}  // namespace mailquench::agent
