#include "agent/mail/postfix/candidate.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <set>
#include <system_error>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/time/clock.h"
#include "agent/mail/postfix/master_cf.h"
#include "agent/mail/postfix/remembered.h"
#include "agent/mail/postfix/settings_draft.h"
#include "agent/mail/postfix/settled_file.h"
#include "agent/os/files.h"
#include "agent/os/process.h"
#include "common/parallel/parallel.h"
#include "common/status/error.h"

namespace mailquench::agent::postfix {
namespace {
namespace fs = std::filesystem;
constexpr absl::Duration kLimit = absl::Seconds(15);

class PrivateFolder {
 public:
  PrivateFolder() = default;
  PrivateFolder(const PrivateFolder&) = delete;
  PrivateFolder& operator=(const PrivateFolder&) = delete;
  ~PrivateFolder() {
    std::error_code ignored;
    if (!path_.empty()) fs::remove_all(path_, ignored);
  }
  absl::Status Make() {
    RemoveLeftovers();
    char name[] = "/tmp/mailquench-candidate-XXXXXX";  // mkdtemp makes it 0700.
    if (mkdtemp(name) == nullptr) return SystemError(errno, "make a private folder in /tmp");
    path_ = name;
    return absl::OkStatus();
  }
  const std::string& path() const { return path_; }

 private:
  // Of processes that were killed meanwhile. Younger ones may be in use.
  static void RemoveLeftovers() {
    std::error_code error;
    for (fs::directory_iterator it("/tmp", error), end; !error && it != end; it.increment(error)) {
      struct stat info {};
      const std::string path = it->path().string();
      const bool ours = absl::StartsWith(it->path().filename().string(), "mailquench-candidate-") &&
                        lstat(path.c_str(), &info) == 0 && S_ISDIR(info.st_mode) &&
                        info.st_uid == geteuid();
      std::error_code ignored;
      if (ours && info.st_mtime < time(nullptr) - 600) fs::remove_all(path, ignored);
    }
  }

  std::string path_;
};

bool IsWanted(const std::string& name) {
  return name == "main.cf" || name == "master.cf" || name == "dynamicmaps.cf" ||
         absl::StartsWith(name, kOwnFilePrefix);
}

// The candidate's text with our map files where their copies are. Tables are opened without the
// proxy service, which would be waited for while Postfix is stopped.
std::string Relocated(const std::string& text,
                      const Instance& instance,
                      const std::string& folder) {
  return absl::StrReplaceAll(text, {{absl::StrCat(instance.config_directory, "/", kOwnFilePrefix),
                                     absl::StrCat(folder, "/", kOwnFilePrefix)},
                                    {"proxy:", ""}});
}

using Files = std::map<std::string, std::string>;  // Content by name.

// The instance's configuration as it would be.
absl::StatusOr<Files> Candidate(const Instance& instance, const Overlay& overlay) {
  Files files;
  std::error_code error;
  for (fs::directory_iterator it(instance.config_directory, error), end; !error && it != end;
       it.increment(error)) {
    const std::string name = it->path().filename().string();
    if (!IsWanted(name) || absl::EndsWith(name, ".mailquench-tmp")) continue;
    MQ_ASSIGN_OR_RETURN(files[name], ReadFile(it->path().string()));
  }
  if (error) return SystemError(error.value(), absl::StrCat("list ", instance.config_directory));
  for (const auto& [path, content] : overlay) {
    const std::string name = fs::path(path).filename().string();
    files.erase(name);
    if (content.has_value()) files[name] = *content;
  }
  return files;
}

// Nobody but the programs that are asked below reads the copy, so it need not reach the disk.
absl::Status Write(const Instance& instance, const Files& files, const std::string& folder) {
  for (const auto& [name, content] : files) {
    const std::string path = absl::StrCat(folder, "/", name);
    std::ofstream out(path, std::ios::binary);
    out << (absl::EndsWith(name, ".cf") ? Relocated(content, instance, folder) : content);
    out.close();
    if (!out) return SystemError(errno, absl::StrCat("write ", path));
    MQ_RETURN_IF_ERROR(SettleFile(path));
  }
  std::error_code error;
  fs::copy(instance.config_directory + "/dynamicmaps.cf.d", folder + "/dynamicmaps.cf.d",
           fs::copy_options::recursive, error);  // Not every version has it.
  return absl::OkStatus();
}

// What was found good last, by configuration directory.
Remembered<bool>& Accepted() {
  static auto* accepted = new Remembered<bool>;
  return *accepted;
}

std::string TextOf(const Files& files) {
  std::string text;
  for (const auto& [name, content] : files)
    absl::StrAppend(&text, name, std::string(1, '\0'), content, std::string(1, '\0'));
  return text;
}

absl::Status Refused(const Instance& instance, const std::string& why) {
  return Error(absl::StatusCode::kFailedPrecondition, "CANDIDATE_REFUSED",
               absl::StrCat("Postfix would not take the settings of instance ", instance.name, ": ",
                            why, "; nothing was written; the mail log may say more"),
               {{"instance", instance.name}});
}

std::vector<std::string> SmtpdArguments(const Instance& instance,
                                        const MasterCf::Service* service) {
  std::vector<std::string> argv = {instance.daemon_directory + "/smtpd", "-S"};
  const auto add = [&](const std::string& name, const std::string& value) {
    argv.emplace_back("-o");
    argv.push_back(absl::StrCat(name, "=", value));
  };
  if (service != nullptr) {
    for (const auto& [name, value] : service->overrides) add(name, value);
  }
  // What would ask another service at start or at the first connection. The last of a name counts.
  for (const char* name : {"smtpd_milters", "non_smtpd_milters", "local_recipient_maps"})
    add(name, "");
  for (const char* name :
       {"smtpd_use_tls", "smtpd_enforce_tls", "smtpd_tls_wrappermode", "smtpd_peername_lookup"})
    add(name, "no");
  add("smtpd_tls_security_level", "none");
  return argv;
}

absl::Status RunSmtpd(const Instance& instance,
                      const std::string& folder,
                      const MasterCf::Service* service) {
  ProcessOptions options;
  options.timeout = kLimit;
  options.environment = {absl::StrCat("MAIL_CONFIG=", folder)};
  MQ_ASSIGN_OR_RETURN(const ProcessResult ended,
                      RunProcess(SmtpdArguments(instance, service), options));
  if (ended.exit_code == 0) return absl::OkStatus();
  return Refused(instance, absl::StrCat("smtpd", service == nullptr ? "" : " of ",
                                        service == nullptr ? "" : service->key,
                                        " ends at its start with ", ended.exit_code));
}

absl::Status RunPostconf(const Instance& instance, const std::string& folder, const char* what) {
  ProcessOptions options;
  options.timeout = kLimit;
  MQ_ASSIGN_OR_RETURN(const ProcessResult ended,
                      RunProcess({"postconf", "-c", folder, what}, options));
  if (ended.exit_code == 0) return absl::OkStatus();
  return Refused(instance, std::string(absl::StripAsciiWhitespace(ended.err)));
}

// All programs at once: each takes some ten milliseconds, and a fire waits for them.
absl::Status Ask(const Instance& instance, const Files& files, const std::string& folder) {
  std::vector<std::function<absl::Status()>> questions;
  for (const char* what : {"-n", "-M"})
    questions.emplace_back([&, what] { return RunPostconf(instance, folder, what); });
  const auto master = files.find("master.cf");
  if (master == files.end()) return Refused(instance, "it has no master.cf");
  const std::vector<MasterCf::Service> services = MasterCf(master->second).Services();
  std::set<std::map<std::string, std::string>> asked;
  for (const MasterCf::Service& service : services) {
    if (service.command != "smtpd") continue;
    std::map<std::string, std::string> overrides = service.overrides;
    overrides.erase("syslog_name");
    if (!asked.insert(overrides).second) continue;
    questions.emplace_back([&, it = &service] { return RunSmtpd(instance, folder, it); });
  }
  if (asked.empty()) questions.emplace_back([&] { return RunSmtpd(instance, folder, nullptr); });
  std::vector<absl::Status> answers(questions.size());
  std::vector<std::function<void()>> tasks;
  for (std::size_t i = 0; i < questions.size(); ++i)
    tasks.emplace_back([&, i] { answers[i] = questions[i](); });
  RunTogether(tasks);
  absl::Status late;
  for (const absl::Status& answer : answers) {
    if (absl::IsDeadlineExceeded(answer))
      late = answer;  // Says less than a refusal.
    else if (!answer.ok())
      return answer;
  }
  return late;
}

absl::Status Check(const Instance& instance, const Overlay& overlay) {
  const absl::Time now = absl::Now();
  MQ_ASSIGN_OR_RETURN(const Files files, Candidate(instance, overlay));
  const std::string text = TextOf(files);
  if (Accepted().Get(instance.config_directory, text).has_value()) return absl::OkStatus();
  PrivateFolder folder;
  MQ_RETURN_IF_ERROR(folder.Make());
  MQ_RETURN_IF_ERROR(Write(instance, files, folder.path()));
  MQ_RETURN_IF_ERROR(Ask(instance, files, folder.path()));
  Accepted().Put(instance.config_directory, text, now, true);
  return absl::OkStatus();
}
}  // namespace

absl::Status CheckCandidate(const Instance& instance, const Overlay& overlay) {
  absl::Status status = Check(instance, overlay);
  if (!absl::IsDeadlineExceeded(status)) return status;
  // smtpd waits for something. Where it does so with the settings of now as well, that says nothing
  // about the candidate, and an attack is no time to wait: the dialogue decides.
  if (!overlay.empty() && absl::IsDeadlineExceeded(Check(instance, {}))) return absl::OkStatus();
  return Refused(instance, "smtpd waits for something at its start and does not answer in time");
}

}  // namespace mailquench::agent::postfix
