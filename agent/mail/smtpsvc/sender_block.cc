#include <algorithm>
#include <optional>

#include "absl/strings/str_cat.h"
#include "agent/mail/smtpsvc/ip_block.h"
#include "agent/mail/smtpsvc/setting.h"
#include "agent/mail/smtpsvc/settings_ops.h"
#include "common/status/error.h"

namespace mailquench::agent::smtpsvc {
namespace {
template <typename Request>
absl::StatusOr<IpBlock> ClientOf(const Request& request) {
  switch (request.who_case()) {
    case Request::kClient:
      return ParseClient(request.client());
    case Request::kAccount:
      return Error(absl::StatusCode::kUnimplemented, "NO_SUCH_BLOCK",
                   "IIS' SMTP service knows no list of accounts: its logins are accounts of "
                   "Windows; nothing was changed; disable the account or set a new password where "
                   "it lives, or lock the relay, which ends all logins");
    case Request::kLocalUser:
      return Error(absl::StatusCode::kUnimplemented, "NO_SUCH_BLOCK",
                   "who may put files into the Pickup folder is a matter of that folder's "
                   "permissions; nothing was changed; take the user's right to write there, or "
                   "disable the account");
    default:
      return Error(absl::StatusCode::kInvalidArgument, "NOBODY_NAMED",
                   "the request names no client; nothing was changed");
  }
}

// Takes all that is just this block out. False: there was none.
bool Erase(std::vector<std::string>& list, const IpBlock& client) {
  return std::erase_if(list, [&](const std::string& one) { return ParseIisBlock(one) == client; }) >
         0;
}

bool Holds(const std::vector<std::string>& list, const IpBlock& client) {
  return std::any_of(list.begin(), list.end(), [&](const std::string& one) {
    const std::optional<IpBlock> block = ParseIisBlock(one);
    return block.has_value() && block->Contains(client);
  });
}

absl::Status BlockAt(Metabase& metabase,
                     const VirtualServer& server,
                     const IpBlock& client,
                     SettingsChange* change) {
  MQ_ASSIGN_OR_RETURN(const std::optional<IpSecurity> now,
                      metabase.ReadIpSecurity(server.name, Property::kIpSecurity));
  IpSecurity list = now.value_or(IpSecurity{true, {}, {}, {}, {}});  // Null: everybody may connect.
  SettingsDraft draft(metabase, change);
  if (list.grant_by_default) {
    if (Holds(list.ip_deny, client)) return absl::OkStatus();
    list.ip_deny.push_back(client.ForIis());
    return draft.SetList(server.name, Property::kIpSecurity, list);
  }
  const bool erased = Erase(list.ip_grant, client);
  const bool held = Holds(list.ip_grant, client) || !list.domain_grant.empty();
  if (held)
    return Error(absl::StatusCode::kFailedPrecondition, "ACCESS_LIST_GRANTS",
                 absl::StrCat("virtual server ", server.name,
                              " lets only listed clients connect, and an entry of its list that is "
                              "wider, or a domain, lets ",
                              client.ForUser(),
                              " in; nothing was changed; narrow that entry in IIS' console"));
  return erased ? draft.SetList(server.name, Property::kIpSecurity, list) : absl::OkStatus();
}

absl::Status UnblockAt(Metabase& metabase,
                       const VirtualServer& server,
                       const IpBlock& client,
                       SettingsChange* change) {
  MQ_ASSIGN_OR_RETURN(const std::optional<IpSecurity> now,
                      metabase.ReadIpSecurity(server.name, Property::kIpSecurity));
  if (!now.has_value() || !now->grant_by_default) return absl::OkStatus();
  IpSecurity list = *now;
  if (!Erase(list.ip_deny, client)) return absl::OkStatus();
  // Where it then says what the service's own key says, it inherits again.
  MQ_ASSIGN_OR_RETURN(const std::optional<IpSecurity> above,
                      metabase.ReadIpSecurity("", Property::kIpSecurity));
  SettingsDraft draft(metabase, change);
  if (SameList(list, above.value_or(IpSecurity{true, {}, {}, {}, {}})))
    return draft.Remove(server.name, Property::kIpSecurity);
  return draft.SetList(server.name, Property::kIpSecurity, list);
}
}  // namespace

absl::StatusOr<SettingsChange> PlanBlock(Metabase& metabase,
                                         const std::vector<VirtualServer>& servers,
                                         const v1::SenderBlock& request) {
  MQ_ASSIGN_OR_RETURN(const IpBlock client, ClientOf(request));
  SettingsChange change;
  change.result.set_notice(
      absl::StrCat(client.ForUser(),
                   " may not connect until the abuse is cleared up; a session that it has open "
                   "ends by itself."));
  for (const VirtualServer& server : servers)
    MQ_RETURN_IF_ERROR(BlockAt(metabase, server, client, &change));
  return change;
}

absl::StatusOr<SettingsChange> PlanUnblock(Metabase& metabase,
                                           const std::vector<VirtualServer>& servers,
                                           const v1::SenderUnblock& request) {
  MQ_ASSIGN_OR_RETURN(const IpBlock client, ClientOf(request));
  SettingsChange change;
  change.result.set_notice(absl::StrCat(client.ForUser(), " may connect again."));
  for (const VirtualServer& server : servers)
    MQ_RETURN_IF_ERROR(UnblockAt(metabase, server, client, &change));
  return change;
}

}  // namespace mailquench::agent::smtpsvc
