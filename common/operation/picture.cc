#include "common/operation/picture.h"

#include "absl/strings/str_cat.h"

namespace mailquench {

std::string WhoStandsOut(const v1::TrafficPicture& picture) {
  std::string out;
  const auto first = [&out](const char* kind, const auto& all) {
    if (all.empty() || all.Get(0).value().empty()) return;
    absl::StrAppend(&out, out.empty() ? ", most by " : ", ", kind, " ", all.Get(0).value(), " (",
                    all.Get(0).messages(), ")");
  };
  first("sender", picture.senders());
  first("account", picture.accounts());
  first("client", picture.clients());
  first("subject", picture.subjects());
  return out;
}

}  // namespace mailquench
