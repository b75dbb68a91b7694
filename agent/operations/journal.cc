#include "agent/operations/journal.h"

#include <google/protobuf/util/message_differencer.h>
#include <google/protobuf/util/time_util.h>

#include <algorithm>
#include <iterator>
#include <set>

#include "absl/strings/str_cat.h"
#include "common/fault/fault_point.h"
#include "common/status/error.h"

namespace mailquench::agent {
namespace {
MQ_DEFINE_FAULT_POINT(kBegun, "journal.begin.after");
MQ_DEFINE_FAULT_POINT(kFinished, "journal.finish.before");
MQ_DEFINE_FAULT_POINT(kIntended, "journal.change.intended");
MQ_DEFINE_FAULT_POINT(kApplied, "journal.change.applied");

constexpr char kSchema[] = R"(
CREATE TABLE IF NOT EXISTS commands(seq INTEGER PRIMARY KEY AUTOINCREMENT, command_id TEXT UNIQUE NOT NULL,
  command BLOB NOT NULL, local INTEGER NOT NULL, report BLOB, acknowledged INTEGER NOT NULL DEFAULT 0);
CREATE INDEX IF NOT EXISTS commands_open ON commands(acknowledged, seq);
CREATE INDEX IF NOT EXISTS commands_unfinished ON commands(seq) WHERE report IS NULL;
CREATE TABLE IF NOT EXISTS steps(command_id TEXT NOT NULL, step TEXT NOT NULL, result BLOB NOT NULL,
  PRIMARY KEY(command_id, step));
CREATE TABLE IF NOT EXISTS changes(seq INTEGER PRIMARY KEY AUTOINCREMENT, snapshot_id TEXT UNIQUE NOT NULL,
  snapshot BLOB NOT NULL, change BLOB NOT NULL, applied INTEGER NOT NULL DEFAULT 0, closed TEXT);
CREATE TABLE IF NOT EXISTS leases(command_id TEXT PRIMARY KEY, lease BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS containments(command_id TEXT PRIMARY KEY, containment BLOB NOT NULL);
)";

template <class Message>
absl::StatusOr<Message> Parse(const std::string& bytes, absl::string_view what) {
  Message message;
  if (!message.ParseFromString(bytes))
    return Error(absl::StatusCode::kDataLoss, "JOURNAL_DAMAGED",
                 absl::StrCat("the journal's ", what, " cannot be read"));
  return message;
}
}  // namespace

absl::StatusOr<std::unique_ptr<Journal>> Journal::Open(const std::string& path) {
  MQ_ASSIGN_OR_RETURN(std::unique_ptr<Database> db, Database::Open(path));
  MQ_RETURN_IF_ERROR(db->Script(kSchema));
  // Old, acknowledged commands go; ten thousand are kept, so that a repeat of any recent one is
  // known.
  MQ_RETURN_IF_ERROR(
      db->Script("DELETE FROM commands WHERE acknowledged=1 AND seq <= (SELECT max(seq) FROM "
                 "commands) - 10000;"
                 "DELETE FROM steps WHERE command_id NOT IN (SELECT command_id FROM commands);"));
  return std::unique_ptr<Journal>(new Journal(std::move(db)));
}

absl::StatusOr<Journal::Known> Journal::Begin(const v1::Command& command,
                                              bool local,
                                              v1::OperationReport* report) {
  Known known = Known::kNew;
  MQ_RETURN_IF_ERROR(db_->Transaction([&]() -> absl::Status {
    MQ_ASSIGN_OR_RETURN(const auto rows,
                        db_->Query("SELECT report, command FROM commands WHERE command_id=?",
                                   {command.command_id()}));
    if (!rows.empty()) {
      MQ_ASSIGN_OR_RETURN(const v1::Command first, Parse<v1::Command>(rows[0].Text(1), "command"));
      if (!google::protobuf::util::MessageDifferencer::Equals(first.operation(),
                                                              command.operation()))
        return Error(absl::StatusCode::kAlreadyExists, "ID_TAKEN",
                     absl::StrCat("the id ", command.command_id(),
                                  " was given to another operation before; nothing was done: give "
                                  "this one an id of its own"));
      known = Known::kUnfinished;
      if (rows[0].Text(0).empty()) return absl::OkStatus();
      known = Known::kDone;
      MQ_ASSIGN_OR_RETURN(*report, Parse<v1::OperationReport>(rows[0].Text(0), "report"));
      return absl::OkStatus();
    }
    return db_->Execute(
        "INSERT INTO commands(command_id, command, local) VALUES(?,?,?)",
        {command.command_id(), Blob{command.SerializeAsString()}, std::int64_t{local}});
  }));
  MQ_FAULT_POINT(kBegun);
  return known;
}

absl::Status Journal::Finish(const v1::OperationReport& report) {
  MQ_FAULT_POINT(kFinished);
  return db_->Execute("UPDATE commands SET report=?, acknowledged=0 WHERE command_id=?",
                      {Blob{report.SerializeAsString()}, report.command_id()});
}

absl::StatusOr<std::optional<v1::OperationReport>> Journal::Report(const std::string& command_id) {
  MQ_ASSIGN_OR_RETURN(const auto rows,
                      db_->Query("SELECT report FROM commands WHERE command_id=?", {command_id}));
  if (rows.empty() || rows[0].Text(0).empty()) return std::optional<v1::OperationReport>();
  MQ_ASSIGN_OR_RETURN(v1::OperationReport report,
                      Parse<v1::OperationReport>(rows[0].Text(0), "report"));
  return std::optional<v1::OperationReport>(std::move(report));
}

absl::StatusOr<std::vector<v1::Command>> Journal::Unfinished() {
  MQ_ASSIGN_OR_RETURN(const auto rows,
                      db_->Query("SELECT command FROM commands WHERE report IS NULL ORDER BY seq"));
  std::vector<v1::Command> out;
  for (const SqlRow& row : rows) {
    MQ_ASSIGN_OR_RETURN(v1::Command command, Parse<v1::Command>(row.Text(0), "command"));
    out.push_back(std::move(command));
  }
  return out;
}

absl::StatusOr<bool> Journal::IsBegun(const std::string& command_id) {
  MQ_ASSIGN_OR_RETURN(const auto rows,
                      db_->Query("SELECT report FROM commands WHERE command_id=?", {command_id}));
  return !rows.empty() && rows[0].Text(0).empty();
}

absl::StatusOr<bool> Journal::IsLocal(const std::string& command_id) {
  MQ_ASSIGN_OR_RETURN(const auto rows,
                      db_->Query("SELECT local FROM commands WHERE command_id=?", {command_id}));
  return !rows.empty() && rows[0].Int(0) != 0;
}

absl::StatusOr<std::vector<v1::OperationReport>> Journal::Unreported() {
  MQ_ASSIGN_OR_RETURN(const auto rows,
                      db_->Query("SELECT report FROM commands WHERE report IS NOT NULL AND "
                                 "acknowledged=0 ORDER BY seq LIMIT 1000"));
  std::vector<v1::OperationReport> out;
  for (const SqlRow& row : rows) {
    MQ_ASSIGN_OR_RETURN(v1::OperationReport report,
                        Parse<v1::OperationReport>(row.Text(0), "report"));
    out.push_back(std::move(report));
  }
  return out;
}

absl::Status Journal::Acknowledge(const std::string& command_id) {
  return db_->Execute("UPDATE commands SET acknowledged=1 WHERE command_id=?", {command_id});
}

absl::Status Journal::RecordStep(const std::string& command_id,
                                 const std::string& step,
                                 const std::string& result) {
  return db_->Execute("INSERT OR REPLACE INTO steps(command_id, step, result) VALUES(?,?,?)",
                      {command_id, step, Blob{result}});
}

absl::StatusOr<std::optional<std::string>> Journal::Step(const std::string& command_id,
                                                         const std::string& step) {
  MQ_ASSIGN_OR_RETURN(
      const auto rows,
      db_->Query("SELECT result FROM steps WHERE command_id=? AND step=?", {command_id, step}));
  if (rows.empty()) return std::optional<std::string>();
  return std::optional<std::string>(rows[0].Text(0));
}

absl::Status Journal::IntendChange(const v1::Snapshot& snapshot, const v1::RecordedChange& change) {
  MQ_RETURN_IF_ERROR(
      db_->Execute("INSERT INTO changes(snapshot_id, snapshot, change) VALUES(?,?,?)",
                   {snapshot.snapshot_id(), Blob{snapshot.SerializeAsString()},
                    Blob{change.SerializeAsString()}}));
  MQ_FAULT_POINT(kIntended);
  return absl::OkStatus();
}

absl::Status Journal::ChangeApplied(const std::string& snapshot_id) {
  MQ_FAULT_POINT(kApplied);
  return db_->Execute("UPDATE changes SET applied=1 WHERE snapshot_id=?", {snapshot_id});
}

absl::Status Journal::ForgetChange(const std::string& snapshot_id) {
  return db_->Execute("DELETE FROM changes WHERE snapshot_id=?", {snapshot_id});
}

namespace {
absl::StatusOr<Journal::Change> ToChange(const SqlRow& row) {
  Journal::Change out;
  MQ_ASSIGN_OR_RETURN(out.snapshot, Parse<v1::Snapshot>(row.Text(0), "snapshot"));
  MQ_ASSIGN_OR_RETURN(out.change, Parse<v1::RecordedChange>(row.Text(1), "change"));
  out.applied = row.Int(2) != 0;
  out.closed = row.Int(3) != 0;
  return out;
}
}  // namespace

absl::StatusOr<std::optional<Journal::Change>> Journal::FindChange(const std::string& snapshot_id) {
  MQ_ASSIGN_OR_RETURN(
      const auto rows,
      db_->Query("SELECT snapshot, change, applied, closed IS NOT NULL FROM changes WHERE "
                 "snapshot_id=?",
                 {snapshot_id}));
  if (rows.empty()) return std::optional<Change>();
  MQ_ASSIGN_OR_RETURN(Change change, ToChange(rows[0]));
  return std::optional<Change>(std::move(change));
}

absl::StatusOr<std::vector<Journal::Change>> Journal::Outstanding() {
  MQ_ASSIGN_OR_RETURN(
      const auto rows,
      db_->Query(
          "SELECT snapshot, change, applied, 0 FROM changes WHERE closed IS NULL ORDER BY seq"));
  std::vector<Change> out;
  for (const SqlRow& row : rows) {
    MQ_ASSIGN_OR_RETURN(Change change, ToChange(row));
    out.push_back(std::move(change));
  }
  return out;
}

absl::Status Journal::CloseChange(const std::string& snapshot_id, const std::string& reason) {
  return db_->Execute("UPDATE changes SET closed=? WHERE snapshot_id=?", {reason, snapshot_id});
}

void SetInstances(const std::vector<std::string>& instances, v1::Lease* lease) {
  const auto set = [&](auto* into) { into->Assign(instances.begin(), instances.end()); };
  set(lease->mutable_instances());
  set(lease->mutable_stop()->mutable_lock()->mutable_instances());
  if (lease->stop().has_sweep()) set(lease->mutable_stop()->mutable_sweep()->mutable_instances());
  if (lease->has_contain()) set(lease->mutable_contain()->mutable_instances());
}

absl::Status Journal::PutLease(const v1::Lease& lease) {
  return db_->Execute("INSERT OR REPLACE INTO leases(command_id, lease) VALUES(?,?)",
                      {lease.command_id(), Blob{lease.SerializeAsString()}});
}

absl::Status Journal::RenewLease(const std::string& command_id, absl::Time end) {
  return db_->Transaction([&]() -> absl::Status {
    MQ_ASSIGN_OR_RETURN(const auto rows,
                        db_->Query("SELECT lease FROM leases WHERE command_id=?", {command_id}));
    if (rows.empty())
      return Error(absl::StatusCode::kNotFound, "NO_LEASE",
                   absl::StrCat("no lease of command ", command_id, " is running"));
    MQ_ASSIGN_OR_RETURN(v1::Lease lease, Parse<v1::Lease>(rows[0].Text(0), "lease"));
    using google::protobuf::util::TimeUtil;
    if (TimeUtil::TimestampToMicroseconds(lease.end_time()) >= absl::ToUnixMicros(end))
      return absl::OkStatus();
    *lease.mutable_end_time() = TimeUtil::MicrosecondsToTimestamp(absl::ToUnixMicros(end));
    return PutLease(lease);
  });
}

absl::Status Journal::DropLease(const std::string& command_id) {
  return db_->Execute("DELETE FROM leases WHERE command_id=?", {command_id});
}

absl::Status Journal::TakeFromLeases(const std::set<std::string>& instances,
                                     const std::string& but) {
  MQ_ASSIGN_OR_RETURN(const std::vector<v1::Lease> leases, Leases());
  for (v1::Lease lease : leases) {
    if (lease.command_id() == but) continue;
    std::vector<std::string> left;
    std::copy_if(lease.instances().begin(), lease.instances().end(), std::back_inserter(left),
                 [&](const std::string& name) { return instances.count(name) == 0; });
    if (left.empty()) {
      MQ_RETURN_IF_ERROR(DropLease(lease.command_id()));
      continue;
    }
    SetInstances(left, &lease);
    MQ_RETURN_IF_ERROR(PutLease(lease));
  }
  return absl::OkStatus();
}

absl::Status Journal::ClearLeases(const std::vector<std::string>& instances) {
  if (instances.empty()) return db_->Execute("DELETE FROM leases");
  return db_->Transaction([&] {
    return TakeFromLeases({instances.begin(), instances.end()}, /*but=*/"");
  });
}

absl::Status Journal::TakeOverLeases(const v1::Lease& lease) {
  return db_->Transaction([&]() -> absl::Status {
    MQ_RETURN_IF_ERROR(
        TakeFromLeases({lease.instances().begin(), lease.instances().end()}, lease.command_id()));
    return PutLease(lease);
  });
}

absl::Status Journal::PutContainment(const v1::Containment& containment) {
  return db_->Execute("INSERT OR REPLACE INTO containments(command_id, containment) VALUES(?,?)",
                      {containment.command_id(), Blob{containment.SerializeAsString()}});
}

absl::Status Journal::DropContainment(const std::string& command_id) {
  return db_->Execute("DELETE FROM containments WHERE command_id=?", {command_id});
}

absl::StatusOr<std::vector<v1::Containment>> Journal::Containments() {
  MQ_ASSIGN_OR_RETURN(const auto rows, db_->Query("SELECT containment FROM containments"));
  std::vector<v1::Containment> out;
  for (const SqlRow& row : rows) {
    MQ_ASSIGN_OR_RETURN(v1::Containment one, Parse<v1::Containment>(row.Text(0), "containment"));
    out.push_back(std::move(one));
  }
  return out;
}

absl::StatusOr<std::vector<v1::Lease>> Journal::Leases() {
  MQ_ASSIGN_OR_RETURN(const auto rows, db_->Query("SELECT lease FROM leases"));
  std::vector<v1::Lease> out;
  for (const SqlRow& row : rows) {
    MQ_ASSIGN_OR_RETURN(v1::Lease lease, Parse<v1::Lease>(row.Text(0), "lease"));
    out.push_back(std::move(lease));
  }
  return out;
}

}  // namespace mailquench::agent
