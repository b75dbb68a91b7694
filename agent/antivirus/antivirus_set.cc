#include "agent/antivirus/antivirus_set.h"

#include <algorithm>
#include <utility>

#include "common/status/error.h"

namespace mailquench::agent {
namespace {
bool Runs(const AntivirusSet::Seen& seen) {
  return std::any_of(seen.products.begin(), seen.products.end(),
                     [](const v1::AntivirusProduct& one) { return one.running(); });
}
}  // namespace

std::vector<AntivirusSet::Seen> AntivirusSet::Look(const WorkContext& context) const {
  std::vector<Seen> out;
  for (const std::unique_ptr<Antivirus>& one : residents_) {
    Seen seen{one.get(), one->Look(context)};
    if (!seen.products.empty()) out.push_back(std::move(seen));
  }
  return out;
}

absl::StatusOr<AntivirusSet::Seen> AntivirusSet::ToScan(std::vector<Seen> seen) {
  if (seen.empty())
    return Error(absl::StatusCode::kFailedPrecondition, "NO_ANTIVIRUS",
                 "this host has no antivirus that the agent knows; nothing was scanned; install "
                 "one, or describe it in agent.yaml (antivirus_adapters)");
  std::vector<Seen> able;
  for (Seen& one : seen) {
    if (one.antivirus->ScansOnRequest()) able.push_back(one);
  }
  if (able.empty()) able = std::move(seen);
  const auto running = std::find_if(able.begin(), able.end(), Runs);
  return std::move(running == able.end() ? able.front() : *running);
}

absl::StatusOr<AntivirusSet::Seen> AntivirusSet::ToJudge(const WorkContext& context) const {
  std::vector<Seen> able;
  for (const std::unique_ptr<Antivirus>& one : residents_) {
    if (one->ScannersAtOnce() <= 0) continue;
    Seen seen{one.get(), one->Look(context)};
    if (!seen.products.empty()) able.push_back(std::move(seen));
  }
  if (!able.empty()) return ToScan(std::move(able));
  MQ_RETURN_IF_ERROR(ToScan(Look(context)).status());
  return Error(absl::StatusCode::kUnimplemented, "NO_STREAMS",
               "the antivirus of this host judges files of its own choice only, so that messages "
               "cannot be given to it; nothing was scanned");
}

bool AntivirusSet::MayJudge() const {
  return std::any_of(residents_.begin(), residents_.end(),
                     [](const auto& one) { return one->ScannersAtOnce() > 0 && one->IsPresent(); });
}

}  // namespace mailquench::agent
