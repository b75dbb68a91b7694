#include "common/identity/secrets.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>

#include <cstdlib>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "common/os/protect.h"
#include "common/os/whole_file.h"
#include "common/status/error.h"

namespace mailquench::identity {
namespace {

constexpr std::size_t kMaxFile = 1 << 20;

std::string RandomBytes(std::size_t count) {
  std::string bytes(count, '\0');
  // A guessable secret is worse than no process.
  if (RAND_bytes(reinterpret_cast<unsigned char*>(bytes.data()), static_cast<int>(count)) != 1) {
    std::abort();
  }
  return bytes;
}

}  // namespace

std::string RandomUuid() {
  std::string bytes = RandomBytes(16);
  bytes[6] = static_cast<char>((bytes[6] & 0x0f) | 0x40);
  bytes[8] = static_cast<char>((bytes[8] & 0x3f) | 0x80);
  std::string hex = absl::BytesToHexString(bytes);
  for (std::size_t at : {20, 16, 12, 8}) hex.insert(at, 1, '-');
  return hex;
}

bool IsUuid(const std::string& text) {
  if (text.size() != 36) return false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool dash = i == 8 || i == 13 || i == 18 || i == 23;
    const char c = text[i];
    const bool hex = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
    if (dash ? c != '-' : !hex) return false;
  }
  return true;
}

std::string RandomToken(std::size_t bytes) {
  return absl::BytesToHexString(RandomBytes(bytes));
}

std::string Sha256Hex(const std::string& data) {
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned int size = 0;
  if (EVP_Digest(data.data(), data.size(), digest, &size, EVP_sha256(), nullptr) != 1) std::abort();
  return absl::BytesToHexString(absl::string_view(reinterpret_cast<const char*>(digest), size));
}

bool ConstantTimeEquals(const std::string& a, const std::string& b) {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

absl::Status WriteSecretFile(const std::string& path, const std::string& contents) {
  return os::ReplaceWhole(path, contents, os::Privacy::kPrivate);
}

absl::Status WritePublicFile(const std::string& path, const std::string& contents) {
  return os::ReplaceWhole(path, contents, os::Privacy::kPublic);
}

absl::Status CreateSecretFile(const std::string& path, const std::string& contents) {
  return os::CreateWhole(path, contents, os::Privacy::kPrivate);
}

absl::Status CreatePublicFile(const std::string& path, const std::string& contents) {
  return os::CreateWhole(path, contents, os::Privacy::kPublic);
}

absl::StatusOr<std::string> ReadFile(const std::string& path) {
  absl::StatusOr<std::string> contents = os::ReadWhole(path, kMaxFile);
  if (ReasonOf(contents.status()) != "FILE_TOO_LARGE") return contents;
  return Error(absl::StatusCode::kFailedPrecondition, "FILE_TOO_LARGE",
               absl::StrCat(path, " is larger than 1 MiB, hence no key or certificate"));
}

absl::Status WriteKeyFile(const std::string& path, const std::string& pem) {
  MQ_ASSIGN_OR_RETURN(const std::string text, os::Protect(pem, os::ProtectedFor::kMachine));
  return WriteSecretFile(path, text);
}

absl::StatusOr<std::string> ReadKeyFile(const std::string& path) {
  MQ_ASSIGN_OR_RETURN(const std::string text, ReadFile(path));
  absl::StatusOr<std::string> pem = os::Unprotect(text);
  if (!pem.ok()) return Prepend(pem.status(), path);
  return pem;
}

}  // namespace mailquench::identity
