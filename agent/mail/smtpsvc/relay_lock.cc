#include <algorithm>
#include <cstdint>
#include <optional>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "agent/mail/relay_request.h"
#include "agent/mail/smtpsvc/ip_block.h"
#include "agent/mail/smtpsvc/metabase_value.h"
#include "agent/mail/smtpsvc/setting.h"
#include "agent/mail/smtpsvc/settings_ops.h"
#include "common/status/error.h"

namespace mailquench::agent::smtpsvc {
namespace {
constexpr std::uint32_t kAnonymous = 1;
constexpr std::uint32_t kDefaultAuthFlags = 7;  // Where nothing is stored.

struct Lock {
  IpSecurity list;  // Empty but for LISTED; never grants by default.
  bool no_logins = true;
};

absl::StatusOr<Lock> LockOf(const v1::RelayLock& request) {
  MQ_ASSIGN_OR_RETURN(const RelayRequest wanted, ReadRelayRequest(request));
  Lock lock;
  lock.no_logins = !wanted.logins;
  for (const std::string& client : wanted.clients) {
    MQ_ASSIGN_OR_RETURN(const IpBlock block, ParseClient(client));
    lock.list.ip_grant.push_back(block.ForIis());
  }
  return lock;
}

// What IIS makes of the relay list now.
struct Relaying {
  bool unreadable = false;  // BAD_IP_LIST: as Windows Server 2022 is shipped.
  std::optional<IpSecurity> list;

  bool Is(const Lock& lock) const {
    if (unreadable) return false;
    if (lock.list.ip_grant.empty()) return GrantsNobody(list);
    return list.has_value() && SameList(*list, lock.list);
  }
  bool LetsStrangers() const {
    if (unreadable) return true;  // Nobody knows what it lets pass.
    if (!list.has_value()) return false;
    return list->grant_by_default ||
           std::any_of(list->ip_grant.begin(), list->ip_grant.end(), [](const std::string& one) {
             const std::optional<IpBlock> block = ParseIisBlock(one);
             return !block.has_value() || HoldsStrangers(*block);
           });
  }
};

absl::StatusOr<Relaying> RelayingOf(Metabase& metabase, const VirtualServer& server) {
  Relaying out;
  const auto list = metabase.ReadIpSecurity(server.name, Property::kRelayIpList);
  out.unreadable = ReasonOf(list.status()) == "BAD_IP_LIST";
  if (!list.ok() && !out.unreadable) return list.status();
  if (list.ok()) out.list = *list;
  return out;
}

absl::StatusOr<std::optional<std::uint32_t>> Number(Metabase& metabase,
                                                    const VirtualServer& server,
                                                    Property property) {
  MQ_ASSIGN_OR_RETURN(const std::optional<MetabaseValue> value,
                      metabase.Read(server.name, property, /*inherited=*/true));
  return value.has_value() ? AsDword(*value) : std::nullopt;
}

// Who relays by his address today and will not any more.
void AddRefused(const VirtualServer& server,
                const Relaying& relaying,
                const Lock& lock,
                v1::ChangeResult& result) {
  if (!relaying.list.has_value()) return;
  std::vector<IpBlock> stay;
  for (const std::string& one : lock.list.ip_grant) stay.push_back(*ParseIisBlock(one));
  const auto add = [&](const std::string& client) {
    v1::LegitimateUse* use = result.add_refused_from_now();
    use->set_instance(server.name);
    use->set_client(client);
  };
  for (const std::string& one : relaying.list->ip_grant) {
    const std::optional<IpBlock> block = ParseIisBlock(one);
    const bool stays = block.has_value() &&
                       std::any_of(stay.begin(), stay.end(),
                                   [&](const IpBlock& wide) { return wide.Contains(*block); });
    if (!stays) add(block.has_value() ? block->ForUser() : one);
  }
  for (const std::string& domain : relaying.list->domain_grant) add(domain);
}

std::string Notice(const v1::RelayLock& request) {
  switch (request.mode()) {
    case v1::RELAY_MODE_CLOSED:
      return "Sending to other domains is closed, with or without a password; mail for our own "
             "domains still arrives.";
    case v1::RELAY_MODE_AUTHENTICATED_ONLY:
      return "Sending to other domains needs a login; devices and programs that were trusted by "
             "their address are refused.";
    default:
      return absl::StrCat("Sending to other domains is open only to ",
                          absl::StrJoin(request.clients(), ", "),
                          "; everybody else, with or without a password, is refused.");
  }
}

// Exceptions of single domains are not the lock's to take away: they are the way of a backup server
// for its domains. They are named, so that nobody takes the relay for closed who has such.
absl::Status NameExceptions(Metabase& metabase, const VirtualServer& server, std::string& notice) {
  MQ_ASSIGN_OR_RETURN(const std::vector<DomainKey> keys, DomainKeysOf(metabase, server));
  std::vector<std::string> open, unknown;
  for (const DomainKey& key : keys) {
    if (key.relays) open.push_back(key.name);
    if (key.kind == DomainKey::Kind::kUnknown) unknown.push_back(key.name);
  }
  if (!open.empty())
    absl::StrAppend(&notice, " But EVERYBODY may still relay through virtual server ", server.name,
                    " to ", absl::StrJoin(open, ", "),
                    ": their RouteAction lets them, which no lock changes; take 'Allow incoming "
                    "mail to be relayed to this domain' away in IIS' console unless this host is "
                    "their backup.");
  if (!unknown.empty())
    absl::StrAppend(&notice, " Of the domains ", absl::StrJoin(unknown, ", "),
                    " of virtual server ", server.name,
                    " it cannot be told whether they are its own: if not, they may relay.");
  return absl::OkStatus();
}

absl::Status LockServer(Metabase& metabase,
                        const VirtualServer& server,
                        const Lock& lock,
                        SettingsChange* change) {
  SettingsDraft draft(metabase, change);
  std::string& notice = *change->result.mutable_notice();
  MQ_ASSIGN_OR_RETURN(const Relaying relaying, RelayingOf(metabase, server));
  if (!relaying.Is(lock)) {
    AddRefused(server, relaying, lock, change->result);
    MQ_RETURN_IF_ERROR(
        draft.SetList(server.name, Property::kRelayIpList, lock.list, relaying.LetsStrangers()));
  }
  if (relaying.unreadable)
    absl::StrAppend(&notice, " The relay list of virtual server ", server.name,
                    " could not be read by IIS itself (Windows Server 2022 comes with such a one); "
                    "it is replaced, and the old bytes are kept.");
  MQ_RETURN_IF_ERROR(NameExceptions(metabase, server, notice));
  if (!lock.no_logins) return absl::OkStatus();
  MQ_RETURN_IF_ERROR(draft.SetDword(server.name, Property::kRelayForAuth, 0));
  MQ_ASSIGN_OR_RETURN(const auto flags, Number(metabase, server, Property::kAuthFlags));
  if ((flags.value_or(kDefaultAuthFlags) & kAnonymous) != 0)
    return draft.SetDword(server.name, Property::kAuthFlags, kAnonymous);
  absl::StrAppend(&notice, " Virtual server ", server.name,
                  " takes no session without a login; that stays so, and logins relay nothing.");
  return absl::OkStatus();
}

absl::Status NotLocked(const VirtualServer& server, const char* setting, const std::string& what) {
  return Error(absl::StatusCode::kFailedPrecondition, "LOCK_NOT_VERIFIED",
               absl::StrCat("virtual server ", server.name, ": its ", setting, " ", what,
                            ", which is not what the lock says; nothing was changed; lock again"),
               {{"instance", server.name}, {"parameter", setting}});
}
}  // namespace

bool GrantsNobody(const std::optional<IpSecurity>& list) {
  return !list.has_value() ||
         (!list->grant_by_default && list->ip_grant.empty() && list->domain_grant.empty());
}

absl::Status RefuseUnderExchange(ServiceManager& services) {
  for (const char* name : {"MSExchangeSA", "MSExchangeMU", "RESvc"}) {
    const absl::StatusOr<ServiceInfo> info = services.Query(name);
    if (absl::IsNotFound(info.status())) continue;
    MQ_RETURN_IF_ERROR(info.status());
    return Error(absl::StatusCode::kFailedPrecondition, "DS2MB",
                 absl::StrCat("this host has Exchange's service ", name,
                              ", which copies these settings from the directory into the metabase "
                              "every 15 minutes and would undo what is written here; nothing was "
                              "changed; close the relay in Exchange's System Manager or by "
                              "ExIpSec.ExIpSecurity and record it as a manual host, or keep the "
                              "service stopped"));
  }
  return absl::OkStatus();
}

absl::StatusOr<SettingsChange> PlanLock(Metabase& metabase,
                                        const std::vector<VirtualServer>& servers,
                                        const v1::RelayLock& request) {
  MQ_ASSIGN_OR_RETURN(const Lock lock, LockOf(request));
  SettingsChange change;
  change.verify_closed = true;
  change.result.set_notice(Notice(request));
  for (const VirtualServer& server : servers)
    MQ_RETURN_IF_ERROR(LockServer(metabase, server, lock, &change));
  return change;
}

absl::Status VerifyLock(Metabase& metabase,
                        const std::vector<VirtualServer>& servers,
                        const v1::RelayLock& request) {
  MQ_ASSIGN_OR_RETURN(const Lock lock, LockOf(request));
  for (const VirtualServer& server : servers) {
    MQ_ASSIGN_OR_RETURN(const Relaying relaying, RelayingOf(metabase, server));
    if (relaying.unreadable)
      return NotLocked(server, "RelayIpList", "cannot be read by IIS itself");
    if (!relaying.Is(lock))
      return NotLocked(server, "RelayIpList",
                       relaying.list.has_value()
                           ? absl::StrCat("is ", ToText(*relaying.list))
                           : std::string("lets nobody relay, not even those who are listed"));
    if (!lock.no_logins) continue;
    MQ_ASSIGN_OR_RETURN(const auto for_auth, Number(metabase, server, Property::kRelayForAuth));
    if (for_auth != 0U)
      return NotLocked(server, "RelayForAuth",
                       for_auth.has_value() ? absl::StrCat("is ", *for_auth)
                                            : std::string("is not set, which lets logins relay"));
    MQ_ASSIGN_OR_RETURN(const auto flags, Number(metabase, server, Property::kAuthFlags));
    const std::uint32_t now = flags.value_or(kDefaultAuthFlags);
    if ((now & kAnonymous) != 0 && now != kAnonymous)
      return NotLocked(server, "AuthFlags", absl::StrCat("is ", now));
  }
  return absl::OkStatus();
}

}  // namespace mailquench::agent::smtpsvc
