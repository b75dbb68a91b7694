// A notice as a syslog line: RFC 5424, by a local socket, UDP (RFC 5426) or TCP with octet counting
// (RFC 6587). None of them answers: delivered means that the system took it.
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <map>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/os/socket.h"
#include "common/status/error.h"
#include "common/text/harmless.h"
#include "controller/http/client_connection.h"
#include "controller/http/look_up.h"
#include "controller/notify/channel.h"
#include "controller/notify/syslog_line.h"

namespace mailquench::controller {
namespace {
constexpr std::size_t kMaxDatagram = 2048;  // What a receiver should take (RFC 5424, 6.1).
constexpr std::size_t kMaxLine = 8192;
constexpr char kUdp[] = "udp://";
constexpr char kTcp[] = "tcp://";

Outcome Failed(const std::string& target, const std::string& why) {
  return Outcome::Retry(absl::StrCat("syslog ", target, ": ", why));
}

// All of it on a socket that is connected and does not block.
absl::Status SendAll(const os::Socket& socket, const std::string& line, const Attempt& attempt) {
  const auto end = std::chrono::steady_clock::now() + absl::ToChronoNanoseconds(attempt.limit);
  for (std::size_t at = 0; at < line.size();) {
    const std::ptrdiff_t sent = os::SendSome(socket.get(), line.data() + at, line.size() - at);
    if (sent >= 0) {
      at += static_cast<std::size_t>(sent);
      continue;
    }
    const int error = os::LastSocketError();
    if (!os::WouldBlock(error)) return SystemError(error, "send");
    if (std::chrono::steady_clock::now() >= end || (attempt.wanted && !attempt.wanted()))
      return Error(absl::StatusCode::kDeadlineExceeded, "NO_ANSWER", "it takes nothing just now");
    pollfd p{socket.get(), POLLOUT, 0};
    os::PollSockets(&p, 1, 100);
  }
  return absl::OkStatus();
}

// A datagram socket as syslogd and journald have it, else a stream, where a line feed ends a line.
absl::Status SendLocal(const std::string& path, const std::string& line, const Attempt& attempt) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path)
    return Error(absl::StatusCode::kInvalidArgument, "BAD_TARGET", "its path is too long");
  std::memcpy(address.sun_path, path.c_str(), path.size());
  absl::Status last;
  for (const int type : {SOCK_DGRAM, SOCK_STREAM}) {
    const os::Socket socket = os::OpenSocket(AF_UNIX, type);
    if (!socket.valid()) return SystemError(errno, "socket");
    if (connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0)
      return SendAll(socket, type == SOCK_STREAM ? line + "\n" : line, attempt);
    last = SystemError(errno, "connect");
    if (errno != EPROTOTYPE) break;
  }
  return last;
}

absl::Status SendByUdp(const web::HostPort& peer, const std::string& line, const Attempt& attempt) {
  MQ_ASSIGN_OR_RETURN(const std::vector<std::string> addresses,
                      LookUp(peer, attempt.limit, attempt.wanted));
  addrinfo hints{};
  hints.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV;
  hints.ai_socktype = SOCK_DGRAM;
  addrinfo* found = nullptr;
  const int error =
      getaddrinfo(addresses[0].c_str(), std::to_string(peer.port).c_str(), &hints, &found);
  if (error != 0)
    return Error(absl::StatusCode::kUnavailable, "NO_ANSWER", os::AddressErrorText(error));
  const os::Socket socket = os::OpenSocket(found->ai_family, SOCK_DGRAM);
  const int connected =
      socket.valid() ? connect(socket.get(), found->ai_addr, found->ai_addrlen) : -1;
  const int why = errno;
  freeaddrinfo(found);
  if (connected != 0) return SystemError(why, "connect");
  return SendAll(socket, line, attempt);
}

absl::Status SendByTcp(const web::HostPort& peer, const std::string& line, const Attempt& attempt) {
  ClientConnection connection(attempt.limit, attempt.wanted);
  MQ_RETURN_IF_ERROR(connection.Connect(peer));
  return connection.Write(absl::StrCat(line.size(), " ", line));
}
}  // namespace

Outcome DeliverToSyslog(const ChannelConfig& channel,
                        const v1::Notice& notice,
                        const Attempt& attempt) {
  const bool udp = absl::StartsWith(channel.target, kUdp);
  const bool tcp = absl::StartsWith(channel.target, kTcp);
  const std::string line = SyslogLine(channel, notice, udp ? kMaxDatagram : kMaxLine);
  absl::Status sent;
  if (udp || tcp) {
    web::HostPort peer;
    peer.port = 514;
    if (!web::SplitHostPort(channel.target.substr(sizeof kUdp - 1), &peer))
      return Failed(channel.target, "no host and port");
    sent = udp ? SendByUdp(peer, line, attempt) : SendByTcp(peer, line, attempt);
  } else {
    sent = SendLocal(channel.target, line, attempt);
  }
  return sent.ok() ? Outcome::Delivered() : Failed(channel.target, std::string(sent.message()));
}

}  // namespace mailquench::controller
