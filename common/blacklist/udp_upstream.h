// One DNS server: what is in flight there, its pace, and whether it is alive.
#ifndef MAILQUENCH_COMMON_BLACKLIST_UDP_UPSTREAM_H_
#define MAILQUENCH_COMMON_BLACKLIST_UDP_UPSTREAM_H_

#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "common/blacklist/resolver.h"
#include "common/blacklist/resolver_question.h"
#include "common/blacklist/resolver_tcp.h"
#include "common/blacklist/udp_flights.h"
#include "common/blacklist/udp_health.h"
#include "common/blacklist/udp_pace.h"
#include "common/blacklist/udp_ports.h"
#include "common/os/datagrams.h"

namespace mailquench::blacklist {

// Belongs to one thread. Times are MonotonicNanos().
class Upstream {
 public:
  // What became of a question. `failed`: the next server should be asked.
  using Ended = std::function<void(Question question, Reply reply, bool failed)>;

  // `name` is the option that `address` was read from. `random` and `batch` are shared by all
  // servers of a resolver, and outlive this.
  Upstream(std::string name,
           const ServerAddress& address,
           const ResolverOptions& options,
           Random* random,
           os::ReceiveBatch* batch,
           Ended ended);

  const std::string& name() const { return name_; }
  bool is_public() const { return is_public_; }
  const ResolverStats& stats() const { return stats_; }
  bool Idle() const { return flights_.count() == 0 && over_tcp_ == 0; }
  // How many more questions it takes now. One that seems dead gets one now and then, to learn
  // when it is back.
  int Room(std::int64_t now) const;
  bool Silent(std::int64_t now) const { return health_.Silent(now); }
  void NewRun(std::int64_t now) { health_.NewRun(now); }

  // False: the name is none; the question is left as it was. May call Ended.
  bool Take(Question& question, std::int64_t now);
  void Flush(std::int64_t now);
  void AddPolls(std::vector<pollfd>& polls);
  // From `ready` on as many as AddPolls() has added. Calls Ended.
  void Process(const pollfd* ready, std::int64_t now);
  // Nanoseconds until a try ends, at most `most`.
  std::int64_t UntilNext(std::int64_t now, std::int64_t most);
  // What is in flight; Ended is not called for it.
  void GiveUp(std::deque<Question>& questions, std::int64_t now);

 private:
  void Receive(UdpSocket& socket, std::int64_t now);
  void ReceiveErrors(UdpSocket& socket, std::int64_t now);
  void Got(
      UdpSocket& socket, const std::uint8_t* message, std::size_t size, bool cut, std::int64_t now);
  void Answered(std::uint32_t number,
                const std::uint8_t* message,
                std::size_t size,
                bool cut,
                std::int64_t now);
  void AskWithoutOpt(std::uint32_t number, std::int64_t now);
  void AskOverTcp(Question question, Packet packet);
  void Tick(std::int64_t now);
  void Expired(std::uint32_t number, std::int64_t now);
  void Refused(std::uint32_t number, std::int64_t now);
  void RefusedAnyOf(const UdpSocket& socket, std::int64_t now);
  void NotAnswered(std::uint32_t number, std::int64_t now);
  Question Remove(std::uint32_t number, AskedId::State state, std::int64_t now);
  std::int64_t Wait(int level) const;
  Reply NoReply() const;

  const std::string name_;
  const bool is_public_;
  const ResolverOptions options_;
  const std::int64_t timeout_, patience_;
  Random* const random_;
  os::ReceiveBatch* const batch_;
  const Ended ended_;

  UdpPorts ports_;
  Flights flights_;
  std::vector<std::pair<std::uint32_t, std::uint32_t>> to_send_;  // Number and serial.
  ServerHealth health_;
  RetryTime retry_time_;
  Window window_;
  std::unique_ptr<TcpChannel> tcp_;
  int over_tcp_ = 0;
  std::deque<Question>* giving_up_ = nullptr;  // Where what TCP had goes.
  ResolverStats stats_;

  bool edns_ = true;                // False: it has answered without, and not with.
  bool blocked_ = false;            // The kernel's send buffer is full.
  std::int64_t answered_sent_ = 0;  // When the newest first try that was answered was sent.
};

}  // namespace mailquench::blacklist

#endif  // MAILQUENCH_COMMON_BLACKLIST_UDP_UPSTREAM_H_
