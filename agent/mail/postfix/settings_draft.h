// One instance's configuration while a change to it is being made up.
#ifndef MAILQUENCH_AGENT_MAIL_POSTFIX_SETTINGS_DRAFT_H_
#define MAILQUENCH_AGENT_MAIL_POSTFIX_SETTINGS_DRAFT_H_

#include <map>
#include <optional>
#include <set>
#include <string>

#include "absl/status/statusor.h"
#include "agent/mail/mail_system.h"
#include "agent/mail/postfix/instance.h"
#include "agent/mail/postfix/main_cf.h"
#include "agent/mail/postfix/master_cf.h"

namespace mailquench::agent::postfix {

// Prefix of the names of map files that we own, in the configuration folder.
inline constexpr char kOwnFilePrefix[] = "mailquench_";

// A whole file; none where it is missing. Errors of ReadFile() but kNotFound.
absl::StatusOr<std::optional<std::string>> ReadIfThere(const std::string& path);

class SettingsDraft {
 public:
  static absl::StatusOr<SettingsDraft> Load(const Instance& instance);

  const Instance& instance() const { return instance_; }
  const MainCf& main() const { return main_; }
  const MasterCf& master() const { return master_; }
  std::string MainPath() const { return instance_.config_directory + "/main.cf"; }
  std::string MasterPath() const { return instance_.config_directory + "/master.cf"; }
  // Path of a map file of ours: "blocked_accounts" -> ".../mailquench_blocked_accounts".
  std::string OwnPath(const std::string& name) const;

  void Set(const std::string& name, const std::string& value);
  void Remove(const std::string& name);
  void SetOverride(const std::string& service, const std::string& name, const std::string& value);
  void RemoveOverride(const std::string& service, const std::string& name);
  absl::StatusOr<std::optional<std::string>> File(const std::string& path);
  absl::Status SetFile(const std::string& path, const std::optional<std::string>& content);
  // For restore: `key` as in v1::Setting. Errors: kInvalidArgument/BAD_SETTING.
  absl::StatusOr<std::optional<std::string>> Current(const std::string& key);
  absl::Status PutRaw(const std::string& key, const std::optional<std::string>& raw);

  // Whether the text of main.cf or master.cf, as drafted, names this path.
  bool Mentions(const std::string& path) const;

  // Adds the settings that differ and the files that hold them. `opened` names the keys whose old
  // value opened the relay.
  void Emit(const std::set<std::string>& opened, SettingsChange* change) const;

 private:
  SettingsDraft(Instance instance, const std::string& main, const std::string& master);
  absl::Status CheckOwn(const std::string& path) const;

  Instance instance_;
  std::string main_text_;
  std::string master_text_;
  MainCf main_;
  MasterCf master_;
  MainCf old_main_;
  MasterCf old_master_;
  struct FileState {
    std::optional<std::string> before;
    std::optional<std::string> now;
  };
  std::map<std::string, FileState> files_;
  std::set<std::string> touched_main_;
  std::set<std::string> touched_master_;
};

}  // namespace mailquench::agent::postfix

#endif  // MAILQUENCH_AGENT_MAIL_POSTFIX_SETTINGS_DRAFT_H_
