// One HTTP request with a deadline for all of it: to Alertmanager, and to the webhooks of others.
#ifndef MAILQUENCH_CONTROLLER_HTTP_CLIENT_H_
#define MAILQUENCH_CONTROLLER_HTTP_CLIENT_H_

#include <cstdint>
#include <functional>
#include <map>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace mailquench::controller {

struct HttpCall {
  std::string method = "GET";
  std::string url;                             // http:// or https://
  std::map<std::string, std::string> headers;  // Host, Content-Length and User-Agent are made.
  std::string body;
  std::string ca_file;  // PEM; empty: the system's.
  absl::Duration limit = absl::Seconds(10);
  std::uint64_t max_answer = std::uint64_t{16} * 1024 * 1024;
  // The answer is there with its head: a body that breaks off, is too long or is late counts as far
  // as it came.
  bool head_counts = false;
  std::function<bool()> wanted;  // Asked ten times a second while it waits; empty: always.
};
struct HttpAnswer {
  int status = 0;
  std::string reason;  // The standard's words for it, none of the server's; "" where it has none.
  std::map<std::string, std::string> headers;  // Names in lower case.
  std::string body;
};

// Blocks at most `limit`, name look-up included as far as the system allows. Follows no redirect.
// Any status is an answer. Errors: kInvalidArgument/BAD_URL (also a header or a method
// that HTTP cannot have); kUnavailable/NO_ANSWER (could not
// connect, broke off), kDeadlineExceeded/NO_ANSWER, kUnauthenticated/UNTRUSTED_SERVER (TLS),
// kResourceExhausted/ANSWER_TOO_LARGE, kFailedPrecondition/BAD_CA_FILE, kCancelled/STOPPED (not
// wanted any more). The error names scheme and host; secrets in path and headers are in no error.
// Throws nothing. Thread-safe.
absl::StatusOr<HttpAnswer> Fetch(const HttpCall& call);

// kInvalidArgument/BAD_URL: what Fetch() could not call.
absl::Status CheckUrl(const std::string& url);

}  // namespace mailquench::controller

#endif  // MAILQUENCH_CONTROLLER_HTTP_CLIENT_H_
