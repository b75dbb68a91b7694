#include "agent/antivirus/clamav/clamav_antivirus.h"

#include <dirent.h>
#include <google/protobuf/util/time_util.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "absl/time/clock.h"
#include "agent/antivirus/clamav/clamd_session.h"
#include "agent/antivirus/clamav/clamd_socket.h"
#include "agent/antivirus/clamav/database.h"
#include "agent/os/files.h"
#include "common/status/error.h"

namespace mailquench::agent::clamav {
namespace {
constexpr absl::Duration kAsk = absl::Seconds(10);
constexpr absl::Duration kReload = absl::Seconds(30);
constexpr int kMostScanners = 8;

// clamonacc(8) gives clamd every file that is opened. Of a process anybody may choose the name, so
// it has to be root's.
bool IsOnAccess() {
  const std::unique_ptr<DIR, int (*)(DIR*)> dir(opendir("/proc"), closedir);
  if (dir == nullptr) return false;
  while (const dirent* entry = readdir(dir.get())) {
    const std::string name = entry->d_name;
    if (name.find_first_not_of("0123456789") != std::string::npos) continue;
    const std::string process = absl::StrCat("/proc/", name);
    struct stat info {};
    if (stat(process.c_str(), &info) != 0 || info.st_uid != 0) continue;
    const auto comm = ReadFile(process + "/comm", 64);
    if (comm.ok() && *comm == "clamonacc\n") return true;
  }
  return false;
}

// "ClamAV 1.4.6/27500/Wed Nov 25 10:31:04 2026", the last two only where a signed database is
// loaded.
void TakeVersion(const std::string& answer, v1::AntivirusProduct& product) {
  const std::vector<std::string> parts = absl::StrSplit(answer, '/');
  product.set_engine_version(Shown(absl::StripPrefix(parts[0], "ClamAV ")));
  if (parts.size() > 1) product.set_signature_version(Shown(parts[1]));
}

void TakeDatabase(const std::string& folder, v1::AntivirusProduct& product) {
  const auto database = ReadDatabase(folder);
  const auto problem = [&](const std::string& what) {
    product.set_problem(
        absl::StrCat(product.problem(), product.problem().empty() ? "" : "; ", what));
  };
  if (!database.ok())
    return problem(Shown(absl::StrCat("no database: ", std::string(database.status().message()))));
  if (database->files == 0) return problem(absl::StrCat("no database in ", Shown(folder)));
  if (database->time.has_value())
    *product.mutable_signature_time() = google::protobuf::util::TimeUtil::MicrosecondsToTimestamp(
        absl::ToUnixMicros(*database->time));
  product.set_signature_time_of_file(database->time_of_file);
  // clamd has what it loaded; the newest file may be another.
  if (product.signature_version().empty()) product.set_signature_version(database->version);
}
}  // namespace

absl::StatusOr<ClamdConfig> ClamAv::Config() const {
  const std::string path =
      options_.clamd_config.empty() ? FindClamdConfig() : options_.clamd_config;
  if (path.empty())
    return Error(absl::StatusCode::kUnavailable, "NO_CLAMD_CONF",
                 "no clamd.conf is at a usual place of this host; nothing was scanned; install "
                 "clamd, or name the file in agent.yaml (clamav: clamd_config)");
  return ReadClamdConfig(path);
}

bool ClamAv::IsPresent(const WorkContext& /*context*/) {
  if (!options_.clamd_config.empty() || !FindClamdConfig().empty()) return true;
  for (const char* program :
       {"/usr/sbin/clamd", "/usr/bin/clamscan", "/usr/local/sbin/clamd", "/usr/local/bin/clamscan"})
    if (access(program, X_OK) == 0) return true;
  return false;
}

// Waits for clamd for 10 s an answer.
v1::AntivirusProduct ClamAv::Status(const WorkContext& context) {
  v1::AntivirusProduct product;
  product.set_adapter("clamav");
  product.set_product("ClamAV");
  product.set_real_time(IsOnAccess() ? v1::PROTECTION_ON : v1::PROTECTION_NONE);
  const absl::StatusOr<ClamdConfig> config = Config();
  if (!config.ok()) {
    product.set_problem(Shown(std::string(config.status().message()), kMaxPath));
    return product;
  }
  for (const std::string& one : config->exclusions) product.add_exclusions(one);
  const absl::StatusOr<std::string> pong = AskClamd(*config, "PING", kAsk);
  product.set_running(pong.ok() && *pong == "PONG");
  if (product.running() && CheckWork(context).ok()) {
    const absl::StatusOr<std::string> version = AskClamd(*config, "VERSION", kAsk);
    if (version.ok()) TakeVersion(*version, product);
  } else if (!product.running()) {
    product.set_problem(pong.ok() ? absl::StrCat("clamd answers strangely: ", Shown(*pong))
                                  : Shown(std::string(pong.status().message()), kMaxPath));
  }
  TakeDatabase(config->database_directory, product);
  return product;
}

absl::StatusOr<Updated> ClamAv::Update(const WorkContext& context) {
  context.progress("freshclam asks for new signatures");
  MQ_ASSIGN_OR_RETURN(const FreshclamResult result, RunFreshclam(options_.freshclam, context));
  if (result.updated.empty()) return Updated{false, "The signatures were the newest already."};
  std::string sentence = absl::StrCat("Updated: ", absl::StrJoin(result.updated, "; "), ".");
  if (result.notified_clamd) return Updated{true, sentence};
  const absl::StatusOr<ClamdConfig> config = Config();
  const absl::StatusOr<std::string> told =
      config.ok() ? AskClamd(*config, "RELOAD", kReload) : config.status();
  if (told.ok() && *told == "RELOADING")
    return Updated{true, sentence + " clamd was told to load them."};
  return Updated{
      true, absl::StrCat(sentence, " clamd could not be told to load them",
                         told.ok() ? "" : absl::StrCat(" (", Shown(told.status().message()), ")"),
                         "; it does so at its next SelfCheck or start.")};
}

int ClamAv::ScannersAtOnce() {
  const absl::StatusOr<ClamdConfig> config = Config();
  // Others ask clamd, too: half of its threads are theirs.
  return config.ok() ? std::clamp(config->max_threads / 2, 1, kMostScanners) : 1;
}

absl::StatusOr<std::unique_ptr<StreamScanner>> ClamAv::OpenScanner(const std::atomic<bool>& stop) {
  MQ_ASSIGN_OR_RETURN(const ClamdConfig config, Config());
  MQ_ASSIGN_OR_RETURN(std::unique_ptr<ClamdSession> session, ClamdSession::Open(config, stop));
  return std::unique_ptr<StreamScanner>(std::move(session));
}

std::string ClamAv::ScannerCaveat() {
  const absl::StatusOr<ClamdConfig> config = Config();
  if (!config.ok() || config->alert_exceeds_max) return "";
  return absl::StrCat("AlertExceedsMax is off in ", Shown(config->path),
                      ": what is packed beyond ClamAV's limits counts as clean there.");
}

}  // namespace mailquench::agent::clamav
