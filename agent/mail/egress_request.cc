#include "agent/mail/egress_request.h"

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "common/os/socket.h"
#include "common/status/error.h"
#include "common/text/harmless.h"

namespace mailquench::agent {
namespace {

constexpr int kSmtpPort = 25;

absl::Status Bad(const char* reason,
                 const std::string& what,
                 const std::string& value,
                 const char* wanted) {
  return Error(absl::StatusCode::kInvalidArgument, reason,
               absl::StrCat(what, " '", Harmless(value.substr(0, 300)), "' is ", wanted,
                            "; nothing was changed"));
}

// As inet_ntop() writes it; "" where it is none. IPv4 only where `v6` says so afterwards.
std::string Numeric(const std::string& text, bool* v6) {
  for (const bool six : {false, true}) {
    unsigned char bytes[16] = {};
    const int family = six ? AF_INET6 : AF_INET;
    if (inet_pton(family, text.c_str(), bytes) != 1) continue;
    char out[INET6_ADDRSTRLEN] = "";
    if (inet_ntop(family, bytes, out, sizeof out) == nullptr) return "";
    *v6 = six;
    return out;
  }
  return "";
}

// Letters, digits and hyphens; labels of 1 to 63, at least two of them, and no number as the last.
bool IsHostName(const std::string& name) {
  if (name.size() > 253) return false;
  const std::vector<std::string> labels = absl::StrSplit(name, '.');
  const bool shaped = std::all_of(labels.begin(), labels.end(), [](const std::string& label) {
    return !label.empty() && label.size() <= 63 && label.front() != '-' && label.back() != '-' &&
           std::all_of(label.begin(), label.end(),
                       [](char c) { return absl::ascii_isalnum(c) || c == '-'; });
  });
  return shaped && labels.size() >= 2 &&
         !std::all_of(labels.back().begin(), labels.back().end(),
                      [](char c) { return absl::ascii_isdigit(c); });
}

bool IsUnspecified(const std::string& address) {
  return address == "0.0.0.0" || address == "::";
}

bool IsLoopbackAddress(const std::string& address) {
  return absl::StartsWith(address, "127.") || address == "::1";
}

absl::Status ReadSmarthost(const std::string& text, EgressRequest* out) {
  const absl::Status bad = Bad("BAD_SMARTHOST", "the smarthost", text,
                               "neither NAME, NAME:PORT, [ADDRESS], [ADDRESS]:PORT nor 'direct'");
  std::string host = text;
  std::string port;
  if (absl::StartsWith(text, "[")) {
    const std::size_t end = text.find(']');
    if (end == std::string::npos) return bad;
    out->smarthost_in_brackets = true;
    host = text.substr(1, end - 1);
    const std::string rest = text.substr(end + 1);
    if (!rest.empty() && rest.front() != ':') return bad;
    if (rest == ":") return bad;
    port = rest.empty() ? "" : rest.substr(1);
  } else if (std::count(text.begin(), text.end(), ':') == 1) {
    port = text.substr(text.find(':') + 1);
    host = text.substr(0, text.find(':'));
    if (port.empty()) return bad;
  }
  const bool digits =
      std::all_of(port.begin(), port.end(), [](char c) { return absl::ascii_isdigit(c); });
  if (!port.empty() && (!digits || !absl::SimpleAtoi(port, &out->smarthost_port) ||
                        out->smarthost_port < 1 || out->smarthost_port > 65535))
    return bad;
  bool v6 = false;
  out->smarthost = Numeric(host, &v6);
  out->smarthost_is_address = !out->smarthost.empty();
  if (IsUnspecified(out->smarthost)) return bad;
  if (out->smarthost_is_address) return absl::OkStatus();
  out->smarthost = absl::AsciiStrToLower(host);
  return IsHostName(out->smarthost) ? absl::OkStatus() : bad;
}

}  // namespace

absl::StatusOr<EgressRequest> ReadEgressRequest(const v1::EgressSet& request) {
  EgressRequest out;
  if (request.source_address().empty() && request.helo_name().empty() &&
      request.smarthost().empty())
    return Error(absl::StatusCode::kInvalidArgument, "NOTHING_NAMED",
                 "neither an address, a HELO name nor a smarthost is named; nothing was changed");
  if (!request.source_address().empty()) {
    out.source = Numeric(request.source_address(), &out.source_v6);
    if (out.source.empty() || IsUnspecified(out.source))
      return Bad("BAD_ADDRESS", "the source address", request.source_address(),
                 "no numeric address of one host");
  }
  out.helo_name = absl::AsciiStrToLower(request.helo_name());
  if (!out.helo_name.empty() && !IsHostName(out.helo_name))
    return Bad("BAD_HELO_NAME", "the HELO name", request.helo_name(), "no host name with a dot");
  if (request.smarthost() == "direct")
    out.direct = true;
  else if (!request.smarthost().empty())
    MQ_RETURN_IF_ERROR(ReadSmarthost(request.smarthost(), &out));
  return out;
}

absl::Status CheckOwnAddresses(const EgressRequest& request, const std::vector<std::string>& own) {
  const auto has = [&](const std::string& address) {
    return std::find(own.begin(), own.end(), address) != own.end();
  };
  if (!request.source.empty() && !has(request.source) && !IsLoopbackAddress(request.source))
    return Error(absl::StatusCode::kInvalidArgument, "NOT_OUR_ADDRESS",
                 absl::StrCat(request.source, " is no address of this host, which has ",
                              own.empty() ? "none but loopback ones" : absl::StrJoin(own, ", "),
                              "; nothing was changed; give the host the address first"));
  const bool smtp = request.smarthost_port == 0 || request.smarthost_port == kSmtpPort;
  if (request.smarthost_is_address && smtp &&
      (has(request.smarthost) || IsLoopbackAddress(request.smarthost)))
    return Error(absl::StatusCode::kInvalidArgument, "SMARTHOST_IS_THIS_HOST",
                 absl::StrCat("the smarthost ", request.smarthost,
                              " is this host itself, so that mail would go in a circle; nothing "
                              "was changed; 'direct' sends without a smarthost"));
  return absl::OkStatus();
}

std::string SmarthostWords(const EgressRequest& request) {
  return request.smarthost_port == 0
             ? request.smarthost
             : absl::StrCat(request.smarthost, " at port ", request.smarthost_port);
}

}  // namespace mailquench::agent
