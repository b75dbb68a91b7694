// One message to one DNS server, over UDP or TCP, until a reply is good enough.
#ifndef MAILQUENCH_CONTROLLER_DNS_EXCHANGE_H_
#define MAILQUENCH_CONTROLLER_DNS_EXCHANGE_H_

#include <sys/socket.h>

#include <functional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace mailquench::controller::dns {

struct Patience {
  absl::Duration timeout = absl::Seconds(2);  // Of the first try; doubled at each next.
  int tries = 3;
};

struct Endpoint {
  sockaddr_storage address{};
  socklen_t size = 0;
  std::string text;  // "192.0.2.53:53", "[2001:db8::53]:53"
};
// "192.0.2.53", "192.0.2.53:5353", "2001:db8::53", "[2001:db8::53]:5353"; an address, no name.
// INVALID_ARGUMENT / BAD_SERVER.
absl::StatusOr<Endpoint> ParseEndpoint(const std::string& text, int default_port = 53);
// Whether this machine has a way to addresses of its kind; nothing is sent. Thread-safe.
bool HasRoute(const Endpoint& server);

// What to do with bytes that came from the server.
enum class Verdict {
  kTake,    // This is the reply.
  kWeak,    // Not proven (RFC 8945 section 5.4): wait for a better one until this try ends, send no
            // more, and then hand this one back.
  kIgnore,  // None of ours.
  kOverTcp,  // Cut: ask again over TCP.
};
using Judge = std::function<Verdict(const std::string& reply)>;

struct Exchanged {
  std::string reply;
  bool weak = false;
  int sent = 0;  // How many times the request went out.
};
// The same bytes are sent at each try, so that a late reply to an early try counts. Over 512 bytes
// (RFC 1035 section 4.2.1) TCP from the start. Over UDP each try has a socket of its own,
// connected: the kernel drops what other addresses and ports send. Blocks; thread-safe. Error:
// UNAVAILABLE / DNS_NO_ANSWER; whether the server has read the message is not known then.
absl::StatusOr<Exchanged> Exchange(const Endpoint& server,
                                   const std::string& message,
                                   const Patience& patience,
                                   const Judge& judge);

}  // namespace mailquench::controller::dns

#endif  // MAILQUENCH_CONTROLLER_DNS_EXCHANGE_H_
