// HTTP/1.1 is Beast's; the connection and its one deadline are ours, as Beast's own timeout is of
// each step and not of the whole.
#include "controller/http/client.h"

#include <algorithm>
#include <boost/beast/http.hpp>
#include <exception>
#include <sstream>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "common/status/error.h"
#include "common/web/url.h"
#include "controller/http/client_connection.h"

namespace mailquench::controller {
namespace {
namespace http = boost::beast::http;
constexpr std::uint32_t kMaxHead = 64 * 1024;
constexpr int kMaxInterim = 5;  // Answers 1xx before the one that counts.

// RFC 9110, 5.6.2.
bool IsToken(const std::string& text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return absl::ascii_isalnum(c) || std::string("!#$%&'*+-.^_`|~").find(c) != std::string::npos;
  });
}

// Nothing that could end the line and begin another.
bool IsValue(const std::string& text) {
  return std::none_of(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) < 0x20 && c != '\t') || c == 0x7f;
  });
}

absl::StatusOr<std::string> RequestText(const HttpCall& call, const web::Url& url) {
  if (!IsToken(call.method))
    return Error(absl::StatusCode::kInvalidArgument, "BAD_URL", "the method is no HTTP method");
  http::request<http::string_body> request;
  request.version(11);
  request.method_string(call.method);
  request.target(url.target);
  for (const auto& [name, value] : call.headers) {
    if (!IsToken(name) || !IsValue(value))
      return Error(absl::StatusCode::kInvalidArgument, "BAD_URL",
                   absl::StrCat("a header", IsToken(name) ? absl::StrCat(" (", name, ")") : "",
                                " has a character that no header may have; nobody was asked"));
    request.set(name, value);
  }
  request.set(http::field::host, url.HostHeader());
  request.set(http::field::user_agent, "mailquench");
  request.set(http::field::connection, "close");
  request.body() = call.body;
  // Also where it is empty: some servers wait for a length.
  if (!call.body.empty() || (call.method != "GET" && call.method != "HEAD"))
    request.content_length(call.body.size());
  std::ostringstream text;
  text << request;
  return text.str();
}

using Parser = http::response_parser<http::string_body>;

absl::Status Unreadable(const boost::system::error_code& error, std::uint64_t max_answer) {
  if (error == http::error::body_limit)
    return Error(absl::StatusCode::kResourceExhausted, "ANSWER_TOO_LARGE",
                 absl::StrCat("the answer is longer than ", max_answer, " bytes"));
  return Error(absl::StatusCode::kUnavailable, "NO_ANSWER",
               absl::StrCat("the answer is no HTTP: ", error.message()));
}

// Reads one answer into `parser`; what follows it stays in `left`.
absl::Status ReadAnswer(ClientConnection& connection,
                        std::uint64_t max_answer,
                        std::string& left,
                        Parser& parser) {
  char chunk[16 * 1024];
  boost::system::error_code error;
  while (true) {
    while (!left.empty() && !parser.is_done()) {
      const std::size_t used =
          parser.put(boost::asio::const_buffer(left.data(), left.size()), error);
      left.erase(0, used);
      if (error == http::error::need_more) break;
      if (error) return Unreadable(error, max_answer);
      // Not before: an eager parser of Boost 1.74 forgets a head's error where a body follows it,
      // and with that the limit.
      if (parser.is_header_done()) parser.eager(true);
      if (used == 0) break;
    }
    if (parser.is_done()) return absl::OkStatus();
    MQ_ASSIGN_OR_RETURN(const std::size_t count, connection.Read(chunk, sizeof chunk));
    if (count > 0) {
      left.append(chunk, count);
      continue;
    }
    if (!parser.got_some())
      return Error(absl::StatusCode::kUnavailable, "NO_ANSWER", "it hung up without an answer");
    parser.put_eof(error);
    if (error) return Error(absl::StatusCode::kUnavailable, "NO_ANSWER", "the answer broke off");
  }
}

absl::StatusOr<HttpAnswer> Converse(const HttpCall& call,
                                    const web::Url& url,
                                    const std::string& request) {
  ClientConnection connection(call.limit, call.wanted);
  MQ_RETURN_IF_ERROR(connection.Connect(url));
  if (url.tls) MQ_RETURN_IF_ERROR(connection.StartTls(url, call.ca_file));
  // A server may answer and hang up before it has read all of it: the answer counts.
  const absl::Status sent = connection.Write(request);
  if (!sent.ok() && sent.code() != absl::StatusCode::kUnavailable) return sent;
  std::string left;
  for (int i = 0; i <= kMaxInterim; ++i) {
    Parser parser;
    parser.header_limit(kMaxHead);
    parser.body_limit(call.max_answer);
    if (call.method == "HEAD") parser.skip(true);
    const absl::Status read = ReadAnswer(connection, call.max_answer, left, parser);
    // A limit of the body is looked at with the head's last line, and the head is whole then.
    if (!read.ok() && !(call.head_counts && parser.is_header_done())) return read;
    const auto& message = parser.get();
    if (message.result_int() < 200) continue;
    HttpAnswer answer;
    answer.status = static_cast<int>(message.result_int());
    if (message.result() != http::status::unknown) {
      const auto reason = http::obsolete_reason(message.result());
      answer.reason.assign(reason.data(), reason.size());
    }
    for (const auto& field : message) {
      const auto name = field.name_string();
      std::string& value =
          answer.headers[absl::AsciiStrToLower(absl::string_view(name.data(), name.size()))];
      absl::StrAppend(&value, value.empty() ? "" : ", ",
                      absl::string_view(field.value().data(), field.value().size()));
    }
    answer.body = message.body();
    return answer;
  }
  return Error(absl::StatusCode::kUnavailable, "NO_ANSWER", "it sends interim answers alone");
}
}  // namespace

absl::StatusOr<HttpAnswer> Fetch(const HttpCall& call) {
  // Callers are threads that nobody waits for: what no look at an error code shows (no memory, no
  // context of TLS) is an answer that did not come.
  try {
    MQ_ASSIGN_OR_RETURN(const web::Url url, web::ParseUrl(call.url));
    MQ_ASSIGN_OR_RETURN(const std::string request, RequestText(call, url));
    absl::StatusOr<HttpAnswer> answer = Converse(call, url, request);
    if (answer.ok()) return answer;
    // Without the path: it may hold a secret.
    return Prepend(answer.status(), absl::StrCat(call.method, " ", url.tls ? "https://" : "http://",
                                                 url.HostHeader()));
  } catch (const std::exception& failure) {
    return Error(absl::StatusCode::kUnavailable, "NO_ANSWER",
                 absl::StrCat("the request failed within the controller: ", failure.what()));
  }
}

absl::Status CheckUrl(const std::string& url) {
  return web::ParseUrl(url).status();
}

}  // namespace mailquench::controller
