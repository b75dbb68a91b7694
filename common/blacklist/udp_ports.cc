#include "common/blacklist/udp_ports.h"

#include "common/status/error.h"

namespace mailquench::blacklist {
namespace {

constexpr std::int64_t kSecond = 1'000'000'000;
constexpr std::int64_t kLongestUse = 60 * kSecond;
constexpr std::int64_t kLinger = 3 * kSecond;
constexpr std::size_t kMostLingering = 4;

}  // namespace

absl::StatusOr<UdpSocket*> UdpPorts::Current(std::int64_t now) {
  if (sockets_.empty() || sockets_.back()->Full() ||
      now - sockets_.back()->opened() > kLongestUse) {
    MQ_ASSIGN_OR_RETURN(auto socket, UdpSocket::Open(server_, answers_));
    sockets_.push_back(std::move(socket));
    retired_ = now;
    Close(now);
  }
  return sockets_.back().get();
}

void UdpPorts::Close(std::int64_t now) {
  // The newest that are idle may linger; so the oldest go first.
  std::size_t lingering = 0;
  for (std::size_t i = sockets_.size() - (sockets_.empty() ? 0 : 1); i > 0; --i) {
    if (sockets_[i - 1]->in_flight() > 0) continue;
    if (++lingering > kMostLingering || now - retired_ > kLinger)
      sockets_.erase(sockets_.begin() + static_cast<std::ptrdiff_t>(i - 1));
  }
}

}  // namespace mailquench::blacklist
