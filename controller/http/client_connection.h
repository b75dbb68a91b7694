// A connection to a server, plain or TLS, of which every wait has the same end.
#ifndef MAILQUENCH_CONTROLLER_HTTP_CLIENT_CONNECTION_H_
#define MAILQUENCH_CONTROLLER_HTTP_CLIENT_CONNECTION_H_

#include <cstddef>
#include <functional>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/web/url.h"

namespace mailquench::controller {

// For one thread. Errors of every call: kUnavailable/NO_ANSWER (could not connect, broke off),
// kDeadlineExceeded/NO_ANSWER, kCancelled/STOPPED. After an error it is of no more use.
class ClientConnection {
 public:
  // `wanted` is asked ten times a second while it waits; empty: always.
  explicit ClientConnection(absl::Duration limit, std::function<bool()> wanted = nullptr);
  ~ClientConnection();
  ClientConnection(const ClientConnection&) = delete;
  ClientConnection& operator=(const ClientConnection&) = delete;

  // Each address of it in turn. One that does not answer leaves time for the others.
  absl::Status Connect(const web::HostPort& peer);
  // From now on every wait ends then, instead of where it was to end.
  void SetLimit(absl::Duration limit);
  // TLS 1.2 or later with the server's certificate checked for this name or address against
  // `ca_file`, or the system's where that is empty. Also kUnauthenticated/UNTRUSTED_SERVER,
  // kFailedPrecondition/BAD_CA_FILE.
  absl::Status StartTls(const web::HostPort& peer, const std::string& ca_file);
  bool tls() const;
  absl::Status Write(const std::string& data);
  // At most `size` bytes; 0 at the end, which TLS must have said.
  absl::StatusOr<std::size_t> Read(char* buffer, std::size_t size);

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace mailquench::controller

#endif  // MAILQUENCH_CONTROLLER_HTTP_CLIENT_CONNECTION_H_
