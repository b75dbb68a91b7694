#include "tests/simulation/exchange/settings.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "agent/os/files.h"

namespace mailquench::simulation::exchange {
namespace {

const Json kNull;
const Json kNoObject = Json::object();
const Json kNoList = Json::array();

const Json& ObjectIn(const Json& object, const std::string& key) {
  const auto it = object.find(key);
  return it != object.end() && it->is_object() ? *it : kNoObject;
}

// How well `pattern` ("*", "*.example.org", "example.org") covers it; -1: not at all.
int Covers(const std::string& pattern, const std::string& domain) {
  const std::string low = absl::AsciiStrToLower(pattern);
  if (low == "*") return 0;
  if (low == domain) return 1000;
  if (absl::StartsWith(low, "*.") &&
      (domain == low.substr(2) || absl::EndsWith(domain, low.substr(1))))
    return static_cast<int>(low.size());
  return -1;
}

const Json& MostSpecific(const Json& rows, const std::string& domain) {
  const Json* best = &kNull;
  int how_well = -1;
  for (const Json& one : rows) {
    const int covers = Covers(TextIn(one, "DomainName"), domain);
    if (covers > how_well) {
      best = &one;
      how_well = covers;
    }
  }
  return *best;
}

ComponentState Worst(const Json& requesters) {
  ComponentState worst = ComponentState::kActive;
  for (const auto& entry : requesters.items()) {
    const std::string state = entry.value().is_string() ? entry.value().get<std::string>() : "";
    if (absl::EqualsIgnoreCase(state, "Inactive")) return ComponentState::kInactive;
    if (absl::EqualsIgnoreCase(state, "Draining")) worst = ComponentState::kDraining;
  }
  return worst;
}

}  // namespace

std::string ServerFolder(const std::string& world, const std::string& server) {
  return absl::StrCat(world, "/servers/", server);
}

std::string SimFile(const std::string& world, const std::string& server, const std::string& name) {
  return absl::StrCat(ServerFolder(world, server), "/sim/", name);
}

const Json& ListIn(const Json& object, const std::string& key) {
  const auto it = object.find(key);
  return it != object.end() && it->is_array() ? *it : kNoList;
}

std::string TextIn(const Json& object, const std::string& key, const std::string& otherwise) {
  const auto it = object.find(key);
  return it != object.end() && it->is_string() ? it->get<std::string>() : otherwise;
}

bool BoolIn(const Json& object, const std::string& key, bool otherwise) {
  const auto it = object.find(key);
  if (it == object.end()) return otherwise;
  if (it->is_boolean()) return it->get<bool>();
  return it->is_string() ? absl::EqualsIgnoreCase(it->get<std::string>(), "true") : otherwise;
}

bool HasFlag(const Json& object, const std::string& key, const std::string& flag) {
  std::vector<std::string> texts = {TextIn(object, key)};
  for (const Json& one : ListIn(object, key)) {
    if (one.is_string()) texts.push_back(one.get<std::string>());
  }
  for (const std::string& text : texts) {
    for (const absl::string_view part : absl::StrSplit(text, ',')) {
      if (absl::EqualsIgnoreCase(absl::StripAsciiWhitespace(part), flag)) return true;
    }
  }
  return false;
}

std::optional<absl::Duration> ParseTimeSpan(const std::string& text) {
  const std::vector<std::string> parts = absl::StrSplit(text, ':');
  if (parts.size() != 3) return std::nullopt;
  int days = 0, hours = 0, minutes = 0;
  double seconds = 0;
  const std::vector<std::string> front = absl::StrSplit(parts[0], '.');
  if (front.size() > 2 || (front.size() == 2 && !absl::SimpleAtoi(front[0], &days)) ||
      !absl::SimpleAtoi(front.back(), &hours) || !absl::SimpleAtoi(parts[1], &minutes) ||
      !absl::SimpleAtod(parts[2], &seconds))
    return std::nullopt;
  return absl::Hours(24 * days + hours) + absl::Minutes(minutes) + absl::Seconds(seconds);
}

std::string DomainOf(const std::string& address) {
  const std::size_t at = address.rfind('@');
  return at == std::string::npos ? "" : absl::AsciiStrToLower(address.substr(at + 1));
}

const Json& Settings::Server() const {
  return ObjectIn(ObjectIn(organisation_, "servers"), server_);
}

std::string Settings::Fqdn() const {
  return TextIn(Server(), "fqdn", server_);
}

ComponentState Settings::Own(const std::string& name) const {
  const ComponentState remote = Worst(ObjectIn(ObjectIn(Server(), "components"), name));
  const ComponentState local = Worst(ObjectIn(ObjectIn(registry_, "components"), name));
  if (remote == ComponentState::kInactive || local == ComponentState::kInactive)
    return ComponentState::kInactive;
  return remote == ComponentState::kDraining ? remote : local;
}

ComponentState Settings::Component(const std::string& name) const {
  if (name != "RecoveryActionsEnabled" && Own("ServerWideOffline") != ComponentState::kActive)
    return ComponentState::kInactive;
  return Own(name);
}

const Json& Settings::AcceptedDomain(const std::string& domain) const {
  return MostSpecific(ListIn(organisation_, "accepted_domains"), domain);
}

bool Settings::IsMailbox(const std::string& address) const {
  const Json& all = ListIn(organisation_, "mailboxes");
  return std::any_of(all.begin(), all.end(), [&](const Json& one) {
    return absl::EqualsIgnoreCase(TextIn(one, "PrimarySmtpAddress"), address);
  });
}

bool Settings::IsPassword(const std::string& name, const std::string& password) const {
  const Json& all = ListIn(organisation_, "mailboxes");
  return std::any_of(all.begin(), all.end(), [&](const Json& one) {
    return absl::EqualsIgnoreCase(TextIn(one, "UserPrincipalName"), name) &&
           one.contains("Password") && TextIn(one, "Password") == password;
  });
}

bool Settings::MaySendNdrTo(const std::string& domain) const {
  const Json& row = MostSpecific(ListIn(organisation_, "remote_domains"), domain);
  return row.is_null() || BoolIn(row, "NDREnabled", true);
}

const Json& Settings::SendConnectorFor(const std::string& domain) const {
  const Json* best = &kNull;
  int how_well = -1, cheapest = 0;
  for (const Json& one : ListIn(organisation_, "send_connectors")) {
    if (!BoolIn(one, "Enabled", true)) continue;
    for (const Json& space : ListIn(one, "AddressSpaces")) {
      std::string text = space.is_string() ? space.get<std::string>() : "";
      int cost = 1;
      if (absl::StartsWithIgnoreCase(text, "SMTP:")) text.erase(0, 5);
      if (const std::size_t end = text.find(';'); end != std::string::npos) {
        (void)absl::SimpleAtoi(text.substr(end + 1), &cost);
        text.resize(end);
      }
      const int covers = Covers(text, domain);
      if (covers < 0 || covers < how_well || (covers == how_well && cost >= cheapest)) continue;
      best = &one;
      how_well = covers;
      cheapest = cost;
    }
  }
  return *best;
}

std::string Settings::RuleAgainst(const std::string& sender, const std::string& header) const {
  for (const Json& rule : ListIn(organisation_, "transport_rules")) {
    if (!absl::EqualsIgnoreCase(TextIn(rule, "State", "Enabled"), "Enabled")) continue;
    const Json& senders = ListIn(rule, "From");
    const std::string place = TextIn(rule, "SenderAddressLocation", "Header");
    const auto is = [&](const std::string& from) {
      return !from.empty() && (absl::EqualsIgnoreCase(TextIn(rule, "From"), from) ||
                               std::any_of(senders.begin(), senders.end(), [&](const Json& one) {
                                 return one.is_string() &&
                                        absl::EqualsIgnoreCase(one.get<std::string>(), from);
                               }));
    };
    const bool in_header = place != "Envelope" && is(header);
    const bool in_envelope = place != "Header" && is(sender);
    if (!in_header && !in_envelope) continue;
    if (BoolIn(rule, "DeleteMessage", false)) return "DELETE";
    const std::string reason = TextIn(rule, "RejectMessageReasonText");
    if (!reason.empty())
      return absl::StrCat("550 ", TextIn(rule, "RejectMessageEnhancedStatusCode", "5.7.1"),
                          " TRANSPORT.RULES.RejectMessage; ", reason);
  }
  return "";
}

bool Settings::IsCutOff(const std::string& port) const {
  const Json& rules = ListIn(Server(), "firewall");
  return std::any_of(rules.begin(), rules.end(), [&](const Json& rule) {
    const Json& ports = ListIn(rule, "RemotePort");
    const bool covers = ports.empty() || std::find(ports.begin(), ports.end(), port) != ports.end();
    return BoolIn(rule, "Enabled", true) && covers &&
           absl::EqualsIgnoreCase(TextIn(rule, "Direction"), "Outbound") &&
           absl::EqualsIgnoreCase(TextIn(rule, "Action"), "Block") &&
           absl::EndsWithIgnoreCase(TextIn(rule, "Program"), "EdgeTransport.exe");
  });
}

bool Settings::ShadowRedundancy() const {
  return BoolIn(ObjectIn(organisation_, "transport_config"), "ShadowRedundancyEnabled", true);
}

absl::Duration Settings::TransportTimeSpan(const std::string& key, absl::Duration otherwise) const {
  return ParseTimeSpan(TextIn(ObjectIn(organisation_, "transport_config"), key))
      .value_or(otherwise);
}

std::vector<std::string> Settings::Peers() const {
  const std::string dag = TextIn(Server(), "dag");
  const std::string site = TextIn(Server(), "site");
  std::vector<std::string> peers;
  for (const auto& entry : ObjectIn(organisation_, "servers").items()) {
    const Json& other = entry.value();
    if (entry.key() == server_ || TextIn(other, "role", "Mailbox") == "Edge" ||
        TextIn(Server(), "role", "Mailbox") == "Edge")
      continue;
    if (dag.empty() ? TextIn(other, "site") == site : TextIn(other, "dag") == dag)
      peers.push_back(entry.key());
  }
  return peers;
}

namespace {
// The parsed organisation.json of `world` as it is now; null where it is none.
std::shared_ptr<const Json> OrganisationNow(const std::string& world) {
  struct Parsed {
    std::string text;
    std::shared_ptr<const Json> json;
  };
  static std::mutex mu;
  static std::map<std::string, Parsed> worlds;
  const auto text = agent::ReadFile(world + "/organisation.json");
  const std::lock_guard<std::mutex> lock(mu);
  Parsed& last = worlds[world];
  if (!text.ok() || (last.json != nullptr && *text == last.text)) return last.json;
  Json parsed = Json::parse(*text, nullptr, false);
  if (!parsed.is_object()) return last.json;
  last.text = *text;
  last.json = std::make_shared<const Json>(std::move(parsed));
  return last.json;
}
}  // namespace

std::shared_ptr<const Settings> SettingsReader::Now() {
  const std::lock_guard<std::mutex> lock(mu_);
  std::shared_ptr<const Json> organisation = OrganisationNow(world_);
  if (organisation == nullptr)
    organisation =
        last_ != nullptr ? last_->shared() : std::make_shared<const Json>(Json::object());
  const auto registry = agent::ReadFile(SimFile(world_, server_, "registry.json"));
  const std::string registry_text = registry.ok() ? *registry : "{}";
  if (last_ != nullptr && registry_text == registry_text_ && organisation == last_->shared())
    return last_;
  Json local = Json::parse(registry_text, nullptr, false);
  if (!local.is_object()) local = Json::object();
  registry_text_ = registry_text;
  last_ = std::make_shared<const Settings>(std::move(organisation), server_, std::move(local));
  return last_;
}

}  // namespace mailquench::simulation::exchange
