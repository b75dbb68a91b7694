// A listener that misses a dialogue after a change of settings.
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <set>
#include <thread>

#include "tests/unit/smtpsvc/smtp_host.h"

namespace mailquench::agent::smtpsvc {
namespace {

// Takes so many sessions; of those whose number is in `dead` it closes without a word.
class Server {
 public:
  Server(int sessions, std::set<int> dead) {
    fd_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    EXPECT_EQ(0, bind(fd_, reinterpret_cast<sockaddr*>(&address), size));
    getsockname(fd_, reinterpret_cast<sockaddr*>(&address), &size);
    binding = absl::StrCat("127.0.0.1:", ntohs(address.sin_port), ":");
    listen(fd_, 8);
    thread_ = std::thread([this, sessions, dead = std::move(dead)] {
      for (int i = 0; i < sessions; ++i) Serve(dead.count(i) != 0);
      close(fd_);
    });
  }
  ~Server() { thread_.join(); }
  std::string binding;

 private:
  void Serve(bool dead) const {
    const int peer = accept4(fd_, nullptr, nullptr, SOCK_CLOEXEC);
    const auto say = [&](const std::string& line) {
      (void)!send(peer, line.data(), line.size(), MSG_NOSIGNAL);
    };
    if (!dead) say("220 mx\r\n");
    char line[512];
    while (!dead) {
      const ssize_t got = recv(peer, line, sizeof line, 0);
      if (got <= 0) break;
      say(std::string(line, 4) == "RCPT" ? "550 no relay\r\n" : "250 ok\r\n");
    }
    close(peer);
  }
  int fd_ = -1;
  std::thread thread_;
};

absl::Status LockBehind(const Server& server, absl::Duration wait) {
  SmtpHost host;
  host.options.listener_wait = wait;
  host.Open();
  host.Set("1", "ServerBindings", ToText(MakeMultiString({server.binding})));
  v1::RelayLock closed;
  closed.set_mode(v1::RELAY_MODE_CLOSED);
  const auto plan = host.mail->PlanRelayLock(closed);
  if (!plan.ok()) return plan.status();
  return host.mail->Apply(*plan, host.Context("c"));
}

TEST(ListenerWait, OneThatAnswersAgainInTimeIsNotDead) {
  const Server server(3, {1});  // Before; after, missed; after, again.
  const absl::Status applied = LockBehind(server, absl::Seconds(5));
  EXPECT_TRUE(applied.ok()) << applied;
}

TEST(ListenerWait, OneThatDoesNotIsDeadAndTheChangeIsTakenBack) {
  const Server server(2, {1});  // Then nobody listens any more.
  EXPECT_EQ(ReasonOf(LockBehind(server, absl::Milliseconds(50))), "ROLLED_BACK");
}

}  // namespace
}  // namespace mailquench::agent::smtpsvc
