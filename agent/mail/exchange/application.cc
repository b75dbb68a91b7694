#include "agent/mail/exchange/application.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/fault/fault_point.h"
#include "common/status/error.h"

namespace mailquench::agent::exchange {
namespace {
MQ_DEFINE_FAULT_POINT(kWrite, "exchange.apply.write");
MQ_DEFINE_FAULT_POINT(kWritten, "exchange.apply.written");
MQ_DEFINE_FAULT_POINT(kVerify, "exchange.apply.verify");
MQ_DEFINE_FAULT_POINT(kRollback, "exchange.apply.rollback");

absl::Status ChangedMeanwhile(const std::string& name, const std::string& left) {
  return Error(absl::StatusCode::kAborted, "CHANGED_MEANWHILE",
               absl::StrCat(name, " was changed by somebody else since this change was planned; ",
                            left, "; plan the change again"),
               {{"path", name}});
}

// Whether the entries of a connector are on the way from one list to the other: none that is in
// neither, none gone that is in both.
bool IsBetween(const Aces& now, const Aces& a, const Aces& b) {
  return std::all_of(now.begin(), now.end(),
                     [&](const Ace& ace) { return a.count(ace) != 0 || b.count(ace) != 0; }) &&
         std::all_of(a.begin(), a.end(),
                     [&](const Ace& ace) { return b.count(ace) == 0 || now.count(ace) != 0; });
}
}  // namespace

absl::Status Application::Sort(const SettingsChange& change) {
  for (const SettingsChange::File& file : change.files) {
    MQ_ASSIGN_OR_RETURN(const SettingKey key, SettingKeyFrom(file.path));
    const auto same = std::find_if(objects_.begin(), objects_.end(), [&](const Object& object) {
      return object.front().key.SameObject(key);
    });
    Object& object = same == objects_.end() ? objects_.emplace_back() : *same;
    object.push_back({key, file.before_absent ? RawSetting() : RawSetting(file.before),
                      file.after_absent ? RawSetting() : RawSetting(file.after), file.path});
  }
  return absl::OkStatus();
}

absl::StatusOr<Application::Now> Application::StateOfEntry(Directory& directory,
                                                           const Object& object,
                                                           const Entry& entry) {
  MQ_ASSIGN_OR_RETURN(const RawSetting now, directory.Current(entry.key));
  if (entry.key.kind != SettingKey::Kind::kPermissions || !now.has_value()) {
    if (SameValue(entry.key, now, entry.after)) return Now::kAfter;
    return SameValue(entry.key, now, entry.before) ? Now::kBefore : Now::kOther;
  }
  bool groups_written = false;
  bool users_come = false;
  for (const Entry& other : object) {
    if (other.key.property != "PermissionGroups") continue;
    MQ_ASSIGN_OR_RETURN(const RawSetting groups, directory.Current(other.key));
    groups_written = SameValue(other.key, groups, other.after) &&
                     !SameValue(other.key, other.before, other.after);
    users_come = groups_written && UsersCome({{other.key, other.after}});
  }
  const Aces aces = AcesFrom(*now);
  const Aces before = AcesFrom(entry.before.value_or(""));
  const Aces after = AcesFrom(entry.after.value_or(""));
  if (AreAces(aces, after, users_come)) return Now::kAfter;
  if (aces == before) return Now::kBefore;
  // With the groups Exchange wrote entries of its own, which this change puts right.
  return groups_written || IsBetween(aces, before, after) ? Now::kPartly : Now::kOther;
}

absl::StatusOr<Application::Now> Application::StateOf(Directory& directory,
                                                      const Object& object,
                                                      const Entry** other) {
  bool before = true;
  bool after = true;
  for (const Entry& entry : object) {
    MQ_ASSIGN_OR_RETURN(const Now now, StateOfEntry(directory, object, entry));
    if (now == Now::kOther) {
      *other = &entry;
      return now;
    }
    before &= now == Now::kBefore ||
              (now == Now::kAfter && SameValue(entry.key, entry.before, entry.after));
    after &= now == Now::kAfter;
  }
  if (after) return Now::kAfter;
  return before ? Now::kBefore : Now::kPartly;
}

// What is ours already was written before a crash. Nothing is written where one is somebody else's.
absl::Status Application::Look() {
  const Entry* foreign = nullptr;
  directory_.Forget();
  for (const Object& object : objects_) {
    MQ_ASSIGN_OR_RETURN(const Now now, StateOf(directory_, object, &foreign));
    if (now == Now::kAfter || now == Now::kPartly) ours_.insert(&object);
  }
  return foreign == nullptr ? absl::OkStatus()
                            : ChangedMeanwhile(foreign->name, "nothing was overwritten");
}

absl::Status Application::WriteAll() {
  for (const Object& object : objects_) {
    const Entry* foreign = nullptr;
    directory_.Forget();
    MQ_ASSIGN_OR_RETURN(const Now now, StateOf(directory_, object, &foreign));
    if (now == Now::kAfter) continue;
    if (now == Now::kOther) {
      MQ_RETURN_IF_ERROR(PutBack());
      return ChangedMeanwhile(foreign->name,
                              "it was not overwritten and the other settings are as they were");
    }
    MQ_FAULT_POINT(kWrite);
    ours_.insert(&object);
    std::vector<Wanted> wanted;
    for (const Entry& entry : object) wanted.push_back({entry.key, entry.after});
    MQ_RETURN_IF_ERROR(directory_.Put(wanted));
    MQ_FAULT_POINT(kWritten);
  }
  return absl::OkStatus();
}

// All of them once more: an overwriter may have come in between, or a call that was given up has
// done its work after all.
absl::Status Application::Check(const std::function<absl::Status()>& verify) {
  MQ_FAULT_POINT(kVerify);
  MQ_RETURN_IF_ERROR(verify());
  directory_.Forget();
  for (const Object& object : objects_) {
    const Entry* foreign = nullptr;
    MQ_ASSIGN_OR_RETURN(const Now now, StateOf(directory_, object, &foreign));
    if (now != Now::kAfter)
      return Error(absl::StatusCode::kAborted, "NOT_TAKEN",
                   absl::StrCat((foreign == nullptr ? object.front() : *foreign).name,
                                " was written, and another program has overwritten it since"));
  }
  return absl::OkStatus();
}

// What somebody changed since is left to him, and is not as it was.
absl::Status Application::PutBack() {
  Directory directory = way_back_();
  std::vector<std::string> failures;
  for (auto it = objects_.rbegin(); it != objects_.rend(); ++it) {
    if (ours_.count(&*it) == 0) continue;
    const Entry* foreign = nullptr;
    directory.Forget();
    const absl::StatusOr<Now> now = StateOf(directory, *it, &foreign);
    absl::Status status = now.status();
    if (status.ok() && *now == Now::kOther)
      status = absl::AbortedError("another program has changed it");
    std::vector<Wanted> wanted;
    for (const Entry& entry : *it) wanted.push_back({entry.key, entry.before});
    if (status.ok() && *now != Now::kBefore) status = directory.Put(wanted);
    if (!status.ok())
      failures.push_back(absl::StrCat((foreign == nullptr ? it->front() : *foreign).name, " (",
                                      status.message(), ")"));
  }
  if (failures.empty()) return absl::OkStatus();
  return Error(absl::StatusCode::kInternal, "ROLLBACK_FAILED",
               absl::StrCat("not put back as it was: ", absl::StrJoin(failures, ", "),
                            "; repair it in Exchange's own shell, or repeat"));
}

absl::Status Application::RollBack(const absl::Status& cause) {
  MQ_FAULT_POINT(kRollback);
  MQ_RETURN_IF_ERROR(Prepend(PutBack(), absl::StrCat("after '", cause.message(), "'")));
  return Error(absl::StatusCode::kAborted, "ROLLED_BACK",
               absl::StrCat("the new settings did not take (", cause.message(),
                            "); all were put back as they were"),
               {{"cause", ReasonOf(cause)}});
}

absl::Status Application::Run(const SettingsChange& change,
                              const std::function<absl::Status()>& verify) {
  MQ_RETURN_IF_ERROR(Sort(change));
  MQ_RETURN_IF_ERROR(Look());
  absl::Status status = WriteAll();
  const std::string reason = ReasonOf(status);
  if (reason == "CHANGED_MEANWHILE" || reason == "ROLLBACK_FAILED") return status;
  if (status.ok()) status = Check(verify);
  return status.ok() ? status : RollBack(status);
}

}  // namespace mailquench::agent::exchange
