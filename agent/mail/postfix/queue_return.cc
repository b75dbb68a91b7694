#include "agent/mail/postfix/queue_return.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <ctime>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "agent/os/files.h"
#include "agent/quarantine/tree.h"
#include "common/fault/fault_point.h"
#include "common/status/error.h"

namespace mailquench::agent::postfix {
namespace {
MQ_DEFINE_FAULT_POINT(kCopied, "quarantine.return.copied");
MQ_DEFINE_FAULT_POINT(kUnlinked, "quarantine.return.unlinked");
MQ_DEFINE_FAULT_POINT(kEntered, "quarantine.return.entered");
MQ_DEFINE_FAULT_POINT(kTaken, "quarantine.return.taken");

constexpr std::size_t kTogether = 64;
constexpr char kLog[] = "log";

// "deferred+3+ID": parts of a folder and ids have no plus.
std::string StageName(const Chosen& chosen) {
  std::vector<std::string> parts = absl::StrSplit(chosen.folder, '/');
  parts.push_back(chosen.id);
  return absl::StrJoin(parts, "+");
}

bool ParseStageName(const std::string& name, Chosen& out) {
  std::vector<std::string> parts = absl::StrSplit(name, '+');
  if (parts.size() < 2 || !std::all_of(parts.begin(), parts.end(), IsQueueId)) return false;
  out.id = parts.back();
  parts.pop_back();
  out.folder = absl::StrJoin(parts, "/");
  return true;
}

bool Has(int folder, const std::string& name) {
  struct stat info {};
  return fstatat(folder, name.c_str(), &info, AT_SYMLINK_NOFOLLOW) == 0;
}

}  // namespace

absl::Status MakeReady(int file, const std::string& id, const Instance& instance) {
  struct stat info {};
  if (fstat(file, &info) != 0) return SystemError(errno, absl::StrCat("stat ", id));
  if (!S_ISREG(info.st_mode)) {
    return Error(
        absl::StatusCode::kFailedPrecondition, "NOT_A_REGULAR_FILE",
        absl::StrCat(id, " in the quarantine is no file; it was left, look at it by hand"));
  }
  if (fchown(file, instance.mail_owner, instance.mail_group) != 0)
    return SystemError(errno, absl::StrCat("chown ", id));
  if (fchmod(file, 0700) != 0) return SystemError(errno, absl::StrCat("chmod ", id));
  // Deferred mail carries the time of its next attempt; the queue manager skips files from the
  // future.
  if (info.st_mtim.tv_sec >= std::time(nullptr)) {
    const timespec times[2] = {{0, UTIME_OMIT}, {std::time(nullptr) - 1, 0}};
    if (futimens(file, times) != 0) return SystemError(errno, absl::StrCat("set the time of ", id));
  }
  return absl::OkStatus();
}

int RenameNew(int source, const std::string& name, int target, const std::string& to) {
  if (renameat2(source, name.c_str(), target, to.c_str(), RENAME_NOREPLACE) == 0) return 0;
  if (errno != EINVAL && errno != ENOSYS) return errno;
  if (Has(target, to)) return EEXIST;
  return renameat(source, name.c_str(), target, to.c_str()) == 0 ? 0 : errno;
}

std::string FolderInQueue(const Layout& layout, const std::string& queue, const std::string& id) {
  return layout.FolderOf(queue == "maildrop" || queue == "hold" ? queue : "incoming", id);
}

WayBack::WayBack(const Instance& instance,
                 const Layout& layout,
                 const OpenQuarantine& quarantine,
                 FolderCache& queue,
                 FolderCache& place)
    : instance_(instance), layout_(layout), quarantine_(quarantine), queue_(queue), place_(place) {}

absl::Status WayBack::OpenStage() {
  if (stage_.ok()) return absl::OkStatus();
  const std::string path = absl::StrCat(quarantine_.path, "/", kReturning);
  if (mkdir(path.c_str(), 0700) == 0) {
    // The only copy of a message may stand in it for a moment.
    MQ_RETURN_IF_ERROR(SyncDirectory(quarantine_.path));
  } else if (errno != EEXIST) {
    return SystemError(errno, absl::StrCat("mkdir ", path));
  }
  MQ_ASSIGN_OR_RETURN(stage_, OpenDirectory(path));
  return absl::OkStatus();
}

absl::Status WayBack::Settle() {
  on_the_way_.clear();
  const std::string path = absl::StrCat(quarantine_.path, "/", kReturning);
  const std::unique_ptr<DIR, int (*)(DIR*)> dir(opendir(path.c_str()), closedir);
  if (dir == nullptr) {
    if (errno == ENOENT) return absl::OkStatus();
    return SystemError(errno, absl::StrCat("open ", path));
  }
  MQ_RETURN_IF_ERROR(OpenStage());
  std::vector<std::string> names;
  while (const dirent* entry = readdir(dir.get())) names.emplace_back(entry->d_name);
  for (const std::string& name : names) {
    if (name == "." || name == "..") continue;
    Chosen chosen;
    bool superfluous = name == kLog;
    if (!superfluous) {
      if (!ParseStageName(name, chosen)) continue;
      const int source = place_.Get(chosen.folder);
      if (source < 0 && errno != ENOENT)
        return SystemError(errno, absl::StrCat("open ", chosen.folder, " of the quarantine"));
      superfluous = source >= 0 && Has(source, chosen.id);
    }
    if (superfluous) {
      if (unlinkat(stage_.get(), name.c_str(), 0) != 0)
        return SystemError(errno, absl::StrCat("remove ", path, "/", name));
    } else {
      MQ_RETURN_IF_ERROR(EnterOne(chosen).status());
    }
  }
  MQ_RETURN_IF_ERROR(queue_.Sync());
  stage_ = Fd();
  (void)rmdir(path.c_str());  // What else is in it is nobody's message, and stays.
  return absl::OkStatus();
}

absl::StatusOr<bool> WayBack::Take(const Chosen& chosen, int file) {
  const std::string folder = FolderInQueue(layout_, chosen.Queue(), chosen.id);
  const int target = queue_.GetOrMake(folder, instance_.mail_owner, instance_.mail_group);
  if (target < 0) return SystemError(errno, absl::StrCat("open the queue folder ", folder));
  if (Has(target, chosen.id)) return false;
  MQ_RETURN_IF_ERROR(OpenStage());
  const absl::StatusOr<int> copy = CopyFile(file, stage_.get(), StageName(chosen));
  if (!copy.ok())
    return Prepend(copy.status(), absl::StrCat("message ", chosen.id, " stays in the quarantine"));
  on_the_way_.push_back({chosen, Fd(*copy)});
  if (chosen.Queue() != "maildrop") MQ_RETURN_IF_ERROR(MakeReady(*copy, chosen.id, instance_));
  MQ_FAULT_POINT(kCopied);
  return true;
}

absl::StatusOr<bool> WayBack::CopyLog(int file, const std::string& id, int target) {
  if (Has(target, id)) return false;
  MQ_RETURN_IF_ERROR(OpenStage());
  (void)unlinkat(stage_.get(), kLog, 0);
  MQ_ASSIGN_OR_RETURN(const int fd, CopyFile(file, stage_.get(), kLog));
  const Fd copy(fd);
  if (fsync(copy.get()) != 0) return SystemError(errno, absl::StrCat("fsync the log of ", id));
  const int failed = RenameNew(stage_.get(), kLog, target, id);
  if (failed != 0 && failed != EEXIST)
    return SystemError(failed, absl::StrCat("move the log of ", id, " into the queue"));
  return failed == 0;
}

std::vector<Chosen> WayBack::OnTheirWay() const {
  std::vector<Chosen> out;
  for (const OnTheWay& one : on_the_way_) out.push_back(one.chosen);
  return out;
}

bool WayBack::Full() const {
  return on_the_way_.size() >= kTogether;
}

absl::StatusOr<std::vector<Chosen>> WayBack::Enter() {
  std::vector<Chosen> taken;
  if (on_the_way_.empty()) return taken;
  for (const OnTheWay& one : on_the_way_)
    if (fsync(one.copy.get()) != 0)
      return SystemError(errno, absl::StrCat("fsync the copy of ", one.chosen.id));
  if (fsync(stage_.get()) != 0)
    return SystemError(errno, absl::StrCat("fsync ", quarantine_.path, "/", kReturning));
  // The log of a message is in the queue for sure before the message is.
  MQ_RETURN_IF_ERROR(queue_.Sync());
  for (const OnTheWay& one : on_the_way_) {
    const int source = place_.Get(one.chosen.folder);
    if (source < 0 || unlinkat(source, one.chosen.id.c_str(), 0) != 0)
      return SystemError(errno, absl::StrCat("remove ", one.chosen.folder, "/", one.chosen.id));
    MQ_FAULT_POINT(kUnlinked);
  }
  MQ_RETURN_IF_ERROR(place_.Sync());
  for (const OnTheWay& one : on_the_way_) {
    MQ_ASSIGN_OR_RETURN(const bool entered, EnterOne(one.chosen));
    if (!entered) taken.push_back(one.chosen);
    MQ_FAULT_POINT(kEntered);
  }
  on_the_way_.clear();
  MQ_RETURN_IF_ERROR(queue_.Sync());
  return taken;
}

absl::StatusOr<bool> WayBack::EnterOne(const Chosen& chosen) {
  const std::string folder = FolderInQueue(layout_, chosen.Queue(), chosen.id);
  const int target = queue_.GetOrMake(folder, instance_.mail_owner, instance_.mail_group);
  const int failed =
      target < 0 ? errno : RenameNew(stage_.get(), StageName(chosen), target, chosen.id);
  if (failed == 0) return true;
  MQ_RETURN_IF_ERROR(PutBackIntoQuarantine(chosen));
  if (failed == EEXIST) return false;
  return Prepend(SystemError(failed, absl::StrCat("move ", chosen.id, " into ", folder)),
                 "the message is in the quarantine again");
}

absl::Status WayBack::PutBackIntoQuarantine(const Chosen& chosen) {
  MQ_FAULT_POINT(kTaken);
  const std::string name = StageName(chosen);
  const Fd staged(openat(stage_.get(), name.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC));
  if (!staged.ok()) return SystemError(errno, absl::StrCat("open ", kReturning, "/", name));
  // Whole before it has its name: half a message there would make the whole one look superfluous.
  const int root = quarantine_.folder.get();
  (void)unlinkat(root, kReturning, 0);
  MQ_ASSIGN_OR_RETURN(const int fd, CopyFile(staged.get(), root, kReturning));
  const Fd copy(fd);
  if (fsync(copy.get()) != 0) return SystemError(errno, absl::StrCat("fsync ", chosen.id));
  const int target = place_.Get(chosen.folder);
  if (target < 0) return SystemError(errno, absl::StrCat("open ", chosen.folder));
  const int failed = RenameNew(root, kReturning, target, chosen.id);
  if (failed != 0)
    return SystemError(failed, absl::StrCat("move ", chosen.id, " into the quarantine again"));
  if (fsync(target) != 0) return SystemError(errno, absl::StrCat("fsync ", chosen.folder));
  if (unlinkat(stage_.get(), name.c_str(), 0) != 0)
    return SystemError(errno, absl::StrCat("remove ", kReturning, "/", name));
  return absl::OkStatus();
}

}  // namespace mailquench::agent::postfix
