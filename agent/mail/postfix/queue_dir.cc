#include "agent/mail/postfix/queue_dir.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <memory>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include "agent/mail/postfix/postconf.h"
#include "agent/quarantine/top_k.h"
#include "common/status/error.h"

namespace mailquench::agent::postfix {
namespace {

constexpr int kFolderFlags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
constexpr int kMaxDepth = 8;
constexpr std::size_t kMostOpen = 256;

// A long id keeps its microseconds in base 52 before its last 'z'; they are hashed as five
// hexadecimal digits.
std::string HashKey(const std::string& id) {
  static const std::string digits = "0123456789BCDFGHJKLMNPQRSTVWXYZbcdfghjklmnpqrstvwxyz";
  const std::size_t z = id.rfind('z');
  if (z == std::string::npos || z < 10) return id;
  unsigned long value = 0;
  for (std::size_t i = z - 4; i < z; ++i) {
    const std::size_t digit = digits.find(id[i]);
    if (digit == std::string::npos) return id;
    value = value * 52 + digit;
  }
  char hex[24];
  std::snprintf(hex, sizeof hex, "%05lX", value);
  return hex;
}

absl::Status WalkFolder(int parent,
                        const char* entry,
                        FoundFile& file,
                        int depth,
                        const std::function<absl::Status(const FoundFile&)>& visit) {
  const int fd = openat(parent, entry, kFolderFlags);
  if (fd < 0) {
    if (errno == ENOENT || (depth > 0 && (errno == ENOTDIR || errno == ELOOP)))
      return absl::OkStatus();
    return SystemError(errno, absl::StrCat("open the queue folder ", file.folder));
  }
  const std::unique_ptr<DIR, int (*)(DIR*)> dir(fdopendir(fd), closedir);
  if (dir == nullptr) {
    close(fd);
    return SystemError(errno, absl::StrCat("read the queue folder ", file.folder));
  }
  const std::string folder = file.folder;
  for (;;) {
    errno = 0;
    const dirent* next = readdir(dir.get());
    if (next == nullptr) {
      if (errno == 0) return absl::OkStatus();
      return SystemError(errno, absl::StrCat("read the queue folder ", folder));
    }
    const std::string name = next->d_name;
    if (name == "." || name == "..") continue;
    bool is_folder = next->d_type == DT_DIR;
    if (next->d_type == DT_UNKNOWN) {
      struct stat info {};
      if (fstatat(fd, name.c_str(), &info, AT_SYMLINK_NOFOLLOW) != 0) continue;
      is_folder = S_ISDIR(info.st_mode);
    }
    if (is_folder) {
      if (name.size() != 1 || !IsQueueId(name) || depth >= kMaxDepth) continue;
      file.folder = absl::StrCat(folder, "/", name);
      MQ_RETURN_IF_ERROR(WalkFolder(fd, name.c_str(), file, depth + 1, visit));
      continue;
    }
    file.folder = folder;
    file.name = name;
    file.fd = fd;
    MQ_RETURN_IF_ERROR(visit(file));
  }
}

// Gives a folder that is still ours, just made or left so by a crash, to its owner.
bool Own(int folder, uid_t owner, gid_t group) {
  struct stat info {};
  if (fstat(folder, &info) != 0) return false;
  if (info.st_uid != geteuid() || info.st_uid == owner) return true;
  return fchown(folder, owner, group) == 0;
}

}  // namespace

Fd& Fd::operator=(Fd&& other) noexcept {
  std::swap(fd_, other.fd_);
  return *this;
}
Fd::~Fd() {
  if (fd_ >= 0) close(fd_);
}

bool IsQueueId(const std::string& name) {
  return !name.empty() && name.size() <= 100 &&
         std::all_of(name.begin(), name.end(),
                     [](unsigned char c) { return absl::ascii_isalnum(c) || c == '_'; });
}

std::string Layout::FolderOf(const std::string& queue, const std::string& id) const {
  if (std::find(hashed.begin(), hashed.end(), queue) == hashed.end()) return queue;
  const std::string key = HashKey(id);
  std::string folder = queue;
  for (int i = 0; i < depth; ++i) {
    const auto at = static_cast<std::size_t>(i);
    absl::StrAppend(&folder, "/", std::string(1, at < key.size() ? key[at] : '_'));
  }
  return folder;
}

Layout ReadLayout(const Instance& instance) {
  Layout layout;
  const auto asked = EffectiveParameters(
      instance.config_directory,
      {"hash_queue_names", "hash_queue_depth", "queue_minfree", "message_size_limit"});
  if (!asked.ok()) return layout;
  for (const auto& [name, value] : *asked) {
    int number = 0;
    std::int64_t bytes = 0;
    if (name == "hash_queue_names") {
      layout.hashed = absl::StrSplit(value, absl::ByAnyChar(", \t"), absl::SkipEmpty());
    } else if (name == "hash_queue_depth" && absl::SimpleAtoi(value, &number)) {
      layout.depth = std::clamp(number, 1, kMaxDepth);
    } else if (name == "queue_minfree" && absl::SimpleAtoi(value, &bytes)) {
      layout.min_free = std::max(layout.min_free, bytes);
    } else if (name == "message_size_limit" && absl::SimpleAtoi(value, &bytes)) {
      layout.min_free = std::max(layout.min_free, bytes + bytes / 2);
    }
  }
  return layout;
}

absl::StatusOr<std::string> QueueRoot(const Instance& instance) {
  const std::unique_ptr<char, void (*)(void*)> path(
      realpath(instance.queue_directory.c_str(), nullptr), std::free);
  if (path == nullptr)
    return SystemError(errno, absl::StrCat("find the queue folder ", instance.queue_directory));
  return std::string(path.get());
}

absl::StatusOr<Fd> OpenDirectory(const std::string& path) {
  Fd fd(open(path.c_str(), kFolderFlags));
  if (!fd.ok()) return SystemError(errno, absl::StrCat("open ", path));
  return fd;
}

int FolderCache::Get(const std::string& relative) {
  return Open(relative, false, 0, 0);
}

int FolderCache::GetOrMake(const std::string& relative, uid_t owner, gid_t group) {
  return Open(relative, true, owner, group);
}

int FolderCache::Open(const std::string& relative, bool make, uid_t owner, gid_t group) {
  const auto found = open_.find(relative);
  if (found != open_.end()) return found->second.get();
  if (open_.size() >= kMostOpen) {
    if (!Sync().ok()) return -1;
    open_.clear();
  }
  Fd current;
  int parent = root_;
  for (const auto& part : absl::StrSplit(relative, '/')) {
    const std::string name(part);
    Fd next(openat(parent, name.c_str(), kFolderFlags));
    if (!next.ok() && make && errno == ENOENT && IsQueueId(name)) {
      if (mkdirat(parent, name.c_str(), 0700) != 0 && errno != EEXIST) return -1;
      next = Fd(openat(parent, name.c_str(), kFolderFlags));
      if (fsync(parent) != 0) return -1;
    }
    if (!next.ok()) return -1;
    if (make && IsQueueId(name) && !Own(next.get(), owner, group)) return -1;
    current = std::move(next);
    parent = current.get();
  }
  return open_.emplace(relative, std::move(current)).first->second.get();
}

absl::Status FolderCache::Sync() {
  for (const auto& [name, fd] : open_)
    if (fsync(fd.get()) != 0) return SystemError(errno, absl::StrCat("fsync ", name));
  return absl::OkStatus();
}

absl::Status Walk(int base,
                  const std::string& queue,
                  const std::function<absl::Status(const FoundFile&)>& visit) {
  FoundFile file;
  file.queue = file.folder = queue;
  return WalkFolder(base, queue.c_str(), file, 0, visit);
}

absl::Status WalkOpen(int folder,
                      const std::string& queue,
                      const std::function<absl::Status(const FoundFile&)>& visit) {
  FoundFile file;
  file.queue = file.folder = queue;
  return WalkFolder(folder, ".", file, 0, visit);
}

std::int64_t FileSource::ReadAt(std::int64_t offset, char* buffer, std::size_t size) {
  for (;;) {
    const ssize_t n = pread(fd_, buffer, size, offset);
    if (n >= 0 || errno != EINTR) return n;
  }
}

bool IsWhole(const FoundFile& file, const struct stat& info, uid_t mail_owner) {
  const bool maildrop = file.queue == "maildrop";  // There the owner is who submitted the message.
  return file.queue != "corrupt" && (info.st_mode & S_IXUSR) != 0 &&
         (maildrop || info.st_uid == mail_owner) && IsQueueId(file.name);
}

LoadedFile Load(const FoundFile& file, uid_t mail_owner) {
  LoadedFile out;
  // Without O_NONBLOCK a planted FIFO would hold us for ever.
  const Fd fd(openat(file.fd, file.name.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  if (!fd.ok()) {
    out.vanished = errno == ENOENT;
    return out;
  }
  struct stat info {};
  if (fstat(fd.get(), &info) != 0 || !S_ISREG(info.st_mode)) return out;
  out.file_bytes = info.st_size;
  if (!IsWhole(file, info, mail_owner)) return out;
  FileSource source(fd.get());
  absl::StatusOr<MessageFacts> facts = ParseQueueFile(source);
  if (!facts.ok()) return out;
  out.facts = *std::move(facts);
  if (out.facts.bytes == 0) out.facts.bytes = info.st_size;
  if (out.facts.arrival == absl::InfinitePast())
    out.facts.arrival = absl::FromUnixSeconds(info.st_mtim.tv_sec);
  out.complete = true;
  return out;
}

absl::Status CheckDeadline(const CallContext& context) {
  if (absl::Now() < context.deadline) return context.still_wanted();
  return Error(absl::StatusCode::kDeadlineExceeded, "DEADLINE",
               "the time for this work on the queue is over; what was done stays done, ask again "
               "to continue");
}

absl::StatusOr<ScanTotals> Scan(
    int base,
    const std::vector<std::string>& queues,
    const Filter& filter,
    uid_t mail_owner,
    const CallContext& context,
    const std::function<absl::Status(const FoundFile&, const MessageFacts&)>& on_match) {
  ScanTotals totals;
  const absl::Time now = absl::Now();
  std::int64_t seen = 0;
  for (const std::string& queue : queues) {
    const absl::Status walked = Walk(base, queue, [&](const FoundFile& file) -> absl::Status {
      if (++seen % 1024 == 0) MQ_RETURN_IF_ERROR(CheckDeadline(context));
      if (seen % 100000 == 0) context.progress(absl::StrCat(seen, " messages read"));
      const LoadedFile loaded = Load(file, mail_owner);
      if (loaded.vanished) return absl::OkStatus();
      if (!loaded.complete) {
        ++totals.unreadable;
        return absl::OkStatus();
      }
      ++totals.messages;
      totals.bytes += loaded.facts.bytes;
      if (!filter.Matches(loaded.facts, now)) return absl::OkStatus();
      ++totals.matching;
      totals.matching_bytes += loaded.facts.bytes;
      return on_match(file, loaded.facts);
    });
    MQ_RETURN_IF_ERROR(walked);
  }
  return totals;
}

}  // namespace mailquench::agent::postfix
