// Debian's Alertmanager, started for a test on loopback in a folder of its own.
#ifndef MAILQUENCH_TESTS_UNIT_ALERTMANAGER_REAL_ALERTMANAGER_H_
#define MAILQUENCH_TESTS_UNIT_ALERTMANAGER_REAL_ALERTMANAGER_H_

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <string>
#include <thread>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "controller/http/client.h"
#include "tests/unit/https/peer.h"

extern char** environ;  // NOLINT(readability-redundant-declaration)

namespace mailquench::test {

class RealAlertmanager {
 public:
  static constexpr char kProgram[] = "/usr/bin/prometheus-alertmanager";
  static bool Installed() { return access(kProgram, X_OK) == 0; }

  RealAlertmanager() {
    {
      Peer free([](Peer::Link&) {});
      port_ = free.port();
    }
    folder_.Write("a.yml", "route: {receiver: none, group_wait: 1s}\nreceivers: [{name: none}]\n");
    Start();
  }
  ~RealAlertmanager() { Stop(); }

  std::string url() const { return absl::StrCat("http://127.0.0.1:", port_); }

  // True once it answers.
  bool Start() {
    const std::string arguments[] = {kProgram, absl::StrCat("--config.file=", folder_ / "a.yml"),
                                     absl::StrCat("--storage.path=", folder_ / "data"),
                                     absl::StrCat("--web.listen-address=127.0.0.1:", port_),
                                     "--cluster.listen-address="};
    std::vector<char*> argv;
    for (const std::string& one : arguments) argv.push_back(const_cast<char*>(one.c_str()));
    argv.push_back(nullptr);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 2, (folder_ / "log").c_str(),
                                     O_WRONLY | O_CREAT | O_APPEND, 0600);
    if (posix_spawn(&pid_, kProgram, &actions, nullptr, argv.data(), environ) != 0) pid_ = -1;
    posix_spawn_file_actions_destroy(&actions);
    for (int i = 0; i < 600 && pid_ > 0; ++i) {
      controller::HttpCall call;
      call.url = absl::StrCat(url(), "/-/ready");
      const auto answer = Fetch(call);
      if (answer.ok() && answer->status == 200) return true;
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
    }
    return false;
  }
  void Stop() {
    if (pid_ <= 0) return;
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
    pid_ = -1;
  }
  // Posts one alert with these labels (JSON), firing for five minutes or ended.
  bool Alert(const std::string& labels, bool firing = true) const {
    controller::HttpCall call;
    call.method = "POST";
    call.url = absl::StrCat(url(), "/api/v2/alerts");
    call.headers["Content-Type"] = "application/json";
    const auto at = [](absl::Time time) {
      return absl::FormatTime(absl::RFC3339_sec, time, absl::UTCTimeZone());
    };
    const absl::Time now = absl::Now();
    call.body = absl::StrCat("[{\"labels\":", labels, ",\"startsAt\":\"",
                             at(now - absl::Minutes(10)), "\",\"endsAt\":\"",
                             at(firing ? now + absl::Minutes(5) : now - absl::Seconds(2)), "\"}]");
    const auto answer = Fetch(call);
    return answer.ok() && answer->status == 200;
  }

 private:
  TempFolder folder_;
  int port_ = 0;
  pid_t pid_ = -1;
};

}  // namespace mailquench::test

#endif  // MAILQUENCH_TESTS_UNIT_ALERTMANAGER_REAL_ALERTMANAGER_H_
