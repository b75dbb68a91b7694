#include <sys/statvfs.h>

#include "absl/strings/str_cat.h"
#include "agent/mail/postfix/queue_dir.h"
#include "agent/mail/postfix/queue_ops.h"

namespace mailquench::agent::postfix {

std::string SpaceNotice(const std::vector<Instance>& instances) {
  std::string short_of;
  for (const Instance& instance : instances) {
    const absl::StatusOr<std::string> root = QueueRoot(instance);
    struct statvfs space {};
    if (!root.ok() || statvfs(root->c_str(), &space) != 0) continue;
    const auto free = static_cast<std::int64_t>(space.f_bavail * space.f_frsize);
    const std::int64_t wanted = ReadLayout(instance).min_free;
    if (free >= wanted) continue;
    absl::StrAppend(&short_of, short_of.empty() ? "" : ", ", *root, " has ", free,
                    " bytes free and Postfix wants ", wanted);
  }
  if (short_of.empty()) return "";
  return absl::StrCat(
      short_of,
      " (queue_minfree, 1.5 x message_size_limit): it refuses new mail, and what is "
      "set aside stays on that file system; `mailquench quarantine move ID "
      "DIRECTORY` takes it to another volume");
}

}  // namespace mailquench::agent::postfix
