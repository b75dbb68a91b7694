#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/clock.h"
#include "agent/mail/exchange/accepted_domain.h"
#include "agent/mail/exchange/connector.h"
#include "agent/mail/exchange/directory.h"
#include "agent/mail/exchange/draft.h"
#include "agent/mail/exchange/flags.h"
#include "agent/mail/exchange/setting.h"
#include "agent/mail/exchange/settings_ops.h"
#include "agent/mail/relay_request.h"
#include "agent/quarantine/top_k.h"
#include "common/status/error.h"

namespace mailquench::agent::exchange {
namespace {
struct Lock {
  bool logins = false;           // May relay.
  std::vector<IpRange> clients;  // May relay where a connector lets them today.
};

absl::StatusOr<Lock> LockOf(const v1::RelayLock& request) {
  MQ_ASSIGN_OR_RETURN(const RelayRequest wanted, ReadRelayRequest(request));
  Lock lock;
  lock.logins = wanted.logins;
  for (const std::string& client : wanted.clients) {
    MQ_ASSIGN_OR_RETURN(const IpRange range, ParseClient(client));
    lock.clients.push_back(range);
  }
  return lock;
}

std::string Quoted(const std::string& name) {
  return absl::StrCat("'", Printable(name), "'");
}

std::string Notice(const v1::RelayLock& request) {
  switch (request.mode()) {
    case v1::RELAY_MODE_CLOSED:
      return "Sending to other domains through SMTP is closed, with or without a password; mail "
             "for our own domains still arrives, and Outlook, which does not send through SMTP, "
             "still sends.";
    case v1::RELAY_MODE_AUTHENTICATED_ONLY:
      return "Sending to other domains through SMTP needs a login; devices and programs that were "
             "trusted by their address are refused.";
    default:
      return absl::StrCat("Sending to other domains through SMTP is open only to ",
                          absl::StrJoin(request.clients(), ", "),
                          ", as far as a receive connector lets just these relay today; everybody "
                          "else, with or without a password, is refused. Outlook, which does not "
                          "send through SMTP, still sends.");
  }
}

// What the lock makes of one connector.
struct Locked {
  bool enabled = true;
  std::string auth_mechanism;
  std::string permission_groups;
  Aces aces;
  bool exempt = false;  // Left alone on purpose.
};

bool MayNotRelay(const Ace& ace, const Lock& lock) {
  if (ace.deny || !absl::EqualsIgnoreCase(ace.right, kAnyRecipient) || IsServers(ace.user))
    return false;
  return !lock.logins || !IsAuthenticatedUsers(ace.user);
}

Locked LockedOf(const Connector& now, const Aces& aces, const Lock& lock) {
  Locked out{now.enabled, now.auth_mechanism, now.permission_groups, aces, false};
  if (!now.enabled) return out;
  const ConnectorKind kind = KindOf(now, aces);
  // A narrow connector of Exchange Online goes on, by its certificate, and keeps no other way in.
  const bool cloud = now.hybrid && !TakesStrangers(now);
  if (kind == ConnectorKind::kRelay && IsWithin(now, lock.clients)) {
    out.exempt = true;
    return out;
  }
  if (IsExternalAuthoritative(now))
    out.auth_mechanism = WithoutFlags(out.auth_mechanism, {"ExternalAuthoritative"});
  std::erase_if(out.aces, [&](const Ace& ace) { return MayNotRelay(ace, lock); });
  if (kind == ConnectorKind::kRelay && !cloud &&
      !(lock.logins && HasFlag(now.permission_groups, "ExchangeUsers")))
    out.enabled = false;
  if (lock.logins) return out;
  if (kind == ConnectorKind::kClients && !cloud) out.enabled = false;
  if (HasFlag(now.permission_groups, "ExchangeUsers")) {
    out.permission_groups = WithoutFlags(now.permission_groups, {"ExchangeUsers"});
    std::erase_if(out.aces, IsOfExchangeUsers);
  }
  // Front ends proxy to the others with them.
  if (cloud ||
      (kind == ConnectorKind::kInbound && !absl::EqualsIgnoreCase(now.role, "HubTransport")))
    out.auth_mechanism =
        WithoutFlags(out.auth_mechanism, {"BasicAuth", "BasicAuthRequireTLS", "Integrated"});
  return out;
}

// Who relays by his address today and will not any more.
void AddRefused(const std::string& server, const Connector& connector, v1::ChangeResult& result) {
  for (const std::string& text : connector.remote_ranges) {
    const std::optional<IpRange> range = ParseRange(text);
    if (range.has_value() && range->HoldsStrangers()) continue;  // Nobody in particular.
    v1::LegitimateUse* use = result.add_refused_from_now();
    use->set_instance(server);
    use->set_client(range.has_value() ? range->Text() : Printable(text));
  }
}

class Planner {
 public:
  Planner(Directory& directory, const std::string& server, Lock lock, SettingsChange* change)
      : directory_(directory), server_(server), lock_(std::move(lock)), change_(change) {}

  absl::Status Run() {
    MQ_ASSIGN_OR_RETURN(const std::vector<Connector> all, directory_.Connectors());
    for (const Connector& connector : all) {
      if (!connector.enabled) continue;
      MQ_ASSIGN_OR_RETURN(const Aces aces, directory_.AcesOf(connector));
      if (aces.empty() && !SameFlags(connector.permission_groups, "None"))
        return Error(
            absl::StatusCode::kDataLoss, "NO_PERMISSIONS",
            absl::StrCat("Get-ADPermission showed no entry of receive connector '",
                         Escape(connector.name), "', which has the permission groups ",
                         connector.permission_groups,
                         ", so nobody knows who may relay; nothing was changed; see that the "
                         "agent's account may read permissions, then repeat"));
      const Locked then = LockedOf(connector, aces, lock_);
      Add(connector, aces, then);
      if (then.exempt || !then.enabled) continue;
      MQ_ASSIGN_OR_RETURN(const Aces beyond, directory_.GrantsBeyond(connector));
      for (const Ace& ace : beyond) {
        if (!lock_.logins || !IsAuthenticatedUsers(ace.user))
          beyond_.push_back(
              absl::StrCat(Quoted(ace.user), " (", ace.right, ") on ", Quoted(connector.name)));
      }
    }
    return absl::OkStatus();
  }

  // Who may relay by an entry that this lock cannot take away: "'X' (RIGHT) on 'CONNECTOR'".
  const std::vector<std::string>& beyond() const { return beyond_; }

  std::string Words() const {
    std::string out;
    const auto say = [&out](const std::vector<std::string>& names, const char* before,
                            const char* after) {
      if (!names.empty()) absl::StrAppend(&out, before, absl::StrJoin(names, ", "), after);
    };
    say(disabled_, " Receive connectors that take no mail until the restore: ", ".");
    say(exempt_, " Left as they are, because a listed client needs them: ", ".");
    say(hybrid_, " Exchange Online is let in through ", ", which goes on.");
    return out;
  }

 private:
  void Add(const Connector& now, const Aces& aces, const Locked& then) {
    if (then.exempt) {
      exempt_.push_back(Quoted(now.name));
      change_->result.add_exempt_listeners(
          absl::StrCat(Quoted(now.name), " ", absl::StrJoin(now.bindings, ", ")));
      return;
    }
    if (now.hybrid) hybrid_.push_back(Quoted(now.name));
    const bool strangers = TakesStrangers(now);
    const auto key = [&](const char* property) {
      return SettingKey{SettingKey::Kind::kConnector, now.name, property, "", ""};
    };
    if (!then.enabled) disabled_.push_back(Quoted(now.name));
    AddSetting(server_, key("Enabled"), "True", then.enabled ? "True" : "False", false, change_);
    AddSetting(server_, key("PermissionGroups"), now.permission_groups, then.permission_groups,
               false, change_);
    AddSetting(server_, key("AuthMechanism"), now.auth_mechanism, then.auth_mechanism,
               strangers && IsExternalAuthoritative(now), change_);
    const bool groups = !SameFlags(now.permission_groups, then.permission_groups);
    bool relays = IsExternalAuthoritative(now);
    bool entries = false;
    for (const Ace& ace : aces) {
      // What the group takes away with it is the group's record.
      if (then.aces.count(ace) != 0 || (groups && IsOfExchangeUsers(ace))) continue;
      entries = true;
      relays |= !IsAuthenticatedUsers(ace.user);
      AddRecord(server_, {SettingKey::Kind::kPermission, now.name, "", ace.user, ace.right},
                "allow", std::nullopt, strangers && IsAnonymous(ace.user), change_);
    }
    // All entries are written down where Exchange may write some: its own would replace ours.
    if (groups || entries)
      AddWrite(server_, {SettingKey::Kind::kPermissions, now.name, "", "", ""}, ToText(aces),
               ToText(then.aces), change_);
    if (relays) AddRefused(server_, now, change_->result);
  }

  Directory& directory_;
  const std::string& server_;
  const Lock lock_;
  SettingsChange* change_;
  std::vector<std::string> disabled_, exempt_, hybrid_, beyond_;
};

std::string OpenDomainWords(const std::string& domain) {
  return absl::StrCat("the accepted domain '", Printable(domain),
                      "' makes the world's domains this organisation's own, so that everybody may "
                      "relay through each of its servers");
}

absl::StatusOr<std::string> FindOpenDomain(Directory& directory) {
  MQ_ASSIGN_OR_RETURN(const std::vector<std::string> domains, directory.AcceptedDomains());
  const auto open = std::find_if(domains.begin(), domains.end(), IsOpenDomain);
  return open == domains.end() ? std::string() : *open;
}
}  // namespace

absl::StatusOr<std::string> ExchangeSettings::OpenDomain() const {
  Directory directory(shell_, options_, absl::Now() + options_.drift_wait);
  return FindOpenDomain(directory);
}

absl::StatusOr<SettingsChange> ExchangeSettings::PlanRelayLock(const v1::RelayLock& request) const {
  MQ_ASSIGN_OR_RETURN(Lock lock, LockOf(request));
  Directory directory(shell_, options_, absl::Now() + options_.plan_wait);
  SettingsChange change;
  Planner planner(directory, options_.server, std::move(lock), &change);
  MQ_RETURN_IF_ERROR(planner.Run());
  std::string notice = absl::StrCat(Notice(request), planner.Words());
  MQ_ASSIGN_OR_RETURN(const std::string open, FindOpenDomain(directory));
  // Where it is, the dialogue after the change would find the listeners open and all the rest of
  // the lock would be put back. It is the organisation's: a person ends it.
  change.verify_closed = open.empty() && planner.beyond().empty();
  if (!open.empty()) {
    absl::StrAppend(&notice, " But ", OpenDomainWords(open), "; this lock does not end that.");
    change.result.add_duties(
        absl::StrCat("on a Mailbox server, replace the accepted domain '", Printable(open),
                     "' by the domains that it stands for (New-AcceptedDomain for each, then "
                     "Remove-AcceptedDomain); until then the relay is open"));
  }
  for (const std::string& one : planner.beyond())
    change.result.add_duties(absl::StrCat(
        one,
        " lets relay by an entry that this lock cannot take away: it is inherited, or grants "
        "all rights; take it away where it is set (Get-ADPermission shows it); until then the "
        "relay is open to it"));
  change.result.set_notice(notice);
  return change;
}

absl::Status ExchangeSettings::VerifyLocked(const v1::RelayLock& request) const {
  MQ_ASSIGN_OR_RETURN(Lock lock, LockOf(request));
  Directory directory(shell_, options_, absl::Now() + options_.plan_wait);
  SettingsChange change;
  Planner planner(directory, options_.server, std::move(lock), &change);
  MQ_RETURN_IF_ERROR(planner.Run());
  if (change.result.settings_size() > 0) {
    const v1::Setting& first = change.result.settings(0);
    return Error(absl::StatusCode::kFailedPrecondition, "LOCK_NOT_VERIFIED",
                 absl::StrCat(first.key(), " is '", Printable(first.before()),
                              "', which is not what the lock says; nothing was changed; lock "
                              "again"),
                 {{"instance", options_.server}, {"parameter", first.key()}});
  }
  if (!planner.beyond().empty())
    return Error(absl::StatusCode::kFailedPrecondition, "LOCK_NOT_VERIFIED",
                 absl::StrCat(absl::StrJoin(planner.beyond(), ", "),
                              " may still relay, by an entry that is inherited or grants all "
                              "rights; nothing was changed; take it away where it is set "
                              "(Get-ADPermission shows it), then repeat"),
                 {{"instance", options_.server}});
  MQ_ASSIGN_OR_RETURN(const std::string open, FindOpenDomain(directory));
  if (open.empty()) return absl::OkStatus();
  return Error(absl::StatusCode::kFailedPrecondition, "OPEN_DOMAIN",
               absl::StrCat(OpenDomainWords(open),
                            "; it was not changed; on a Mailbox server, replace it by the domains "
                            "that it stands for (New-AcceptedDomain for each, then "
                            "Remove-AcceptedDomain), then repeat"));
}

}  // namespace mailquench::agent::exchange
