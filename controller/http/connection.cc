#include "controller/http/connection.h"

#include <spdlog/spdlog.h>

#include <boost/asio/ssl/error.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/write.hpp>
#include <exception>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"

namespace mailquench::controller {
namespace {

namespace asio = boost::asio;
namespace http = boost::beast::http;

// For the peer to take a refusal before the connection is reset under it: what it still sends is
// thrown away for so long, and so much.
constexpr absl::Duration kLingerTime = absl::Seconds(1);
constexpr std::uint64_t kLingerBytes = std::uint64_t{1024} * 1024;
constexpr std::size_t kReadAtOnce = std::size_t{64} * 1024;

std::string Text(boost::beast::string_view text) {
  return {text.data(), text.size()};
}

HttpRequest RequestOf(const http::request<http::string_body>& message, const std::string& peer) {
  HttpRequest request;
  request.method = Text(message.method_string());
  const std::string target = Text(message.target());
  const std::size_t mark = target.find('?');
  request.path = target.substr(0, mark);
  if (mark != std::string::npos) request.query = target.substr(mark + 1);
  for (const auto& field : message) {
    // One that comes twice is a list (RFC 9110, 5.3); for Authorization this is no token of ours.
    std::string& value = request.headers[absl::AsciiStrToLower(Text(field.name_string()))];
    value = value.empty() ? Text(field.value()) : absl::StrCat(value, ", ", Text(field.value()));
  }
  request.peer = peer;
  return request;
}

// No byte in it can end the header.
std::string HeaderText(std::string text) {
  for (char& c : text) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = ' ';
  }
  return text;
}

bool IsHttp(const boost::system::error_code& error) {
  return error.category() == http::make_error_code(http::error::bad_version).category();
}

}  // namespace

Connection::Connection(Socket socket,
                       std::shared_ptr<asio::ssl::context> context,
                       std::string peer,
                       ConnectionOwner* owner)
    : context_(std::move(context)),
      stream_(std::move(socket), *context_),
      deadline_(stream_.get_executor()),
      peer_(std::move(peer)),
      owner_(owner),
      buffer_(kReadAtOnce + owner->options().max_header) {}

template <typename F>
void Connection::Safely(F step) {
  if (closed_) return;
  try {
    return step();
  } catch (const std::exception& failure) {
    spdlog::error("HTTPS lost the connection of {}: {}", peer_, failure.what());
  } catch (...) {
    spdlog::error("HTTPS lost the connection of {}", peer_);
  }
  // Nothing waits for it any more, so that nothing else would end it.
  Close();
}

void Connection::Enter(Phase phase, absl::Duration limit) {
  phase_ = phase;
  since_ = std::chrono::steady_clock::now();
  deadline_.expires_after(absl::ToChronoNanoseconds(limit));
  deadline_.async_wait([self = shared_from_this()](const ErrorCode& error) {
    // A wait that had ended already when its deadline was moved is none.
    if (error || self->deadline_.expiry() > std::chrono::steady_clock::now()) return;
    self->Close();
  });
}

void Connection::Start() {
  Enter(Phase::kHandshake, owner_->options().request_time);
  stream_.async_handshake(asio::ssl::stream_base::server,
                          [self = shared_from_this()](const ErrorCode& error) {
                            self->Safely([&] {
                              if (error) return self->Close();
                              self->NextRequest(true);
                            });
                          });
}

// Only a peer that had an answer may be idle: the first request is wanted at once.
void Connection::NextRequest(bool first) {
  parser_.emplace();
  parser_->header_limit(owner_->options().max_header);
  parser_->body_limit(owner_->options().max_body);
  request_ = HttpRequest();
  if (first || buffer_.size() > 0) return ReadHeader();
  buffer_.shrink_to_fit();
  Enter(Phase::kIdle, owner_->options().idle_time);
  stream_.async_read_some(buffer_.prepare(4096),
                          [self = shared_from_this()](const ErrorCode& error, std::size_t size) {
                            self->Safely([&] {
                              if (error) return self->End();
                              self->buffer_.commit(size);
                              self->ReadHeader();
                            });
                          });
}

void Connection::ReadHeader() {
  Enter(Phase::kReading, owner_->options().request_time);
  http::async_read_header(stream_, buffer_, *parser_,
                          [self = shared_from_this()](const ErrorCode& error, std::size_t) {
                            self->Safely([&] {
                              if (error) return self->Failed(error);
                              self->OnHeader();
                            });
                          });
}

// Beast takes a coding that it does not know for no body at all, and what follows for the next
// request: RFC 9112, 6.1 and 6.3, want such a request refused.
bool Connection::RefuseFraming() {
  const auto coding = request_.headers.find("transfer-encoding");
  if (coding == request_.headers.end()) return false;
  if (request_.headers.count("content-length") > 0 || parser_->get().version() < 11) {
    Refuse(400, "Transfer-Encoding stands alone, and in HTTP/1.1; nothing was taken");
  } else if (!absl::EqualsIgnoreCase(coding->second, "chunked")) {
    Refuse(501, "No Transfer-Encoding but chunked is understood; nothing was taken");
  } else {
    return false;
  }
  return true;
}

void Connection::OnHeader() {
  request_ = RequestOf(parser_->get(), peer_);
  request_.has_body = !parser_->is_done();
  if (RefuseFraming()) return;
  if (owner_->options().screen) {
    std::optional<HttpResponse> refused;
    try {
      refused = owner_->options().screen(request_);
    } catch (...) {
      return Refuse(500, "The request could not be looked at; nothing was done");
    }
    if (refused) return Answer(*std::move(refused));
  }
  if (parser_->is_done()) return OnRead();
  const std::uint64_t size =
      parser_->chunked() ? owner_->options().max_body : parser_->content_length().value_or(0);
  if (!owner_->Reserve(size)) {
    return Refuse(503, "Too much is sent at the same time; nothing was taken. Send it again");
  }
  reserved_ = size;
  if (!absl::EqualsIgnoreCase(request_.headers["expect"], "100-continue")) return ReadBody();
  static constexpr char kContinue[] = "HTTP/1.1 100 Continue\r\n\r\n";
  asio::async_write(stream_, asio::buffer(kContinue, sizeof kContinue - 1),
                    [self = shared_from_this()](const ErrorCode& error, std::size_t) {
                      self->Safely([&] {
                        if (error) return self->Close();
                        self->ReadBody();
                      });
                    });
}

void Connection::ReadBody() {
  http::async_read(stream_, buffer_, *parser_,
                   [self = shared_from_this()](const ErrorCode& error, std::size_t) {
                     self->Safely([&] {
                       if (error) return self->Failed(error);
                       self->OnRead();
                     });
                   });
}

void Connection::OnRead() {
  request_.body = std::move(parser_->get().body());
  phase_ = Phase::kHandling;
  deadline_.cancel();
  owner_->Dispatch(shared_from_this(), std::move(request_));
}

void Connection::Failed(ErrorCode error) {
  const HttpServerOptions& options = owner_->options();
  if (error == http::error::header_limit || error == http::error::buffer_overflow) {
    return Refuse(431, absl::StrCat("The header is larger than ", options.max_header, " bytes"));
  }
  if (error == http::error::body_limit) {
    return Refuse(413, absl::StrCat("The body is larger than ", options.max_body,
                                    " bytes; nothing of it was taken. Send fewer alerts at once"));
  }
  if (error == http::error::end_of_stream) return End();
  // Cut off in its middle: whoever did that may still listen.
  if (IsHttp(error)) return Refuse(400, absl::StrCat("This is no HTTP/1.1: ", error.message()));
  Close();
}

void Connection::Refuse(int status, const std::string& sentence) {
  HttpResponse response;
  response.status = status;
  response.body = absl::StrCat(R"({"error":")", sentence, "\"}\n");  // No sentence has quotes.
  response.headers["Connection"] = "close";
  if (status == 503) response.headers["Retry-After"] = "1";
  Answer(std::move(response));
}

void Connection::Answer(HttpResponse response) {
  Safely([&] { Write(std::move(response)); });
}

void Connection::Write(HttpResponse response) {
  owner_->Release(std::exchange(reserved_, 0));
  const auto wants_end = response.headers.find("Connection");
  const bool keep = parser_->is_done() && parser_->keep_alive() && !owner_->stopping() &&
                    wants_end == response.headers.end();
  const bool head = parser_->is_header_done() && parser_->get().method() == http::verb::head;
  response_.emplace(static_cast<http::status>(response.status),
                    parser_->is_header_done() ? parser_->get().version() : 11);
  response_->set(http::field::content_type, HeaderText(response.content_type));
  response_->set(http::field::date,
                 absl::FormatTime("%a, %d %b %E4Y %H:%M:%S GMT", absl::Now(), absl::UTCTimeZone()));
  for (const auto& [name, value] : response.headers) {
    if (name != "Connection") response_->set(HeaderText(name), HeaderText(value));
  }
  response_->content_length(response.body.size());
  response_->keep_alive(keep);
  if (!head) response_->body() = std::move(response.body);
  Enter(Phase::kWriting, owner_->options().request_time);
  http::async_write(stream_, *response_,
                    [self = shared_from_this(), keep](const ErrorCode& error, std::size_t) {
                      self->Safely([&] {
                        self->response_.reset();
                        if (error) return self->Close();
                        if (!keep || self->owner_->stopping()) return self->End();
                        self->NextRequest(false);
                      });
                    });
}

void Connection::StopSoon() {
  if (phase_ == Phase::kHandling || phase_ == Phase::kWriting || phase_ == Phase::kEnding) return;
  Close();
}

void Connection::End() {
  Enter(Phase::kEnding, kLingerTime);
  stream_.async_shutdown([self = shared_from_this()](const ErrorCode&) {
    self->Safely([&] {
      ErrorCode ignored;
      self->socket().shutdown(Socket::shutdown_send, ignored);
      self->Linger();
    });
  });
}

// A connection that is closed while something of the peer's lies unread is reset, and the peer may
// never see what was answered.
void Connection::Linger() {
  socket().async_read_some(asio::buffer(scrap_),
                           [self = shared_from_this()](const ErrorCode& error, std::size_t size) {
                             self->Safely([&] {
                               self->lingered_ += size;
                               if (error || self->lingered_ > kLingerBytes) return self->Close();
                               self->Linger();
                             });
                           });
}

void Connection::Close() {
  if (closed_) return;
  closed_ = true;
  const std::shared_ptr<Connection> self = shared_from_this();  // The owner lets go of it.
  ErrorCode ignored;
  deadline_.cancel(ignored);
  socket().close(ignored);
  owner_->Release(std::exchange(reserved_, 0));
  owner_->Closed(this);
}

}  // namespace mailquench::controller
