#include "agent/mail/smtpsvc/com_windows.h"

#include <cstdint>

#include "absl/strings/str_cat.h"
#include "common/os/wide.h"
#include "common/status/error.h"

namespace mailquench::agent::smtpsvc {
namespace {
// HRESULT_FROM_WIN32 is a function of signed numbers in one compiler's headers, a macro in
// another's.
std::uint32_t FromWin32(std::uint32_t error) {
  return error == 0 ? 0 : (error & 0xffff) | 0x80070000U;
}
}  // namespace

absl::Status ComError(HRESULT result, absl::string_view what) {
  const auto code = static_cast<std::uint32_t>(result);
  const std::string text = absl::StrCat(what, ": ", absl::Hex(code, absl::kZeroPad8), " ",
                                        os::WindowsErrorText(static_cast<unsigned long>(result)));
  if (code == 0x80040154U || code == FromWin32(ERROR_SERVICE_DOES_NOT_EXIST) ||
      code == FromWin32(ERROR_SERVICE_DISABLED) || code == 0x800706baU || code == 0x800401e4U)
    return Error(absl::StatusCode::kUnavailable, "NO_METABASE",
                 absl::StrCat("IIS' metabase does not answer (", text,
                              "); nothing was done; install the feature 'IIS 6 Metabase "
                              "Compatibility' and see that the service IISADMIN can start"));
  if (code == FromWin32(ERROR_PATH_NOT_FOUND) || code == FromWin32(ERROR_FILE_NOT_FOUND))
    return absl::NotFoundError(text);
  if (code == 0x80070005U) return absl::PermissionDeniedError(text);
  return absl::InternalError(text);
}

}  // namespace mailquench::agent::smtpsvc
