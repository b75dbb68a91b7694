// A connection that speaks lines, with a deadline for each: what a server and a client of SMTP
// share.
#ifndef MAILQUENCH_TESTS_SIMULATION_COMMON_LINE_SOCKET_H_
#define MAILQUENCH_TESTS_SIMULATION_COMMON_LINE_SOCKET_H_

#include <atomic>
#include <cstddef>
#include <optional>
#include <string>
#include <utility>

#include "common/os/socket.h"

namespace mailquench::simulation {

class LineSocket {
 public:
  // `ended`: looked at while it waits; true ends it.
  // `longest`: a line of more bytes ends it.
  LineSocket(os::Socket socket, const std::atomic<bool>& ended, std::size_t longest = 65536)
      : socket_(std::move(socket)), ended_(&ended), longest_(longest) {}

  // Without its end. nullopt: the peer is gone, is silent for 30 s, or the service ends.
  std::optional<std::string> ReadLine();
  bool Write(const std::string& text);

 private:
  bool Wait(short events);
  os::Socket socket_;
  const std::atomic<bool>* ended_;
  std::size_t longest_;
  std::string buffer_;
};

// Numeric "ADDRESS:PORT". nullopt: nobody answers within 5 s.
std::optional<LineSocket> ConnectTo(const std::string& target,
                                    const std::atomic<bool>& ended,
                                    std::size_t longest = 65536);
// Bound and listening, or not valid(). An empty address is all of them.
os::Socket ListenOn(const std::string& address, int port);
// A port of the loopback that nobody listens on at the moment.
int FreePort();
// The peer's numeric address.
std::string PeerOf(const os::Socket& socket);
// Where it is bound, numeric "ADDRESS:PORT".
std::string LocalOf(const os::Socket& socket);

}  // namespace mailquench::simulation

#endif  // MAILQUENCH_TESTS_SIMULATION_COMMON_LINE_SOCKET_H_
