#include "common/blacklist/resolver_tcp.h"

#include <cstring>
#include <mutex>

#include "absl/strings/str_cat.h"
#include "common/blacklist/resolver_address.h"
#include "common/os/socket.h"
#include "common/status/error.h"

namespace mailquench::blacklist {
namespace {

constexpr int kTries = 3;

absl::Status AresError(int status) {
  return Error(absl::StatusCode::kInternal, "DNS_OVER_TCP",
               absl::StrCat("c-ares could not be set up: ", ares_strerror(status)));
}

}  // namespace

absl::StatusOr<std::unique_ptr<TcpChannel>> TcpChannel::Make(const std::string& server,
                                                             absl::Duration timeout) {
  os::StartSockets();
  static std::once_flag once;
  static int ready = ARES_SUCCESS;
  std::call_once(once, [] { ready = ares_library_init(ARES_LIB_INIT_ALL); });
  if (ready != ARES_SUCCESS) return AresError(ready);
  std::unique_ptr<TcpChannel> made(new TcpChannel);
  ares_options options{};
  options.flags = ARES_FLAG_USEVC | ARES_FLAG_NOSEARCH | ARES_FLAG_NOALIASES |
                  ARES_FLAG_NOCHECKRESP | ARES_FLAG_STAYOPEN;
  options.timeout = static_cast<int>(absl::ToInt64Milliseconds(timeout));
  options.tries = kTries;
  options.sock_state_cb = [](void* data, ares_socket_t fd, int readable, int writable) {
    auto* self = static_cast<TcpChannel*>(data);
    const short events = static_cast<short>((readable ? POLLIN : 0) | (writable ? POLLOUT : 0));
    if (events == 0)
      self->sockets_.erase(fd);
    else
      self->sockets_[fd] = events;
  };
  options.sock_state_cb_data = made.get();
  int status = ares_init_options(
      &made->channel_, &options,
      ARES_OPT_FLAGS | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_SOCK_STATE_CB);
  if (status != ARES_SUCCESS) return AresError(status);
  MQ_ASSIGN_OR_RETURN(const ServerAddress address, ParseServer(server));
  ares_addr_port_node node{};
  node.family = address.family();
  if (node.family == AF_INET) {
    const auto* in = reinterpret_cast<const sockaddr_in*>(address.get());
    node.addr.addr4 = in->sin_addr;
    node.tcp_port = node.udp_port = ntohs(in->sin_port);
  } else {
    const auto* in = reinterpret_cast<const sockaddr_in6*>(address.get());
    std::memcpy(&node.addr.addr6, &in->sin6_addr, sizeof node.addr.addr6);
    node.tcp_port = node.udp_port = ntohs(in->sin6_port);
  }
  status = ares_set_servers_ports(made->channel_, &node);
  if (status != ARES_SUCCESS) return AresError(status);
  return made;
}

TcpChannel::~TcpChannel() {
  if (channel_ != nullptr) ares_destroy(channel_);
}

void TcpChannel::Ask(const Packet& packet, Callback done) {
  ares_send(channel_, packet.bytes.data(), static_cast<int>(packet.size), &TcpChannel::Arrived,
            new Callback(std::move(done)));
}

void TcpChannel::Cancel() {
  ares_cancel(channel_);
}

void TcpChannel::Arrived(void* data, int status, int, unsigned char* message, int size) {
  const std::unique_ptr<Callback> done(static_cast<Callback*>(data));
  if (status == ARES_SUCCESS && message != nullptr && size > 0)
    (*done)(message, static_cast<std::size_t>(size));
  else
    (*done)(nullptr, 0);
}

void TcpChannel::AddPolls(std::vector<pollfd>& polls) {
  polled_ = sockets_.size();
  for (const auto& [fd, events] : sockets_) polls.push_back({fd, events, 0});
}

void TcpChannel::Process(const pollfd* ready) {
  for (std::size_t i = 0; i < polled_; ++i) {
    const bool in = (ready[i].revents & (POLLIN | POLLERR | POLLHUP)) != 0;
    const bool out = (ready[i].revents & POLLOUT) != 0;
    if (in || out)
      ares_process_fd(channel_, in ? ready[i].fd : ARES_SOCKET_BAD,
                      out ? ready[i].fd : ARES_SOCKET_BAD);
  }
  polled_ = 0;
  ares_process_fd(channel_, ARES_SOCKET_BAD, ARES_SOCKET_BAD);  // Those whose time is over.
}

absl::Duration TcpChannel::UntilTimeout(absl::Duration most) const {
  timeval limit = absl::ToTimeval(most), left{};
  return absl::DurationFromTimeval(*ares_timeout(channel_, &limit, &left));
}

}  // namespace mailquench::blacklist
