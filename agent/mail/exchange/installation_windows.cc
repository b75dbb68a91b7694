// Keys and values as CSS-Exchange reads them: Setup\MsiInstallPath, MsiProductMajor and so on; the
// key EdgeTransportRole is there on an Edge server alone.
#include <windows.h>

#include <optional>
#include <string>

#include "absl/strings/str_cat.h"
#include "agent/mail/exchange/installation.h"
#include "agent/mail/folders/paths.h"
#include "common/os/wide.h"
#include "common/status/error.h"

namespace mailquench::agent::exchange {
namespace {
constexpr wchar_t kSetup[] = L"SOFTWARE\\Microsoft\\ExchangeServer\\v15\\Setup";
constexpr wchar_t kEdge[] = L"SOFTWARE\\Microsoft\\ExchangeServer\\v15\\EdgeTransportRole";
constexpr wchar_t kOld[] = L"SOFTWARE\\Microsoft\\ExchangeServer\\v14\\Setup";

bool HasKey(const wchar_t* name) {
  HKEY key = nullptr;
  if (RegOpenKeyExW(HKEY_LOCAL_MACHINE, name, 0, KEY_READ, &key) != ERROR_SUCCESS) return false;
  RegCloseKey(key);
  return true;
}

std::optional<std::string> Text(const wchar_t* value) {
  wchar_t buffer[2048];
  DWORD bytes = sizeof(buffer);
  if (RegGetValueW(HKEY_LOCAL_MACHINE, kSetup, value, RRF_RT_REG_SZ, nullptr, buffer, &bytes) !=
          ERROR_SUCCESS ||
      bytes < sizeof(wchar_t))
    return std::nullopt;
  return os::ToUtf8(buffer);
}

std::optional<unsigned long> Number(const wchar_t* value) {
  DWORD number = 0, bytes = sizeof(number);
  if (RegGetValueW(HKEY_LOCAL_MACHINE, kSetup, value, RRF_RT_REG_DWORD, nullptr, &number, &bytes) !=
      ERROR_SUCCESS)
    return std::nullopt;
  return number;
}

std::string Name(COMPUTER_NAME_FORMAT format) {
  wchar_t buffer[512];
  DWORD size = 512;
  return GetComputerNameExW(format, buffer, &size) != 0 ? os::ToUtf8(buffer) : "";
}
}  // namespace

absl::StatusOr<Installation> FindInstallation() {
  const auto path = Text(L"MsiInstallPath");
  if (!path.has_value() || path->empty()) {
    if (HasKey(kOld))
      return Error(absl::StatusCode::kUnimplemented, "EXCHANGE_TOO_OLD",
                   "the Exchange of this host is older than 2013; nothing was done; give this "
                   "agent another mail_system");
    return Error(absl::StatusCode::kNotFound, "NO_EXCHANGE",
                 "the registry of this host names no Exchange (v15\\Setup\\MsiInstallPath); "
                 "nothing was done; install it, or give this agent its right mail_system");
  }
  Installation out;
  out.path = Trimmed(*path);
  out.server = Name(ComputerNameNetBIOS);
  out.fqdn = Name(ComputerNameDnsFullyQualified);
  out.version = absl::StrCat(
      Number(L"MsiProductMajor").value_or(0), ".", Number(L"MsiProductMinor").value_or(0), ".",
      Number(L"MsiBuildMajor").value_or(0), ".", Number(L"MsiBuildMinor").value_or(0));
  out.role = HasKey(kEdge) ? Role::kEdge : Role::kMailbox;
  return out;
}

}  // namespace mailquench::agent::exchange
