// A path to a DNS server on loopback that loses, delays, repeats and forges packets.
#ifndef MAILQUENCH_TESTS_FAKES_UDP_PROXY_H_
#define MAILQUENCH_TESTS_FAKES_UDP_PROXY_H_

#include <netinet/in.h>

#include <atomic>
#include <cstdint>
#include <deque>
#include <random>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace mailquench::test {

struct UdpProxyOptions {
  int server = 0;             // Port on 127.0.0.1.
  double lose_questions = 0;  // Share of packets.
  double lose_answers = 0;
  double repeat_answers = 0;  // Sent twice.
  int delay_ms = 0;           // Of every answer.
  int lose_first = 0;         // So many questions are lost before any passes.
  // Questions without an answer beyond which further ones are lost, as in a router's full queue. 0:
  // no such queue.
  int capacity = 0;
  bool no_edns = false;  // A question with an OPT record is answered FORMERR, not passed on.
  // Sent before each true answer: an answer "127.6.6.6" that is wrong in one thing.
  enum class Forge { kNone, kId, kCase, kQuestion, kPort, kRandomBytes, kNoQuestion, kLoop };
  Forge forge = Forge::kNone;
  std::uint32_t seed = 1;
};

// Runs in a thread of its own until it is destroyed.
class UdpProxy {
 public:
  explicit UdpProxy(const UdpProxyOptions& options);
  ~UdpProxy();
  UdpProxy(const UdpProxy&) = delete;
  UdpProxy& operator=(const UdpProxy&) = delete;

  int port() const { return port_; }
  int lost() const { return lost_; }
  int forged() const { return forged_; }
  int repeated() const { return repeated_; }
  int clients() const { return clients_seen_; }  // Source ports.

 private:
  struct Client {
    sockaddr_in address{};
    int fd = -1;  // To the server.
    std::uint64_t used = 0;
  };
  struct Answer {
    sockaddr_in to{};
    std::string bytes;
    std::int64_t due = 0;
  };
  void Work();
  void Questions();
  void Answers(const Client& client);
  void Forge(const std::string& answer, const sockaddr_in& to);
  void SendDue();
  Client& ClientOf(const sockaddr_in& address);
  bool Chance(double share);

  const UdpProxyOptions options_;
  int fd_ = -1, other_fd_ = -1, port_ = 0;
  std::vector<Client> clients_;
  std::deque<Answer> answers_;
  std::minstd_rand random_;
  std::uint64_t turn_ = 0;
  int questions_ = 0, outstanding_ = 0;
  std::atomic<int> lost_{0}, forged_{0}, repeated_{0}, clients_seen_{0};
  std::atomic<bool> ending_{false};
  std::thread thread_;
};

}  // namespace mailquench::test

#endif  // MAILQUENCH_TESTS_FAKES_UDP_PROXY_H_
