#include "agent/mail/postfix/settings_draft.h"

#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "agent/os/files.h"
#include "common/status/error.h"

namespace mailquench::agent::postfix {
namespace {
constexpr char kMain[] = "main.cf:";
constexpr char kMaster[] = "master.cf:";
constexpr char kFile[] = "file:";

std::string After(const std::string& key, const char* prefix) {
  return key.substr(std::char_traits<char>::length(prefix));
}

void AddSetting(const std::string& instance,
                const std::string& key,
                const std::optional<std::string>& before,
                const std::optional<std::string>& after,
                const std::set<std::string>& opened,
                SettingsChange* change) {
  if (before == after) return;
  v1::Setting* setting = change->result.add_settings();
  setting->set_instance(instance);
  setting->set_key(key);
  setting->set_before(before.value_or(""));
  setting->set_before_absent(!before.has_value());
  setting->set_after(after.value_or(""));
  setting->set_after_absent(!after.has_value());
  setting->set_opened_relay(opened.count(key) > 0);
}
}  // namespace

absl::StatusOr<std::optional<std::string>> ReadIfThere(const std::string& path) {
  absl::StatusOr<std::string> content = ReadFile(path);
  if (content.ok()) return std::optional<std::string>(*std::move(content));
  if (absl::IsNotFound(content.status())) return std::optional<std::string>();
  return content.status();
}

SettingsDraft::SettingsDraft(Instance instance, const std::string& main, const std::string& master)
    : instance_(std::move(instance)),
      main_text_(main),
      master_text_(master),
      main_(main),
      master_(master),
      old_main_(main),
      old_master_(master) {}

absl::StatusOr<SettingsDraft> SettingsDraft::Load(const Instance& instance) {
  MQ_ASSIGN_OR_RETURN(const std::string main, ReadFile(instance.config_directory + "/main.cf"));
  MQ_ASSIGN_OR_RETURN(const std::string master, ReadFile(instance.config_directory + "/master.cf"));
  return SettingsDraft(instance, main, master);
}

std::string SettingsDraft::OwnPath(const std::string& name) const {
  return absl::StrCat(instance_.config_directory, "/", kOwnFilePrefix, name);
}

void SettingsDraft::Set(const std::string& name, const std::string& value) {
  touched_main_.insert(name);
  main_.Set(name, value);
}

void SettingsDraft::Remove(const std::string& name) {
  touched_main_.insert(name);
  main_.Remove(name);
}

void SettingsDraft::SetOverride(const std::string& service,
                                const std::string& name,
                                const std::string& value) {
  touched_master_.insert(service);
  master_.SetOverride(service, name, value);
}

void SettingsDraft::RemoveOverride(const std::string& service, const std::string& name) {
  touched_master_.insert(service);
  master_.RemoveOverride(service, name);
}

absl::Status SettingsDraft::CheckOwn(const std::string& path) const {
  const std::string prefix = OwnPath("");
  // A record that came from elsewhere must not make us write any file that it names.
  if (absl::StartsWith(path, prefix) && path.find('/', prefix.size()) == std::string::npos)
    return absl::OkStatus();
  return Error(absl::StatusCode::kInvalidArgument, "BAD_SETTING",
               absl::StrCat(path, " is no file that Mailquench makes for instance ", instance_.name,
                            "; nothing was changed"));
}

absl::StatusOr<std::optional<std::string>> SettingsDraft::File(const std::string& path) {
  MQ_RETURN_IF_ERROR(CheckOwn(path));
  const auto it = files_.find(path);
  if (it != files_.end()) return it->second.now;
  MQ_ASSIGN_OR_RETURN(std::optional<std::string> content, ReadIfThere(path));
  files_[path] = {content, content};
  return content;
}

absl::Status SettingsDraft::SetFile(const std::string& path,
                                    const std::optional<std::string>& content) {
  MQ_RETURN_IF_ERROR(File(path).status());
  files_[path].now = content;
  return absl::OkStatus();
}

absl::StatusOr<std::optional<std::string>> SettingsDraft::Current(const std::string& key) {
  if (absl::StartsWith(key, kMain)) return main_.Get(After(key, kMain));
  if (absl::StartsWith(key, kMaster)) return master_.Get(After(key, kMaster));
  if (absl::StartsWith(key, kFile)) return File(After(key, kFile));
  return Error(absl::StatusCode::kInvalidArgument, "BAD_SETTING",
               absl::StrCat("'", key, "' names no setting of Postfix; nothing was changed"));
}

absl::Status SettingsDraft::PutRaw(const std::string& key, const std::optional<std::string>& raw) {
  MQ_RETURN_IF_ERROR(Current(key).status());
  if (absl::StartsWith(key, kFile)) return SetFile(After(key, kFile), raw);
  if (absl::StartsWith(key, kMain)) {
    touched_main_.insert(After(key, kMain));
    main_.SetRaw(After(key, kMain), raw);
  } else {
    touched_master_.insert(After(key, kMaster));
    master_.SetRaw(After(key, kMaster), raw);
  }
  return absl::OkStatus();
}

bool SettingsDraft::Mentions(const std::string& path) const {
  for (const std::string& name : main_.Names()) {
    if (absl::StrContains(*main_.Value(name), path)) return true;
  }
  for (const MasterCf::Service& service : master_.Services()) {
    for (const auto& [name, value] : service.overrides) {
      if (absl::StrContains(value, path)) return true;
    }
  }
  return false;
}

void SettingsDraft::Emit(const std::set<std::string>& opened, SettingsChange* change) const {
  for (const auto& [path, state] : files_) {
    if (state.before == state.now) continue;
    AddSetting(instance_.name, kFile + path, state.before, state.now, opened, change);
    change->files.push_back({instance_.name, path, state.before.value_or(""),
                             !state.before.has_value(), state.now.value_or(""),
                             !state.now.has_value()});
  }
  for (const std::string& name : touched_main_)
    AddSetting(instance_.name, kMain + name, old_main_.Get(name), main_.Get(name), opened, change);
  if (main_.Text() != main_text_)
    change->files.push_back({instance_.name, MainPath(), main_text_, false, main_.Text(), false});
  for (const std::string& key : touched_master_)
    AddSetting(instance_.name, kMaster + key, old_master_.Get(key), master_.Get(key), opened,
               change);
  if (master_.Text() != master_text_)
    change->files.push_back(
        {instance_.name, MasterPath(), master_text_, false, master_.Text(), false});
}

}  // namespace mailquench::agent::postfix
