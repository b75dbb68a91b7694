#include "agent/app/upgrade.h"

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "agent/app/connected.h"
#include "agent/os/files.h"
#include "agent/os/folder.h"
#include "agent/os/lock.h"
#include "common/fault/fault_point.h"
#include "common/status/error.h"

namespace mailquench::agent {
namespace {
MQ_DEFINE_FAULT_POINT(kCopied, "upgrade.copied");
MQ_DEFINE_FAULT_POINT(kBegun, "upgrade.begun");
MQ_DEFINE_FAULT_POINT(kStopped, "upgrade.stopped");
MQ_DEFINE_FAULT_POINT(kAside, "upgrade.old_aside");
MQ_DEFINE_FAULT_POINT(kInPlace, "upgrade.new_in_place");
MQ_DEFINE_FAULT_POINT(kStarted, "upgrade.started");
MQ_DEFINE_FAULT_POINT(kReturning, "upgrade.returning");
MQ_DEFINE_FAULT_POINT(kFailedAside, "upgrade.failed_aside");
MQ_DEFINE_FAULT_POINT(kOldBack, "upgrade.old_back");

constexpr char kForward[] = "forward";
constexpr char kBack[] = "back";
constexpr std::size_t kLargest = std::size_t{256} * 1024 * 1024;

class Upgrading {
 public:
  Upgrading(const UpgradeOptions& options, ServiceManager& services)
      : options_(options),
        services_(services),
        new_(absl::StrCat(options.program, ".new")),
        previous_(absl::StrCat(options.program, ".previous")),
        failed_(absl::StrCat(options.program, ".failed")),
        marker_(absl::StrCat(options.state_dir, "/upgrade")) {}

  absl::StatusOr<UpgradeOutcome> Run() {
    MQ_ASSIGN_OR_RETURN(
        const auto lock,
        FileLock::Acquire(absl::StrCat(options_.state_dir, "/upgrade.lock"), absl::ZeroDuration()));
    const auto marker = ReadFile(marker_, 64);
    if (!marker.ok() && !absl::IsNotFound(marker.status())) return marker.status();
    const std::string phase(marker.ok() ? absl::StripAsciiWhitespace(*marker) : "");
    if (phase == kBack) {
      options_.say("completes the return of an earlier upgrade");
      return Return();
    }
    if (phase == kForward)
      options_.say("completes an earlier upgrade, whose copy of the new program is there already");
    else
      MQ_RETURN_IF_ERROR(Prepare());
    const absl::Status moved = Exchange();
    if (!moved.ok()) {
      options_.say(absl::StrCat("the programs could not be exchanged: ", moved.message()));
      return Return();
    }
    const absl::Status connected = StartAndAwait();
    if (connected.ok()) {
      MQ_RETURN_IF_ERROR(RemoveFile(marker_));
      return UpgradeOutcome::kUpgraded;
    }
    options_.say(absl::StrCat("the new program is not well: ", connected.message()));
    return Return();
  }

 private:
  static absl::StatusOr<bool> IsThere(const std::string& path) {
    const auto identity = IdentityOf(path);
    if (identity.ok()) return true;
    if (absl::IsNotFound(identity.status())) return false;
    return identity.status();
  }

  // Nothing is changed yet for the service.
  absl::Status Prepare() {
    MQ_RETURN_IF_ERROR(services_.Query(options_.service).status());
    MQ_ASSIGN_OR_RETURN(const std::string content, ReadFile(options_.from, kLargest));
    MQ_RETURN_IF_ERROR(WriteFileAtomically(new_, content, 0755));
    MQ_FAULT_POINT(kCopied);
    const absl::Status runs = options_.check(new_);
    if (!runs.ok()) {
      MQ_RETURN_IF_ERROR(RemoveFile(new_));
      return Error(absl::StatusCode::kFailedPrecondition, "NEW_PROGRAM_UNFIT",
                   absl::StrCat(options_.from, " does not run on this host (", runs.message(),
                                "); nothing was changed"));
    }
    MQ_RETURN_IF_ERROR(WriteFileAtomically(marker_, absl::StrCat(kForward, "\n"), 0600));
    MQ_FAULT_POINT(kBegun);
    return absl::OkStatus();
  }

  // The copy that waits says how far it came: while it is there, the new program is not in place.
  absl::Status Exchange() {
    MQ_ASSIGN_OR_RETURN(const bool waits, IsThere(new_));
    if (!waits) return absl::OkStatus();
    options_.say(absl::StrCat("stopping ", options_.service));
    MQ_RETURN_IF_ERROR(Stop());
    MQ_FAULT_POINT(kStopped);
    MQ_ASSIGN_OR_RETURN(const bool old_in_place, IsThere(options_.program));
    if (old_in_place) {
      MQ_RETURN_IF_ERROR(RemoveFile(previous_));  // Of the upgrade before.
      MQ_RETURN_IF_ERROR(MoveEntry(options_.program, previous_));
    }
    MQ_FAULT_POINT(kAside);
    MQ_RETURN_IF_ERROR(MoveEntry(new_, options_.program));
    MQ_FAULT_POINT(kInPlace);
    return absl::OkStatus();
  }

  absl::StatusOr<UpgradeOutcome> Return() {
    MQ_RETURN_IF_ERROR(WriteFileAtomically(marker_, absl::StrCat(kBack, "\n"), 0600));
    MQ_FAULT_POINT(kReturning);
    options_.say(absl::StrCat("returning to the old program; stopping ", options_.service));
    MQ_RETURN_IF_ERROR(Stop());
    MQ_ASSIGN_OR_RETURN(const bool waits, IsThere(new_));
    MQ_ASSIGN_OR_RETURN(const bool in_place, IsThere(options_.program));
    MQ_ASSIGN_OR_RETURN(const bool kept, IsThere(previous_));
    // While the copy waits, what is in place is the old program, and what is kept an older one.
    if (!waits && in_place && kept) {
      MQ_RETURN_IF_ERROR(RemoveFile(failed_));
      MQ_RETURN_IF_ERROR(MoveEntry(options_.program, failed_));
    }
    MQ_FAULT_POINT(kFailedAside);
    if (kept && (!waits || !in_place)) MQ_RETURN_IF_ERROR(MoveEntry(previous_, options_.program));
    MQ_FAULT_POINT(kOldBack);
    const absl::Status connected = StartAndAwait();
    const auto state = services_.Query(options_.service);
    if (!state.ok() || state->state == ServiceState::kStopped)
      return Prepend(connected,
                     absl::StrCat("the old program is back in its place, but the service ",
                                  options_.service, " does not run; repeat the command"));
    if (!connected.ok())
      options_.say(
          absl::StrCat("the old program runs again, and has not reached the controller "
                       "either: ",
                       connected.message()));
    MQ_RETURN_IF_ERROR(RemoveFile(marker_));
    // Last: without the mark it says nothing any more.
    MQ_RETURN_IF_ERROR(RemoveFile(new_));
    return UpgradeOutcome::kReturned;
  }

  absl::Status Stop() {
    return services_.Stop(options_.service, absl::Now() + options_.stop_within,
                          [](const ServiceInfo&, absl::Duration) { return absl::OkStatus(); });
  }

  // OK once the process that runs now has said that it reached the controller.
  absl::Status StartAndAwait() {
    // The manager itself starts one again that has failed: it may be the other program.
    MQ_RETURN_IF_ERROR(Stop());
    MQ_RETURN_IF_ERROR(ForgetConnected(options_.state_dir));
    options_.say(absl::StrCat("starting ", options_.service));
    const absl::Time end = absl::Now() + options_.connect_within;
    MQ_RETURN_IF_ERROR(
        services_.Start(options_.service, end,
                        [](const ServiceInfo&, absl::Duration) { return absl::OkStatus(); }));
    MQ_FAULT_POINT(kStarted);
    while (true) {
      const auto state = services_.Query(options_.service);
      const auto sign = ReadConnected(options_.state_dir);
      if (state.ok() && sign.ok() && state->state == ServiceState::kRunning &&
          state->process_id != 0 && state->process_id == sign->process_id) {
        options_.say(absl::StrCat("version ", sign->version, " has reached the controller"));
        return absl::OkStatus();
      }
      if (absl::Now() >= end)
        return Error(absl::StatusCode::kDeadlineExceeded, "NOT_CONNECTED",
                     absl::StrCat("it has not reached the controller within ",
                                  absl::FormatDuration(options_.connect_within)));
      absl::SleepFor(absl::Milliseconds(200));
    }
  }

  const UpgradeOptions& options_;
  ServiceManager& services_;
  const std::string new_, previous_, failed_, marker_;
};
}  // namespace

absl::StatusOr<UpgradeOutcome> Upgrade(const UpgradeOptions& options, ServiceManager& services) {
  return Upgrading(options, services).Run();
}

}  // namespace mailquench::agent
