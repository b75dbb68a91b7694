#include <spdlog/spdlog.h>

#include <system_error>

#include "absl/time/clock.h"
#include "agent/operations/contain.h"

namespace mailquench::agent {
namespace {
constexpr absl::Duration kEvidenceTime = absl::Seconds(10);
}  // namespace

Evidence::Evidence(MailSystem& mail, const InstanceNames& instances) {
  const auto surveyor = mail.BeginSurvey(instances);
  if (!surveyor.ok()) return;
  CallContext context;
  context.deadline = absl::Now() + kEvidenceTime;
  try {
    survey_ = std::async(std::launch::async,
                         [surveyor = *surveyor, context] { return surveyor(context); });
  } catch (const std::system_error& error) {  // No thread to be had; the contain goes on.
    spdlog::warn("no evidence of the queue before the contain: {}", error.what());
  }
}

void Evidence::Into(v1::ContainResult& result) {
  if (!survey_.valid()) return;
  auto survey = survey_.get();
  if (survey.ok())
    *result.mutable_evidence() = *std::move(survey);
  else
    spdlog::warn("no evidence of the queue before the contain: {}", survey.status().ToString());
}

}  // namespace mailquench::agent
