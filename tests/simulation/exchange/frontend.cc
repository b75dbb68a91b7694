#include "tests/simulation/exchange/frontend.h"

#include <optional>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "agent/os/files.h"
#include "common/os/socket.h"
#include "tests/simulation/common/line_socket.h"
#include "tests/simulation/common/smtp_client.h"
#include "tests/simulation/exchange/item.h"

namespace mailquench::simulation::exchange {
namespace {

constexpr char kNoHub[] = "451 4.7.0 Temporary server error. Please try again later. PRX2";

// Of the transport's connector that lets Exchange servers in; "" where a lock took that away.
std::string HubOf(const Settings& settings) {
  for (const Json& connector : ListIn(settings.Server(), "receive_connectors")) {
    const Json& bindings = ListIn(connector, "Bindings");
    if (!BoolIn(connector, "Enabled", true) || bindings.empty() || !bindings[0].is_string() ||
        !absl::EqualsIgnoreCase(TextIn(connector, "TransportRole"), "HubTransport") ||
        !HasFlag(connector, "PermissionGroups", "ExchangeServers") ||
        !HasFlag(connector, "AuthMechanism", "ExchangeServer"))
      continue;
    std::string target = bindings[0].get<std::string>();
    if (absl::StartsWith(target, "0.0.0.0:")) target = "127.0.0.1:" + target.substr(8);
    return target;
  }
  return "";
}

}  // namespace

void Frontend::Start() {
  os::StartSockets();
  ended_ = false;
  listeners_.Start();
}

void Frontend::Stop() {
  ended_ = true;
  listeners_.Stop();
}

std::string Frontend::Take(const Envelope& envelope) {
  const auto text = agent::ReadFile(SimFile(world_, server_, "transport.json"));
  const Json running = text.ok() ? Json::parse(*text, nullptr, false) : Json();
  const std::string hub = HubOf(*SettingsNow());
  if (!running.is_object() || hub.empty()) return kNoHub;
  std::optional<LineSocket> peer = ConnectTo(hub, ended_);
  if (!peer.has_value() || !IsGood(Ask(*peer, "")) ||
      !IsGood(Ask(*peer, "EHLO " + SettingsNow()->Fqdn())) ||
      !IsGood(Ask(*peer, absl::StrCat("XPROXYFROM ", TextIn(running, "proxy_secret"), " ",
                                      envelope.client_ip, " ", Base64(envelope.connector), " ",
                                      Base64(envelope.user)))))
    return kNoHub;
  const std::string reply = Hand(*peer, envelope.sender, envelope.recipients, envelope.content);
  (void)Ask(*peer, "QUIT");
  return reply.empty() ? kNoHub : reply;
}

}  // namespace mailquench::simulation::exchange
