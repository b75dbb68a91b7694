// A release into queues that take files back only at rest: stop, put back, start what ran.
#include <google/protobuf/util/time_util.h>

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "agent/operations/executor.h"
#include "common/fault/fault_point.h"
#include "common/status/error.h"

namespace mailquench::agent {
namespace {
using google::protobuf::util::TimeUtil;
MQ_DEFINE_FAULT_POINT(kReleaseLeased, "service.release.leased");
MQ_DEFINE_FAULT_POINT(kReleaseStopped, "service.release.stopped");
MQ_DEFINE_FAULT_POINT(kReleased, "service.release.released");
MQ_DEFINE_FAULT_POINT(kReleaseStarted, "service.release.started");

constexpr absl::Duration kAfterDeadline = absl::Minutes(15);
constexpr absl::Duration kLongestLease = absl::Hours(24);
}  // namespace

// What asks for isolation would send at once where nobody isolates.
absl::Status Executor::CheckIsolation(const v1::QuarantineRelease& request) const {
  if (!request.isolate() || mail_.IsolatesReleases()) return absl::OkStatus();
  return Error(absl::StatusCode::kUnimplemented, "NO_ISOLATION",
               "this mail system cannot be cut off from all others for a release; nothing was "
               "released: release chosen messages without `isolate`");
}

// A stop must not outlive a crash that nobody repairs. Its end comes after the command's own.
absl::Status Executor::LeaseFor(const v1::Command& command,
                                const InstanceNames& was_running,
                                const CallContext& context) {
  MQ_ASSIGN_OR_RETURN(const std::vector<v1::Lease> leases, journal_.Leases());
  const bool there = std::any_of(leases.begin(), leases.end(), [&](const v1::Lease& one) {
    return one.command_id() == command.command_id();
  });
  if (there) return absl::OkStatus();
  const absl::Duration length =
      std::min(std::max(context.deadline - clock_.Now(), absl::ZeroDuration()) + kAfterDeadline,
               kLongestLease);
  v1::Lease lease;
  lease.set_command_id(command.command_id());
  *lease.mutable_stop()->mutable_lease() =
      TimeUtil::SecondsToDuration(absl::ToInt64Seconds(length));
  SetInstances(was_running, &lease);
  *lease.mutable_end_time() =
      TimeUtil::MicrosecondsToTimestamp(absl::ToUnixMicros(clock_.Now() + length));
  return journal_.PutLease(lease);
}

absl::StatusOr<v1::QuarantineReleaseResult> Executor::DoRelease(const v1::Command& command,
                                                                const CallContext& context) {
  const absl::StatusOr<v1::QuarantineInfo> before =
      QuarantineById(command.operation().quarantine_release().quarantine_id());
  auto result = DoReleaseItself(command, context);
  if (!result.ok() || !before.ok() || result->released() == 0) return result;
  const std::string notice = ScanNotice(*before);
  if (!notice.empty())
    result->set_notice(absl::StrCat(result->notice(), result->notice().empty() ? "" : " ", notice));
  return result;
}

absl::StatusOr<v1::QuarantineReleaseResult> Executor::DoReleaseItself(const v1::Command& command,
                                                                      const CallContext& context) {
  const v1::QuarantineRelease& request = command.operation().quarantine_release();
  MQ_RETURN_IF_ERROR(CheckIsolation(request));
  if (!mail_.ReleasesStopped()) return mail_.Release(request, context);
  MQ_ASSIGN_OR_RETURN(const v1::QuarantineListResult list, mail_.ListQuarantines());
  const auto& all = list.quarantines();
  const bool known = std::any_of(all.begin(), all.end(), [&](const v1::QuarantineInfo& one) {
    return one.quarantine_id() == request.quarantine_id();
  });
  if (!known) return mail_.Release(request, context);  // Refused, and no reason to stop anything.
  MQ_ASSIGN_OR_RETURN(const InstanceNames was_running, WasRunning(command.command_id(), {}));
  if (!was_running.empty()) MQ_RETURN_IF_ERROR(LeaseFor(command, was_running, context));
  MQ_FAULT_POINT(kReleaseLeased);
  bool runs_again = false;
  const absl::Status stopped =
      StopFor(was_running, "release", "no message was released", context, &runs_again);
  if (!stopped.ok()) {
    // What is stopped now and does not start keeps its lease, as below.
    if (runs_again) MQ_RETURN_IF_ERROR(journal_.DropLease(command.command_id()));
    return stopped;
  }
  MQ_FAULT_POINT(kReleaseStopped);
  auto result = mail_.Release(request, context);
  MQ_FAULT_POINT(kReleased);
  const absl::Status started = StartAfter(was_running, "release", context);
  MQ_FAULT_POINT(kReleaseStarted);
  // One that did not start keeps its lease: that tries once more, behind a closed relay.
  if (started.ok()) MQ_RETURN_IF_ERROR(journal_.DropLease(command.command_id()));
  if (result.ok() && !started.ok())
    return Prepend(started, "the messages were released, but the service did not start");
  return result;
}

}  // namespace mailquench::agent
