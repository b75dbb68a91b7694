#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "agent/mail/postfix/candidate.h"
#include "agent/mail/postfix/settings_draft.h"
#include "agent/mail/postfix/settings_ops.h"
#include "agent/mail/postfix/settled_file.h"
#include "agent/os/files.h"
#include "common/fault/fault_point.h"
#include "common/status/error.h"

namespace mailquench::agent::postfix {
namespace {
MQ_DEFINE_FAULT_POINT(kValidate, "settings.apply.validate");
MQ_DEFINE_FAULT_POINT(kWrite, "settings.apply.write");
MQ_DEFINE_FAULT_POINT(kReload, "settings.apply.reload");
MQ_DEFINE_FAULT_POINT(kVerify, "settings.apply.verify");
MQ_DEFINE_FAULT_POINT(kRollback, "settings.apply.rollback");

using File = SettingsChange::File;
using Content = std::optional<std::string>;

Content Before(const File& file) {
  return file.before_absent ? Content() : Content(file.before);
}
Content After(const File& file) {
  return file.after_absent ? Content() : Content(file.after);
}

absl::Status Put(const std::string& path, const Content& content) {
  return content.has_value() ? WriteSettledFile(path, *content, 0644) : RemoveFile(path);
}

class Application {
 public:
  Application(const SettingsChange& change, const ServiceHooks& hooks, const CallContext& context)
      : hooks_(hooks), context_(context) {
    for (const File& file : change.files) files_.push_back(&file);
    // Map files come before what names them, and go after it.
    std::stable_partition(files_.begin(), files_.end(),
                          [](const File* file) { return !file->after_absent; });
  }

  absl::Status Run(const std::vector<Instance>& instances) {
    MQ_RETURN_IF_ERROR(Prepare(instances));
    const absl::StatusOr<bool> pending = AnyPending();
    absl::Status ready = pending.status();
    if (pending.ok() && *pending) ready = Validate();
    if (!ready.ok()) {  // A crash may have left some of our files written.
      const absl::Status undone = PutBack();
      return undone.ok() ? ready : undone;
    }
    absl::Status status = WriteAll();
    const std::string reason = ReasonOf(status);
    if (reason == "CHANGED_MEANWHILE" || reason == "ROLLBACK_FAILED") return status;
    if (status.ok()) status = TakeAll();
    return status.ok() ? status : RollBack(status);
  }

 private:
  absl::Status Prepare(const std::vector<Instance>& instances) {
    std::set<std::string> wanted;
    for (const File* file : files_) wanted.insert(file->instance);
    for (const Instance& instance : instances) {
      if (wanted.erase(instance.name) == 0) continue;
      affected_.push_back(instance);
      MQ_ASSIGN_OR_RETURN(const bool running, hooks_.is_running(instance));
      if (running) running_.push_back(instance);
    }
    if (wanted.empty()) return absl::OkStatus();
    return Error(absl::StatusCode::kNotFound, "UNKNOWN_INSTANCE",
                 absl::StrCat("the change is about instance '", *wanted.begin(),
                              "', which is not here; nothing was written"));
  }

  absl::StatusOr<bool> AnyPending() {
    bool pending = false;
    const File* foreign = nullptr;
    for (const File* file : files_) {
      MQ_ASSIGN_OR_RETURN(const Content current, ReadIfThere(file->path));
      if (current == After(*file)) {
        ours_.insert(file);
      } else if (current == Before(*file)) {
        pending = true;
      } else {
        foreign = file;
      }
    }
    if (foreign != nullptr) return ChangedMeanwhile(*foreign, "nothing was overwritten");
    return pending;
  }

  static absl::Status ChangedMeanwhile(const File& file, const std::string& left) {
    return Error(
        absl::StatusCode::kAborted, "CHANGED_MEANWHILE",
        absl::StrCat(file.path, " was changed by somebody else since this change was planned; ",
                     left, "; plan the change again"),
        {{"path", file.path}});
  }

  absl::Status Validate() const {
    MQ_FAULT_POINT(kValidate);
    for (const Instance& instance : affected_) {
      context_.progress(absl::StrCat("checking the settings of instance ", instance.name));
      Overlay overlay;
      for (const File* file : files_) {
        if (file->instance == instance.name) overlay[file->path] = After(*file);
      }
      MQ_RETURN_IF_ERROR(CheckCandidate(instance, overlay));
    }
    return absl::OkStatus();
  }

  absl::Status WriteAll() {
    for (const File* file : files_) {
      // Asked again: the validation took a while.
      MQ_ASSIGN_OR_RETURN(const Content current, ReadIfThere(file->path));
      if (current == After(*file)) continue;
      if (current != Before(*file)) {
        absl::Status undone = PutBack();
        if (!undone.ok()) return undone;
        return ChangedMeanwhile(*file,
                                "it was not overwritten and the other files are as they were");
      }
      MQ_FAULT_POINT(kWrite);
      ours_.insert(file);
      MQ_RETURN_IF_ERROR(Put(file->path, After(*file)));
    }
    return absl::OkStatus();
  }

  absl::Status TakeAll() {
    for (const Instance& instance : running_) {
      MQ_FAULT_POINT(kReload);
      context_.progress(absl::StrCat("instance ", instance.name, " takes its new settings"));
      MQ_RETURN_IF_ERROR(hooks_.reload(instance));
    }
    for (const Instance& instance : running_) {
      MQ_FAULT_POINT(kVerify);
      MQ_RETURN_IF_ERROR(hooks_.dialogue(instance));
    }
    return absl::OkStatus();
  }

  // Every file of ours gets its old content. One that somebody changed since is left to him, and is
  // not as it was: our values may still be in it.
  absl::Status PutBack() const {
    std::vector<std::string> failures;
    for (auto it = files_.rbegin(); it != files_.rend(); ++it) {
      if (ours_.count(*it) == 0) continue;
      const absl::StatusOr<Content> current = ReadIfThere((*it)->path);
      absl::Status status = current.status();
      if (status.ok() && *current == After(**it))
        status = Put((*it)->path, Before(**it));
      else if (status.ok() && *current != Before(**it))
        status = absl::AbortedError("somebody changed it after this change had written it");
      if (!status.ok()) failures.push_back(absl::StrCat((*it)->path, " (", status.message(), ")"));
    }
    if (failures.empty()) return absl::OkStatus();
    return Error(absl::StatusCode::kInternal, "ROLLBACK_FAILED",
                 absl::StrCat("not put back as it was: ", absl::StrJoin(failures, ", "),
                              "; repair it by hand, then reload Postfix"));
  }

  absl::Status RollBack(const absl::Status& cause) const {
    MQ_FAULT_POINT(kRollback);
    MQ_RETURN_IF_ERROR(Prepend(PutBack(), absl::StrCat("after '", cause.message(), "'")));
    for (const Instance& instance : running_) {
      const absl::Status status = hooks_.reload(instance);
      if (!status.ok())
        return Error(absl::StatusCode::kInternal, "ROLLBACK_FAILED",
                     absl::StrCat("the files of instance ", instance.name,
                                  " are as they were, but Postfix did not take "
                                  "them again (",
                                  status.message(), "), after '", cause.message(),
                                  "'; reload or start it by hand"));
    }
    return Error(
        absl::StatusCode::kAborted, "ROLLED_BACK",
        absl::StrCat(
            "the new settings were written but do not work (", cause.message(),
            "); all files were put back as they were; look at the mail log before trying again"),
        {{"cause", ReasonOf(cause)}});
  }

  const ServiceHooks& hooks_;
  const CallContext& context_;
  std::vector<const File*> files_;
  std::set<const File*> ours_;  // Written by this change, now or before a crash.
  std::vector<Instance> affected_;
  std::vector<Instance> running_;
};
}  // namespace

absl::Status Apply(const SettingsChange& change,
                   const std::vector<Instance>& instances,
                   const ServiceHooks& hooks,
                   const CallContext& context) {
  if (change.files.empty()) return absl::OkStatus();
  return Application(change, hooks, context).Run(instances);
}

}  // namespace mailquench::agent::postfix
