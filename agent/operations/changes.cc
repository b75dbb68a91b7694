// Changes of settings and their way back. A change is in the journal, whole, before it is written;
// so a crash at any line leaves either nothing or a record from which it is completed and later put
// back.
#include <google/protobuf/util/time_util.h>

#include <algorithm>
#include <set>

#include "absl/strings/str_cat.h"
#include "agent/operations/executor.h"
#include "common/operation/names.h"
#include "common/status/error.h"
#include "common/text/harmless.h"

namespace mailquench::agent {
namespace {

v1::RecordedChange Record(const SettingsChange& change) {
  v1::RecordedChange out;
  *out.mutable_result() = change.result;
  out.set_verify_closed(change.verify_closed);
  for (const SettingsChange::File& file : change.files) {
    v1::RecordedFile* recorded = out.add_files();
    recorded->set_instance(file.instance);
    recorded->set_path(file.path);
    recorded->set_before(file.before);
    recorded->set_before_absent(file.before_absent);
    recorded->set_after(file.after);
    recorded->set_after_absent(file.after_absent);
  }
  return out;
}

SettingsChange FromRecord(const v1::RecordedChange& recorded, bool backwards = false) {
  SettingsChange out;
  out.result = recorded.result();
  out.verify_closed = recorded.verify_closed() && !backwards;
  for (const v1::RecordedFile& file : recorded.files()) {
    SettingsChange::File f{file.instance(),      file.path(),  file.before(),
                           file.before_absent(), file.after(), file.after_absent()};
    if (backwards) {
      std::swap(f.before, f.after);
      std::swap(f.before_absent, f.after_absent);
    }
    out.files.push_back(std::move(f));
  }
  return out;
}

// Nothing of the change is left on the host when Apply ends so. A change that was begun before a
// crash may have been written and edited by somebody since: then the record of the old values
// stays.
bool NothingLeft(const absl::Status& status, bool resumed) {
  const std::string reason = ReasonOf(status);
  return reason == "ROLLED_BACK" || reason == "CANDIDATE_REFUSED" ||
         (reason == "CHANGED_MEANWHILE" && !resumed);
}

v1::Snapshot MakeSnapshot(const v1::Command& command, const std::string& step, Clock& clock) {
  v1::Snapshot snapshot;
  snapshot.set_snapshot_id(absl::StrCat(command.command_id(), ".", step));
  snapshot.set_command_id(command.command_id());
  snapshot.set_operation(OperationName(command.operation()));
  *snapshot.mutable_create_time() =
      google::protobuf::util::TimeUtil::MicrosecondsToTimestamp(absl::ToUnixMicros(clock.Now()));
  return snapshot;
}
}  // namespace

// The names of settings are what somebody called a connector or a file. The journal holds UTF-8,
// and a name is shown in one line.
absl::Status CheckNames(const SettingsChange& change) {
  const auto check = [](const std::string& name) -> absl::Status {
    const std::string shown = Harmless(name);
    if (shown == name) return absl::OkStatus();
    return Error(absl::StatusCode::kFailedPrecondition, "BAD_SETTING_NAME",
                 absl::StrCat("the name of the setting '", shown,
                              "' is not one line of UTF-8, or has characters that hide what it is; "
                              "no setting was changed: rename the object that bears it"));
  };
  for (const SettingsChange::File& file : change.files) {
    MQ_RETURN_IF_ERROR(check(file.instance));
    MQ_RETURN_IF_ERROR(check(file.path));
  }
  for (const v1::Setting& setting : change.result.settings())
    MQ_RETURN_IF_ERROR(check(setting.key()));
  return absl::OkStatus();
}

absl::StatusOr<v1::ChangeResult> Executor::DoChange(
    const v1::Command& command,
    const std::string& step,
    const std::function<absl::StatusOr<SettingsChange>()>& plan,
    const CallContext& context) {
  v1::Snapshot snapshot = MakeSnapshot(command, step, clock_);
  MQ_ASSIGN_OR_RETURN(auto known, journal_.FindChange(snapshot.snapshot_id()));
  const bool resumed = known.has_value();
  if (!resumed) {
    MQ_ASSIGN_OR_RETURN(SettingsChange change, plan());
    MQ_RETURN_IF_ERROR(CheckNames(change));
    if (change.files.empty()) return change.result;
    change.result.set_snapshot_id(snapshot.snapshot_id());
    *snapshot.mutable_settings() = change.result.settings();
    MQ_RETURN_IF_ERROR(journal_.IntendChange(snapshot, Record(change)));
    known.emplace();
    known->snapshot = snapshot;
    known->change = Record(change);
  }
  const SettingsChange change = FromRecord(known->change);
  if (!known->applied) {
    const absl::Status applied = mail_.Apply(change, context);
    if (!applied.ok()) {
      if (NothingLeft(applied, resumed))
        MQ_RETURN_IF_ERROR(journal_.ForgetChange(snapshot.snapshot_id()));
      return applied;
    }
    MQ_RETURN_IF_ERROR(journal_.ChangeApplied(snapshot.snapshot_id()));
  }
  return change.result;
}

absl::Status Executor::NoteChange(const v1::Command& command, const std::string& step) {
  const v1::Snapshot snapshot = MakeSnapshot(command, step, clock_);
  MQ_ASSIGN_OR_RETURN(const auto known, journal_.FindChange(snapshot.snapshot_id()));
  if (!known.has_value()) MQ_RETURN_IF_ERROR(journal_.IntendChange(snapshot, v1::RecordedChange()));
  return journal_.ChangeApplied(snapshot.snapshot_id());
}

// Reads beside the changes; what a change overtook is no drift, and not told.
absl::StatusOr<std::vector<std::string>> Executor::Drift() {
  const std::uint64_t begun = changes_begun_;
  MQ_ASSIGN_OR_RETURN(const auto outstanding, journal_.Outstanding());
  std::vector<v1::Setting> recorded;
  for (const Journal::Change& change : outstanding) {
    if (change.change.has_restore() || !change.applied) continue;
    recorded.insert(recorded.end(), change.snapshot.settings().begin(),
                    change.snapshot.settings().end());
  }
  std::vector<std::string> out;
  if (recorded.empty()) return out;
  MQ_ASSIGN_OR_RETURN(const auto drifted, mail_.Drifted(recorded));
  if (changes_begun_ != begun || IsChanging())
    return Error(absl::StatusCode::kAborted, "CHANGED_MEANWHILE",
                 "a change went on while it looked; it looks again later");
  for (const v1::Setting& setting : drifted)
    out.push_back(absl::StrCat(setting.instance(), " ", setting.key()));
  return out;
}

absl::Status Executor::RollBack(const std::string& snapshot_id, const CallContext& context) {
  MQ_ASSIGN_OR_RETURN(const auto known, journal_.FindChange(snapshot_id));
  if (!known.has_value()) return absl::OkStatus();
  if (known->change.files_size() > 0)
    MQ_RETURN_IF_ERROR(mail_.Apply(FromRecord(known->change, /*backwards=*/true), context));
  return journal_.ForgetChange(snapshot_id);
}

absl::StatusOr<RestorePlan> Executor::PlanRestoreOf(const v1::Restore& request,
                                                    std::vector<Journal::Change>& outstanding) {
  MQ_ASSIGN_OR_RETURN(outstanding, journal_.Outstanding());
  const std::set<std::string> wanted(request.snapshot_ids().begin(), request.snapshot_ids().end());
  if (!wanted.empty()) {
    std::set<std::string> have;
    for (const auto& change : outstanding) have.insert(change.snapshot.snapshot_id());
    for (const std::string& id : wanted) {
      if (have.count(id) == 0)
        return Error(
            absl::StatusCode::kNotFound, "NO_SUCH_SNAPSHOT",
            absl::StrCat("no outstanding snapshot '", id, "' on this host; nothing was restored"));
    }
    std::erase_if(outstanding, [&](const Journal::Change& c) {
      return wanted.count(c.snapshot.snapshot_id()) == 0;
    });
  }
  // A restore that a crash cut short is no change to be put back itself; nor is an unblock, which
  // puts back what a block did.
  std::erase_if(outstanding, [&](const Journal::Change& c) {
    return c.change.has_restore() || (wanted.empty() && c.snapshot.operation() == "sender.unblock");
  });
  for (const v1::RestoreDecision& decision : request.decisions()) {
    if (decision.reason().empty())
      return Error(
          absl::StatusCode::kInvalidArgument, "REASON_MISSING",
          absl::StrCat("the decision on ", decision.key(), " has no reason; nothing was restored"));
  }
  // The cause stays shut: a block is put back only where its snapshot is named; sender.unblock
  // lifts it.
  const auto stays = [&](const Journal::Change& change) {
    return wanted.empty() && change.snapshot.operation() == "sender.block";
  };
  std::vector<v1::Setting> settings;
  std::vector<v1::Setting> staying;
  for (const auto& change : outstanding) {
    std::vector<v1::Setting>& into = stays(change) ? staying : settings;
    into.insert(into.end(), change.snapshot.settings().begin(), change.snapshot.settings().end());
  }
  MQ_ASSIGN_OR_RETURN(
      RestorePlan plan,
      mail_.PlanRestore(settings, {request.decisions().begin(), request.decisions().end()},
                        staying));
  for (const auto& change : outstanding) {
    if (!stays(change)) continue;
    const auto& blocked = change.snapshot.settings();
    MQ_ASSIGN_OR_RETURN(const auto other, mail_.Drifted({blocked.begin(), blocked.end()}));
    for (const v1::Setting& setting : blocked) {
      const bool same = std::none_of(other.begin(), other.end(), [&](const v1::Setting& one) {
        return one.instance() == setting.instance() && one.key() == setting.key();
      });
      v1::RestoredSetting* kept = plan.result.add_settings();
      *kept->mutable_setting() = setting;
      kept->set_state(v1::RestoredSetting::STATE_KEPT_AS_FIX);
      kept->set_why(same ? "blocks a cause of the incident; sender.unblock lifts it"
                         : "blocked a cause of the incident; another block or sender.unblock has "
                           "changed it since, and it stays as that left it");
      plan.result.set_kept_as_fix(plan.result.kept_as_fix() + 1);
    }
  }
  return plan;
}

absl::StatusOr<v1::RestoreResult> Executor::DoRestore(const v1::Command& command,
                                                      const CallContext& context) {
  std::vector<Journal::Change> outstanding;
  v1::Snapshot marker = MakeSnapshot(command, "restore", clock_);
  MQ_ASSIGN_OR_RETURN(auto known, journal_.FindChange(marker.snapshot_id()));
  const bool resumed = known.has_value();
  if (!resumed) {
    MQ_ASSIGN_OR_RETURN(RestorePlan plan,
                        PlanRestoreOf(command.operation().restore(), outstanding));
    MQ_RETURN_IF_ERROR(CheckNames(plan.change));
    v1::RecordedChange recorded = Record(plan.change);
    *recorded.mutable_restore() = plan.result;
    MQ_RETURN_IF_ERROR(journal_.IntendChange(marker, recorded));
    known.emplace();
    known->change = recorded;
  } else {
    MQ_ASSIGN_OR_RETURN(outstanding, journal_.Outstanding());
    const auto& named = command.operation().restore().snapshot_ids();
    std::erase_if(outstanding, [&](const Journal::Change& c) {
      return c.change.has_restore() ||
             (!named.empty() &&
              std::find(named.begin(), named.end(), c.snapshot.snapshot_id()) == named.end());
    });
  }
  const SettingsChange change = FromRecord(known->change);
  if (!known->applied && !change.files.empty()) {
    const absl::Status applied = mail_.Apply(change, context);
    if (!applied.ok()) {
      if (NothingLeft(applied, resumed))
        MQ_RETURN_IF_ERROR(journal_.ForgetChange(marker.snapshot_id()));
      return applied;
    }
  }
  MQ_RETURN_IF_ERROR(journal_.ChangeApplied(marker.snapshot_id()));
  // A snapshot is settled when none of its settings still waits for a person.
  const v1::RestoreResult& result = known->change.restore();
  std::set<std::pair<std::string, std::string>> handled, waiting;
  for (const v1::RestoredSetting& setting : result.settings()) {
    const auto key = std::make_pair(setting.setting().instance(), setting.setting().key());
    (setting.state() == v1::RestoredSetting::STATE_NEEDS_DECISION ? waiting : handled).insert(key);
  }
  for (const auto& one : outstanding) {
    const bool settled = std::all_of(one.snapshot.settings().begin(), one.snapshot.settings().end(),
                                     [&](const v1::Setting& s) {
                                       const auto key = std::make_pair(s.instance(), s.key());
                                       return handled.count(key) != 0 && waiting.count(key) == 0;
                                     });
    if (settled) MQ_RETURN_IF_ERROR(journal_.CloseChange(one.snapshot.snapshot_id(), "restored"));
  }
  MQ_RETURN_IF_ERROR(journal_.CloseChange(marker.snapshot_id(), "a restore"));
  return result;
}

}  // namespace mailquench::agent
