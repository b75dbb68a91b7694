#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <system_error>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/os/random.h"
#include "common/os/whole_file.h"
#include "common/status/error.h"

namespace mailquench::os {
namespace {

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

mode_t ModeOf(Privacy privacy) {
  return privacy == Privacy::kPrivate ? 0600 : 0644;
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

int Create(const std::string& path, mode_t mode) {
  return ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode);
}

// The umask may have taken bits away that a public file needs.
absl::Status Fill(int fd, const std::string& contents, mode_t mode, const std::string& path) {
  if (::fchmod(fd, mode) != 0) return SystemError(errno, absl::StrCat("chmod ", path));
  return WriteAndSync(fd, contents, path);
}

}  // namespace

absl::Status ReplaceWhole(const std::string& path, const std::string& contents, Privacy privacy) {
  std::uint64_t number = 0;
  if (!FillRandom(&number, sizeof number)) return SystemError(EIO, "getrandom");
  const std::string temporary = absl::StrCat(path, ".", absl::Hex(number), ".tmp");
  const mode_t mode = ModeOf(privacy);
  absl::Status status;
  {
    const Fd fd(Create(temporary, mode));
    if (fd.get() < 0) return SystemError(errno, absl::StrCat("create ", temporary));
    status = Fill(fd.get(), contents, mode, temporary);
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

absl::Status CreateWhole(const std::string& path, const std::string& contents, Privacy privacy) {
  const mode_t mode = ModeOf(privacy);
  absl::Status status;
  {
    const Fd fd(Create(path, mode));
    if (fd.get() < 0 && errno == EEXIST) {
      return Error(absl::StatusCode::kAlreadyExists, "FILE_EXISTS",
                   absl::StrCat(path,
                                " is there already and was left as it is. Choose another name or "
                                "folder, or move it away"));
    }
    if (fd.get() < 0) return SystemError(errno, absl::StrCat("create ", path));
    status = Fill(fd.get(), contents, mode, path);
  }
  if (status.ok()) status = SyncFolderOf(path);
  if (!status.ok()) ::unlink(path.c_str());
  return status;
}

absl::StatusOr<std::string> ReadWhole(const std::string& path, std::size_t max_bytes) {
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
    if (contents.size() > max_bytes) {
      return Error(absl::StatusCode::kFailedPrecondition, "FILE_TOO_LARGE",
                   absl::StrCat(path, " is larger than ", max_bytes, " bytes; it was not read"));
    }
  }
}

FileKind KindOf(const std::string& path) {
  struct stat info {};
  if (::stat(path.c_str(), &info) != 0) return FileKind::kMissing;
  if (S_ISDIR(info.st_mode)) return FileKind::kFolder;
  return S_ISREG(info.st_mode) ? FileKind::kRegular : FileKind::kOther;
}

absl::StatusOr<bool> OpenToOthers(const std::string& path) {
  struct stat info {};
  if (::stat(path.c_str(), &info) != 0) return SystemError(errno, absl::StrCat("stat ", path));
  return (info.st_mode & (S_IRWXG | S_IRWXO)) != 0;
}

std::string HowToMakePrivate(const std::string&) {
  return "chmod 600 it";
}

absl::Status MakeFolders(const std::string& path) {
  std::error_code error;
  std::filesystem::create_directories(path, error);
  return error ? SystemError(error.value(), absl::StrCat("cannot make ", path)) : absl::OkStatus();
}

std::string FolderOf(const std::string& path) {
  return std::filesystem::path(path).parent_path().string();
}

}  // namespace mailquench::os
