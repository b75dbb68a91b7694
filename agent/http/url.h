// The hosts of the web that this agent may ask.
#ifndef MAILQUENCH_AGENT_HTTP_URL_H_
#define MAILQUENCH_AGENT_HTTP_URL_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/web/url.h"

namespace mailquench::agent {

using web::ParseUrl;
using web::Url;

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
