#include "controller/dns/exchange.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "common/status/error.h"
#include "common/text/harmless.h"

namespace mailquench::controller::dns {
namespace {

using Steady = std::chrono::steady_clock;  // A clock that is set must not end or prolong a try.

constexpr std::size_t kMostOverUdp = 512;
constexpr std::size_t kLongestAnswer = 65535;

class Socket {
 public:
  Socket(const Endpoint& server, int type)
      : fd_(::socket(server.address.ss_family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)) {}
  ~Socket() {
    if (fd_ >= 0) ::close(fd_);
  }
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;
  int get() const { return fd_; }

 private:
  const int fd_;
};

// One try: what came of it. `why` says what was in the way where nothing did.
struct Try {
  bool taken = false, weak = false, over_tcp = false;
  std::string reply;
  std::string why = "no reply in time";
};

// False at the deadline.
bool WaitFor(int fd, short events, Steady::time_point deadline) {
  while (true) {
    const auto left =
        std::chrono::ceil<std::chrono::milliseconds>(deadline - Steady::now()).count();
    if (left <= 0) return false;
    pollfd one{fd, events, 0};
    const int ready = ::poll(&one, 1, static_cast<int>(std::min<std::int64_t>(left, 60000)));
    if (ready > 0) return true;
    if (ready < 0 && errno != EINTR) return false;
  }
}

std::string Reason(int error) {
  char buffer[128];
  return strerror_r(error, buffer, sizeof buffer);
}

bool Again(int error) {
  return error == EAGAIN || error == EWOULDBLOCK || error == EINTR || error == EINPROGRESS;
}

void Weigh(Try& result, Verdict verdict, std::string reply) {
  result.taken = verdict == Verdict::kTake;
  result.over_tcp = verdict == Verdict::kOverTcp;
  if (verdict == Verdict::kIgnore) result.why = "what came was no reply to what was asked";
  if (verdict == Verdict::kWeak) result.weak = true;
  if (verdict == Verdict::kTake || verdict == Verdict::kWeak) result.reply = std::move(reply);
}

Try OverUdp(const Endpoint& server,
            const std::string& message,
            Steady::time_point deadline,
            const Judge& judge) {
  Try result;
  const Socket socket(server, SOCK_DGRAM);
  if (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&server.address), server.size) !=
          0 ||
      ::send(socket.get(), message.data(), message.size(), MSG_NOSIGNAL) < 0) {
    result.why = Reason(errno);
    return result;
  }
  std::vector<char> buffer(kLongestAnswer);
  while (!result.taken && !result.over_tcp && WaitFor(socket.get(), POLLIN, deadline)) {
    const ssize_t n = ::recv(socket.get(), buffer.data(), buffer.size(), 0);
    if (n < 0 && Again(errno)) continue;
    if (n < 0) {
      result.why = Reason(errno);
      return result;
    }
    std::string reply(buffer.data(), static_cast<std::size_t>(n));
    const Verdict verdict = judge(reply);
    Weigh(result, verdict, std::move(reply));
  }
  return result;
}

bool SendAll(int fd, const std::string& data, Steady::time_point deadline, std::string& why) {
  std::size_t done = 0;
  while (done < data.size()) {
    if (!WaitFor(fd, POLLOUT, deadline)) return false;
    const ssize_t n = ::send(fd, data.data() + done, data.size() - done, MSG_NOSIGNAL);
    if (n < 0 && Again(errno)) continue;
    if (n < 0) {
      why = Reason(errno);
      return false;
    }
    done += static_cast<std::size_t>(n);
  }
  return true;
}

bool ReceiveAll(
    int fd, std::size_t count, Steady::time_point deadline, std::string& data, std::string& why) {
  data.assign(count, '\0');
  std::size_t done = 0;
  while (done < count) {
    if (!WaitFor(fd, POLLIN, deadline)) return false;
    const ssize_t n = ::recv(fd, data.data() + done, count - done, 0);
    if (n < 0 && Again(errno)) continue;
    if (n <= 0) {
      why = n == 0 ? "it closed the connection without a reply" : Reason(errno);
      return false;
    }
    done += static_cast<std::size_t>(n);
  }
  return true;
}

Try OverTcp(const Endpoint& server,
            const std::string& message,
            Steady::time_point deadline,
            const Judge& judge) {
  Try result;
  const Socket socket(server, SOCK_STREAM);
  if (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&server.address), server.size) !=
          0 &&
      !Again(errno)) {
    result.why = absl::StrCat("over TCP: ", Reason(errno));
    return result;
  }
  std::string data;
  data.push_back(static_cast<char>(message.size() >> 8));
  data.push_back(static_cast<char>(message.size() & 0xff));
  std::string why = result.why;
  if (SendAll(socket.get(), data + message, deadline, why)) {
    while (!result.taken && !result.weak && ReceiveAll(socket.get(), 2, deadline, data, why)) {
      const std::size_t size =
          static_cast<unsigned char>(data[0]) * 256u + static_cast<unsigned char>(data[1]);
      if (!ReceiveAll(socket.get(), size, deadline, data, why)) break;
      // Nobody sends a second, better reply over the same connection.
      const Verdict verdict = judge(data);
      Weigh(result, verdict == Verdict::kOverTcp ? Verdict::kWeak : verdict, data);
    }
  }
  result.over_tcp = false;
  result.why = absl::StrCat("over TCP: ", why);
  return result;
}

bool ParsePort(absl::string_view text, int& port) {
  return absl::SimpleAtoi(text, &port) && port > 0 && port < 65536;
}

}  // namespace

absl::StatusOr<Endpoint> ParseEndpoint(const std::string& text, int default_port) {
  absl::string_view host = text;
  int port = default_port;
  bool good = true;
  const std::size_t bracket = text.find(']');
  if (!text.empty() && text[0] == '[' && bracket != std::string::npos) {
    host = absl::string_view(text).substr(1, bracket - 1);
    absl::string_view rest = absl::string_view(text).substr(bracket + 1);
    if (!rest.empty()) good = absl::ConsumePrefix(&rest, ":") && ParsePort(rest, port);
  } else if (std::count(text.begin(), text.end(), ':') == 1) {
    const std::size_t colon = text.find(':');
    host = absl::string_view(text).substr(0, colon);
    good = ParsePort(absl::string_view(text).substr(colon + 1), port);
  }
  Endpoint endpoint;
  auto* v4 = reinterpret_cast<sockaddr_in*>(&endpoint.address);
  auto* v6 = reinterpret_cast<sockaddr_in6*>(&endpoint.address);
  const std::string address(host);
  if (good && ::inet_pton(AF_INET, address.c_str(), &v4->sin_addr) == 1) {
    v4->sin_family = AF_INET;
    v4->sin_port = htons(static_cast<std::uint16_t>(port));
    endpoint.size = sizeof *v4;
    endpoint.text = absl::StrCat(address, ":", port);
    return endpoint;
  }
  if (good && ::inet_pton(AF_INET6, address.c_str(), &v6->sin6_addr) == 1) {
    v6->sin6_family = AF_INET6;
    v6->sin6_port = htons(static_cast<std::uint16_t>(port));
    endpoint.size = sizeof *v6;
    endpoint.text = absl::StrCat("[", address, "]:", port);
    return endpoint;
  }
  return Error(absl::StatusCode::kInvalidArgument, "BAD_SERVER",
               absl::StrCat("'", Harmless(text),
                            "' is no address of a DNS server; nothing was sent; write "
                            "192.0.2.53, 192.0.2.53:5353 or [2001:db8::53]:53"));
}

bool HasRoute(const Endpoint& server) {
  const Socket socket(server, SOCK_DGRAM);
  if (socket.get() < 0) return errno != EAFNOSUPPORT;
  if (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&server.address), server.size) == 0)
    return true;
  return errno != ENETUNREACH && errno != EADDRNOTAVAIL && errno != EAFNOSUPPORT;
}

absl::StatusOr<Exchanged> Exchange(const Endpoint& server,
                                   const std::string& message,
                                   const Patience& patience,
                                   const Judge& judge) {
  bool tcp = message.size() > kMostOverUdp;
  Exchanged out;
  Try last;
  absl::Duration timeout = patience.timeout;
  for (int i = 0; i < patience.tries; ++i, timeout *= 2) {
    const auto deadline = Steady::now() + absl::ToChronoMilliseconds(timeout);
    ++out.sent;
    last =
        tcp ? OverTcp(server, message, deadline, judge) : OverUdp(server, message, deadline, judge);
    if (last.over_tcp) {
      tcp = true;
      ++out.sent;
      last = OverTcp(server, message, Steady::now() + absl::ToChronoMilliseconds(timeout), judge);
    }
    if (last.taken || last.weak) {
      out.reply = std::move(last.reply);
      out.weak = !last.taken;
      return out;
    }
  }
  return Error(absl::StatusCode::kUnavailable, "DNS_NO_ANSWER",
               absl::StrCat("the DNS server ", server.text, " did not answer ", out.sent,
                            out.sent == 1 ? " message (" : " messages (", last.why, ")"),
               {{"server", server.text}});
}

}  // namespace mailquench::controller::dns
