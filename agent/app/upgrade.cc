#include "agent/app/upgrade.h"

#include <optional>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include "agent/app/connected.h"
#include "agent/os/files.h"
#include "agent/os/folder.h"
#include "agent/os/lock.h"
#include "common/fault/fault_point.h"
#include "common/identity/secrets.h"
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
// A virus scanner that has just seen a new program lets go of it in the end.
constexpr absl::Duration kPatience = absl::Seconds(5);

// Until it is done, fails for good, or the patience ends.
template <typename Call>
absl::Status Patiently(const Call& call) {
  const absl::Time end = absl::Now() + kPatience;
  while (true) {
    const absl::Status status = call();
    const bool held = ReasonOf(status) == "SHARING_VIOLATION" || absl::IsPermissionDenied(status);
    if (!held || absl::Now() >= end) return status;
    absl::SleepFor(absl::Milliseconds(100));
  }
}

absl::Status Move(const std::string& from, const std::string& to) {
  return Patiently([&] { return MoveEntry(from, to); });
}

absl::Status Remove(const std::string& path) {
  return Patiently([&] { return RemoveFile(path); });
}

// What is under way: in which direction, and the SHA-256 of the new program.
struct Marker {
  std::string phase, hash;
};

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
    MQ_ASSIGN_OR_RETURN(const std::optional<Marker> marker, ReadMarker());
    // What is read here is what is judged and copied: the file may be another one a moment later.
    const absl::StatusOr<std::string> content = ReadFile(options_.from, kLargest);
    const std::string wanted = content.ok() ? identity::Sha256Hex(*content) : "";
    if (content.ok() && !options_.sha256.empty() &&
        !absl::EqualsIgnoreCase(options_.sha256, wanted))
      return Error(absl::StatusCode::kFailedPrecondition, "OTHER_PROGRAM",
                   absl::StrCat(options_.from, " has the SHA-256 ", wanted, ", not ",
                                options_.sha256, "; it was not run, and nothing was changed"));
    if (marker.has_value()) {
      const bool same = content.ok() && wanted == marker->hash;
      const absl::StatusOr<UpgradeOutcome> earlier =
          Complete(*marker, same ? *content : std::string());
      if (same || !earlier.ok()) return earlier;
      options_.say(absl::StrCat("the earlier upgrade was of another program, and is over: ",
                                *earlier == UpgradeOutcome::kUpgraded
                                    ? "it is in place"
                                    : "the program before it is in place"));
    }
    MQ_RETURN_IF_ERROR(content.status());
    MQ_ASSIGN_OR_RETURN(const bool there, Has(options_.program, wanted));
    if (there) {
      options_.say(absl::StrCat(options_.from, " is what ", options_.service,
                                " has already; nothing was changed"));
      return UpgradeOutcome::kUpgraded;
    }
    MQ_RETURN_IF_ERROR(Prepare(*content, wanted));
    return Complete({kForward, wanted}, *content);
  }

 private:
  static absl::StatusOr<bool> IsThere(const std::string& path) {
    const auto identity = IdentityOf(path);
    if (identity.ok()) return true;
    if (absl::IsNotFound(identity.status())) return false;
    return identity.status();
  }
  // False too where there is none.
  static absl::StatusOr<bool> Has(const std::string& path, const std::string& hash) {
    bool has = false;
    const absl::Status status = Patiently([&]() -> absl::Status {
      const absl::StatusOr<std::string> content = ReadFile(path, kLargest);
      has = content.ok() && identity::Sha256Hex(*content) == hash;
      return content.status();
    });
    if (!status.ok() && !absl::IsNotFound(status)) return status;
    return has;
  }

  absl::StatusOr<std::optional<Marker>> ReadMarker() const {
    const auto text = ReadFile(marker_, 256);
    if (absl::IsNotFound(text.status())) return std::nullopt;
    MQ_RETURN_IF_ERROR(text.status());
    const std::vector<std::string> words =
        absl::StrSplit(*text, absl::ByAnyChar(" \n"), absl::SkipEmpty());
    if (words.size() == 2 && (words[0] == kForward || words[0] == kBack) && words[1].size() == 64)
      return Marker{words[0], words[1]};
    return Error(absl::StatusCode::kFailedPrecondition, "BAD_MARKER",
                 absl::StrCat(marker_,
                              " says nothing of an upgrade that this version knows; "
                              "nothing was changed. See to it that ",
                              options_.program, " is the program that you want, remove ", marker_,
                              " and repeat the command"));
  }
  absl::Status Mark(const Marker& marker) const {
    return WriteFileAtomically(marker_, absl::StrCat(marker.phase, " ", marker.hash, "\n"), 0600);
  }

  // `content`: of the new program, where it is at hand.
  absl::StatusOr<UpgradeOutcome> Complete(const Marker& marker, const std::string& content) {
    if (marker.phase == kBack) {
      options_.say("completes the return of an earlier upgrade");
      return Return(marker.hash);
    }
    const absl::Status moved = Exchange(marker.hash, content);
    if (!moved.ok()) {
      options_.say(absl::StrCat("the programs could not be exchanged: ", moved.message()));
      return Return(marker.hash);
    }
    const absl::Status connected = StartAndAwait();
    if (connected.ok()) {
      MQ_RETURN_IF_ERROR(Remove(new_));
      MQ_RETURN_IF_ERROR(Remove(marker_));
      return UpgradeOutcome::kUpgraded;
    }
    options_.say(absl::StrCat("the new program is not well: ", connected.message()));
    return Return(marker.hash);
  }

  // Nothing is changed yet for the service.
  absl::Status Prepare(const std::string& content, const std::string& hash) {
    MQ_RETURN_IF_ERROR(services_.Query(options_.service).status());
    MQ_RETURN_IF_ERROR(WriteFileAtomically(new_, content, 0755));
    MQ_FAULT_POINT(kCopied);
    const absl::Status runs = options_.check(new_);
    if (!runs.ok()) {
      MQ_RETURN_IF_ERROR(Remove(new_));
      return Error(absl::StatusCode::kFailedPrecondition, "NEW_PROGRAM_UNFIT",
                   absl::StrCat(options_.from, " does not run on this host (", runs.message(),
                                "); nothing was changed"));
    }
    MQ_RETURN_IF_ERROR(Mark({kForward, hash}));
    MQ_FAULT_POINT(kBegun);
    return absl::OkStatus();
  }

  // Whether the new program is in place its content alone says.
  absl::Status Exchange(const std::string& hash, const std::string& content) {
    MQ_ASSIGN_OR_RETURN(const bool done, Has(options_.program, hash));
    if (done) return absl::OkStatus();
    MQ_ASSIGN_OR_RETURN(const bool waits, Has(new_, hash));
    if (!waits) {
      if (content.empty())
        return Error(absl::StatusCode::kFailedPrecondition, "COPY_GONE",
                     absl::StrCat(new_, " is not the program that the upgrade began with"));
      MQ_RETURN_IF_ERROR(WriteFileAtomically(new_, content, 0755));
    }
    options_.say(absl::StrCat("stopping ", options_.service));
    MQ_RETURN_IF_ERROR(Stop());
    MQ_FAULT_POINT(kStopped);
    // Two renames, since nothing can be put over a program that runs, as this one may do; between
    // them there is nothing under its name. The second one's failure is undone at once.
    MQ_ASSIGN_OR_RETURN(const bool old_in_place, IsThere(options_.program));
    if (old_in_place) {
      MQ_RETURN_IF_ERROR(Remove(previous_));  // Of the upgrade before.
      MQ_RETURN_IF_ERROR(Move(options_.program, previous_));
    }
    MQ_FAULT_POINT(kAside);
    const absl::Status moved = Move(new_, options_.program);
    if (!moved.ok()) {
      const absl::Status back = Move(previous_, options_.program);
      if (back.ok()) return moved;
      return Prepend(moved, absl::StrCat(back.message(), "; the old program is ", previous_,
                                         " now, and nothing is at ", options_.program));
    }
    MQ_FAULT_POINT(kInPlace);
    return absl::OkStatus();
  }

  // The old program, with which the service can be run by hand whatever went wrong.
  absl::Status NameOld(const absl::Status& why, const std::string& old) const {
    return Prepend(why, absl::StrCat("the old program is not back in its place, and the service ",
                                     options_.service, " is stopped; ", old,
                                     " is the one to run: rename it to ", options_.program,
                                     " and start the service, or repeat the command"));
  }

  // Takes the new program away where that is what is in place.
  absl::Status PutOldBack(const std::string& hash) {
    MQ_ASSIGN_OR_RETURN(const bool new_in_place, Has(options_.program, hash));
    MQ_ASSIGN_OR_RETURN(const bool something, IsThere(options_.program));
    MQ_ASSIGN_OR_RETURN(const bool kept, IsThere(previous_));
    if (something && !new_in_place) return absl::OkStatus();
    if (!kept)
      return Error(absl::StatusCode::kFailedPrecondition, "NO_PREVIOUS",
                   absl::StrCat("there is no ", previous_, " to return to; ",
                                something ? "the new program was left in its place"
                                          : "put a program there by hand",
                                ", and the service ", options_.service,
                                " is stopped. Start it, or give it a program that is well"));
    if (new_in_place) {
      absl::Status aside = Remove(failed_);
      if (aside.ok()) aside = Move(options_.program, failed_);
      if (!aside.ok()) return NameOld(aside, previous_);
    }
    MQ_FAULT_POINT(kFailedAside);
    const absl::Status back = Move(previous_, options_.program);
    if (back.ok()) return back;
    // Rather the new one than none: the service would not start at the host's next boot.
    if (new_in_place) (void)Move(failed_, options_.program);
    return NameOld(back, previous_);
  }

  absl::StatusOr<UpgradeOutcome> Return(const std::string& hash) {
    MQ_RETURN_IF_ERROR(Mark({kBack, hash}));
    MQ_FAULT_POINT(kReturning);
    options_.say(absl::StrCat("returning to the old program; stopping ", options_.service));
    MQ_RETURN_IF_ERROR(Stop());
    MQ_RETURN_IF_ERROR(PutOldBack(hash));
    MQ_FAULT_POINT(kOldBack);
    const absl::Status connected = StartAndAwait();
    const auto state = services_.Query(options_.service);
    if (!state.ok() || state->state == ServiceState::kStopped)
      return Prepend(connected, absl::StrCat("the old program is back as ", options_.program,
                                             ", but the service ", options_.service,
                                             " does not run; repeat the command"));
    if (!connected.ok())
      options_.say(
          absl::StrCat("the old program runs again, and has not reached the controller "
                       "either: ",
                       connected.message()));
    MQ_RETURN_IF_ERROR(Remove(new_));
    MQ_RETURN_IF_ERROR(Remove(marker_));
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
