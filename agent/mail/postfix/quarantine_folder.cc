#include "agent/mail/postfix/quarantine_folder.h"

#include <dirent.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <memory>

#include "absl/strings/str_cat.h"
#include "agent/mail/postfix/queue_ops.h"
#include "agent/os/files.h"
#include "agent/quarantine/place.h"
#include "agent/quarantine/top_k.h"
#include "common/status/error.h"

namespace mailquench::agent::postfix {

const std::vector<std::string>& QuarantinedQueues() {
  static const auto* queues = new std::vector<std::string>{
      "incoming", "active", "deferred", "hold", "maildrop", kSelected, "corrupt"};
  return *queues;
}

const std::vector<std::string>& LiveQueues() {
  static const auto* queues =
      new std::vector<std::string>{"incoming", "active", "deferred", "hold", "maildrop"};
  return *queues;
}

absl::Status UnknownQuarantine(const std::string& quarantine_id) {
  return Error(absl::StatusCode::kNotFound, "UNKNOWN_QUARANTINE",
               absl::StrCat("no quarantine '", Printable(quarantine_id),
                            "' is on this host; nothing was touched, list the quarantines"));
}

absl::StatusOr<OpenQuarantine> OpenById(const Instance& instance,
                                        const std::string& quarantine_id) {
  if (!IsQuarantineId(quarantine_id)) return UnknownQuarantine(quarantine_id);
  OpenQuarantine out;
  MQ_ASSIGN_OR_RETURN(out.root, QueueRoot(instance));
  out.path = absl::StrCat(out.root, "/", kQuarantines, "/", quarantine_id);
  struct stat info {};
  if (lstat(out.path.c_str(), &info) != 0 && errno == ENOENT)
    return UnknownQuarantine(quarantine_id);
  MQ_ASSIGN_OR_RETURN(out.queue, OpenDirectory(out.root));
  MQ_RETURN_IF_ERROR(OpenDirectory(out.path).status());  // No link.
  MQ_ASSIGN_OR_RETURN(out.manifest, ReadManifest(out.path));
  MQ_ASSIGN_OR_RETURN(const int folder, OpenPlace(out.path, out.manifest));
  out.folder = Fd(folder);
  out.place = PlaceOf(out.path, out.manifest);
  return out;
}

absl::Status MakeFolder(const std::string& root, const std::string& quarantine_id) {
  const std::string above = absl::StrCat(root, "/", kQuarantines);
  MQ_RETURN_IF_ERROR(MakeDirectories(above, 0700));
  MQ_RETURN_IF_ERROR(OpenDirectory(above).status());  // No link, whoever made it.
  return MakeDirectories(absl::StrCat(above, "/", quarantine_id), 0700);
}

absl::StatusOr<std::vector<v1::QuarantineInfo>> ListQuarantines(const Instance& instance) {
  MQ_ASSIGN_OR_RETURN(const std::string root, QueueRoot(instance));
  const std::string above = absl::StrCat(root, "/", kQuarantines);
  std::vector<v1::QuarantineInfo> out;
  const std::unique_ptr<DIR, int (*)(DIR*)> dir(opendir(above.c_str()), closedir);
  if (dir == nullptr) {
    if (errno == ENOENT) return out;
    return SystemError(errno, absl::StrCat("open ", above));
  }
  while (const dirent* entry = readdir(dir.get())) {
    const std::string id = entry->d_name;
    if (!IsQuarantineId(id)) continue;
    const std::string folder = absl::StrCat(above, "/", id);
    absl::StatusOr<Manifest> manifest = ReadManifest(folder);
    if (!manifest.ok()) {
      // A folder without a manifest holds nothing yet: its making was cut short before the first
      // move.
      if (absl::IsNotFound(manifest.status())) continue;
      manifest = Manifest();
      manifest->quarantine_id = id;
      manifest->instance = instance.name;
      manifest->create_time = absl::UnixEpoch();
    }
    out.push_back(InfoOf(*manifest, folder));
  }
  std::sort(out.begin(), out.end(), [](const auto& a, const auto& b) {
    const auto key = [](const v1::QuarantineInfo& q) {
      return std::make_tuple(q.create_time().seconds(), q.create_time().nanos(), q.quarantine_id());
    };
    return key(a) < key(b);
  });
  return out;
}

absl::StatusOr<Instance> FindQuarantine(const std::vector<Instance>& instances,
                                        const std::string& quarantine_id) {
  if (!IsQuarantineId(quarantine_id)) return UnknownQuarantine(quarantine_id);
  for (const Instance& instance : instances) {
    const absl::StatusOr<std::string> root = QueueRoot(instance);
    struct stat info {};
    if (root.ok() &&
        lstat(absl::StrCat(*root, "/", kQuarantines, "/", quarantine_id).c_str(), &info) == 0 &&
        S_ISDIR(info.st_mode))
      return instance;
  }
  return UnknownQuarantine(quarantine_id);
}

}  // namespace mailquench::agent::postfix
