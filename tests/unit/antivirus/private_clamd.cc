#include "tests/unit/antivirus/private_clamd.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "agent/antivirus/clamav/clamd_session.h"
#include "agent/antivirus/clamav/clamd_socket.h"

namespace mailquench::agent {
namespace {
constexpr char kProgram[] = "/usr/sbin/clamd";
constexpr absl::Duration kPatience = absl::Seconds(60);
}  // namespace

std::string Eicar() {
  return std::string("X5O!P%@AP[4\\PZX54(P^)7CC)7}$EIC") + "AR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*";
}

std::string EicarSignature() {
  return absl::StrCat("Eicar-Test:0:*:", absl::BytesToHexString(Eicar()), "\n");
}

void WriteText(const std::string& path, const std::string& text) {
  std::ofstream(path, std::ios::binary) << text;
}

bool PrivateClamd::Possible() {
  return access(kProgram, X_OK) == 0;
}

PrivateClamd::PrivateClamd(const std::string& settings) {
  std::string name = "/tmp/mq-clamd-XXXXXX";
  root_ = mkdtemp(name.data());
  for (const char* folder : {"db", "tmp"}) std::filesystem::create_directory(root_ + "/" + folder);
  WriteText(database() + "/test.ndb", EicarSignature());
  WriteText(config(),
            absl::StrCat("LocalSocket ", socket(), "\nPidFile ", root_, "/pid\nLogFile ", root_,
                         "/log\nDatabaseDirectory ", database(), "\nTemporaryDirectory ", root_,
                         "/tmp\nForeground yes\nSelfCheck 0\nExitOnOOM yes\n",
                         geteuid() == 0 ? "User root\n" : "", settings));
}

PrivateClamd::~PrivateClamd() {
  Kill();
  std::filesystem::remove_all(root_);
}

bool PrivateClamd::Start() {
  pid_ = fork();
  if (pid_ == 0) {
    const int null = open("/dev/null", O_RDWR);
    dup2(null, 1);
    dup2(null, 2);
    if (longest_file_ >= 0) {
      const rlimit limit{static_cast<rlim_t>(longest_file_), static_cast<rlim_t>(longest_file_)};
      setrlimit(RLIMIT_FSIZE, &limit);
      std::signal(SIGXFSZ, SIG_IGN);
    }
    execl(kProgram, kProgram, "-c", config().c_str(), nullptr);
    _exit(127);
  }
  const absl::Time until = absl::Now() + kPatience;
  const auto parsed = clamav::ReadClamdConfig(config());
  while (parsed.ok() && absl::Now() < until) {
    const auto pong = clamav::AskClamd(*parsed, "PING", absl::Seconds(5));
    if (pong.ok()) return true;
    int status = 0;
    if (waitpid(pid_, &status, WNOHANG) == pid_) {
      pid_ = -1;
      return false;
    }
    absl::SleepFor(absl::Milliseconds(5));
  }
  return false;
}

void PrivateClamd::Kill() {
  if (pid_ <= 0) return;
  kill(pid_, SIGKILL);
  waitpid(pid_, nullptr, 0);
  pid_ = -1;
}

std::string PrivateClamd::Log() const {
  std::ifstream file(root_ + "/log");
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

}  // namespace mailquench::agent
