#include "agent/antivirus/clamav/clamd_socket.h"

#include <pwd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "common/status/error.h"

namespace mailquench::agent::clamav {
namespace {
constexpr std::size_t kMostReply = 4096;
constexpr absl::Duration kConnect = absl::Seconds(5);

std::string PlaceOf(const ClamdConfig& config) {
  return config.local_socket.empty() ? absl::StrCat(config.tcp_address, ":", config.tcp_port)
                                     : config.local_socket;
}

// A socket in a folder for all could be anybody's while clamd is down, and anybody would find
// everything clean.
absl::Status CheckPeer(const os::Socket& socket, const ClamdConfig& config) {
  ucred peer{};
  socklen_t size = sizeof peer;
  if (getsockopt(socket.get(), SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0)
    return ClamdAway(config, std::strerror(errno));
  if (peer.uid == 0 || peer.uid == geteuid()) return absl::OkStatus();
  passwd entry{};
  passwd* found = nullptr;
  char room[16384];
  if (!config.user.empty() &&
      getpwnam_r(config.user.c_str(), &entry, room, sizeof room, &found) == 0 && found != nullptr &&
      entry.pw_uid == peer.uid)
    return absl::OkStatus();
  return Error(absl::StatusCode::kPermissionDenied, "NOT_CLAMD",
               absl::StrCat("who listens at ", PlaceOf(config), " is user ", peer.uid,
                            " and not clamd's own; nothing was asked of it; look at the host"));
}

}  // namespace

absl::Status ClamdAway(const ClamdConfig& config, absl::string_view why) {
  return Error(absl::StatusCode::kUnavailable, "CLAMD_AWAY",
               absl::StrCat("clamd does not answer at ", PlaceOf(config), ": ", why));
}

int WaitFor(const os::Socket& socket, short events, int timeout_ms) {
  pollfd entry{socket.get(), events, 0};
  const int ready = os::PollSockets(&entry, 1, timeout_ms);
  return ready > 0 ? entry.revents : ready;
}

absl::StatusOr<os::Socket> ConnectToClamd(const ClamdConfig& config) {
  os::StartSockets();
  sockaddr_storage address{};
  socklen_t size = 0;
  if (!config.local_socket.empty()) {
    auto* local = reinterpret_cast<sockaddr_un*>(&address);
    local->sun_family = AF_UNIX;
    if (config.local_socket.size() >= sizeof local->sun_path)
      return ClamdAway(config, "its path is too long");
    std::memcpy(local->sun_path, config.local_socket.c_str(), config.local_socket.size() + 1);
    size = sizeof(sockaddr_un);
  } else {
    addrinfo hints{}, *found = nullptr;
    hints.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV;
    hints.ai_socktype = SOCK_STREAM;
    if (getaddrinfo(config.tcp_address.c_str(), std::to_string(config.tcp_port).c_str(), &hints,
                    &found) != 0)
      return ClamdAway(config, "its address is not numeric");
    std::memcpy(&address, found->ai_addr, found->ai_addrlen);
    size = found->ai_addrlen;
    freeaddrinfo(found);
  }
  os::Socket socket = os::OpenSocket(address.ss_family, SOCK_STREAM);
  if (!socket.valid()) return ClamdAway(config, std::strerror(errno));
  const absl::Time until = absl::Now() + kConnect;
  // A Unix socket whose backlog is full says EAGAIN at once, and is not waited for by poll().
  while (connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), size) != 0) {
    const int error = errno;
    if (error == EISCONN) break;
    if (error != EAGAIN && error != EINTR && !os::InProgress(error))
      return ClamdAway(config, std::strerror(error));
    if (absl::Now() >= until) return ClamdAway(config, "nobody takes the connection");
    if (error == EAGAIN)
      absl::SleepFor(absl::Milliseconds(20));
    else if (WaitFor(socket, POLLOUT, kClamdLookMs) != 0 && os::PendingError(socket.get()) != 0)
      return ClamdAway(config, "the connection was refused");
  }
  if (!config.local_socket.empty()) MQ_RETURN_IF_ERROR(CheckPeer(socket, config));
  return socket;
}

absl::StatusOr<std::string> ReadClamdReply(const os::Socket& socket,
                                           const ClamdConfig& config,
                                           absl::Time until,
                                           const std::atomic<bool>* stop) {
  std::string reply;
  for (;;) {
    if (stop != nullptr && *stop) return absl::CancelledError("stopped");
    if (absl::Now() >= until) return ClamdAway(config, "no answer in time");
    const int ready = WaitFor(socket, POLLIN, kClamdLookMs);
    if (ready < 0) return ClamdAway(config, std::strerror(errno));
    if (ready == 0) continue;
    char buffer[1024];
    const std::ptrdiff_t got = os::ReceiveSome(socket.get(), buffer, sizeof buffer);
    if (got < 0 && os::WouldBlock(os::LastSocketError())) continue;
    if (got <= 0) return ClamdAway(config, "it closed the connection");
    reply.append(buffer, static_cast<std::size_t>(got));
    const std::size_t end = reply.find('\0');
    if (end != std::string::npos) {
      reply.resize(end);
      return reply;
    }
    if (reply.size() > kMostReply) return ClamdAway(config, "its answer has no end");
  }
}

absl::StatusOr<std::string> AskClamd(const ClamdConfig& config,
                                     absl::string_view command,
                                     absl::Duration timeout) {
  const absl::Time until = absl::Now() + timeout;
  MQ_ASSIGN_OR_RETURN(const os::Socket socket, ConnectToClamd(config));
  std::string line = absl::StrCat("z", command);
  line.push_back('\0');
  if (os::SendSome(socket.get(), line.data(), line.size()) !=
      static_cast<std::ptrdiff_t>(line.size()))
    return ClamdAway(config, "it takes no command");
  return ReadClamdReply(socket, config, until, nullptr);
}

}  // namespace mailquench::agent::clamav
