#include "agent/mail/exchange/recovery_hold.h"

#include <vector>

#include "absl/strings/str_cat.h"
#include "agent/os/files.h"
#include "common/fault/fault_point.h"
#include "common/status/error.h"

namespace mailquench::agent::exchange {
namespace {
MQ_DEFINE_FAULT_POINT(kWritten, "exchange.hold.written");
MQ_DEFINE_FAULT_POINT(kSet, "exchange.hold.set");
MQ_DEFINE_FAULT_POINT(kLifted, "exchange.hold.lifted");

constexpr char kOurs[] = "ours\n", kTheirs[] = "theirs\n";

// In the directory or on the host.
bool IsOurEntryInactive(const std::vector<Component>& components) {
  for (const Component& one : components) {
    const auto entry = one.entries.find(kRequester);
    if (one.name == kRecovery && entry != one.entries.end() && entry->second != "Active")
      return true;
  }
  return false;
}
}  // namespace

bool RecoveryHold::IsHeld() const {
  return !absl::IsNotFound(ReadFile(file_, 64).status());
}

absl::Status RecoveryHold::Set(const char* state, bool local_only, absl::Time deadline) {
  Cmdlet set{"Set-ServerComponentState",
             {{"Identity", server_},
              {"Component", kRecovery},
              {"Requester", kRequester},
              {"State", state},
              {"Confirm", false}}};
  if (local_only) set.parameters.emplace_back("LocalOnly", Switch());
  return shell_.Run({{set}, {}, false}, deadline).status();
}

absl::Status RecoveryHold::Hold(const std::vector<Component>& now, absl::Time deadline) {
  const absl::StatusOr<std::string> before = ReadFile(file_, 64);
  if (!before.ok() && !absl::IsNotFound(before.status())) return before.status();
  if (before.ok() && *before == kTheirs) return absl::OkStatus();
  if (!before.ok()) {
    const bool theirs = IsOurEntryInactive(now);
    MQ_RETURN_IF_ERROR(WriteFileAtomically(file_, theirs ? kTheirs : kOurs, 0600));
    if (theirs) return absl::OkStatus();
  }
  MQ_FAULT_POINT(kWritten);
  const absl::Status both = Set("Inactive", false, deadline);
  // The directory cannot be written: what this host does is decided by its registry as well.
  const bool held =
      both.ok() || (ReasonOf(both) == "CMDLET_FAILED" && Set("Inactive", true, deadline).ok());
  MQ_FAULT_POINT(kSet);
  return held ? absl::OkStatus() : both;
}

absl::Status RecoveryHold::Lift(absl::Time deadline) {
  const absl::StatusOr<std::string> held = ReadFile(file_, 64);
  if (absl::IsNotFound(held.status())) return absl::OkStatus();
  // A file that cannot be read is taken for ours: an entry too much that is lifted is seen at once,
  // one that stays is not.
  if (!held.ok() || *held != kTheirs) {
    const absl::Status both = Set("Active", false, deadline);
    // Where the directory cannot be written this host at least works on.
    if (ReasonOf(both) == "CMDLET_FAILED") Set("Active", true, deadline).IgnoreError();
    MQ_RETURN_IF_ERROR(both);
    MQ_ASSIGN_OR_RETURN(const std::vector<Component> now,
                        ReadComponents(shell_, server_, deadline));
    if (IsOurEntryInactive(now))
      return Error(absl::StatusCode::kAborted, "STILL_HELD",
                   absl::StrCat(kRecovery, " was set active and ", server_,
                                " still shows the entry ", kRequester,
                                " inactive, in the directory or in its registry; it is "
                                "lifted again by the next call"));
  }
  MQ_FAULT_POINT(kLifted);
  return RemoveFile(file_);
}

}  // namespace mailquench::agent::exchange
