// The writing half of Directory.
#include <algorithm>
#include <map>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "agent/mail/exchange/directory.h"
#include "agent/mail/exchange/flags.h"
#include "agent/mail/exchange/row.h"
#include "common/fault/fault_point.h"
#include "common/status/error.h"

namespace mailquench::agent::exchange {
namespace {
using Kind = SettingKey::Kind;

MQ_DEFINE_FAULT_POINT(kProperties, "exchange.apply.properties");
MQ_DEFINE_FAULT_POINT(kPermission, "exchange.apply.permission");

absl::Status Gone(const std::string& what) {
  return Error(absl::StatusCode::kAborted, "OBJECT_GONE",
               absl::StrCat(what,
                            " is not there any more, or has another name; it was not made "
                            "again"));
}
}  // namespace

bool UsersCome(const std::vector<Wanted>& wanted) {
  return std::any_of(wanted.begin(), wanted.end(), [](const Wanted& one) {
    return one.key.property == "PermissionGroups" &&
           HasFlag(one.value.value_or(""), "ExchangeUsers");
  });
}

absl::StatusOr<bool> Directory::Are(const std::vector<Wanted>& wanted) {
  for (const Wanted& one : wanted) {
    MQ_ASSIGN_OR_RETURN(const RawSetting now, Current(one.key));
    const bool same =
        one.key.kind == Kind::kPermissions && now.has_value()
            ? AreAces(AcesFrom(*now), AcesFrom(one.value.value_or("")), UsersCome(wanted))
            : SameValue(one.key, now, one.value);
    if (!same) return false;
  }
  return true;
}

absl::Status Directory::Put(const std::vector<Wanted>& wanted) {
  for (int attempt = 1;; ++attempt) {
    Forget();
    const absl::Status done = PutOnce(wanted);
    Forget();
    MQ_ASSIGN_OR_RETURN(const bool taken, Are(wanted));
    if (taken) return absl::OkStatus();
    if (done.ok())
      return Error(absl::StatusCode::kAborted, "NOT_TAKEN",
                   absl::StrCat(ToText(wanted[0].key),
                                " was written and something else stands there now: another "
                                "program writes it, or Exchange did not take the value"));
    if (!NobodyKnows(done) || attempt == 2) return done;
  }
}

absl::Status Directory::PutOnce(const std::vector<Wanted>& wanted) {
  switch (wanted[0].key.kind) {
    case Kind::kConnector:
    case Kind::kPermission:
    case Kind::kPermissions:
      return PutConnector(wanted);
    case Kind::kRemoteDomain:
      return PutDomain(wanted);
    case Kind::kTransportConfig:
      return SetProperties({"Set-TransportConfig", {}}, wanted);
    case Kind::kTransportRule:
      return PutRule(wanted[0]);
    case Kind::kIpBlock:
      return PutIpBlock(wanted[0]);
    case Kind::kSendConnector:
      return PutSendConnector(wanted);
  }
  return absl::OkStatus();
}

// Only what differs: setting PermissionGroups to what it is writes entries, too.
absl::Status Directory::SetProperties(Cmdlet set, const std::vector<Wanted>& wanted) {
  bool differs = false;
  for (const Wanted& one : wanted) {
    if (one.key.property.empty()) continue;
    MQ_ASSIGN_OR_RETURN(const RawSetting now, Current(one.key));
    if (SameValue(one.key, now, one.value)) continue;
    differs = true;
    const std::string value = one.value.value_or("");
    if (absl::EndsWith(one.key.property, "Enabled"))
      set.parameters.emplace_back(one.key.property, absl::EqualsIgnoreCase(value, "True"));
    else
      set.parameters.emplace_back(one.key.property, value);
  }
  if (!differs) return absl::OkStatus();
  set.parameters.emplace_back("Confirm", false);
  MQ_FAULT_POINT(kProperties);
  return Do(std::move(set));
}

absl::Status Directory::PutConnector(const std::vector<Wanted>& wanted) {
  const std::string name = wanted[0].key.object;
  MQ_ASSIGN_OR_RETURN(const std::optional<Connector> connector, FindConnector(name));
  if (!connector.has_value()) return Gone(absl::StrCat("receive connector '", Escape(name), "'"));
  // Properties first: with PermissionGroups Exchange writes entries of its own.
  MQ_RETURN_IF_ERROR(
      SetProperties({"Set-ReceiveConnector", {{"Identity", connector->identity}}}, wanted));
  Forget();
  for (const Wanted& one : wanted) {
    if (one.key.kind != Kind::kPermissions) continue;
    MQ_RETURN_IF_ERROR(PutAces(*connector, AcesFrom(one.value.value_or("")), UsersCome(wanted)));
  }
  return absl::OkStatus();
}

absl::Status Directory::PutAces(const Connector& connector, const Aces& wanted, bool users_come) {
  MQ_ASSIGN_OR_RETURN(const Aces now, AcesOf(connector));
  // One call for each principal. What closes comes before what opens.
  using Change = std::map<std::pair<std::string, bool>, std::vector<std::string>>;
  Change remove;
  Change add;
  for (const Ace& ace : now) {
    if (IsExtra(ace, wanted, users_come)) remove[{ace.user, ace.deny}].push_back(ace.right);
  }
  for (const Ace& ace : wanted) {
    if (now.count(ace) == 0) add[{ace.user, ace.deny}].push_back(ace.right);
  }
  for (const bool removes : {true, false}) {
    for (const auto& [who, rights] : removes ? remove : add) {
      Cmdlet call{removes ? "Remove-ADPermission" : "Add-ADPermission",
                  {{"Identity", connector.directory_name},
                   {"User", who.first},
                   {"ExtendedRights", rights},
                   {"Confirm", false}}};
      if (who.second) call.parameters.emplace_back("Deny", Switch());
      MQ_FAULT_POINT(kPermission);
      MQ_RETURN_IF_ERROR(Do(std::move(call)));
    }
  }
  return absl::OkStatus();
}

absl::Status Directory::PutDomain(const std::vector<Wanted>& wanted) {
  const std::string name = wanted[0].key.object;
  MQ_ASSIGN_OR_RETURN(const std::vector<Row> rows, RemoteDomains());
  for (const Row& row : rows) {
    if (Text(row, "Name") != name) continue;
    const std::string guid = Text(row, "Guid");
    return SetProperties({"Set-RemoteDomain", {{"Identity", guid.empty() ? name : guid}}}, wanted);
  }
  return Gone(absl::StrCat("remote domain '", Escape(name), "'"));
}

absl::Status Directory::PutRule(const Wanted& wanted) {
  const std::string& name = wanted.key.object;
  MQ_ASSIGN_OR_RETURN(const RawSetting now, Current(wanted.key));
  if (now == wanted.value) return absl::OkStatus();
  if (now.has_value()) {
    MQ_RETURN_IF_ERROR(Do({"Remove-TransportRule", {{"Identity", name}, {"Confirm", false}}}));
  }
  if (!wanted.value.has_value()) return absl::OkStatus();
  std::optional<Cmdlet> rule = NewRule(name, *wanted.value);
  if (!rule.has_value())
    return Error(absl::StatusCode::kDataLoss, "BAD_SETTING_TEXT",
                 absl::StrCat("the record of transport rule '", Escape(name),
                              "' is none that this agent wrote; it was not made again"));
  return Do(*std::move(rule));
}

absl::Status Directory::PutIpBlock(const Wanted& wanted) {
  const std::string& range = wanted.key.object;
  const std::string comment = Comment({Block::Kind::kClient, range});
  if (wanted.value.has_value()) {
    MQ_ASSIGN_OR_RETURN(const RawSetting now, Current(wanted.key));
    if (now.has_value()) return absl::OkStatus();
    const bool one = range.find('-') == std::string::npos;
    return Do({"Add-IPBlockListEntry",
               {{one ? "IPAddress" : "IPRange", range}, {"Comment", comment}, {"Confirm", false}}});
  }
  MQ_ASSIGN_OR_RETURN(const std::vector<Row> entries, IpBlockEntries());
  for (const Row& row : entries) {
    if (Text(row, "Comment") != comment) continue;
    MQ_RETURN_IF_ERROR(
        Do({"Remove-IPBlockListEntry", {{"Identity", Text(row, "Identity")}, {"Confirm", false}}}));
  }
  return absl::OkStatus();
}

}  // namespace mailquench::agent::exchange
