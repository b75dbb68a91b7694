#include "agent/os/log_file.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/status/error.h"

namespace mailquench::agent {
absl::StatusOr<std::unique_ptr<LogFile>> LogFile::Open(const std::string& path) {
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  if (fd < 0) return SystemError(errno, absl::StrCat("open ", path));
  std::unique_ptr<LogFile> file(new LogFile(fd, path));
  struct stat info {};
  if (fstat(fd, &info) != 0) return SystemError(errno, absl::StrCat("look at ", path));
  if (!S_ISREG(info.st_mode))
    return Error(absl::StatusCode::kInvalidArgument, "NO_FILE",
                 absl::StrCat(path, " is no regular file; it was not read"));
  file->identity_ = absl::StrCat(info.st_dev, ":", info.st_ino);
  file->modified_ = absl::TimeFromTimespec(info.st_mtim);
  file->size_ = info.st_size;
  return file;
}

LogFile::~LogFile() {
  close(static_cast<int>(handle_));
}

absl::Status LogFile::ReadAt(std::int64_t at, std::int64_t count, std::string& out) const {
  out.resize(static_cast<std::size_t>(count));
  std::size_t have = 0;
  while (have < out.size()) {
    const ssize_t n = pread(static_cast<int>(handle_), out.data() + have, out.size() - have,
                            static_cast<off_t>(at + static_cast<std::int64_t>(have)));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return SystemError(errno, "read the log");
    if (n == 0) break;
    have += static_cast<std::size_t>(n);
  }
  out.resize(have);
  return absl::OkStatus();
}

std::vector<std::string> RotatedFiles(const std::string& path,
                                      absl::Time since,
                                      std::vector<std::string>* compressed) {
  const std::size_t slash = path.rfind('/');
  const std::string folder = slash == std::string::npos ? "." : path.substr(0, slash + 1);
  const std::string base = slash == std::string::npos ? path : path.substr(slash + 1);
  std::vector<std::pair<absl::Time, std::string>> found;
  DIR* dir = opendir(folder.c_str());
  while (const dirent* entry = dir == nullptr ? nullptr : readdir(dir)) {
    const std::string name = entry->d_name;
    if (name.size() <= base.size() + 1 || !absl::StartsWith(name, base) ||
        (name[base.size()] != '.' && name[base.size()] != '-'))
      continue;
    const std::string full = slash == std::string::npos ? name : absl::StrCat(folder, name);
    struct stat info {};
    if (stat(full.c_str(), &info) != 0 || !S_ISREG(info.st_mode)) continue;
    const absl::Time modified = absl::TimeFromTimespec(info.st_mtim);
    if (modified < since) continue;
    const bool packed = absl::EndsWith(name, ".gz") || absl::EndsWith(name, ".xz") ||
                        absl::EndsWith(name, ".bz2") || absl::EndsWith(name, ".zst");
    if (packed)
      compressed->push_back(full);
    else
      found.emplace_back(modified, full);
  }
  if (dir != nullptr) closedir(dir);
  std::sort(found.rbegin(), found.rend());
  std::sort(compressed->begin(), compressed->end());
  std::vector<std::string> paths;
  for (auto& [modified, full] : found) paths.push_back(std::move(full));
  return paths;
}

}  // namespace mailquench::agent
