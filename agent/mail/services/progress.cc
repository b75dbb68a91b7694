#include "agent/mail/services/progress.h"

#include <memory>

#include "absl/strings/str_cat.h"
#include "common/status/error.h"

namespace mailquench::agent {

std::string Seconds(absl::Duration time) {
  return absl::StrCat(absl::ToInt64Seconds(time), " s");
}

ServiceProgress Talk(const CallContext& context,
                     const std::string& what,
                     const std::function<std::string()>& more) {
  auto next = std::make_shared<absl::Duration>(kBetweenWords);
  auto words = std::make_shared<std::string>();
  return [&context, what, more, next, words](const ServiceInfo& info,
                                             absl::Duration waited) -> absl::Status {
    MQ_RETURN_IF_ERROR(context.still_wanted());
    if (waited < *next) return absl::OkStatus();
    if (more && words->empty()) *words = more();
    *next = waited + kBetweenWords;
    context.progress(
        absl::StrCat(what, " for ", Seconds(waited),
                     info.checkpoint == 0 ? "" : absl::StrCat(", at checkpoint ", info.checkpoint),
                     info.wait_hint == absl::ZeroDuration()
                         ? ""
                         : absl::StrCat(", and asks for ", Seconds(info.wait_hint), " more"),
                     words->empty() ? "" : "; ", *words));
    return absl::OkStatus();
  };
}

}  // namespace mailquench::agent
