#include "agent/mail/services/dependents.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "agent/mail/services/progress.h"
#include "agent/os/files.h"
#include "common/status/error.h"

namespace mailquench::agent {
namespace {
constexpr std::size_t kLongest = 65536;
}

absl::Status ListDependents(const std::string& file, const std::vector<std::string>& names) {
  std::vector<std::string> all = names;
  const std::string before = ReadFile(file, kLongest).value_or("");
  for (const absl::string_view name : absl::StrSplit(before, '\n', absl::SkipEmpty())) {
    if (std::find(all.begin(), all.end(), name) == all.end()) all.emplace_back(name);
  }
  return WriteFileAtomically(file, absl::StrJoin(all, "\n") + "\n", 0600);
}

absl::Status StartDependents(ServiceManager& services,
                             const std::string& file,
                             const std::string& mail_service,
                             const CallContext& context) {
  const absl::StatusOr<std::string> list = ReadFile(file, kLongest);
  if (absl::IsNotFound(list.status())) return absl::OkStatus();
  MQ_RETURN_IF_ERROR(list.status());
  std::vector<std::string> names = absl::StrSplit(*list, '\n', absl::SkipEmpty());
  std::reverse(names.begin(), names.end());
  for (const std::string& name : names) {
    const absl::Status started =
        services.Start(name, context.deadline, Talk(context, absl::StrCat(name, " is starting")));
    if (!started.ok())
      context.progress(absl::StrCat("warning: service ", name, ", which was stopped with ",
                                    mail_service, ", does not start again: ", started.message()));
  }
  return RemoveFile(file);
}

}  // namespace mailquench::agent
