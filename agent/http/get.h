// One HTTP GET, and nothing else.
#ifndef MAILQUENCH_AGENT_HTTP_GET_H_
#define MAILQUENCH_AGENT_HTTP_GET_H_

#include <cstddef>
#include <functional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "agent/http/url.h"

namespace mailquench::agent {

struct GetOptions {
  std::string source_address;  // Of this host; empty: the system chooses.
  // Whether a host that is not of the public internet, or is this host itself, may be asked. What
  // counts is the address that is connected to, not the name.
  bool private_targets = false;
  absl::Time deadline;  // Of everything, the look-up of the name included.
  // Asked ten times a second; its error ends the fetch and is returned.
  std::function<absl::Status()> still_wanted = [] { return absl::OkStatus(); };
  std::size_t max_body = std::size_t{64} * 1024;  // Bytes; more is not read.
  std::string ca_file;  // Whom to trust; empty: the system's store. For tests.
};

struct GetResult {
  int status = 0;
  std::string body;       // As it came.
  bool body_cut = false;  // There was more, or it broke off.
  std::string from_address;
  std::string peer_address;
  std::string location;  // Of a redirect, as it came. Never followed.
};

// Blocks until there is an answer. `asked` is set once a byte of the request may have left: before
// that, nothing was asked of the host.
// Errors: kInvalidArgument/BAD_SOURCE, kUnavailable/NO_SUCH_HOST, kInvalidArgument/PRIVATE_TARGET,
// kUnimplemented/NO_CA_STORE, kUnavailable/NO_CONNECTION, kUnavailable/TLS_FAILED,
// kUnavailable/NO_ANSWER, kDeadlineExceeded/FETCH_TIMED_OUT, those of still_wanted.
absl::StatusOr<GetResult> Get(const Url& url, const GetOptions& options, bool* asked);

}  // namespace mailquench::agent

#endif  // MAILQUENCH_AGENT_HTTP_GET_H_
