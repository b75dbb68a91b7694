// Addresses of the web, read strictly.
#ifndef MAILQUENCH_COMMON_WEB_URL_H_
#define MAILQUENCH_COMMON_WEB_URL_H_

#include <string>

#include "absl/status/statusor.h"

namespace mailquench::web {

// Where to connect to.
struct HostPort {
  std::string host;      // Lower case; an IPv6 address without brackets.
  bool literal = false;  // The host is an IP address.
  int port = 0;
};

// "host", "host:port", "[v6]", "[v6]:port". The port stays as it is where none is said. False where
// it is none of these; then `out` means nothing.
bool SplitHostPort(const std::string& text, HostPort* out);

struct Url : HostPort {
  bool tls = false;
  std::string target;  // Path and query, at least "/".

  std::string HostHeader() const;  // With the port where it is not the scheme's own.
};

// http and https only. Refused: credentials, characters that a URL cannot have, other spellings of
// an IP address than the usual one, more than 2,048 bytes. A fragment is dropped.
// Errors: kInvalidArgument/BAD_URL.
absl::StatusOr<Url> ParseUrl(const std::string& text);

}  // namespace mailquench::web

#endif  // MAILQUENCH_COMMON_WEB_URL_H_
