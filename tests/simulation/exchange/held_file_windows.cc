#include <windows.h>

#include "common/os/wide.h"
#include "tests/simulation/exchange/held_file.h"

namespace mailquench::simulation::exchange {
namespace {

HANDLE AsHandle(std::intptr_t handle) {
  return reinterpret_cast<HANDLE>(handle);
}

absl::Status Failed(const char* what) {
  return absl::InternalError(std::string(what) + ": " + os::WindowsErrorText(::GetLastError()));
}

absl::Status WriteHere(HANDLE file, absl::string_view bytes) {
  DWORD put = 0;
  if (!::WriteFile(file, bytes.data(), static_cast<DWORD>(bytes.size()), &put, nullptr) ||
      put != bytes.size())
    return Failed("WriteFile");
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::unique_ptr<HeldFile>> HeldFile::Open(const std::string& path) {
  const HANDLE file = ::CreateFileW(os::ToWide(path).c_str(), GENERIC_READ | GENERIC_WRITE, 0,
                                    nullptr, OPEN_ALWAYS, FILE_ATTRIBUTE_NORMAL, nullptr);
  if (file == INVALID_HANDLE_VALUE) {
    if (::GetLastError() == ERROR_SHARING_VIOLATION)
      return absl::UnavailableError(path + " is in use by another process");
    return Failed(path.c_str());
  }
  return std::unique_ptr<HeldFile>(new HeldFile(reinterpret_cast<std::intptr_t>(file)));
}

HeldFile::~HeldFile() {
  ::CloseHandle(AsHandle(handle_));
}

absl::StatusOr<std::string> HeldFile::ReadAll() {
  const HANDLE file = AsHandle(handle_);
  LARGE_INTEGER zero{};
  if (!::SetFilePointerEx(file, zero, nullptr, FILE_BEGIN)) return Failed("SetFilePointerEx");
  std::string all;
  char block[65536];
  while (true) {
    DWORD got = 0;
    if (!::ReadFile(file, block, sizeof block, &got, nullptr)) return Failed("ReadFile");
    if (got == 0) return all;
    all.append(block, got);
  }
}

absl::Status HeldFile::Append(absl::string_view bytes, bool durable) {
  const HANDLE file = AsHandle(handle_);
  LARGE_INTEGER zero{}, end{};
  if (!::SetFilePointerEx(file, zero, &end, FILE_END)) return Failed("SetFilePointerEx");
  const absl::Status put = WriteHere(file, bytes);
  if (!put.ok()) {
    // No torn record before later ones.
    (void)::SetFilePointerEx(file, end, nullptr, FILE_BEGIN);
    (void)::SetEndOfFile(file);
    return put;
  }
  if (durable && !::FlushFileBuffers(file)) return Failed("FlushFileBuffers");
  return absl::OkStatus();
}

absl::Status HeldFile::Overwrite(std::int64_t offset, absl::string_view bytes) {
  const HANDLE file = AsHandle(handle_);
  LARGE_INTEGER where{};
  where.QuadPart = offset;
  if (!::SetFilePointerEx(file, where, nullptr, FILE_BEGIN)) return Failed("SetFilePointerEx");
  const absl::Status put = WriteHere(file, bytes);
  if (!put.ok()) return put;
  return ::FlushFileBuffers(file) ? absl::OkStatus() : Failed("FlushFileBuffers");
}

absl::Status HeldFile::Truncate() {
  const HANDLE file = AsHandle(handle_);
  LARGE_INTEGER zero{};
  return ::SetFilePointerEx(file, zero, nullptr, FILE_BEGIN) && ::SetEndOfFile(file)
             ? absl::OkStatus()
             : Failed("SetEndOfFile");
}

}  // namespace mailquench::simulation::exchange
