// The agent's journal: what was asked for, how far it came, what was changed and not yet put back.
// Written before each act and before each report; one SQLite file, WAL, synchronous=FULL.
#ifndef MAILQUENCH_AGENT_OPERATIONS_JOURNAL_H_
#define MAILQUENCH_AGENT_OPERATIONS_JOURNAL_H_

#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/sqlite/database.h"
#include "mailquench/v1/agent_link.pb.h"
#include "mailquench/v1/journal.pb.h"

namespace mailquench::agent {

// Thread-safe, and safe against a second process on the same file.
// Its end is the business of these instances and of no other: so are its sweep and its lock.
void SetInstances(const std::vector<std::string>& instances, v1::Lease* lease);

class Journal {
 public:
  static absl::StatusOr<std::unique_ptr<Journal>> Open(const std::string& path);

  enum class Known { kNew, kUnfinished, kDone };
  // Records the intent. kNew: recorded now. kUnfinished: begun before (here or before a crash).
  // kDone: `report` is set.
  absl::StatusOr<Known> Begin(const v1::Command& command, bool local, v1::OperationReport* report);
  absl::Status Finish(const v1::OperationReport& report);
  absl::StatusOr<std::optional<v1::OperationReport>> Report(const std::string& command_id);
  // Accepted, not finished: what a crash left behind. Oldest first.
  absl::StatusOr<std::vector<v1::Command>> Unfinished();
  // Accepted, not finished.
  absl::StatusOr<bool> IsBegun(const std::string& command_id);
  absl::StatusOr<bool> IsLocal(const std::string& command_id);

  // Finished, not yet acknowledged by the controller. Oldest first, at most 1,000.
  absl::StatusOr<std::vector<v1::OperationReport>> Unreported();
  absl::Status Acknowledge(const std::string& command_id);

  // One completed step of a unit, with what it returned.
  absl::Status RecordStep(const std::string& command_id,
                          const std::string& step,
                          const std::string& result);
  absl::StatusOr<std::optional<std::string>> Step(const std::string& command_id,
                                                  const std::string& step);

  // A change of settings: recorded as intended before it is written, then as applied.
  struct Change {
    v1::Snapshot snapshot;
    v1::RecordedChange change;
    bool applied = false;
    bool closed = false;
  };
  absl::Status IntendChange(const v1::Snapshot& snapshot, const v1::RecordedChange& change);
  absl::Status ChangeApplied(const std::string& snapshot_id);
  absl::Status ForgetChange(
      const std::string& snapshot_id);  // It was rolled back, nothing is left of it.
  absl::StatusOr<std::optional<Change>> FindChange(const std::string& snapshot_id);
  // Not closed, oldest first.
  absl::StatusOr<std::vector<Change>> Outstanding();
  absl::Status CloseChange(const std::string& snapshot_id, const std::string& reason);

  absl::Status PutLease(const v1::Lease& lease);
  // Never shortens it. Errors: kNotFound/NO_LEASE.
  absl::Status RenewLease(const std::string& command_id, absl::Time end);
  absl::Status DropLease(const std::string& command_id);
  // Of these instances; empty: all. A lease that has others left goes on for those.
  absl::Status ClearLeases(const std::vector<std::string>& instances = {});
  // Puts `lease`, and ends what others hold of its instances, at once.
  absl::Status TakeOverLeases(const v1::Lease& lease);
  absl::StatusOr<std::vector<v1::Lease>> Leases();

  // Contains that go in parts.
  absl::Status PutContainment(const v1::Containment& containment);
  absl::Status DropContainment(const std::string& command_id);
  absl::StatusOr<std::vector<v1::Containment>> Containments();

 private:
  absl::Status TakeFromLeases(const std::set<std::string>& instances, const std::string& but);

  explicit Journal(std::unique_ptr<Database> db) : db_(std::move(db)) {}
  std::unique_ptr<Database> db_;
};

}  // namespace mailquench::agent

#endif  // MAILQUENCH_AGENT_OPERATIONS_JOURNAL_H_
