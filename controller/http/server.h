// HTTPS for those that cannot speak gRPC: monitoring that calls, Prometheus that reads.
#ifndef MAILQUENCH_CONTROLLER_HTTP_SERVER_H_
#define MAILQUENCH_CONTROLLER_HTTP_SERVER_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace mailquench::controller {

struct HttpRequest {
  std::string method;                          // "POST"
  std::string path;                            // Without the query: "/v1/alerts".
  std::string query;                           // After the '?', as it came.
  std::map<std::string, std::string> headers;  // Names in lower case.
  std::string body;
  bool has_body = false;  // Known with the header, before a byte of the body is read.
  std::string peer;       // Address without the port.
};
struct HttpResponse {
  int status = 200;
  std::string content_type = "application/json";
  std::string body;
  std::map<std::string, std::string> headers;  // Besides Content-Type and Content-Length.
};

struct HttpServerOptions {
  std::string listen;       // host:port; port 0 takes a free one.
  std::string certificate;  // PEM files, read again for new connections when they change.
  std::string key;
  std::uint64_t max_body = std::uint64_t{4} * 1024 * 1024;     // Larger: 413, not read to its end.
  std::uint32_t max_header = 16 * 1024;                        // Larger: 431.
  std::uint64_t max_bodies = std::uint64_t{64} * 1024 * 1024;  // Of all at a time; more: 503.
  // For the handshake, for each whole request from its first byte, and for each answer to be taken.
  absl::Duration request_time = absl::Seconds(10);
  absl::Duration idle_time = absl::Seconds(60);  // Between requests of one connection.
  int max_connections = 512;  // One more, and the one that is waited for longest is closed.
  int max_per_peer = 64;      // More are closed at once. A peer is an IPv4 address or an IPv6 /64.
  int threads = 16;           // Of handlers: so many may block together.
  // Asked when the header is there, with an empty body, by the thread of all connections: it may
  // not block. What it answers refuses the request, whose body is not read then, and no memory set
  // aside for it; where there is one the connection ends. It refuses a body that nobody wants, too.
  std::function<std::optional<HttpResponse>(const HttpRequest&)> screen;
};

// TLS 1.2 and later, HTTP/1.1 with keep-alive; a body has a length or comes `chunked`, any other
// coding is answered 501, and both together 400. One thread waits for all connections, so that a
// slow one holds none up. Thread-safe.
class HttpServer {
 public:
  // Called from several threads at a time; may block for the disk. What it throws is answered 500.
  using Handler = std::function<HttpResponse(const HttpRequest&)>;
  // Of one request, from any thread, at any time before Stop() returns; the first answer is sent.
  // Where the last copy is gone and there was none, 500 is.
  using Respond = std::function<void(HttpResponse)>;
  // As a Handler, but its answer may come after it has returned: so no thread waits meanwhile.
  using LateHandler = std::function<void(const HttpRequest&, Respond)>;
  // Listens when it returns. Errors: kUnavailable/CANNOT_LISTEN with the address;
  // kInvalidArgument/BAD_CERTIFICATE. Nothing was started then.
  static absl::StatusOr<std::unique_ptr<HttpServer>> Start(const HttpServerOptions& options,
                                                           LateHandler handler);
  static absl::StatusOr<std::unique_ptr<HttpServer>> Start(const HttpServerOptions& options,
                                                           Handler handler);
  virtual ~HttpServer() = default;  // Stop()
  virtual int port() const = 0;
  // Takes nothing new. Requests whose handler runs are answered, those that wait for a handler get
  // 503, all others are closed. Returns when the handlers have answered, and the answers are taken,
  // for which it waits `request_time` at most. Not to be called by a handler.
  virtual void Stop() = 0;
};

}  // namespace mailquench::controller

#endif  // MAILQUENCH_CONTROLLER_HTTP_SERVER_H_
