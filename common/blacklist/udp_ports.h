// The sockets to one server: one to ask from, and those before it until their answers are in.
#ifndef MAILQUENCH_COMMON_BLACKLIST_UDP_PORTS_H_
#define MAILQUENCH_COMMON_BLACKLIST_UDP_PORTS_H_

#include <deque>
#include <memory>

#include "absl/status/status.h"
#include "common/blacklist/udp_socket.h"

namespace mailquench::blacklist {

class UdpPorts {
 public:
  // `answers`: how many may wait in the kernel for one socket.
  UdpPorts(const ServerAddress& server, int answers) : server_(server), answers_(answers) {}

  // The socket to ask from, after some thousand questions or a minute a new one. Error: that of a
  // system call; the next call tries again.
  absl::StatusOr<UdpSocket*> Current(std::int64_t now);
  // Closes the earlier ones that have nothing in flight: a few stay for some seconds, so that late
  // answers are seen.
  void Close(std::int64_t now);
  // Newest last.
  const std::deque<std::unique_ptr<UdpSocket>>& all() const { return sockets_; }

 private:
  const ServerAddress server_;
  const int answers_;
  std::deque<std::unique_ptr<UdpSocket>> sockets_;
  std::int64_t retired_ = 0;  // When the last one was.
};

}  // namespace mailquench::blacklist

#endif  // MAILQUENCH_COMMON_BLACKLIST_UDP_PORTS_H_
