// The dry run of a contain, or of a part of one.
#include <google/protobuf/util/time_util.h>

#include <algorithm>
#include <set>

#include "absl/strings/str_cat.h"
#include "agent/operations/contain.h"
#include "agent/operations/executor.h"
#include "agent/operations/plan.h"
#include "common/status/error.h"

namespace mailquench::agent {

// Whether an earlier part has set the queues aside; a later look decides, this one only tells.
absl::StatusOr<bool> Executor::IsSweptBefore(const v1::Contain& request) {
  MQ_ASSIGN_OR_RETURN(const std::vector<v1::Containment> all, journal_.Containments());
  MQ_ASSIGN_OR_RETURN(const v1::ServiceStatusResult now,
                      mail_.Status({request.instances().begin(), request.instances().end()}));
  std::set<std::string> names;
  for (const auto& instance : now.instances()) {
    if (instance.running()) return false;
    names.insert(instance.name());
  }
  for (const v1::Containment& one : all) {
    const bool same =
        request.incident_id().empty() || request.incident_id() == one.contain().incident_id();
    if (!same || one.has_ended() ||
        std::set<std::string>(one.instances().begin(), one.instances().end()) != names)
      continue;
    MQ_ASSIGN_OR_RETURN(const auto swept, journal_.Step(one.command_id(), "swept"));
    if (swept.has_value()) return true;
  }
  return false;
}

absl::Status Executor::PlanContain(const v1::Contain& request, v1::OperationPlan& plan) {
  const bool part = request.until() != v1::CONTAIN_UNTIL_UNSPECIFIED;
  const absl::Duration lease = absl::Microseconds(
      google::protobuf::util::TimeUtil::DurationToMicroseconds(ContainLease(request)));
  if (part) MQ_RETURN_IF_ERROR(CheckLease(ContainLease(request)));
  MQ_RETURN_IF_ERROR(CheckContain(request).status());
  plan.add_steps(part ? absl::StrCat("stop the mail service under a lease of ",
                                     absl::FormatDuration(lease),
                                     ", at whose end the agent does the rest by itself")
                      : "stop the mail service");
  v1::ContainResult& contain = *plan.mutable_preview()->mutable_contain();
  if (request.until() == v1::CONTAIN_UNTIL_STOPPED) return absl::OkStatus();
  MQ_ASSIGN_OR_RETURN(const bool swept, IsSweptBefore(request));
  if (swept) {
    plan.add_steps("the queues were set aside by an earlier part; they are not again");
  } else {
    MQ_ASSIGN_OR_RETURN(*contain.mutable_quarantine(), PlanSweep(request.instances(), plan));
  }
  MQ_ASSIGN_OR_RETURN(const SettingsChange lock, mail_.PlanRelayLock(LockOf(request)));
  Describe(lock, "relay lock", plan);
  *contain.mutable_lock() = lock.result;
  if (part) {
    plan.add_steps("leave the service stopped under that lease");
    return absl::OkStatus();
  }
  if (!request.keep_notifications() && SilencedElsewhere(request)) {
    plan.add_steps(kSilencedElsewhere);
  } else if (!request.keep_notifications() && mail_.SilencesByWatch()) {
    plan.add_warnings(kSilencedByWatchNotice);
  } else if (!request.keep_notifications()) {
    MQ_ASSIGN_OR_RETURN(const SettingsChange silence, mail_.PlanNdrSilence(SilenceOf(request)));
    Describe(silence, "silence", plan);
    *contain.mutable_silence() = silence.result;
  }
  plan.add_steps(request.leave_stopped() ? "leave the service stopped"
                                         : "start the mail service and ask every listener");
  return absl::OkStatus();
}

}  // namespace mailquench::agent
