#include "agent/mail/exchange/directory.h"

#include <algorithm>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "agent/mail/exchange/flags.h"
#include "agent/mail/exchange/row.h"
#include "common/status/error.h"

namespace mailquench::agent::exchange {

namespace {
// "EX1", "ex1.contoso.test", "CN=EX1,CN=Servers,...", "contoso.test/.../EX1"; "" where a build does
// not say it: the question named the server.
bool IsThisServer(absl::string_view shown, const std::string& server) {
  if (shown.empty()) return true;
  if (absl::StartsWithIgnoreCase(shown, "CN=")) {
    shown.remove_prefix(3);
    shown = shown.substr(0, shown.find(','));
  }
  const std::size_t slash = shown.find_last_of("/\\");
  if (slash != absl::string_view::npos) shown.remove_prefix(slash + 1);
  return absl::EqualsIgnoreCase(shown.substr(0, shown.find('.')), server);
}

// An entry for extended rights that names none is for all of them.
bool GrantsAll(const std::vector<std::string>& access, const std::vector<std::string>& extended) {
  return std::any_of(access.begin(), access.end(), [&](const std::string& flags) {
    return HasFlag(flags, "GenericAll") || (extended.empty() && HasFlag(flags, "ExtendedRight"));
  });
}
}  // namespace

bool NobodyKnows(const absl::Status& status) {
  const std::string reason = ReasonOf(status);
  return reason == "SHELL_TIMED_OUT" || reason == "SHELL_ENDED" || reason == "SESSION_LOST" ||
         reason == "SHELL_SPOKE_RUBBISH";
}

absl::StatusOr<Answer> Directory::Call(const Pipeline& pipeline) {
  const absl::Time now = absl::Now();
  if (now >= deadline_)
    return Error(absl::StatusCode::kDeadlineExceeded, "DEADLINE",
                 absl::StrCat("the time for this call was over before ", pipeline.cmdlets[0].name,
                              " could be asked; it was not sent; repeat with more time"));
  return shell_.Run(pipeline, std::min(deadline_, now + options_.call_timeout));
}

absl::Status Directory::Find() {
  if (controller_.has_value()) return absl::OkStatus();
  controller_ = "";
  if (options_.role == Role::kEdge) return absl::OkStatus();
  const absl::StatusOr<Answer> answer =
      Ask({{{"Get-ExchangeServer", {{"Identity", options_.server}}}}, {"OriginatingServer"}});
  if (answer.ok()) {
    if (answer->rows.size() == 1) controller_ = Text(answer->rows[0], "OriginatingServer");
    return absl::OkStatus();
  }
  // Without it each call finds its own: as good while all of them agree.
  if (absl::IsNotFound(answer.status()) || absl::IsAborted(answer.status()) ||
      absl::IsPermissionDenied(answer.status()))
    return absl::OkStatus();
  controller_.reset();
  return answer.status();
}

absl::StatusOr<Answer> Directory::Ask(Pipeline pipeline) {
  MQ_RETURN_IF_ERROR(Find());
  if (!controller_->empty())
    pipeline.cmdlets[0].parameters.emplace_back("DomainController", *controller_);
  const absl::Time until = std::min(deadline_, absl::Now() + options_.unavailable_wait);
  for (int attempt = 1;; ++attempt) {
    absl::StatusOr<Answer> answer = Call(pipeline);
    if (answer.ok()) return answer;
    // Sessions are few, and a server under attack is slow to give one.
    const bool unavailable = absl::IsUnavailable(answer.status());
    if (!unavailable && (!NobodyKnows(answer.status()) || attempt > 1)) return answer;
    if (unavailable && absl::Now() + options_.unavailable_pause >= until) return answer;
    if (unavailable) absl::SleepFor(options_.unavailable_pause);
  }
}

absl::Status Directory::Do(Cmdlet cmdlet) {
  MQ_RETURN_IF_ERROR(Find());
  if (!controller_->empty()) cmdlet.parameters.emplace_back("DomainController", *controller_);
  return Call({{std::move(cmdlet)}, {}}).status();
}

void Directory::Forget() {
  connectors_.reset();
  aces_.clear();
  beyond_.clear();
  domains_.reset();
  send_connectors_.reset();
}

absl::StatusOr<std::vector<Connector>> Directory::Connectors() {
  if (connectors_.has_value()) return *connectors_;
  MQ_ASSIGN_OR_RETURN(
      const Answer answer,
      Ask({{{"Get-ReceiveConnector", {{"Server", options_.server}}}}, ConnectorFields()}));
  std::vector<Connector> out;
  for (const Row& row : answer.rows) {
    if (!IsThisServer(Text(row, "Server"), options_.server)) continue;
    out.push_back(ConnectorFrom(row, options_.server));
    if (out.back().name.empty() || Texts(row, "Enabled").empty())
      return Error(absl::StatusCode::kDataLoss, "SHELL_SPOKE_RUBBISH",
                   "Get-ReceiveConnector gave a connector without a name or a state; nothing was "
                   "changed; look at Exchange's own shell on this server");
  }
  if (out.empty())
    return Error(absl::StatusCode::kDataLoss, "NO_CONNECTORS",
                 absl::StrCat("Get-ReceiveConnector showed no receive connector of ",
                              options_.server, " (of ", answer.rows.size(),
                              " in all), so nobody knows what is open; nothing was changed; see "
                              "that the agent's account may read them (RBAC scope) and that the "
                              "directory has replicated, then repeat"));
  connectors_ = out;
  return out;
}

absl::Status Directory::ReadAces(const Connector& connector) {
  if (aces_.count(connector.name) != 0) return absl::OkStatus();
  MQ_ASSIGN_OR_RETURN(const Answer answer,
                      Ask({{{"Get-ADPermission", {{"Identity", connector.directory_name}}}},
                           {"User", "AccessRights", "ExtendedRights", "Deny", "IsInherited"}}));
  Aces out, beyond;
  for (const Row& row : answer.rows) {
    const std::string user = Text(row, "User");
    const bool inherited = IsTrue(row, "IsInherited"), deny = IsTrue(row, "Deny");
    const std::vector<std::string> rights = Texts(row, "ExtendedRights");
    for (const std::string& right : rights) {
      if (!inherited)
        out.insert({user, right, deny});
      else if (absl::EqualsIgnoreCase(right, kAnyRecipient))
        beyond.insert({user, right, deny});
    }
    if (GrantsAll(Texts(row, "AccessRights"), rights)) beyond.insert({user, kAllRights, deny});
  }
  std::erase_if(beyond, [](const Ace& ace) {
    return ace.deny || IsServers(ace.user) || IsAdministrators(ace.user);
  });
  aces_[connector.name] = out;
  beyond_[connector.name] = beyond;
  return absl::OkStatus();
}

absl::StatusOr<Aces> Directory::AcesOf(const Connector& connector) {
  MQ_RETURN_IF_ERROR(ReadAces(connector));
  return aces_[connector.name];
}

absl::StatusOr<Aces> Directory::GrantsBeyond(const Connector& connector) {
  MQ_RETURN_IF_ERROR(ReadAces(connector));
  return beyond_[connector.name];
}

absl::StatusOr<std::vector<Row>> Directory::RemoteDomains() {
  if (domains_.has_value()) return *domains_;
  MQ_ASSIGN_OR_RETURN(Answer answer,
                      Ask({{{"Get-RemoteDomain", {}}},
                           {"Name", "Guid", "DomainName", "NDREnabled", "DeliveryReportEnabled",
                            "AutoReplyEnabled", "AutoForwardEnabled"}}));
  domains_ = answer.rows;
  return std::move(answer.rows);
}

absl::StatusOr<std::vector<std::string>> Directory::AcceptedDomains() {
  MQ_ASSIGN_OR_RETURN(const Answer answer, Ask({{{"Get-AcceptedDomain", {}}}, {"DomainName"}}));
  std::vector<std::string> out;
  for (const Row& row : answer.rows) out.push_back(Text(row, "DomainName"));
  return out;
}

absl::StatusOr<std::optional<Connector>> Directory::FindConnector(const std::string& name) {
  MQ_ASSIGN_OR_RETURN(const std::vector<Connector> all, Connectors());
  for (const Connector& connector : all) {
    if (connector.name == name) return std::optional<Connector>(connector);
  }
  return std::optional<Connector>();
}

absl::StatusOr<RawSetting> Directory::CurrentOfConnector(const SettingKey& key) {
  MQ_ASSIGN_OR_RETURN(const std::optional<Connector> connector, FindConnector(key.object));
  if (!connector.has_value()) return RawSetting();
  if (key.kind == SettingKey::Kind::kConnector) {
    if (key.property == "Enabled") return RawSetting(connector->enabled ? "True" : "False");
    return RawSetting(key.property == "AuthMechanism" ? connector->auth_mechanism
                                                      : connector->permission_groups);
  }
  MQ_ASSIGN_OR_RETURN(const Aces aces, AcesOf(*connector));
  if (key.kind == SettingKey::Kind::kPermissions) return RawSetting(ToText(aces));
  return aces.count({key.user, key.right, false}) != 0 ? RawSetting("allow") : RawSetting();
}

absl::StatusOr<RawSetting> Directory::Current(const SettingKey& key) {
  if (key.IsOfConnector()) return CurrentOfConnector(key);
  if (key.kind == SettingKey::Kind::kSendConnector) return CurrentOfSendConnector(key);
  if (key.kind == SettingKey::Kind::kRemoteDomain) {
    MQ_ASSIGN_OR_RETURN(const std::vector<Row> rows, RemoteDomains());
    for (const Row& row : rows) {
      if (Text(row, "Name") == key.object && !Texts(row, key.property).empty())
        return RawSetting(Text(row, key.property));
    }
    return RawSetting();
  }
  if (key.kind == SettingKey::Kind::kTransportConfig) {
    MQ_ASSIGN_OR_RETURN(const Answer answer, Ask({{{"Get-TransportConfig", {}}}, {key.property}}));
    if (answer.rows.size() != 1 || Texts(answer.rows[0], key.property).empty()) return RawSetting();
    return RawSetting(Text(answer.rows[0], key.property));
  }
  if (key.kind == SettingKey::Kind::kTransportRule) {
    MQ_ASSIGN_OR_RETURN(const Answer answer,
                        Ask({{{"Get-TransportRule", {}}}, {"Name", "State", "Comments"}}));
    for (const Row& row : answer.rows) {
      if (Text(row, "Name") == key.object)
        return RawSetting(RuleValue(Text(row, "State"), Text(row, "Comments")));
    }
    return RawSetting();
  }
  const std::string comment = Comment({Block::Kind::kClient, key.object});
  MQ_ASSIGN_OR_RETURN(const std::vector<Row> entries, IpBlockEntries());
  for (const Row& row : entries) {
    if (Text(row, "Comment") == comment) return RawSetting("block");
  }
  return RawSetting();
}

absl::StatusOr<std::vector<Row>> Directory::IpBlockEntries() {
  MQ_ASSIGN_OR_RETURN(Answer answer, Ask({{{"Get-IPBlockListEntry", {{"ResultSize", "Unlimited"}}}},
                                          {"Identity", "IPRange", "Comment"}}));
  return std::move(answer.rows);
}

}  // namespace mailquench::agent::exchange
