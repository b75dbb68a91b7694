#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "agent/mail/smtpsvc/setting.h"
#include "agent/mail/smtpsvc/settings_ops.h"
#include "common/fault/fault_point.h"
#include "common/status/error.h"

namespace mailquench::agent::smtpsvc {
namespace {
MQ_DEFINE_FAULT_POINT(kWrite, "smtpsvc.apply.write");
MQ_DEFINE_FAULT_POINT(kWritten, "smtpsvc.apply.written");
MQ_DEFINE_FAULT_POINT(kVerify, "smtpsvc.apply.verify");
MQ_DEFINE_FAULT_POINT(kRollback, "smtpsvc.apply.rollback");

struct Entry {
  SettingKey key;
  RawSetting before;
  RawSetting after;
  std::string name;
};

class Application {
 public:
  explicit Application(Metabase& metabase) : metabase_(metabase) {}

  absl::Status Run(const SettingsChange& change, const std::function<absl::Status()>& verify) {
    for (const SettingsChange::File& file : change.files) {
      MQ_ASSIGN_OR_RETURN(const SettingKey key, SettingKeyFrom(file.path));
      entries_.push_back({key, file.before_absent ? RawSetting() : RawSetting(file.before),
                          file.after_absent ? RawSetting() : RawSetting(file.after), file.path});
    }
    MQ_RETURN_IF_ERROR(Look());
    absl::Status status = WriteAll();
    const std::string reason = ReasonOf(status);
    if (reason == "CHANGED_MEANWHILE" || reason == "ROLLBACK_FAILED") return status;
    if (status.ok()) status = Check(verify);
    return status.ok() ? status : RollBack(status);
  }

 private:
  enum class Now { kBefore, kAfter, kOther };

  absl::StatusOr<Now> WhatIs(const Entry& entry) const {
    MQ_ASSIGN_OR_RETURN(const RawSetting as_after, CurrentText(metabase_, entry.key, entry.after));
    if (as_after == entry.after) return Now::kAfter;
    MQ_ASSIGN_OR_RETURN(const RawSetting as_before,
                        CurrentText(metabase_, entry.key, entry.before));
    return as_before == entry.before ? Now::kBefore : Now::kOther;
  }

  // What is ours already was written before a crash. Nothing is written where one is somebody
  // else's.
  absl::Status Look() {
    const Entry* foreign = nullptr;
    for (const Entry& entry : entries_) {
      MQ_ASSIGN_OR_RETURN(const Now now, WhatIs(entry));
      if (now == Now::kAfter) ours_.insert(&entry);
      if (now == Now::kOther) foreign = &entry;
    }
    return foreign == nullptr ? absl::OkStatus()
                              : ChangedMeanwhile(*foreign, "nothing was overwritten");
  }

  static absl::Status ChangedMeanwhile(const Entry& entry, const std::string& left) {
    return Error(
        absl::StatusCode::kAborted, "CHANGED_MEANWHILE",
        absl::StrCat(entry.name, " was changed by somebody else since this change was planned; ",
                     left, "; plan the change again"),
        {{"path", entry.name}});
  }

  absl::Status WriteAll() {
    for (const Entry& entry : entries_) {
      MQ_ASSIGN_OR_RETURN(const Now now, WhatIs(entry));
      if (now == Now::kAfter) continue;
      if (now == Now::kOther) {
        MQ_RETURN_IF_ERROR(PutBack());
        return ChangedMeanwhile(entry,
                                "it was not overwritten and the other settings are as they were");
      }
      MQ_FAULT_POINT(kWrite);
      ours_.insert(&entry);
      MQ_RETURN_IF_ERROR(PutText(metabase_, entry.key, entry.after));
      MQ_FAULT_POINT(kWritten);
    }
    return absl::OkStatus();
  }

  // All of them once more: an overwriter may have come in between.
  absl::Status Check(const std::function<absl::Status()>& verify) const {
    MQ_FAULT_POINT(kVerify);
    MQ_RETURN_IF_ERROR(verify());
    for (const Entry& entry : entries_) {
      MQ_ASSIGN_OR_RETURN(const Now now, WhatIs(entry));
      if (now != Now::kAfter)
        return Error(absl::StatusCode::kAborted, "NOT_TAKEN",
                     absl::StrCat(entry.name,
                                  " was written, and another program has overwritten "
                                  "it since"));
    }
    return absl::OkStatus();
  }

  // One that somebody changed since is left to him, and is not as it was.
  absl::Status PutBack() const {
    std::vector<std::string> failures;
    for (auto it = entries_.rbegin(); it != entries_.rend(); ++it) {
      if (ours_.count(&*it) == 0) continue;
      const absl::StatusOr<Now> now = WhatIs(*it);
      absl::Status status = now.status();
      if (status.ok() && *now == Now::kAfter)
        status = PutText(metabase_, it->key, it->before);
      else if (status.ok() && *now == Now::kOther)
        status = absl::AbortedError("another program has changed it");
      if (!status.ok()) failures.push_back(absl::StrCat(it->name, " (", status.message(), ")"));
    }
    if (failures.empty()) return absl::OkStatus();
    return Error(absl::StatusCode::kInternal, "ROLLBACK_FAILED",
                 absl::StrCat("not put back as it was: ", absl::StrJoin(failures, ", "),
                              "; repair it in IIS' console"));
  }

  absl::Status RollBack(const absl::Status& cause) const {
    MQ_FAULT_POINT(kRollback);
    MQ_RETURN_IF_ERROR(Prepend(PutBack(), absl::StrCat("after '", cause.message(), "'")));
    return Error(absl::StatusCode::kAborted, "ROLLED_BACK",
                 absl::StrCat("the new settings did not take (", cause.message(),
                              "); all were put back as they were"),
                 {{"cause", ReasonOf(cause)}});
  }

  Metabase& metabase_;
  std::vector<Entry> entries_;
  std::set<const Entry*> ours_;  // Written by this change, now or before a crash.
};
}  // namespace

absl::Status ApplySettings(Metabase& metabase,
                           const SettingsChange& change,
                           const std::function<absl::Status()>& verify) {
  return change.files.empty() ? absl::OkStatus() : Application(metabase).Run(change, verify);
}

}  // namespace mailquench::agent::smtpsvc
