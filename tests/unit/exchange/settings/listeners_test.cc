// The dialogue with listeners around a change of their connectors.
#include "agent/mail/exchange/listeners.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <thread>

#include "agent/mail/exchange/connector.h"
#include "tests/unit/exchange/settings/settings_fixture.h"

namespace mailquench::agent::exchange {
namespace {
using ::testing::ElementsAre;
using ::testing::HasSubstr;

enum class Manner { kClosed, kOpen, kDead };

// Serves one session after another in the manner of that moment.
class Listener {
 public:
  explicit Listener(std::function<Manner()> manner) : manner_(std::move(manner)) {
    fd_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    EXPECT_EQ(0, bind(fd_, reinterpret_cast<sockaddr*>(&address), size));
    getsockname(fd_, reinterpret_cast<sockaddr*>(&address), &size);
    binding = absl::StrCat("127.0.0.1:", ntohs(address.sin_port));
    listen(fd_, 8);
    thread_ = std::thread([this] {
      for (;;) {
        const int peer = accept4(fd_, nullptr, nullptr, SOCK_CLOEXEC);
        if (peer < 0) return;
        Serve(peer, manner_());
        close(peer);
      }
    });
  }
  ~Listener() {
    shutdown(fd_, SHUT_RDWR);
    thread_.join();
    close(fd_);
  }
  std::string binding;

 private:
  static void Serve(int peer, Manner manner) {
    const auto say = [&](const std::string& line) {
      (void)!send(peer, line.data(), line.size(), MSG_NOSIGNAL);
    };
    if (manner == Manner::kDead) return;
    say("220 mx\r\n");
    char line[512];
    while (recv(peer, line, sizeof line, 0) > 0) {
      const bool refused = manner == Manner::kClosed && std::string(line, 4) == "RCPT";
      say(refused ? "550 5.7.54 SMTP; Unable to relay recipient in non-accepted domain\r\n"
                  : "250 ok\r\n");
    }
  }
  const std::function<Manner()> manner_;
  int fd_ = -1;
  std::thread thread_;
};

class ListenersTest : public ::testing::Test {
 protected:
  void Bind(const Listener& listener) {
    organisation.ChangeConnector("Default Frontend EX1", [&](nlohmann::json& connector) {
      connector["Bindings"] = {listener.binding};
    });
  }
  bool Locked() const {
    return organisation.Connector("Default Frontend EX1")["AuthMechanism"] == "Tls, ExchangeServer";
  }
  absl::Status LockNow(absl::Duration wait) {
    SettingsOptions options = Options();
    options.listener_wait = wait;
    const ExchangeSettings settings(shell, options);
    const auto change = settings.PlanRelayLock(Lock());
    if (!change.ok()) return change.status();
    return settings.Apply(*change, {});
  }
  FakeOrganisation organisation;
  FakeShell shell{organisation, "EX1"};
};

TEST_F(ListenersTest, OneThatStillRelaysTakesTheLockBack) {
  const Listener listener([] { return Manner::kOpen; });
  Bind(listener);
  const nlohmann::json before = organisation.Read();
  const absl::Status applied = LockNow(absl::Milliseconds(10));
  EXPECT_EQ(ReasonOf(applied), "ROLLED_BACK");
  EXPECT_THAT(std::string(applied.message()), HasSubstr("still relays for strangers"));
  EXPECT_EQ(Sorted(organisation.Read()), Sorted(before));
}

TEST_F(ListenersTest, OneThatTakesTheSettingsLateIsWaitedFor) {
  std::atomic<int> after{0};
  const Listener listener([&] {
    if (!Locked()) return Manner::kOpen;
    return ++after < 3 ? Manner::kOpen : Manner::kClosed;
  });
  Bind(listener);
  EXPECT_TRUE(LockNow(absl::Minutes(5)).ok());
  EXPECT_TRUE(Locked());
}

TEST_F(ListenersTest, OneThatDiedOfItTakesTheLockBackAndOneThatWasDeadDoesNot) {
  const Listener listener([&] { return Locked() ? Manner::kDead : Manner::kOpen; });
  Bind(listener);
  const absl::Status applied = LockNow(absl::Milliseconds(10));
  EXPECT_EQ(ReasonOf(applied), "ROLLED_BACK");
  EXPECT_THAT(std::string(applied.message()), HasSubstr("does not answer with the new settings"));
  const Listener dead([] { return Manner::kDead; });
  Bind(dead);
  EXPECT_TRUE(LockNow(absl::Milliseconds(10)).ok());
}

TEST_F(ListenersTest, OneThatMayRelayForThisHostProvesNothing) {
  const Listener listener([] { return Manner::kOpen; });
  Bind(listener);
  nlohmann::json local = Printers("This host");
  local["RemoteIPRanges"] = {"127.0.0.1"};
  local["Bindings"] = {listener.binding};
  organisation.AddConnector(local);
  SettingsOptions options = Options();
  const ExchangeSettings settings(shell, options);
  const v1::RelayLock lock = Lock(v1::RELAY_MODE_LISTED, {"127.0.0.1"});
  const auto change = settings.PlanRelayLock(lock);
  ASSERT_TRUE(change.ok());
  EXPECT_TRUE(settings.Apply(*change, {}).ok());
  EXPECT_TRUE(settings.VerifyLocked(lock).ok());
}

TEST(Targets, AreWhereConnectorsAreBound) {
  Connector connector;
  connector.enabled = true;
  connector.bindings = {"0.0.0.0:25", "[::]:25", "192.0.2.1:587", "[2001:db8::1]:2525",
                        "nonsense",   "1.2.3.4", "1.2.3.4:0",     "0.0.0.0:25"};
  Connector disabled = connector;
  disabled.enabled = false;
  disabled.bindings = {"0.0.0.0:99"};
  EXPECT_THAT(TargetsOf({connector, disabled}, {"198.51.100.1", "2001:db8::9"}),
              ElementsAre("198.51.100.1:25", "127.0.0.1:25", "[2001:db8::9]:25", "[::1]:25",
                          "192.0.2.1:587", "[2001:db8::1]:2525"));
}
}  // namespace
}  // namespace mailquench::agent::exchange
