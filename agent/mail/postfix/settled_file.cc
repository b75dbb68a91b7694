#include "agent/mail/postfix/settled_file.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>
#include <ctime>

#include "absl/strings/str_cat.h"
#include "agent/os/files.h"
#include "common/status/error.h"

namespace mailquench::agent::postfix {

absl::Status SettleFile(const std::string& path) {
  const timespec times[2] = {{0, UTIME_OMIT}, {time(nullptr) - 5, 0}};
  if (utimensat(AT_FDCWD, path.c_str(), times, AT_SYMLINK_NOFOLLOW) != 0)
    return SystemError(errno, absl::StrCat("set the time of ", path));
  return absl::OkStatus();
}

absl::Status WriteSettledFile(const std::string& path, const std::string& content, unsigned mode) {
  MQ_RETURN_IF_ERROR(WriteFileAtomically(path, content, mode));
  return SettleFile(path);
}

}  // namespace mailquench::agent::postfix
