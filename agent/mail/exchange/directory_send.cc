// Send connectors, read and written.
#include <set>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "agent/mail/exchange/directory.h"
#include "common/fault/fault_point.h"
#include "common/status/error.h"

namespace mailquench::agent::exchange {
namespace {
MQ_DEFINE_FAULT_POINT(kSendWrite, "exchange.apply.send-connector");

absl::StatusOr<Value> ValueFor(const std::string& property, const std::string& text) {
  if (property == "SmartHosts") {
    std::vector<std::string> hosts = SmartHostList(text);
    return hosts.empty() ? Value(Null()) : Value(std::move(hosts));
  }
  if (property == "DNSRoutingEnabled") return Value(absl::EqualsIgnoreCase(text, "True"));
  std::int64_t port = 0;
  if (property == "Port") {
    if (absl::SimpleAtoi(text, &port) && port >= 0 && port <= 65535) return Value(port);
    return Error(absl::StatusCode::kDataLoss, "BAD_SETTING_TEXT",
                 absl::StrCat("the record of a port says '", Escape(text),
                              "', which is none; nothing was written"));
  }
  return text.empty() ? Value(Null()) : Value(text);
}
}  // namespace

absl::StatusOr<std::vector<SendConnector>> Directory::SendConnectors() {
  if (send_connectors_.has_value()) return *send_connectors_;
  MQ_ASSIGN_OR_RETURN(const Answer answer,
                      Ask({{{"Get-SendConnector", {}}}, SendConnectorFields()}));
  std::vector<SendConnector> out;
  for (const Row& row : answer.rows) {
    out.push_back(SendConnectorFrom(row));
    if (out.back().name.empty())
      return Error(absl::StatusCode::kDataLoss, "SHELL_SPOKE_RUBBISH",
                   "Get-SendConnector gave a connector without a name; nothing was changed; look "
                   "at Exchange's own shell on this server");
  }
  send_connectors_ = out;
  return out;
}

absl::StatusOr<bool> Directory::IsSubscribed() {
  const absl::StatusOr<Answer> answer = Ask({{{"Get-EdgeSubscription", {}}}, {"Name"}});
  if (answer.ok()) return !answer->rows.empty();
  // Whoever may not ask learns it from the change itself, which Exchange refuses.
  if (absl::IsNotFound(answer.status()) || absl::IsAborted(answer.status()) ||
      absl::IsPermissionDenied(answer.status()))
    return false;
  return answer.status();
}

absl::StatusOr<RawSetting> Directory::CurrentOfSendConnector(const SettingKey& key) {
  MQ_ASSIGN_OR_RETURN(const std::vector<SendConnector> all, SendConnectors());
  for (const SendConnector& connector : all) {
    const auto it = connector.properties.find(key.property);
    if (connector.name == key.object && it != connector.properties.end())
      return RawSetting(it->second);
  }
  return RawSetting();
}

// One call, since Exchange takes DNSRoutingEnabled only together with what it needs.
absl::Status Directory::PutSendConnector(const std::vector<Wanted>& wanted) {
  const std::string& name = wanted[0].key.object;
  MQ_ASSIGN_OR_RETURN(const std::vector<SendConnector> all, SendConnectors());
  const SendConnector* connector = nullptr;
  for (const SendConnector& one : all) {
    if (one.name == name) connector = &one;
  }
  if (connector == nullptr)
    return Error(absl::StatusCode::kAborted, "OBJECT_GONE",
                 absl::StrCat("send connector '", Escape(name),
                              "' is not there any more, or has another name; it was not made "
                              "again"));
  std::map<std::string, std::string> then = connector->properties;
  std::set<std::string> differing;
  for (const Wanted& one : wanted) {
    const auto now = connector->properties.find(one.key.property);
    const std::string value = one.value.value_or("");
    if (now != connector->properties.end() && absl::EqualsIgnoreCase(now->second, value)) continue;
    differing.insert(one.key.property);
    then[one.key.property] = value;
  }
  if (differing.empty()) return absl::OkStatus();
  if (differing.count("SmartHosts") > 0 || differing.count("DNSRoutingEnabled") > 0)
    differing.insert({"SmartHosts", "DNSRoutingEnabled"});
  Cmdlet set{"Set-SendConnector", {{"Identity", connector->identity}}};
  for (const std::string& property : differing) {
    MQ_ASSIGN_OR_RETURN(Value value, ValueFor(property, then[property]));
    set.parameters.emplace_back(property, std::move(value));
  }
  set.parameters.emplace_back("Confirm", false);
  MQ_FAULT_POINT(kSendWrite);
  return Do(std::move(set));
}

}  // namespace mailquench::agent::exchange
