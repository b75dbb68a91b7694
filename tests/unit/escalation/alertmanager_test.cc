// A real Alertmanager calls the real endpoint: its form, its token, its trust in our certificate.
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <functional>

#include "absl/strings/str_cat.h"
#include "tests/unit/escalation/intake_fixture.h"

extern char** environ;

namespace mailquench::controller {
namespace {

constexpr char kProgram[] = "/usr/bin/prometheus-alertmanager";

// A port that was free a moment ago.
int FreePort() {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  EXPECT_EQ(::bind(fd, reinterpret_cast<sockaddr*>(&address), size), 0);
  EXPECT_EQ(::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size), 0);
  ::close(fd);
  return ntohs(address.sin_port);
}

class RealAlertmanager : public IntakeFixture {
 protected:
  void SetUp() override {
    if (::access(kProgram, X_OK) != 0) GTEST_SKIP() << kProgram << " is not installed";
    token_ = Token("prom", v1::SOURCE_KIND_ALERTMANAGER);
    ASSERT_TRUE(identity::WriteSecretFile(folder_.At("token"), token_).ok());
    Serve();
    // As docs/escalation.md has it, but for the times.
    ASSERT_TRUE(identity::WritePublicFile(
                    folder_.At("am.yml"),
                    absl::StrCat("route:\n  receiver: mailquench\n  group_by: [alertname]\n"
                                 "  group_wait: 1s\n  group_interval: 1s\n  repeat_interval: 2s\n"
                                 "receivers:\n  - name: mailquench\n    webhook_configs:\n"
                                 "      - url: https://localhost:",
                                 port(),
                                 "/v1/alerts\n        send_resolved: true\n        max_alerts: 3\n"
                                 "        http_config:\n          authorization: "
                                 "{ type: Bearer, credentials_file: ",
                                 folder_.At("token"), " }\n          tls_config: { ca_file: ",
                                 folder_.At("ca.pem"), " }\n"))
                    .ok());
    api_ = FreePort();
    Spawn();
  }
  void Spawn() {
    const std::string config = absl::StrCat("--config.file=", folder_.At("am.yml"));
    const std::string data = absl::StrCat("--storage.path=", folder_.At("am"));
    const std::string listen = absl::StrCat("--web.listen-address=127.0.0.1:", api_);
    std::string arguments[] = {kProgram, config, data, listen, "--cluster.listen-address="};
    std::vector<char*> argv;
    for (std::string& one : arguments) argv.push_back(one.data());
    argv.push_back(nullptr);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    for (const int fd : {1, 2}) {
      posix_spawn_file_actions_addopen(&actions, fd, folder_.At("am.log").c_str(),
                                       O_WRONLY | O_CREAT | O_APPEND, 0600);
    }
    ASSERT_EQ(::posix_spawn(&pid_, kProgram, &actions, nullptr, argv.data(), environ), 0);
    posix_spawn_file_actions_destroy(&actions);
  }
  void TearDown() override {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  // Until it says so, or a minute has gone.
  static bool Wait(const std::function<bool()>& done) {
    for (int i = 0; i < 600; ++i) {
      if (done()) return true;
      absl::SleepFor(absl::Milliseconds(100));
    }
    return done();
  }
  // Puts alerts there as Prometheus does.
  bool PutAlerts(int alerts, bool ended) const {
    const std::string end = ended ? absl::FormatTime(R"(,"endsAt":"%Y-%m-%dT%H:%M:%SZ")",
                                                     absl::Now(), absl::UTCTimeZone())
                                  : "";
    std::string body;
    for (int i = 0; i < alerts; ++i) {
      absl::StrAppend(&body, i == 0 ? "[" : ",",
                      R"({"labels":{"alertname":"QueueFlood","host":"mx)", i,
                      R"("},"annotations":{"summary":"it\nfloods \u00e4"})",
                      R"(,"startsAt":"2026-01-02T03:04:05.678Z")", end, "}");
    }
    test::TcpClient client(api_);
    if (!client.connected() ||
        !client.Send(absl::StrCat("POST /api/v2/alerts HTTP/1.0\r\nContent-Type: application/json",
                                  "\r\nContent-Length: ", body.size() + 1, "\r\n\r\n", body,
                                  "]"))) {
      return false;
    }
    char answer[16] = {};
    return ::recv(client.fd(), answer, 12, MSG_WAITALL) == 12 &&
           std::string(answer) == "HTTP/1.0 200";
  }
  int CountKept(v1::AlertStatus status) {
    int count = 0;
    for (const v1::AlertRecord& record : Kept()) {
      if (record.alert().status() == status) ++count;
    }
    return count;
  }

  std::string token_;
  int api_ = 0;
  pid_t pid_ = 0;
};

TEST_F(RealAlertmanager, ItsAlertsComeOnceAndResolved) {
  ASSERT_TRUE(Wait([this]() { return PutAlerts(2, false); }));
  ASSERT_TRUE(Wait([this]() { return CountKept(v1::ALERT_STATUS_FIRING) == 2; }));
  const v1::Alert alert = Kept().front().alert();
  EXPECT_EQ(alert.source(), "prom");
  EXPECT_EQ(alert.receiver(), "mailquench");
  EXPECT_EQ(alert.group_key(), R"({}:{alertname="QueueFlood"})");
  EXPECT_EQ(alert.fingerprint().size(), 16U);
  EXPECT_EQ(alert.annotations().at("summary"), "it\nfloods \xc3\xa4");
  EXPECT_EQ(alert.start_time().nanos(), 678'000'000);
  EXPECT_NE(alert.alertmanager_url(), "");
  // It repeats itself, and that is nothing new.
  ASSERT_TRUE(Wait([this]() { return endpoint_.Results()["taken"] >= 3; }));
  EXPECT_EQ(Kept().size(), 2U);

  ASSERT_TRUE(PutAlerts(2, true));
  ASSERT_TRUE(Wait([this]() { return CountKept(v1::ALERT_STATUS_RESOLVED) == 2; }));
  for (const v1::AlertRecord& record : Kept()) {
    v1::ListAlertsRequest same;
    same.set_fingerprint(record.alert().fingerprint());
    same.set_limit(10);
    EXPECT_EQ(store_->Alerts(same)->size(), 2U);
  }
}

TEST_F(RealAlertmanager, WhatItsMessageLeavesOutIsCounted) {
  ASSERT_TRUE(Wait([this]() { return PutAlerts(5, false); }));
  ASSERT_TRUE(Wait([this]() { return CountKept(v1::ALERT_STATUS_FIRING) >= 3; }));
  EXPECT_EQ(Kept().front().alert().truncated(), 2);
}

TEST_F(RealAlertmanager, NoneIsLostWhileNothingCanBeKept) {
  inbox_.broken = true;
  ASSERT_TRUE(Wait([this]() { return PutAlerts(1, false); }));
  ASSERT_TRUE(Wait([this]() { return endpoint_.Results()["failed"] >= 1; }));
  inbox_.broken = false;
  EXPECT_TRUE(Wait([this]() { return CountKept(v1::ALERT_STATUS_FIRING) == 1; }));
}

}  // namespace
}  // namespace mailquench::controller
