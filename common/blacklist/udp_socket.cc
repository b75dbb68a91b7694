#include "common/blacklist/udp_socket.h"

#include <functional>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/blacklist/udp_pace.h"
#include "common/os/datagrams.h"
#include "common/status/error.h"

namespace mailquench::blacklist {
namespace {

constexpr std::size_t kTable = 4096;        // A power of two.
constexpr int kBytesOfAnAnswer = 2 * 1280;  // In the kernel's accounts.

}  // namespace

std::uint32_t QuestionHash(const std::uint8_t* message, std::size_t end) {
  return static_cast<std::uint32_t>(std::hash<std::string_view>()(
      {reinterpret_cast<const char*>(message) + kHeader, end - kHeader}));
}

absl::StatusOr<std::unique_ptr<UdpSocket>> UdpSocket::Open(const ServerAddress& server,
                                                           int answers) {
  os::Socket socket = os::OpenDatagramSocket(server.get(), server.size, answers * kBytesOfAnAnswer);
  if (!socket.valid())
    return Error(absl::StatusCode::kInternal, "SYSTEM_CALL_FAILED",
                 absl::StrCat("socket to a DNS server: ",
                              os::SocketErrorText(os::LastSocketError()), "; it was not asked"));
  return std::unique_ptr<UdpSocket>(new UdpSocket(std::move(socket), MonotonicNanos()));
}

UdpSocket::UdpSocket(os::Socket socket, std::int64_t now)
    : socket_(std::move(socket)), opened_(now), ids_(kTable) {}

std::size_t UdpSocket::Slot(std::uint16_t id) const {
  std::size_t slot = id % kTable;  // Ids are random: no better hash is needed.
  while (ids_[slot].state != AskedId::State::kNone && ids_[slot].id != id)
    slot = (slot + 1) % kTable;
  return slot;
}

std::uint16_t UdpSocket::Add(Packet& packet, std::uint32_t flight, Random& random) {
  std::uint16_t id = random.Id();
  std::size_t slot = Slot(id);
  while (ids_[slot].state != AskedId::State::kNone) slot = Slot(id = random.Id());
  packet.SetId(id);
  AskedId& asked = ids_[slot];
  asked.id = id;
  asked.flight = flight;
  asked.question = QuestionHash(packet.bytes.data(), packet.question_end);
  asked.question_end = static_cast<std::uint16_t>(packet.question_end);
  asked.state = AskedId::State::kInFlight;
  ++asked_;
  ++in_flight_;
  return id;
}

AskedId* UdpSocket::Find(std::uint16_t id) {
  AskedId& asked = ids_[Slot(id)];
  return asked.state == AskedId::State::kNone ? nullptr : &asked;
}

void UdpSocket::End(std::uint16_t id,
                    AskedId::State state,
                    bool sent_again,
                    std::int64_t first_sent,
                    std::int64_t now) {
  AskedId* asked = Find(id);
  if (asked == nullptr || asked->state != AskedId::State::kInFlight) return;
  asked->state = state;
  asked->sent_again = sent_again;
  asked->took = static_cast<std::uint32_t>((now - first_sent) / 1000);
  asked->ended = static_cast<std::uint32_t>(now / 1'000'000);
  --in_flight_;
}

}  // namespace mailquench::blacklist
