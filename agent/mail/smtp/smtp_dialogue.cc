#include "agent/mail/smtp/smtp_dialogue.h"

#include <openssl/err.h>
#include <openssl/ssl.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <optional>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "common/os/socket.h"
#include "common/status/error.h"

namespace mailquench::agent {
namespace {
constexpr std::size_t kMaxLine = 4096;  // RFC 5321 allows 512; servers are more generous.
constexpr std::size_t kMaxLines = 200;
constexpr int kSubmissions = 465;  // RFC 8314: TLS before the banner.

struct Endpoint {
  sockaddr_storage address{};
  socklen_t length = 0;
  int port = 0;
};

absl::StatusOr<Endpoint> ParseTarget(const std::string& target) {
  const auto bad = [&] {
    return Error(absl::StatusCode::kInvalidArgument, "BAD_TARGET",
                 absl::StrCat("'", target,
                              "' is no address:port, such as 192.0.2.1:25 or "
                              "[2001:db8::1]:25; nobody was asked"));
  };
  const std::size_t colon = target.rfind(':');
  if (colon == std::string::npos) return bad();
  std::string host = target.substr(0, colon);
  const std::string port = target.substr(colon + 1);
  if (host.size() > 2 && host.front() == '[' && host.back() == ']') {
    host = host.substr(1, host.size() - 2);
  } else if (host.find(':') != std::string::npos) {
    return bad();
  }
  if (host.empty() || port.empty()) return bad();
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV;
  addrinfo* found = nullptr;
  os::StartSockets();
  if (getaddrinfo(host.c_str(), port.c_str(), &hints, &found) != 0) return bad();
  Endpoint endpoint;
  std::memcpy(&endpoint.address, found->ai_addr, found->ai_addrlen);
  endpoint.length = static_cast<socklen_t>(found->ai_addrlen);
  endpoint.port = std::atoi(port.c_str());
  freeaddrinfo(found);
  return endpoint;
}

std::string WhyNot() {
  return os::SocketErrorText(os::LastSocketError());
}

struct SslFree {
  void operator()(SSL* p) const { SSL_free(p); }
  void operator()(SSL_CTX* p) const { SSL_CTX_free(p); }
};

struct Reply {
  int code = 0;
  std::vector<std::string> lines;  // Whole, with the code.
  const std::string& last() const { return lines.back(); }
};

// One connection with a deadline for everything. A failure sets error() and makes the rest fail
// too.
class Connection {
 public:
  explicit Connection(absl::Time deadline) : deadline_(deadline) {}
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  const std::string& error() const { return error_; }
  bool tls() const { return ssl_ != nullptr; }

  bool Open(const Endpoint& endpoint) {
    socket_ = os::OpenSocket(endpoint.address.ss_family, SOCK_STREAM);
    if (!socket_.valid()) return Fail(absl::StrCat("no socket: ", WhyNot()));
    if (connect(socket_.get(), reinterpret_cast<const sockaddr*>(&endpoint.address),
                endpoint.length) == 0) {
      return true;
    }
    if (!os::InProgress(os::LastSocketError()))
      return Fail(absl::StrCat("cannot connect: ", WhyNot()));
    if (!Wait(POLLOUT, "no answer to the connection")) return false;
    const int error = os::PendingError(socket_.get());
    return error == 0 || Fail(absl::StrCat("cannot connect: ", os::SocketErrorText(error)));
  }

  bool StartTls() {
    in_.clear();  // What came before the handshake is not to be believed after it.
    context_.reset(SSL_CTX_new(TLS_client_method()));
    if (context_ == nullptr) return Fail("TLS is not available");
    // Old servers are asked too; the conversation carries nothing that needs strong TLS.
    SSL_CTX_set_security_level(context_.get(), 0);
    SSL_CTX_set_min_proto_version(context_.get(), TLS1_VERSION);
    std::unique_ptr<SSL, SslFree> ssl(SSL_new(context_.get()));
    if (ssl == nullptr || SSL_set_fd(ssl.get(), socket_.AsInt()) != 1)
      return Fail("TLS is not available");
    while (true) {
      ERR_clear_error();
      const int rc = SSL_connect(ssl.get());
      if (rc == 1) break;
      if (!WaitTls(SSL_get_error(ssl.get(), rc), "the TLS handshake did not end")) {
        if (error_.empty()) Fail("the TLS handshake failed");
        return false;
      }
    }
    ssl_ = std::move(ssl);
    return true;
  }

  bool Send(const std::string& line) {
    const std::string data = line + "\r\n";
    std::size_t sent = 0;
    while (sent < data.size()) {
      if (ssl_ != nullptr) {
        ERR_clear_error();
        const int n =
            SSL_write(ssl_.get(), data.data() + sent, static_cast<int>(data.size() - sent));
        if (n > 0) {
          sent += static_cast<std::size_t>(n);
        } else if (!WaitTls(SSL_get_error(ssl_.get(), n), "no answer")) {
          return Fail("the connection was lost");
        }
        continue;
      }
      const std::ptrdiff_t n = os::SendSome(socket_.get(), data.data() + sent, data.size() - sent);
      if (n > 0) {
        sent += static_cast<std::size_t>(n);
      } else if (!os::WouldBlock(os::LastSocketError())) {
        return Fail("the connection was lost");
      } else if (!Wait(POLLOUT, "no answer")) {
        return false;
      }
    }
    return true;
  }

  std::optional<Reply> Read() {
    Reply reply;
    while (true) {
      std::string line;
      if (!ReadLine(&line)) return std::nullopt;
      const bool code = line.size() >= 3 && absl::ascii_isdigit(line[0]) &&
                        absl::ascii_isdigit(line[1]) && absl::ascii_isdigit(line[2]);
      if (!code || (line.size() > 3 && line[3] != ' ' && line[3] != '-')) {
        Fail(absl::StrCat("not an SMTP reply: ", absl::CHexEscape(line.substr(0, 80))));
        return std::nullopt;
      }
      reply.code = std::atoi(line.substr(0, 3).c_str());
      const bool more = line.size() > 3 && line[3] == '-';
      reply.lines.push_back(std::move(line));
      if (!more) return reply;
      if (reply.lines.size() >= kMaxLines) {
        Fail("a reply of more than 200 lines");
        return std::nullopt;
      }
    }
  }

  std::optional<Reply> Command(const std::string& line) {
    if (!Send(line)) return std::nullopt;
    return Read();
  }

 private:
  bool Fail(const std::string& why) {
    if (error_.empty()) error_ = why;
    return false;
  }

  bool Wait(short events, const char* what) {
    while (true) {
      const absl::Duration left = deadline_ - absl::Now();
      if (left <= absl::ZeroDuration()) return Fail(absl::StrCat("timed out: ", what));
      pollfd p{socket_.get(), events, 0};
      const int n = os::PollSockets(
          &p, 1,
          static_cast<int>(std::min<std::int64_t>(absl::ToInt64Milliseconds(left) + 1, 60000)));
      if (n > 0) return true;
      if (n < 0 && !os::WouldBlock(os::LastSocketError()))
        return Fail(absl::StrCat("poll: ", WhyNot()));
    }
  }

  bool WaitTls(int ssl_error, const char* what) {
    if (ssl_error == SSL_ERROR_WANT_READ) return Wait(POLLIN, what);
    if (ssl_error == SSL_ERROR_WANT_WRITE) return Wait(POLLOUT, what);
    return false;
  }

  bool ReadLine(std::string* line) {
    while (true) {
      const std::size_t end = in_.find('\n');
      if (end != std::string::npos && end < kMaxLine) {
        *line = in_.substr(0, end);
        in_.erase(0, end + 1);
        if (!line->empty() && line->back() == '\r') line->pop_back();
        return true;
      }
      if (in_.size() >= kMaxLine) return Fail("a reply line of more than 4096 bytes");
      char buffer[4096];
      if (ssl_ != nullptr) {
        ERR_clear_error();
        const int n = SSL_read(ssl_.get(), buffer, sizeof buffer);
        if (n > 0) {
          in_.append(buffer, static_cast<std::size_t>(n));
        } else if (!WaitTls(SSL_get_error(ssl_.get(), n), "no reply")) {
          return Fail("the server closed the connection");
        }
        continue;
      }
      const std::ptrdiff_t n = os::ReceiveSome(socket_.get(), buffer, sizeof buffer);
      if (n > 0) {
        in_.append(buffer, static_cast<std::size_t>(n));
      } else if (n == 0) {
        return Fail("the server closed the connection");
      } else if (const int error = os::LastSocketError(); !os::WouldBlock(error)) {
        return Fail(absl::StrCat("the connection was lost: ", os::SocketErrorText(error)));
      } else if (!Wait(POLLIN, "no reply")) {
        return false;
      }
    }
  }

  const absl::Time deadline_;
  os::Socket socket_;
  std::unique_ptr<SSL_CTX, SslFree> context_;
  std::unique_ptr<SSL, SslFree> ssl_;
  std::string in_;
  std::string error_;
};

absl::Status CheckWord(const std::string& word, const char* what) {
  const bool clean = std::all_of(
      word.begin(), word.end(), [](char c) { return c > ' ' && c < 0x7f && c != '<' && c != '>'; });
  if (clean && !word.empty() && word.size() <= 320) return absl::OkStatus();
  return Error(absl::StatusCode::kInvalidArgument, "BAD_ADDRESS",
               absl::StrCat("the ", what, " '", absl::CHexEscape(word.substr(0, 80)),
                            "' cannot be said in SMTP; nobody was asked"));
}

// Why a refusal was given. Only a denial of relaying, or of everything without a login, is CLOSED.
v1::RelayVerdict Judge(const Reply& reply) {
  if (reply.code / 100 == 2) return v1::RELAY_VERDICT_OPEN;
  if (reply.code == 421) return v1::RELAY_VERDICT_UNKNOWN;
  if (reply.code == 530 || reply.code == 535) return v1::RELAY_VERDICT_CLOSED;
  std::string text;
  for (const std::string& line : reply.lines)
    absl::StrAppend(&text, absl::AsciiStrToLower(line), "\n");
  // A block list knows only this client; another stranger may be served.
  if (absl::StrContains(text, "blocked using")) return v1::RELAY_VERDICT_UNKNOWN;
  const bool policy = text.size() > 8 && text.compare(4, 4, "5.7.") == 0;
  for (const char* word : {"relay", "access denied", "authenticat", "authoriz"}) {
    if (absl::StrContains(text, word)) return v1::RELAY_VERDICT_CLOSED;
  }
  return policy ? v1::RELAY_VERDICT_CLOSED : v1::RELAY_VERDICT_UNKNOWN;
}

class Conversation {
 public:
  Conversation(Connection& connection, const DialogueRequest& request, DialogueResult& result)
      : connection_(connection), request_(request), result_(result) {}

  void Run() {
    if (!Greet()) return;
    if (!request_.account.empty() && starttls_ && !Secure()) return;
    std::optional<Reply> decisive = Ask();
    if (decisive.has_value() && decisive->code == 530 && starttls_ && !connection_.tls()) {
      if (!Secure()) return;
      decisive = Ask();
    }
    if (!decisive.has_value()) return Lost();
    result_.verdict = Judge(*decisive);
    result_.reply = decisive->last();
    result_.tls = connection_.tls();
    if (connection_.Command("RSET").has_value()) connection_.Command("QUIT");
  }

 private:
  void Lost() { result_.reply = connection_.error(); }

  // What a reply that ends the conversation early says.
  bool Unknown(const Reply& reply) {
    result_.reply = reply.last();
    connection_.Send("QUIT");
    return false;
  }

  bool Greet() {
    const std::optional<Reply> banner = connection_.Read();
    if (!banner.has_value()) {
      Lost();
      return false;
    }
    result_.banner = banner->lines.front();
    if (banner->code != 220) return Unknown(*banner);
    result_.answered = true;
    return Hello();
  }

  bool Hello() {
    std::optional<Reply> reply = connection_.Command("EHLO " + request_.helo);
    if (reply.has_value() && reply->code / 100 == 5) {
      reply = connection_.Command("HELO " + request_.helo);
    }
    if (!reply.has_value()) {
      Lost();
      return false;
    }
    if (reply->code / 100 != 2) return Unknown(*reply);
    starttls_ = false;
    for (const std::string& line : reply->lines) {
      const std::string word =
          absl::AsciiStrToUpper(line.substr(std::min<std::size_t>(4, line.size())));
      if (word == "STARTTLS") starttls_ = result_.starttls_offered = true;
      if (absl::StartsWith(word, "AUTH ") || absl::StartsWith(word, "AUTH=")) {
        result_.auth_offered = true;
      }
    }
    return true;
  }

  bool Secure() {
    const std::optional<Reply> reply = connection_.Command("STARTTLS");
    if (!reply.has_value()) {
      Lost();
      return false;
    }
    if (reply->code != 220) return Unknown(*reply);
    if (!connection_.StartTls()) {
      Lost();
      return false;
    }
    return Hello();
  }

  // The deciding reply: of AUTH or MAIL where that is refused, else of RCPT.
  std::optional<Reply> Ask() {
    if (!request_.account.empty()) {
      const std::string plain = absl::StrCat(std::string(1, '\0'), request_.account,
                                             std::string(1, '\0'), request_.password);
      std::optional<Reply> reply = connection_.Command("AUTH PLAIN " + absl::Base64Escape(plain));
      if (!reply.has_value() || reply->code / 100 != 2) return reply;
    }
    const std::string sender =
        request_.sender == "<>" ? "<>" : absl::StrCat("<", request_.sender, ">");
    std::optional<Reply> reply = connection_.Command("MAIL FROM:" + sender);
    if (!reply.has_value() || reply->code / 100 != 2) return reply;
    reply = connection_.Command(absl::StrCat("RCPT TO:<", request_.recipient, ">"));
    if (reply.has_value()) result_.recipient_code = reply->code;
    return reply;
  }

  Connection& connection_;
  const DialogueRequest& request_;
  DialogueResult& result_;
  bool starttls_ = false;
};

DialogueResult Talk(const Endpoint& endpoint,
                    const DialogueRequest& request,
                    bool wrapper,
                    absl::Time deadline) {
  DialogueResult result;
  Connection connection(deadline);
  if (connection.Open(endpoint) && (!wrapper || connection.StartTls()))
    Conversation(connection, request, result).Run();
  else
    result.reply = connection.error();
  return result;
}
}  // namespace

absl::StatusOr<DialogueResult> Dialogue(const std::string& target, const DialogueRequest& request) {
  MQ_ASSIGN_OR_RETURN(const Endpoint endpoint, ParseTarget(target));
  MQ_RETURN_IF_ERROR(CheckWord(request.helo, "name of the client"));
  MQ_RETURN_IF_ERROR(CheckWord(request.recipient, "recipient"));
  if (request.sender != "<>") MQ_RETURN_IF_ERROR(CheckWord(request.sender, "sender"));
  os::IgnoreBrokenPipes();
  const absl::Time deadline = absl::Now() + request.timeout;
  const bool implied = !request.tls_wrapper && endpoint.port == kSubmissions;
  DialogueResult result = Talk(endpoint, request, request.tls_wrapper || implied, deadline);
  if (!implied || result.tls || result.answered) return result;
  // A transport of Exchange speaks plain SMTP there ("Client Proxy").
  DialogueResult plain = Talk(endpoint, request, /*wrapper=*/false, deadline);
  return plain.answered ? plain : result;
}

bool Accepts(const std::string& target, absl::Duration timeout) {
  const absl::StatusOr<Endpoint> endpoint = ParseTarget(target);
  return endpoint.ok() && Connection(absl::Now() + timeout).Open(*endpoint);
}

}  // namespace mailquench::agent
