#include "tests/simulation/common/line_socket.h"

#include <cstdlib>
#include <cstring>

namespace mailquench::simulation {
namespace {
constexpr int kSliceMs = 100;
constexpr int kSlices = 300;

bool MakeAddress(const std::string& text, int port, sockaddr_in* out) {
  *out = {};
  out->sin_family = AF_INET;
  out->sin_port = htons(static_cast<std::uint16_t>(port));
  return ::inet_pton(AF_INET, text.empty() ? "0.0.0.0" : text.c_str(), &out->sin_addr) == 1;
}
}  // namespace

bool LineSocket::Wait(short events) {
  for (int i = 0; i < kSlices && !*ended_; ++i) {
    pollfd entry{};
    entry.fd = socket_.get();
    entry.events = events;
    const int ready = os::PollSockets(&entry, 1, kSliceMs);
    if (ready > 0) return true;
    if (ready < 0 && !os::WouldBlock(os::LastSocketError())) return false;
  }
  return false;
}

std::optional<std::string> LineSocket::ReadLine() {
  while (true) {
    const std::size_t end = buffer_.find('\n');
    if (end != std::string::npos) {
      std::string line = buffer_.substr(0, end > 0 && buffer_[end - 1] == '\r' ? end - 1 : end);
      buffer_.erase(0, end + 1);
      return line;
    }
    if (buffer_.size() > longest_) return std::nullopt;
    char block[16384];
    const std::ptrdiff_t got = os::ReceiveSome(socket_.get(), block, sizeof block);
    if (got > 0) {
      buffer_.append(block, static_cast<std::size_t>(got));
    } else if (got == 0 || !os::WouldBlock(os::LastSocketError()) || !Wait(POLLIN)) {
      return std::nullopt;
    }
  }
}

bool LineSocket::Write(const std::string& text) {
  for (std::size_t done = 0; done < text.size();) {
    const std::ptrdiff_t put = os::SendSome(socket_.get(), text.data() + done, text.size() - done);
    if (put > 0) {
      done += static_cast<std::size_t>(put);
    } else if (!os::WouldBlock(os::LastSocketError()) || !Wait(POLLOUT)) {
      return false;
    }
  }
  return true;
}

std::optional<LineSocket> ConnectTo(const std::string& target,
                                    const std::atomic<bool>& ended,
                                    std::size_t longest) {
  const std::size_t colon = target.rfind(':');
  sockaddr_in address{};
  if (colon == std::string::npos ||
      !MakeAddress(target.substr(0, colon), std::atoi(target.c_str() + colon + 1), &address))
    return std::nullopt;
  os::Socket socket = os::OpenSocket(AF_INET, SOCK_STREAM);
  if (!socket.valid()) return std::nullopt;
  if (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    if (!os::InProgress(os::LastSocketError())) return std::nullopt;
    pollfd entry{};
    entry.fd = socket.get();
    entry.events = POLLOUT;
    if (os::PollSockets(&entry, 1, 5000) != 1 || os::PendingError(socket.get()) != 0)
      return std::nullopt;
  }
  return std::make_optional<LineSocket>(std::move(socket), ended, longest);
}

os::Socket ListenOn(const std::string& address, int port) {
  sockaddr_in bound{};
  os::Socket socket = os::OpenSocket(AF_INET, SOCK_STREAM);
  if (!socket.valid() || !MakeAddress(address, port, &bound)) return os::Socket();
  const int on = 1;
  (void)::setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, reinterpret_cast<const char*>(&on),
                     sizeof on);
  if (::bind(socket.get(), reinterpret_cast<const sockaddr*>(&bound), sizeof bound) != 0 ||
      ::listen(socket.get(), 128) != 0)
    return os::Socket();
  return socket;
}

std::string LocalOf(const os::Socket& socket) {
  sockaddr_in local{};
  socklen_t size = sizeof local;
  char text[INET6_ADDRSTRLEN] = "";
  if (::getsockname(socket.get(), reinterpret_cast<sockaddr*>(&local), &size) != 0 ||
      ::inet_ntop(AF_INET, &local.sin_addr, text, sizeof text) == nullptr)
    return "";
  return std::string(text) + ":" + std::to_string(ntohs(local.sin_port));
}

int FreePort() {
  os::StartSockets();
  const std::string local = LocalOf(ListenOn("127.0.0.1", 0));
  return std::atoi(local.c_str() + local.rfind(':') + 1);
}

std::string PeerOf(const os::Socket& socket) {
  sockaddr_in peer{};
  socklen_t size = sizeof peer;
  char text[INET6_ADDRSTRLEN] = "";
  if (::getpeername(socket.get(), reinterpret_cast<sockaddr*>(&peer), &size) != 0) return "";
  return ::inet_ntop(AF_INET, &peer.sin_addr, text, sizeof text) == nullptr ? "" : text;
}

}  // namespace mailquench::simulation
