#include "agent/antivirus/antivirus_set.h"

#include "common/status/error.h"

namespace mailquench::agent {
namespace {
Antivirus* FirstRunning(const std::vector<Antivirus*>& products) {
  for (Antivirus* one : products) {
    if (products.size() == 1 || one->Status().running()) return one;
  }
  return products.front();
}
}  // namespace

std::vector<Antivirus*> AntivirusSet::Present() const {
  std::vector<Antivirus*> present;
  for (const std::unique_ptr<Antivirus>& one : residents_) {
    if (one->IsPresent()) present.push_back(one.get());
  }
  return present;
}

absl::StatusOr<Antivirus*> AntivirusSet::ToScan() const {
  const std::vector<Antivirus*> present = Present();
  if (present.empty())
    return Error(absl::StatusCode::kFailedPrecondition, "NO_ANTIVIRUS",
                 "this host has no antivirus that the agent knows; nothing was scanned; install "
                 "one, or describe it in agent.yaml (antivirus_adapters)");
  std::vector<Antivirus*> able;
  for (Antivirus* one : present) {
    if (one->ScansOnRequest()) able.push_back(one);
  }
  return FirstRunning(able.empty() ? present : able);
}

absl::StatusOr<Antivirus*> AntivirusSet::ToJudge() const {
  MQ_RETURN_IF_ERROR(ToScan().status());
  std::vector<Antivirus*> able;
  for (Antivirus* one : Present()) {
    if (one->ScannersAtOnce() > 0) able.push_back(one);
  }
  if (able.empty())
    return Error(absl::StatusCode::kUnimplemented, "NO_STREAMS",
                 "the antivirus of this host judges files of its own choice only, so that messages "
                 "cannot be given to it; nothing was scanned");
  return FirstRunning(able);
}

}  // namespace mailquench::agent
