#include <windows.h>
// After windows.h.
#include <wincrypt.h>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "common/os/protect.h"
#include "common/os/wide.h"
#include "common/status/error.h"

namespace mailquench::os {
namespace {

constexpr absl::string_view kHeader = "mailquench-dpapi-1\n";
// No secret: it keeps other programs from taking our blobs for theirs, and us from taking theirs.
constexpr char kEntropy[] = "mailquench secret 1";

DATA_BLOB BlobOf(const std::string& bytes) {
  // Neither call writes to what it is given.
  return {static_cast<DWORD>(bytes.size()),
          reinterpret_cast<BYTE*>(const_cast<char*>(bytes.data()))};
}

std::string TakeAndWipe(DATA_BLOB* blob) {
  std::string bytes(reinterpret_cast<const char*>(blob->pbData), blob->cbData);
  ::SecureZeroMemory(blob->pbData, blob->cbData);
  ::LocalFree(blob->pbData);
  return bytes;
}

}  // namespace

absl::StatusOr<std::string> Protect(const std::string& secret, ProtectedFor whom) {
  DATA_BLOB in = BlobOf(secret), out{};
  const std::string text = kEntropy;
  DATA_BLOB entropy = BlobOf(text);
  const DWORD flags =
      CRYPTPROTECT_UI_FORBIDDEN | (whom == ProtectedFor::kMachine ? CRYPTPROTECT_LOCAL_MACHINE : 0);
  if (::CryptProtectData(&in, L"Mailquench", &entropy, nullptr, nullptr, flags, &out) == 0)
    return WindowsError(::GetLastError(), "CryptProtectData");
  return absl::StrCat(kHeader, absl::Base64Escape(TakeAndWipe(&out)), "\n");
}

absl::StatusOr<std::string> Unprotect(const std::string& text) {
  absl::string_view rest = text;
  if (!absl::ConsumePrefix(&rest, kHeader)) return text;
  const auto foreign = [](const std::string& why) {
    return Error(absl::StatusCode::kFailedPrecondition, "SECRET_OF_ANOTHER_MACHINE",
                 absl::StrCat("what Windows has protected cannot be read (", why,
                              "); it was left as it is. It was made on another machine or by "
                              "another user, or the file is damaged"));
  };
  std::string blob;
  if (!absl::Base64Unescape(rest, &blob)) return foreign("no Base64");
  const std::string words = kEntropy;
  DATA_BLOB in = BlobOf(blob), entropy = BlobOf(words), out{};
  if (::CryptUnprotectData(&in, nullptr, &entropy, nullptr, nullptr, CRYPTPROTECT_UI_FORBIDDEN,
                           &out) == 0)
    return foreign(WindowsErrorText(::GetLastError()));
  return TakeAndWipe(&out);
}

}  // namespace mailquench::os
