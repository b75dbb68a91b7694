#include "common/web/url.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "common/os/socket.h"
#include "common/status/error.h"

namespace mailquench::web {
namespace {
constexpr std::size_t kMaxUrl = 2048;
constexpr int kHttpPort = 80;
constexpr int kHttpsPort = 443;

bool IsLiteral(const std::string& host) {
  unsigned char bytes[16];
  return inet_pton(AF_INET, host.c_str(), bytes) == 1 ||
         inet_pton(AF_INET6, host.c_str(), bytes) == 1;
}

// A DNS name as it is written. The last label has a letter, so that no other spelling of an IPv4
// address (0x7f.1, 2130706433) passes for one.
bool IsName(const std::string& host) {
  if (host.empty() || host.size() > 253) return false;
  const std::vector<std::string> labels = absl::StrSplit(host, '.');
  const bool shaped = std::all_of(labels.begin(), labels.end(), [](const std::string& label) {
    return !label.empty() && label.size() <= 63 && label.front() != '-' && label.back() != '-' &&
           std::all_of(label.begin(), label.end(),
                       [](char c) { return absl::ascii_isalnum(c) || c == '-'; });
  });
  const std::string& last = labels.back();
  return shaped && !absl::StartsWith(last, "0x") &&
         std::any_of(last.begin(), last.end(), [](char c) { return absl::ascii_isalpha(c); });
}

absl::Status BadUrl(const std::string& text, const std::string& why) {
  return Error(absl::StatusCode::kInvalidArgument, "BAD_URL",
               absl::StrCat("'", absl::CHexEscape(text.substr(0, 200)),
                            "' cannot be fetched: ", why, "; nobody was asked"));
}
}  // namespace

bool SplitHostPort(const std::string& text, HostPort* out) {
  std::size_t end = 0;
  if (!text.empty() && text[0] == '[') {
    end = text.find(']');
    if (end == std::string::npos) return false;
    out->host = absl::AsciiStrToLower(text.substr(1, end - 1));
    if (out->host.find(':') == std::string::npos) return false;
    ++end;
  } else {
    end = std::min(text.find(':'), text.size());
    out->host = absl::AsciiStrToLower(text.substr(0, end));
  }
  out->literal = IsLiteral(out->host);
  if (!out->literal && !IsName(out->host)) return false;
  if (end == text.size()) return true;
  const std::string digits = text.substr(end + 1);
  return text[end] == ':' && !digits.empty() && digits.size() <= 5 &&
         std::all_of(digits.begin(), digits.end(), absl::ascii_isdigit) &&
         absl::SimpleAtoi(digits, &out->port) && out->port >= 1 && out->port <= 65535;
}

std::string Url::HostHeader() const {
  const bool v6 = host.find(':') != std::string::npos;
  const std::string name = v6 ? absl::StrCat("[", host, "]") : host;
  return port == (tls ? kHttpsPort : kHttpPort) ? name : absl::StrCat(name, ":", port);
}

absl::StatusOr<Url> ParseUrl(const std::string& text) {
  Url url;
  if (text.size() > kMaxUrl) return BadUrl(text, "it is longer than 2048 bytes");
  if (std::any_of(text.begin(), text.end(), [](char c) {
        return c <= ' ' || c >= 0x7f || absl::StrContains("\"<>\\^`{|}", std::string(1, c));
      }))
    return BadUrl(text, "it has a character that a URL cannot have");
  const std::size_t colon = text.find("://");
  const std::string scheme = absl::AsciiStrToLower(text.substr(0, std::min(colon, text.size())));
  if (colon == std::string::npos || (scheme != "http" && scheme != "https"))
    return BadUrl(text, "it must begin with http:// or https://");
  url.tls = scheme == "https";
  url.port = url.tls ? kHttpsPort : kHttpPort;
  std::string rest = text.substr(colon + 3);
  rest = rest.substr(0, rest.find('#'));
  const std::size_t path = std::min(rest.find_first_of("/?"), rest.size());
  const std::string authority = rest.substr(0, path);
  if (authority.find('@') != std::string::npos)
    return BadUrl("(not shown)", "it holds credentials, and none are ever sent");
  if (!SplitHostPort(authority, &url))
    return BadUrl(text, "its host is no name or address, or its port no port");
  url.target = rest.substr(path);
  if (url.target.empty() || url.target[0] == '?') url.target.insert(url.target.begin(), '/');
  return url;
}

}  // namespace mailquench::web
