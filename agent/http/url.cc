#include "agent/http/url.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "common/os/socket.h"
#include "common/status/error.h"

namespace mailquench::agent {
namespace {
constexpr int kHttpPort = 80;
constexpr int kHttpsPort = 443;
}  // namespace

absl::StatusOr<AllowedHost> ParseAllowedHost(const std::string& text) {
  AllowedHost entry;
  web::HostPort split;
  unsigned char bytes[16];
  // In a list an IPv6 address without a port needs no brackets.
  if (inet_pton(AF_INET6, text.c_str(), bytes) == 1) {
    entry.host = absl::AsciiStrToLower(text);
    return entry;
  }
  if (!web::SplitHostPort(text, &split))
    return Error(absl::StatusCode::kInvalidArgument, "BAD_HOST",
                 absl::StrCat("'", absl::CHexEscape(text),
                              "' is no host: write a name or an address, with :PORT where it is "
                              "not 80 or 443"));
  entry.host = split.host;
  entry.port = split.port;
  return entry;
}

bool Allows(const std::vector<AllowedHost>& hosts, const Url& url) {
  return std::any_of(hosts.begin(), hosts.end(), [&](const AllowedHost& entry) {
    const bool port =
        entry.port == 0 ? url.port == kHttpPort || url.port == kHttpsPort : url.port == entry.port;
    return port && entry.host == url.host;
  });
}

}  // namespace mailquench::agent
