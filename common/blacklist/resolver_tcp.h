// The TCP client for answers that do not fit into a UDP packet: c-ares.
#ifndef MAILQUENCH_COMMON_BLACKLIST_RESOLVER_TCP_H_
#define MAILQUENCH_COMMON_BLACKLIST_RESOLVER_TCP_H_

#include <ares.h>

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/blacklist/resolver_codec.h"
#include "common/os/socket.h"

namespace mailquench::blacklist {

// To one server. Belongs to one thread. The destructor ends what is asked.
class TcpChannel {
 public:
  // Error: kInternal.
  static absl::StatusOr<std::unique_ptr<TcpChannel>> Make(const std::string& server,
                                                          absl::Duration timeout);
  ~TcpChannel();
  TcpChannel(const TcpChannel&) = delete;
  TcpChannel& operator=(const TcpChannel&) = delete;

  // The message, or nullptr: no answer. It is as the server sent it: unchecked.
  using Callback = std::function<void(const std::uint8_t* message, std::size_t size)>;
  // `done` is called once: from Process(), Cancel(), the destructor, or from here.
  void Ask(const Packet& packet, Callback done);
  void Cancel();

  // What to poll for is appended; Process() takes as many from `ready` on.
  void AddPolls(std::vector<pollfd>& polls);
  void Process(const pollfd* ready);
  absl::Duration UntilTimeout(absl::Duration most) const;

 private:
  TcpChannel() = default;
  static void Arrived(void* data, int status, int timeouts, unsigned char* message, int size);

  ares_channel channel_ = nullptr;
  std::map<ares_socket_t, short> sockets_;  // What c-ares waits for.
  std::size_t polled_ = 0;
};

}  // namespace mailquench::blacklist

#endif  // MAILQUENCH_COMMON_BLACKLIST_RESOLVER_TCP_H_
