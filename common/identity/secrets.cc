#include "common/identity/secrets.h"

#include <fcntl.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "common/status/error.h"

namespace mailquench::identity {
namespace {

constexpr std::size_t kMaxFile = 1 << 20;

class Fd {
 public:
  explicit Fd(int fd) : fd_(fd) {}
  ~Fd() {
    if (fd_ >= 0) ::close(fd_);
  }
  Fd(const Fd&) = delete;
  Fd& operator=(const Fd&) = delete;
  int get() const { return fd_; }

 private:
  const int fd_;
};

std::string RandomBytes(std::size_t count) {
  std::string bytes(count, '\0');
  // A guessable secret is worse than no process.
  if (RAND_bytes(reinterpret_cast<unsigned char*>(bytes.data()), static_cast<int>(count)) != 1) {
    std::abort();
  }
  return bytes;
}

absl::Status WriteAndSync(int fd, const std::string& contents, const std::string& path) {
  std::size_t done = 0;
  while (done < contents.size()) {
    const ssize_t n = ::write(fd, contents.data() + done, contents.size() - done);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return SystemError(errno, absl::StrCat("write ", path));
    done += static_cast<std::size_t>(n);
  }
  if (::fsync(fd) != 0) return SystemError(errno, absl::StrCat("fsync ", path));
  return absl::OkStatus();
}

absl::Status SyncFolderOf(const std::string& path) {
  const auto slash = path.rfind('/');
  const std::string dir = slash == std::string::npos ? "." : path.substr(0, slash + 1);
  const Fd folder(::open(dir.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (folder.get() < 0 || ::fsync(folder.get()) != 0) {
    return SystemError(errno, absl::StrCat("fsync ", dir));
  }
  return absl::OkStatus();
}

absl::Status WriteFile(const std::string& path, const std::string& contents, mode_t mode) {
  const std::string temporary = absl::StrCat(path, ".", RandomToken(6), ".tmp");
  absl::Status status;
  {
    const Fd fd(
        ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode));
    if (fd.get() < 0) return SystemError(errno, absl::StrCat("create ", temporary));
    // The umask may have taken bits away that a public file needs.
    if (::fchmod(fd.get(), mode) != 0) status = SystemError(errno, absl::StrCat("chmod ", path));
    if (status.ok()) status = WriteAndSync(fd.get(), contents, temporary);
  }
  if (status.ok() && ::rename(temporary.c_str(), path.c_str()) != 0) {
    status = SystemError(errno, absl::StrCat("rename ", temporary, " to ", path));
  }
  if (!status.ok()) {
    ::unlink(temporary.c_str());
    return status;
  }
  return SyncFolderOf(path);
}

absl::Status CreateFile(const std::string& path, const std::string& contents, mode_t mode) {
  absl::Status status;
  {
    const Fd fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode));
    if (fd.get() < 0 && errno == EEXIST) {
      return Error(absl::StatusCode::kAlreadyExists, "FILE_EXISTS",
                   absl::StrCat(path,
                                " is there already and was left as it is. Choose another name or "
                                "folder, or move it away"));
    }
    if (fd.get() < 0) return SystemError(errno, absl::StrCat("create ", path));
    if (::fchmod(fd.get(), mode) != 0) status = SystemError(errno, absl::StrCat("chmod ", path));
    if (status.ok()) status = WriteAndSync(fd.get(), contents, path);
  }
  if (status.ok()) status = SyncFolderOf(path);
  if (!status.ok()) ::unlink(path.c_str());
  return status;
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
  return WriteFile(path, contents, 0600);
}

absl::Status WritePublicFile(const std::string& path, const std::string& contents) {
  return WriteFile(path, contents, 0644);
}

absl::Status CreateSecretFile(const std::string& path, const std::string& contents) {
  return CreateFile(path, contents, 0600);
}

absl::Status CreatePublicFile(const std::string& path, const std::string& contents) {
  return CreateFile(path, contents, 0644);
}

absl::StatusOr<std::string> ReadFile(const std::string& path) {
  const Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (fd.get() < 0) return SystemError(errno, absl::StrCat("open ", path));
  std::string contents;
  std::vector<char> buffer(16384);
  while (true) {
    const ssize_t n = ::read(fd.get(), buffer.data(), buffer.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return SystemError(errno, absl::StrCat("read ", path));
    if (n == 0) return contents;
    contents.append(buffer.data(), static_cast<std::size_t>(n));
    if (contents.size() > kMaxFile) {
      return Error(absl::StatusCode::kFailedPrecondition, "FILE_TOO_LARGE",
                   absl::StrCat(path, " is larger than 1 MiB, hence no key or certificate"));
    }
  }
}

}  // namespace mailquench::identity
