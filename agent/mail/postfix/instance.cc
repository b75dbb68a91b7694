#include "agent/mail/postfix/instance.h"

#include <grp.h>
#include <pwd.h>

#include <algorithm>
#include <set>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "agent/mail/postfix/postconf.h"
#include "agent/mail/postfix/remembered.h"
#include "agent/os/files.h"
#include "agent/os/process.h"
#include "common/status/error.h"

namespace mailquench::agent::postfix {
namespace {
constexpr char kPostmulti[] = "/usr/sbin/postmulti";
constexpr char kPrimary[] = "/etc/postfix/main.cf";

absl::Status NoPostfix(const std::string& why) {
  return Error(
      absl::StatusCode::kFailedPrecondition, "NO_POSTFIX",
      absl::StrCat("this host has no Postfix that can be managed (", why, "); nothing was done"));
}

std::string FirstLine(const std::string& text) {
  return std::string(absl::StripAsciiWhitespace(text.substr(0, text.find('\n'))));
}

// RunProcess inherits no environment, so that a MAIL_CONFIG of ours cannot redirect any of these.
absl::StatusOr<std::string> Run(const std::vector<std::string>& argv) {
  const absl::StatusOr<ProcessResult> run = RunProcess(argv);
  if (absl::IsNotFound(run.status())) return NoPostfix(absl::StrCat(argv[0], " does not exist"));
  if (!run.ok()) return run.status();
  if (run->exit_code != 0) {
    return Error(absl::StatusCode::kFailedPrecondition, "BAD_INSTANCE",
                 absl::StrCat("'", absl::StrJoin(argv, " "), "' ended with status ", run->exit_code,
                              ": ", FirstLine(run->err), "; nothing was done"));
  }
  return run->out;
}

absl::StatusOr<Parameters> Ask(const std::string& config_directory,
                               const std::vector<std::string>& names) {
  absl::StatusOr<Parameters> asked = EffectiveParameters(config_directory, names);
  if (absl::IsNotFound(asked.status())) return NoPostfix("it has no postconf");
  if (ReasonOf(asked.status()) == "POSTCONF_FAILED")
    return Error(absl::StatusCode::kFailedPrecondition, "BAD_INSTANCE",
                 std::string(asked.status().message()));
  return asked;
}

absl::Status UnknownName(const std::string& directory,
                         const std::string& kind,
                         const std::string& name) {
  return Error(absl::StatusCode::kFailedPrecondition, "BAD_INSTANCE",
               absl::StrCat("the ", kind, " '", name, "' of the Postfix instance in ", directory,
                            " is not known to this host; nothing was done"));
}

absl::StatusOr<Instance> ReadInstance(const std::string& directory) {
  MQ_ASSIGN_OR_RETURN(auto values,
                      Ask(directory, {"multi_instance_name", "queue_directory", "daemon_directory",
                                      "command_directory", "mail_version", "mail_owner",
                                      "setgid_group", "enable_long_queue_ids"}));
  Instance instance;
  instance.name = values["multi_instance_name"].empty() ? "-" : values["multi_instance_name"];
  instance.config_directory = directory;
  instance.queue_directory = values["queue_directory"];
  instance.daemon_directory = values["daemon_directory"];
  instance.command_directory = values["command_directory"];
  instance.version = values["mail_version"];
  instance.long_queue_ids = values["enable_long_queue_ids"] == "yes";
  char buffer[16384];
  passwd user{};
  passwd* found_user = nullptr;
  getpwnam_r(values["mail_owner"].c_str(), &user, buffer, sizeof buffer, &found_user);
  if (found_user == nullptr) return UnknownName(directory, "mail_owner", values["mail_owner"]);
  instance.mail_owner = user.pw_uid;
  instance.mail_group = user.pw_gid;
  group set_group{};
  group* found_group = nullptr;
  getgrnam_r(values["setgid_group"].c_str(), &set_group, buffer, sizeof buffer, &found_group);
  if (found_group == nullptr) return UnknownName(directory, "setgid_group", values["setgid_group"]);
  instance.setgid_group = set_group.gr_gid;
  return instance;
}

// The configuration directories that postmulti lists: name, group, enabled, directory in columns.
absl::StatusOr<std::vector<std::string>> ListDirectories() {
  static auto* memory = new Remembered<std::vector<std::string>>;
  const absl::Time now = absl::Now();
  const std::string primary = ReadFile(kPrimary).value_or("");  // It names the others.
  const auto known = memory->Get(kPrimary, primary);
  if (known.has_value()) return *known;
  const absl::StatusOr<std::string> out = Run({kPostmulti, "-l"});
  if (ReasonOf(out.status()) == "BAD_INSTANCE") {
    return NoPostfix(std::string(out.status().message()));
  }
  if (!out.ok()) return out.status();
  std::vector<std::string> directories;
  for (const auto line : absl::StrSplit(*out, '\n')) {
    const std::vector<std::string> columns = absl::StrSplit(line, ' ', absl::SkipEmpty());
    if (columns.size() >= 4) directories.push_back(columns[3]);
  }
  if (directories.empty()) return NoPostfix("postmulti lists no instance");
  memory->Put(kPrimary, primary, now, directories);
  return directories;
}
}  // namespace

absl::StatusOr<std::vector<Instance>> FindInstances(const std::vector<std::string>& names,
                                                    const FindOptions& options) {
  std::vector<std::string> directories = options.config_directories;
  if (directories.empty()) {
    MQ_ASSIGN_OR_RETURN(directories, ListDirectories());
  }
  std::vector<Instance> all;
  std::set<std::string> known;
  for (const std::string& directory : directories) {
    MQ_ASSIGN_OR_RETURN(Instance instance, ReadInstance(directory));
    if (known.count(instance.name) != 0) {
      instance.name = directory.substr(directory.find_last_of('/') + 1);
    }
    if (!known.insert(instance.name).second) {
      return Error(absl::StatusCode::kFailedPrecondition, "BAD_INSTANCE",
                   absl::StrCat("two Postfix instances of this host are called '", instance.name,
                                "'; nothing was done; give them multi_instance_name values"));
    }
    all.push_back(std::move(instance));
  }
  if (names.empty()) return all;
  for (const std::string& name : names) {
    if (known.count(name) != 0) continue;
    return Error(absl::StatusCode::kNotFound, "UNKNOWN_INSTANCE",
                 absl::StrCat("this host has no Postfix instance '", name,
                              "'; it has: ", absl::StrJoin(known, ", "), "; nothing was done"));
  }
  std::vector<Instance> chosen;
  for (Instance& instance : all) {
    if (std::find(names.begin(), names.end(), instance.name) != names.end()) {
      chosen.push_back(std::move(instance));
    }
  }
  return chosen;
}

absl::StatusOr<std::vector<Instance>> FindInstances(const std::vector<std::string>& names) {
  return FindInstances(names, FindOptions{});
}

absl::StatusOr<std::string> Parameter(const std::string& config_directory,
                                      const std::string& name) {
  MQ_ASSIGN_OR_RETURN(auto values, Ask(config_directory, {name}));
  const auto it = values.find(name);
  if (it != values.end()) return it->second;
  return Error(absl::StatusCode::kFailedPrecondition, "BAD_INSTANCE",
               absl::StrCat("Postfix in ", config_directory, " has no parameter '", name, "'"));
}

}  // namespace mailquench::agent::postfix
