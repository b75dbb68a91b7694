#include "controller/app/config_dns.h"

#include <set>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "common/status/error.h"
#include "common/yaml/fields.h"
#include "controller/dns/exchange.h"
#include "controller/mx/values.h"

namespace mailquench::controller {
namespace {

const yaml::Kind kDnsConfig = {"BAD_CONFIG", "nothing was started"};

absl::Status ReadAddresses(yaml::Fields* fields, const char* key, std::vector<std::string>* out) {
  fields->Texts(key, *out);
  for (const std::string& one : *out) {
    if (!dns::ParseEndpoint(one).ok())
      fields->Fault(key, absl::StrCat("'", one,
                                      "' is no address of a DNS server, such as "
                                      "127.0.0.1 or [2001:db8::1]:53"));
  }
  return fields->status();
}

absl::Status ReadVia(yaml::Fields* fields, mx::Zone* zone) {
  std::string via = "update";
  fields->Text("via", via);
  if (via == "update")
    zone->via = v1::SWITCH_VIA_UPDATE;
  else if (via == "hook")
    zone->via = v1::SWITCH_VIA_HOOK;
  else if (via == "request")
    zone->via = v1::SWITCH_VIA_REQUEST;
  else if (fields->status().ok())
    fields->Fault("via", "'via' is update, hook or request");
  if (zone->via == v1::SWITCH_VIA_UPDATE) {
    fields->Need("primary");
    fields->Need("key_file");
  }
  if (zone->via == v1::SWITCH_VIA_HOOK) fields->Need("hook");
  return fields->status();
}

absl::Status ReadZone(const std::string& path, const YAML::Node& node, mx::Zone* zone) {
  yaml::Fields fields(kDnsConfig, path, node,
                      {"zone", "primary", "key_file", "via", "hook", "contact", "port"});
  fields.Need("zone");
  fields.Text("zone", zone->zone);
  fields.Text("primary", zone->primary);
  fields.Text("key_file", zone->key_file);
  fields.Text("hook", zone->hook);
  fields.Text("contact", zone->contact);
  std::string port = "53";
  fields.Text("port", port);
  MQ_RETURN_IF_ERROR(ReadVia(&fields, zone));
  const auto name = mx::CheckedName(zone->zone);
  if (!name.ok()) {
    fields.Fault("zone", absl::StrCat("'", zone->zone,
                                      "' is no zone, such as example.org or "
                                      "2.0.192.in-addr.arpa"));
    return fields.status();
  }
  zone->zone = *name;
  if (!zone->primary.empty() && !dns::ParseEndpoint(zone->primary).ok())
    fields.Fault("primary", absl::StrCat("'", zone->primary, "' is no address of a DNS server"));
  if (!zone->hook.empty() && !absl::StartsWith(zone->hook, "/"))
    fields.Fault("hook", "'hook' is an absolute path of a program");
  if (!absl::SimpleAtoi(port, &zone->port) || zone->port < 1 || zone->port > 65535)
    fields.Fault("port", "'port' is a number from 1 to 65535");
  return fields.status();
}

}  // namespace

absl::Status ReadDns(const std::string& path, const YAML::Node& node, mx::Options* options) {
  yaml::Fields fields(
      kDnsConfig, path, node,
      {"resolvers", "watch_resolvers", "dkim_selectors", "look_every", "lag_patience", "zones"});
  MQ_RETURN_IF_ERROR(ReadAddresses(&fields, "resolvers", &options->resolvers));
  MQ_RETURN_IF_ERROR(ReadAddresses(&fields, "watch_resolvers", &options->watch_resolvers));
  fields.Texts("dkim_selectors", options->dkim_selectors);
  fields.Length("look_every", absl::Seconds(1), absl::Hours(1), options->look_every);
  fields.Length("lag_patience", absl::Seconds(1), absl::Hours(24), options->lag_patience);
  MQ_RETURN_IF_ERROR(fields.status());
  if (!node["zones"]) return absl::OkStatus();
  if (!node["zones"].IsSequence())
    return yaml::Fault(kDnsConfig, path, node["zones"].Mark(), "'zones' is a list of zones");
  std::set<std::string> seen;
  for (const YAML::Node& one : node["zones"]) {
    mx::Zone zone;
    MQ_RETURN_IF_ERROR(ReadZone(path, one, &zone));
    if (!seen.insert(zone.zone).second)
      return yaml::Fault(kDnsConfig, path, one.Mark(),
                         absl::StrCat("the zone ", zone.zone, " is there twice"));
    options->zones.push_back(std::move(zone));
  }
  return absl::OkStatus();
}

}  // namespace mailquench::controller
