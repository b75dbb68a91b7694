// Addresses of the web, read strictly, and the hosts that this agent may ask.
#ifndef MAILQUENCH_AGENT_HTTP_URL_H_
#define MAILQUENCH_AGENT_HTTP_URL_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace mailquench::agent {

struct Url {
  bool tls = false;
  std::string host;      // Lower case; an IPv6 address without brackets.
  bool literal = false;  // The host is an IP address.
  int port = 0;
  std::string target;  // Path and query, at least "/".

  std::string HostHeader() const;  // With the port where it is not the scheme's own.
};

// http and https only. Refused: credentials, characters that a URL cannot have, other spellings of
// an IP address than the usual one, more than 2,048 bytes. A fragment is dropped.
// Errors: kInvalidArgument/BAD_URL.
absl::StatusOr<Url> ParseUrl(const std::string& text);

// One entry of a host list: "example.org", "example.org:8080", "192.0.2.1", "[2001:db8::1]:80".
struct AllowedHost {
  std::string host;  // As in Url.
  int port = 0;      // 0: 80 and 443.
};
// Errors: kInvalidArgument/BAD_HOST.
absl::StatusOr<AllowedHost> ParseAllowedHost(const std::string& text);

// By the whole name; subdomains are other hosts.
bool Allows(const std::vector<AllowedHost>& hosts, const Url& url);

}  // namespace mailquench::agent

#endif  // MAILQUENCH_AGENT_HTTP_URL_H_
