#include "agent/antivirus/clamav/clamd_session.h"

#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "absl/time/clock.h"
#include "agent/antivirus/clamav/clamd_socket.h"
#include "common/status/error.h"

namespace mailquench::agent::clamav {
namespace {
constexpr std::size_t kChunk = 65536;
constexpr absl::Duration kPong = absl::Seconds(5);

void PutLength(std::size_t value, char* out) {
  for (int i = 0; i < 4; ++i) out[i] = static_cast<char>((value >> (24 - 8 * i)) & 0xff);
}
}  // namespace

absl::StatusOr<Verdict> VerdictOf(absl::string_view reply) {
  using Kind = Verdict::Kind;
  if (absl::EndsWith(reply, " OK")) return Verdict{Kind::kClean, ""};
  const std::size_t colon = reply.find(": ");
  absl::string_view words = colon == absl::string_view::npos ? reply : reply.substr(colon + 2);
  if (absl::ConsumeSuffix(&words, " FOUND")) {
    if (absl::StartsWith(words, "Heuristics.Limits.Exceeded"))
      return Verdict{Kind::kNotScanned, Shown(absl::StrCat("over a limit of ClamAV: ", words))};
    if (absl::StartsWith(words, "Heuristics.Encrypted"))
      return Verdict{Kind::kNotScanned, Shown(absl::StrCat("encrypted: ", words))};
    return Verdict{Kind::kInfected, Shown(words)};
  }
  // Its folder for temporary files is full, or its memory: the next file fares no better.
  for (const char* need : {"memory", "emporary", "write to", "create new", "space"}) {
    if (absl::StrContains(words, need))
      return Error(absl::StatusCode::kResourceExhausted, "CLAMD_IN_NEED",
                   absl::StrCat("clamd cannot work: ", Shown(words),
                                "; look at its memory and its TemporaryDirectory, then ask again"));
  }
  if (absl::StrContains(words, "size limit exceeded"))
    return Verdict{Kind::kNotScanned, "larger than clamd's StreamMaxLength"};
  return Verdict{Kind::kNotScanned, Shown(absl::StrCat("clamd said: ", words))};
}

absl::StatusOr<std::unique_ptr<ClamdSession>> ClamdSession::Open(const ClamdConfig& config,
                                                                 const std::atomic<bool>& stop,
                                                                 absl::Duration answer) {
  std::unique_ptr<ClamdSession> session(new ClamdSession(config, answer));
  MQ_RETURN_IF_ERROR(session->Connect());
  // One that is just dying may still take connections: nobody is to be blamed for its end later.
  static constexpr char kPing[] = "zPING";
  session->asked_ = 1;
  if (os::SendSome(session->socket_.get(), kPing, sizeof kPing) != sizeof kPing)
    return ClamdAway(config, "it takes no command");
  MQ_ASSIGN_OR_RETURN(const std::string pong,
                      ReadClamdReply(session->socket_, config, absl::Now() + kPong, &stop));
  if (pong != "1: PONG") return ClamdAway(config, absl::StrCat("it answers ", Shown(pong)));
  return session;
}

absl::Status ClamdSession::Connect() {
  socket_.Reset();
  asked_ = 0;
  MQ_ASSIGN_OR_RETURN(socket_, ConnectToClamd(config_));
  static constexpr char kBegin[] = "zIDSESSION";
  if (os::SendSome(socket_.get(), kBegin, sizeof kBegin) != sizeof kBegin)
    return ClamdAway(config_, "it takes no session");
  return absl::OkStatus();
}

absl::StatusOr<Verdict> ClamdSession::Scan(ByteStream& stream,
                                           std::int64_t bytes,
                                           const std::atomic<bool>& stop) {
  const bool passes = stream.Descriptor() >= 0 && !config_.local_socket.empty();
  // Of a longer one clamd reads nothing and says OK.
  if (bytes > (passes ? config_.LongestFile() : config_.LongestStream()))
    return Verdict{Verdict::Kind::kNotScanned,
                   absl::StrCat("larger than ClamAV reads: ", bytes, " bytes")};
  if (!socket_.valid()) MQ_RETURN_IF_ERROR(Connect());
  ++asked_;
  absl::StatusOr<Verdict> verdict;
  if (passes) {
    const absl::Status passed = Pass(stream.Descriptor(), stop);
    verdict = passed.ok() ? Answer(stop) : absl::StatusOr<Verdict>(passed);
  } else {
    verdict = Stream(stream, stop);
  }
  if (!verdict.ok()) socket_.Reset();
  return verdict;
}

absl::Status ClamdSession::Pass(int descriptor, const std::atomic<bool>& stop) {
  static constexpr char kCommand[] = "zFILDES";
  MQ_RETURN_IF_ERROR(Send(kCommand, sizeof kCommand, stop).status());
  // The descriptor comes with a byte of its own: clamd refuses one that comes with the command.
  char nothing = 0;
  iovec part{&nothing, 1};
  alignas(cmsghdr) char room[CMSG_SPACE(sizeof(int))] = {};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = room;
  message.msg_controllen = sizeof room;
  cmsghdr* header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(sizeof(int));
  std::memcpy(CMSG_DATA(header), &descriptor, sizeof descriptor);
  const absl::Time until = absl::Now() + answer_;
  while (sendmsg(socket_.get(), &message, MSG_NOSIGNAL) != 1) {
    if (!os::WouldBlock(errno)) return ClamdAway(config_, std::strerror(errno));
    if (stop) return absl::CancelledError("stopped");
    if (absl::Now() >= until) return ClamdAway(config_, "it takes no file");
    WaitFor(socket_, POLLOUT, kClamdLookMs);
  }
  return absl::OkStatus();
}

absl::StatusOr<bool> ClamdSession::Send(const char* data,
                                        std::size_t size,
                                        const std::atomic<bool>& stop) {
  absl::Time until = absl::Now() + answer_;
  while (size > 0) {
    const std::ptrdiff_t sent = os::SendSome(socket_.get(), data, size);
    if (sent > 0) {
      data += sent;
      size -= static_cast<std::size_t>(sent);
      until = absl::Now() + answer_;
      continue;
    }
    const int error = os::LastSocketError();
    // It may have said why before it closed.
    if (sent < 0 && !os::WouldBlock(error)) {
      if (WaitFor(socket_, POLLIN, 0) > 0) return true;
      return ClamdAway(config_, std::strerror(error));
    }
    if (stop) return absl::CancelledError("stopped");
    if (absl::Now() >= until) return ClamdAway(config_, "it reads no more");
    const int ready = WaitFor(socket_, POLLIN | POLLOUT, kClamdLookMs);
    if (ready > 0 && (ready & POLLIN) != 0) return true;
  }
  return false;
}

absl::StatusOr<Verdict> ClamdSession::Stream(ByteStream& stream, const std::atomic<bool>& stop) {
  static constexpr char kCommand[] = "zINSTREAM";
  // The command, the first piece and the end go out at once where the message is short.
  buffer_.assign(kCommand, sizeof kCommand);
  std::int64_t total = 0;
  const auto given_up = [&](std::string why) {
    socket_.Reset();  // What was begun cannot be taken back otherwise.
    return Verdict{Verdict::Kind::kNotScanned, std::move(why)};
  };
  for (bool end = false; !end;) {
    const std::size_t head = buffer_.size();
    buffer_.resize(head + 4 + kChunk + 4);
    std::size_t filled = 0;
    while (filled < kChunk) {
      const absl::StatusOr<std::size_t> got =
          stream.Read(buffer_.data() + head + 4 + filled, kChunk - filled);
      if (!got.ok()) return given_up(Shown(got.status().message()));
      end = *got == 0;
      if (end) break;
      filled += *got;
    }
    total += static_cast<std::int64_t>(filled);
    if (total > config_.LongestStream())
      return given_up(
          absl::StrCat("larger than ClamAV reads: over ", config_.LongestStream(), " bytes"));
    std::size_t size = head;
    if (filled > 0) {
      PutLength(filled, buffer_.data() + head);
      size += 4 + filled;
    }
    if (end) {
      PutLength(0, buffer_.data() + size);
      size += 4;
    }
    MQ_ASSIGN_OR_RETURN(const bool answered, Send(buffer_.data(), size, stop));
    if (answered) break;
    buffer_.clear();
  }
  return Answer(stop);
}

absl::StatusOr<Verdict> ClamdSession::Answer(const std::atomic<bool>& stop) {
  MQ_ASSIGN_OR_RETURN(const std::string reply,
                      ReadClamdReply(socket_, config_, absl::Now() + answer_, &stop));
  absl::string_view words = reply;
  const std::size_t colon = words.find(": ");
  std::int64_t number = 0;
  if (colon == absl::string_view::npos || !absl::SimpleAtoi(words.substr(0, colon), &number) ||
      number != asked_)
    return ClamdAway(config_, absl::StrCat("its answer is to another question: ", Shown(reply)));
  absl::StatusOr<Verdict> verdict = VerdictOf(words.substr(colon + 2));
  // After an error clamd ends the session.
  if (absl::EndsWith(reply, "ERROR")) socket_.Reset();
  return verdict;
}

}  // namespace mailquench::agent::clamav
