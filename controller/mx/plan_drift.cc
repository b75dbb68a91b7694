// Whether a plan is still the one that was seen, and still true.
#include <functional>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/parallel/parallel.h"
#include "common/status/error.h"
#include "controller/mx/plan.h"
#include "controller/mx/plan_maker.h"
#include "controller/store/ids.h"

namespace mailquench::controller::mx {
namespace {

absl::Status Drifted(const v1::RecordSet& before, const std::string& was, const std::string& is) {
  return Error(
      absl::StatusCode::kFailedPrecondition, "PLAN_DRIFTED",
      absl::StrCat(before.type(), " of ", before.name(), " was ", was.empty() ? "not there" : was,
                   " in the plan and is ", is, " now; nothing was changed; plan anew"));
}

}  // namespace

std::string PlanHash(const v1::PlanSwitchRequest& request,
                     const std::vector<v1::SwitchRecord>& records) {
  std::string text =
      absl::StrCat(request.from_address(), "\n", request.to_address(), "\n", request.exchanger(),
                   "\n", request.incident_id(), "\n", absl::StrJoin(request.domains(), " "), "\n");
  const auto add = [&](const v1::RecordSet& set) {
    absl::StrAppend(&text, set.name(), "\n", set.type(), "\n", set.ttl(), "\n",
                    absl::StrJoin(set.values(), "\n"), "\n\n");
  };
  for (const v1::SwitchRecord& one : records) {
    add(one.before());
    add(one.after());
    absl::StrAppend(&text, one.zone(), "\n", one.via(), "\n", one.purpose(), "\n");
  }
  return ToHex(Sha256(text));
}

absl::Status CheckDrift(Primaries* primaries,
                        const std::vector<v1::SwitchRecord>& records,
                        Drift drift,
                        absl::Time now,
                        std::vector<bool>* made) {
  std::vector<absl::Status> found(records.size());
  std::vector<char> after(records.size(), 0);  // Each task has its own.
  std::vector<std::function<void()>> tasks;
  for (std::size_t i = 0; i < records.size(); ++i) {
    tasks.emplace_back([&, i] {
      const v1::RecordSet& before = records[i].before();
      if (records[i].zone().empty() || records[i].via() == v1::SWITCH_VIA_REQUEST) return;
      const auto set = primaries->Current(before.name(), before.type(), now);
      if (!set.ok()) {
        found[i] = set.status();
        return;
      }
      after[i] = records[i].purpose() != "ttl" && ValuesOf(*set) == ValuesOf(records[i].after());
      if (drift == Drift::kBeforeOrAfter && after[i]) return;
      if (ValuesOf(*set) != ValuesOf(before)) {
        found[i] =
            Drifted(before, absl::StrJoin(before.values(), ", "),
                    set->values().empty() ? "not there" : absl::StrJoin(set->values(), ", "));
      } else if (drift == Drift::kBefore && !before.values().empty() &&
                 set->ttl() != before.ttl()) {
        // Caches may have it for longer than the plan counts on.
        found[i] = Drifted(before, absl::StrCat("with a TTL of ", before.ttl(), " s"),
                           absl::StrCat("with one of ", set->ttl(), " s"));
      }
    });
  }
  RunTogether(tasks, kAskTogether);
  for (const absl::Status& one : found) MQ_RETURN_IF_ERROR(one);
  if (made != nullptr) made->assign(after.begin(), after.end());
  return absl::OkStatus();
}

}  // namespace mailquench::controller::mx
