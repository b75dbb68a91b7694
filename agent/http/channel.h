// A connection to a web server, plain or TLS, of which every wait has the same end.
#ifndef MAILQUENCH_AGENT_HTTP_CHANNEL_H_
#define MAILQUENCH_AGENT_HTTP_CHANNEL_H_

#include <openssl/ssl.h>

#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "agent/http/address.h"
#include "common/os/socket.h"

namespace mailquench::agent {

class Channel {
 public:
  // `still_wanted` is asked ten times a second while it waits.
  Channel(absl::Time deadline, std::function<absl::Status()> still_wanted)
      : deadline_(deadline), still_wanted_(std::move(still_wanted)) {}
  Channel(const Channel&) = delete;
  Channel& operator=(const Channel&) = delete;

  // From `source` where it is not null; waits until `until` at most.
  // Errors: kInvalidArgument/BAD_SOURCE, kUnavailable/NO_CONNECTION, and those of waiting.
  absl::Status Connect(const Endpoint& peer, const Endpoint* source, absl::Time until);
  // Checks the certificate against the CAs of `ca_file`, or the system's, for this name or address.
  // Errors: kUnimplemented/NO_CA_STORE, kUnavailable/TLS_FAILED, and those of waiting.
  absl::Status StartTls(const std::string& host, bool literal, const std::string& ca_file);
  absl::Status Send(const std::string& data);
  // At most `size` bytes; 0 at the end of the stream. Errors: kUnavailable/NO_ANSWER, of waiting.
  absl::StatusOr<std::size_t> Read(char* buffer, std::size_t size);

  std::string from() const;  // Own address.
  std::string peer() const;  // The address that it is connected to.

 private:
  struct Free {
    void operator()(SSL* p) const { SSL_free(p); }
    void operator()(SSL_CTX* p) const { SSL_CTX_free(p); }
  };
  absl::Status Wait(short events, absl::Time until);
  absl::Status WaitTls(int result);

  const absl::Time deadline_;
  const std::function<absl::Status()> still_wanted_;
  os::Socket socket_;
  std::unique_ptr<SSL_CTX, Free> context_;
  std::unique_ptr<SSL, Free> ssl_;
};

}  // namespace mailquench::agent

#endif  // MAILQUENCH_AGENT_HTTP_CHANNEL_H_
