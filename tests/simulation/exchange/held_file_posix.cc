#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "common/status/error.h"
#include "tests/simulation/exchange/held_file.h"

namespace mailquench::simulation::exchange {

absl::StatusOr<std::unique_ptr<HeldFile>> HeldFile::Open(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0) return SystemError(errno, path);
  std::unique_ptr<HeldFile> file(new HeldFile(fd));
  if (::flock(fd, LOCK_EX | LOCK_NB) != 0)
    return absl::UnavailableError(path + " is in use by another process");
  return file;
}

HeldFile::~HeldFile() {
  ::close(static_cast<int>(handle_));
}

absl::StatusOr<std::string> HeldFile::ReadAll() {
  std::string all;
  char block[65536];
  while (true) {
    const ssize_t got =
        ::pread(static_cast<int>(handle_), block, sizeof block, static_cast<off_t>(all.size()));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return SystemError(errno, "read");
    if (got == 0) return all;
    all.append(block, static_cast<std::size_t>(got));
  }
}

absl::Status HeldFile::Append(absl::string_view bytes, bool durable) {
  const int fd = static_cast<int>(handle_);
  const off_t end = ::lseek(fd, 0, SEEK_END);
  for (std::size_t done = 0; done < bytes.size();) {
    const ssize_t put = ::write(fd, bytes.data() + done, bytes.size() - done);
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) {
      const absl::Status failed = SystemError(errno, "write");
      (void)::ftruncate(fd, end);  // No torn record before later ones.
      return failed;
    }
    done += static_cast<std::size_t>(put);
  }
  if (durable && ::fdatasync(fd) != 0) return SystemError(errno, "fdatasync");
  return absl::OkStatus();
}

absl::Status HeldFile::Overwrite(std::int64_t offset, absl::string_view bytes) {
  const int fd = static_cast<int>(handle_);
  if (::pwrite(fd, bytes.data(), bytes.size(), offset) != static_cast<ssize_t>(bytes.size()) ||
      ::fdatasync(fd) != 0)
    return SystemError(errno, "write");
  return absl::OkStatus();
}

absl::Status HeldFile::Truncate() {
  return ::ftruncate(static_cast<int>(handle_), 0) == 0 ? absl::OkStatus()
                                                        : SystemError(errno, "truncate");
}

}  // namespace mailquench::simulation::exchange
