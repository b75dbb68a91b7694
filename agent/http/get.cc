// A client of our own, since cpp-httplib limits each read and not the whole: a server that sends a
// byte a second holds it for ever. Nor does it show the address before it connects to it, or ask
// between two reads whether the answer is still wanted.
#include "agent/http/get.h"

#include <algorithm>
#include <condition_variable>
#include <cstring>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include "agent/http/channel.h"
#include "common/os/socket.h"
#include "common/status/error.h"

namespace mailquench::agent {
namespace {
constexpr std::size_t kMaxHead = std::size_t{32} * 1024;
constexpr int kMaxInterim = 5;  // Replies 1xx before the answer.

absl::Status NoAnswer(const std::string& why) {
  return Error(absl::StatusCode::kUnavailable, "NO_ANSWER", why);
}

// getaddrinfo() has no deadline of its own: it is asked on a thread, which is left behind where it
// takes too long. Shared with that thread.
struct LookUp {
  std::mutex mu;
  std::condition_variable done;
  bool ended = false;
  std::vector<Endpoint> found;
};

absl::StatusOr<std::vector<Endpoint>> Resolve(const Url& url,
                                              int family,
                                              const GetOptions& options) {
  Endpoint literal;
  if (ParseAddress(url.host, url.port, &literal)) return std::vector<Endpoint>{literal};
  const auto shared = std::make_shared<LookUp>();
  std::thread([shared, host = url.host, port = url.port, family] {
    addrinfo hints{};
    hints.ai_family = family;
    hints.ai_socktype = SOCK_STREAM;
    addrinfo* found = nullptr;
    os::StartSockets();
    const int rc = getaddrinfo(host.c_str(), std::to_string(port).c_str(), &hints, &found);
    const std::lock_guard<std::mutex> lock(shared->mu);
    for (const addrinfo* one = found; rc == 0 && one != nullptr; one = one->ai_next) {
      Endpoint& endpoint = shared->found.emplace_back();
      std::memcpy(&endpoint.address, one->ai_addr, one->ai_addrlen);
      endpoint.length = static_cast<socklen_t>(one->ai_addrlen);
    }
    if (rc == 0) freeaddrinfo(found);
    shared->ended = true;
    shared->done.notify_all();
  }).detach();
  std::unique_lock<std::mutex> lock(shared->mu);
  while (!shared->ended) {
    MQ_RETURN_IF_ERROR(options.still_wanted());
    if (absl::Now() >= options.deadline)
      return Error(absl::StatusCode::kDeadlineExceeded, "FETCH_TIMED_OUT",
                   absl::StrCat("the time for the fetch ended while the address of ", url.host,
                                " was looked up"));
    shared->done.wait_for(lock, std::chrono::milliseconds(100));
  }
  if (shared->found.empty())
    return Error(absl::StatusCode::kUnavailable, "NO_SUCH_HOST",
                 absl::StrCat(url.host, " has no address",
                              family == AF_UNSPEC ? "" : " of the family that was asked from"));
  return shared->found;
}

absl::Status ConnectToOneOf(const std::vector<Endpoint>& peers,
                            const Url& url,
                            const GetOptions& options,
                            const Endpoint* source,
                            Channel& channel) {
  for (const Endpoint& peer : peers) {
    if (options.private_targets || (IsPublic(peer) && !IsOwn(peer))) continue;
    return Error(
        absl::StatusCode::kInvalidArgument, "PRIVATE_TARGET",
        absl::StrCat(url.host, " is ", peer.Text(), ", which is no host of the public internet"));
  }
  absl::Status last;
  for (std::size_t i = 0; i < peers.size(); ++i) {
    // One that does not answer leaves time for the others.
    const absl::Duration share =
        (options.deadline - absl::Now()) / static_cast<std::int64_t>(peers.size() - i);
    last = channel.Connect(peers[i], source, absl::Now() + share);
    if (last.ok()) return last;
    const bool next = ReasonOf(last) == "NO_CONNECTION" ||
                      (ReasonOf(last) == "FETCH_TIMED_OUT" && absl::Now() < options.deadline);
    if (!next) return last;
  }
  return last;
}

// Reads lines and blocks out of the stream.
class Reader {
 public:
  explicit Reader(Channel& channel) : channel_(channel) {}

  // Without its end. Errors: those of the channel, NO_ANSWER where the head is no HTTP.
  absl::StatusOr<std::string> Line() {
    while (true) {
      const std::size_t end = buffer_.find('\n');
      if (end != std::string::npos) {
        std::string line = buffer_.substr(0, end);
        buffer_.erase(0, end + 1);
        if (!line.empty() && line.back() == '\r') line.pop_back();
        head_ += end + 1;
        if (head_ > kMaxHead) return NoAnswer("the head of the answer is too long");
        return line;
      }
      if (buffer_.size() > kMaxHead) return NoAnswer("the head of the answer is too long");
      MQ_ASSIGN_OR_RETURN(const bool more, Fill());
      if (!more) return NoAnswer("the answer ended within its head");
    }
  }
  // Up to `count` bytes into `out`; fewer at the end of the stream, and beside an error.
  absl::Status Take(std::size_t count, std::string& out) {
    absl::Status ended;
    while (ended.ok() && buffer_.size() < count) {
      const absl::StatusOr<bool> more = Fill();
      ended = more.status();
      if (more.ok() && !*more) break;
    }
    count = std::min(count, buffer_.size());
    out.append(buffer_, 0, count);
    buffer_.erase(0, count);
    return ended;
  }
  void NewHead() { head_ = 0; }

 private:
  absl::StatusOr<bool> Fill() {
    char chunk[4096];
    MQ_ASSIGN_OR_RETURN(const std::size_t n, channel_.Read(chunk, sizeof chunk));
    buffer_.append(chunk, n);
    return n > 0;
  }
  Channel& channel_;
  std::string buffer_;
  std::size_t head_ = 0;  // Bytes of the lines so far.
};

struct Head {
  int status = 0;
  std::string location;
  std::int64_t length = -1;  // Of the body; -1: not said.
  bool chunked = false;
};

absl::StatusOr<Head> ReadHead(Reader& reader) {
  for (int i = 0; i <= kMaxInterim; ++i) {
    Head head;
    reader.NewHead();
    MQ_ASSIGN_OR_RETURN(const std::string first, reader.Line());
    if (!absl::StartsWith(first, "HTTP/1.") || first.size() < 12 || first[8] != ' ' ||
        !absl::SimpleAtoi(first.substr(9, 3), &head.status) || head.status < 100)
      return NoAnswer("the answer is no HTTP");
    while (true) {
      MQ_ASSIGN_OR_RETURN(const std::string line, reader.Line());
      if (line.empty()) break;
      const std::size_t colon = line.find(':');
      if (colon == std::string::npos) continue;
      const std::string name = absl::AsciiStrToLower(line.substr(0, colon));
      const std::string value(absl::StripAsciiWhitespace(line.substr(colon + 1)));
      if (name == "location") head.location = value;
      if (name == "transfer-encoding")
        head.chunked = absl::StrContains(absl::AsciiStrToLower(value), "chunked");
      if (name == "content-length" && (!absl::SimpleAtoi(value, &head.length) || head.length < 0))
        head.length = -1;
    }
    if (head.status >= 200) return head;
  }
  return NoAnswer("the answer does not begin");
}

// What could be read of the body; `cut` where there was more, or where it broke off.
absl::Status ReadBody(Reader& reader, const Head& head, std::size_t most, GetResult& result) {
  if (head.status == 204 || head.status == 304) return absl::OkStatus();
  if (!head.chunked) {
    const std::size_t wanted = head.length < 0
                                   ? most + 1
                                   : static_cast<std::size_t>(std::min<std::int64_t>(
                                         head.length, static_cast<std::int64_t>(most) + 1));
    MQ_RETURN_IF_ERROR(reader.Take(wanted, result.body));
    result.body_cut =
        result.body.size() > most || (head.length >= 0 && result.body.size() < wanted);
    result.body.resize(std::min(result.body.size(), most));
    return absl::OkStatus();
  }
  while (result.body.size() <= most) {
    MQ_ASSIGN_OR_RETURN(const std::string line, reader.Line());
    std::size_t size = 0;
    const std::string digits = line.substr(0, line.find_first_not_of("0123456789abcdefABCDEF"));
    if (digits.empty() || digits.size() > 8) return NoAnswer("a part of the body has no size");
    size = std::stoul(digits, nullptr, 16);
    if (size == 0) return absl::OkStatus();
    const std::size_t before = result.body.size();
    MQ_RETURN_IF_ERROR(reader.Take(std::min(size, most + 1 - before), result.body));
    if (result.body.size() - before < size) break;
    MQ_RETURN_IF_ERROR(reader.Line().status());
  }
  result.body_cut = true;
  result.body.resize(std::min(result.body.size(), most));
  return absl::OkStatus();
}
}  // namespace

absl::StatusOr<GetResult> Get(const Url& url, const GetOptions& options, bool* asked) {
  *asked = false;
  Endpoint source;
  const bool bound = !options.source_address.empty();
  if (bound && !ParseAddress(options.source_address, 0, &source))
    return Error(absl::StatusCode::kInvalidArgument, "BAD_SOURCE",
                 "the address to ask from is no address");
  MQ_ASSIGN_OR_RETURN(const std::vector<Endpoint> peers,
                      Resolve(url, bound ? source.family() : AF_UNSPEC, options));
  Channel channel(options.deadline, options.still_wanted);
  MQ_RETURN_IF_ERROR(ConnectToOneOf(peers, url, options, bound ? &source : nullptr, channel));
  GetResult result;
  result.from_address = channel.from();
  result.peer_address = channel.peer();
  if (url.tls) MQ_RETURN_IF_ERROR(channel.StartTls(url.host, url.literal, options.ca_file));
  *asked = true;
  MQ_RETURN_IF_ERROR(channel.Send(absl::StrCat(
      "GET ", url.target, " HTTP/1.1\r\nHost: ", url.HostHeader(),
      "\r\nUser-Agent: mailquench-agent\r\nAccept: */*\r\nAccept-Encoding: identity\r\n"
      "Connection: close\r\n\r\n")));
  Reader reader(channel);
  MQ_ASSIGN_OR_RETURN(const Head head, ReadHead(reader));
  result.status = head.status;
  if (head.status / 100 == 3) result.location = head.location;
  const absl::Status read = ReadBody(reader, head, options.max_body, result);
  // The status is the answer; a body that broke off, or drips, is shown as far as it came.
  if (ReasonOf(read) == "NO_ANSWER" || ReasonOf(read) == "FETCH_TIMED_OUT")
    result.body_cut = true;
  else
    MQ_RETURN_IF_ERROR(read);
  result.body.resize(std::min(result.body.size(), options.max_body));
  return result;
}

}  // namespace mailquench::agent
