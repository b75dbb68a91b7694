#include "agent/mail/postfix/egress_ways.h"

#include <algorithm>
#include <optional>
#include <set>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "agent/mail/postfix/cidr.h"
#include "agent/mail/postfix/effective.h"
#include "agent/mail/postfix/listeners.h"
#include "common/text/harmless.h"

namespace mailquench::agent::postfix {
namespace {

struct Way {
  std::string transport;
  std::string nexthop;
};

Way WayOf(const std::string& text) {
  const std::size_t colon = text.find(':');
  if (colon == std::string::npos) return {text, ""};
  return {text.substr(0, colon), text.substr(colon + 1)};
}

bool IsLoopbackNexthop(const std::string& nexthop) {
  std::string host = nexthop;
  if (absl::StartsWith(host, "[")) {
    host = host.substr(
        1, host.find(']') == std::string::npos ? std::string::npos : host.find(']') - 1);
  } else if (host.find(':') != std::string::npos) {
    host = host.substr(0, host.rfind(':'));
  }
  if (host == "localhost") return true;
  const std::optional<Cidr> cidr = Cidr::Parse(host);
  return cidr.has_value() && cidr->IsLoopback();
}

std::string Shown(const std::string& value) {
  return Harmless(value.substr(0, 200));
}

// What Postfix uses for relay_domains where nobody has set it.
bool IsReal(const std::string& domain, const Parameters& main) {
  const std::vector<std::string> own = SplitList(ValueOf(main, "mydestination"));
  return std::find(own.begin(), own.end(), domain) == own.end();
}

}  // namespace

std::vector<FilterWay> FilterWays(const MasterCf& master, const Parameters& main) {
  std::set<std::string> texts = {ValueOf(main, "content_filter")};
  for (const MasterCf::Service& service : master.Services()) {
    const auto it = service.overrides.find("content_filter");
    if (it != service.overrides.end()) texts.insert(it->second);
  }
  std::set<std::string> shared = {"smtp", "relay"};
  for (const char* name : {"default_transport", "relay_transport"})
    shared.insert(WayOf(ValueOf(main, name)).transport);
  std::vector<FilterWay> out;
  for (const std::string& text : texts) {
    const Way way = WayOf(text);
    const std::optional<MasterCf::Service> service =
        master.Find(absl::StrCat(way.transport, "/unix"));
    if (!service.has_value() || service->command != "smtp") continue;
    out.push_back({Shown(text), way.transport, IsLoopbackNexthop(way.nexthop),
                   shared.count(way.transport) == 0});
  }
  return out;
}

std::vector<std::string> OtherWays(const MasterCf& master,
                                   const Parameters& main,
                                   const EgressRequest& wanted) {
  std::vector<std::string> out;
  const auto say = [&](const char* name, const char* what) {
    const std::string value = ValueOf(main, name);
    if (!value.empty()) out.push_back(absl::StrCat(name, " (", Shown(value), ") ", what));
  };
  say("transport_maps", "still sends the destinations that it has by ways of their own");
  say("sender_dependent_relayhost_maps", "still sends mail of the senders that it has elsewhere");
  say("sender_dependent_default_transport_maps",
      "still sends mail of the senders that it has by ways of their own");
  say("smtp_fallback_relay", "still takes what cannot be delivered otherwise");
  for (const char* name : {"default_transport", "relay_transport"}) {
    const Way way = WayOf(ValueOf(main, name));
    const std::optional<MasterCf::Service> service =
        master.Find(absl::StrCat(way.transport, "/unix"));
    if (!way.nexthop.empty() || !service.has_value() || service->command != "smtp")
      say(name, "goes before relayhost");
  }
  for (const MasterCf::Service& service : master.Services()) {
    for (const auto& [name, value] : service.overrides) {
      if (service.command == "trivial-rewrite" && name != "relayhost" &&
          (name == "transport_maps" || absl::StrContains(name, "_transport") ||
           absl::StrContains(name, "_relayhost")))
        out.push_back(absl::StrCat(name, " of ", service.key, " in master.cf (", Shown(value),
                                   ") goes before main.cf's"));
      if (service.command == "smtp" && name == "smtp_fallback_relay" && !value.empty())
        out.push_back(absl::StrCat(name, " of ", service.key, " in master.cf (", Shown(value),
                                   ") still takes what cannot be delivered otherwise"));
    }
  }
  if (wanted.smarthost.empty()) return out;
  std::vector<std::string> relayed;
  for (const std::string& domain : SplitList(ValueOf(main, "relay_domains"))) {
    if (IsReal(domain, main)) relayed.push_back(domain);
  }
  if (!relayed.empty() && ValueOf(main, "transport_maps").empty() &&
      WayOf(ValueOf(main, "relay_transport")).nexthop.empty())
    out.push_back(absl::StrCat(
        "mail that is relayed inward, for ", Shown(absl::StrJoin(relayed, ", ")),
        ", goes to the smarthost too: give these domains a way of their own in transport_maps"));
  if (wanted.smarthost_port == 587 && ValueOf(main, "smtp_sasl_auth_enable") != "yes")
    out.emplace_back(
        "port 587 mostly wants a login, and smtp_sasl_auth_enable is not yes: the smarthost may "
        "refuse the mail");
  if (wanted.smarthost_port == 465 && ValueOf(main, "smtp_tls_wrappermode") != "yes")
    out.emplace_back(
        "port 465 speaks TLS from its first byte, which Postfix does with "
        "smtp_tls_wrappermode = yes alone");
  return out;
}

}  // namespace mailquench::agent::postfix
