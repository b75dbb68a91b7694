// `mailquench-agent outstanding`: what must not be left behind when the agent is taken away.
#include <google/protobuf/util/time_util.h>

#include <iostream>

#include "absl/strings/str_cat.h"
#include "agent/app/agent.h"
#include "agent/os/folder.h"
#include "common/command/words.h"
#include "common/operation/names.h"
#include "common/status/error.h"
#include "common/text/harmless.h"

namespace mailquench::agent {
namespace {
// There for as long as it is so: agent/mail/exchange/recovery_hold.h and isolation_record.h.
struct Note {
  const char* file;
  const char* line;
};
constexpr Note kNotes[] = {
    {"exchange-recovery",
     "held: Managed Availability's RecoveryActionsEnabled of this Exchange server is inactive; the "
     "agent's next stop or start of the service, as by 'do service.start', lifts it"},
    {"exchange-isolation",
     "cut off: this Exchange server is cut off from all others, its queue put aside, for a release "
     "that did not end; 'do service.start' ends that"}};

absl::StatusOr<std::vector<std::string>> Outstanding(const std::string& state_dir) {
  const std::string path = absl::StrCat(state_dir, "/journal.db");
  std::vector<std::string> lines;
  for (const Note& note : kNotes) {
    const auto there = IdentityOf(absl::StrCat(state_dir, "/", note.file));
    if (there.ok())
      lines.emplace_back(note.line);
    else if (!absl::IsNotFound(there.status()))
      return there.status();
  }
  const auto there = IdentityOf(path);
  if (absl::IsNotFound(there.status())) return lines;  // Opening it would make one.
  MQ_RETURN_IF_ERROR(there.status());
  MQ_ASSIGN_OR_RETURN(const std::unique_ptr<Journal> journal, Journal::Open(path));
  MQ_ASSIGN_OR_RETURN(const std::vector<v1::Command> unfinished, journal->Unfinished());
  for (const v1::Command& command : unfinished)
    lines.push_back(absl::StrCat("unfinished: ", OperationName(command.operation()), ", command ",
                                 command.command_id()));
  MQ_ASSIGN_OR_RETURN(const std::vector<v1::Lease> leases, journal->Leases());
  for (const v1::Lease& lease : leases)
    lines.push_back(absl::StrCat("stopped: the mail service, under a lease until ",
                                 google::protobuf::util::TimeUtil::ToString(lease.end_time()),
                                 ", command ", lease.command_id(), "; 'do service.start' ends it"));
  MQ_ASSIGN_OR_RETURN(const std::vector<Journal::Change> changes, journal->Outstanding());
  for (const Journal::Change& change : changes) {
    const v1::Snapshot& snapshot = change.snapshot;
    lines.push_back(
        absl::StrCat("changed: ", snapshot.settings_size(), " settings by ", snapshot.operation(),
                     ", snapshot ", snapshot.snapshot_id(), "; '",
                     snapshot.operation() == "sender.block" ? "do sender.unblock" : "do restore",
                     "' puts back what it may"));
  }
  return lines;
}
}  // namespace

int OutstandingCommand(const std::string& state_dir) {
  const auto lines = Outstanding(state_dir);
  if (!lines.ok()) {
    command::Say("mailquench-agent",
                 absl::StrCat("what is outstanding cannot be told: ", lines.status().message()));
    return 1;
  }
  for (const std::string& line : *lines) std::cout << Harmless(line) << "\n";
  std::cout << std::flush;
  return lines->empty() ? 0 : 2;
}

}  // namespace mailquench::agent
