// The name that virtual servers say, and the smarthost that they send through. SmartHostType: 0
// where there is none, 1 directly first, 2 always through it (Metabase Property Reference).
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "agent/mail/egress_request.h"
#include "agent/mail/smtpsvc/metabase_value.h"
#include "agent/mail/smtpsvc/setting.h"
#include "agent/mail/smtpsvc/settings_ops.h"
#include "agent/quarantine/top_k.h"
#include "common/status/error.h"

namespace mailquench::agent::smtpsvc {
namespace {
constexpr std::uint32_t kNoSmarthost = 0;
constexpr std::uint32_t kAlwaysSmarthost = 2;
constexpr int kOnlyPort = 25;

absl::Status CheckOffered(const EgressRequest& wanted) {
  if (!wanted.source.empty())
    return Error(absl::StatusCode::kUnimplemented, "NO_SOURCE_ADDRESS",
                 absl::StrCat("the SMTP service of Windows has no documented setting for the "
                              "address that mail leaves from; nothing was changed; let the "
                              "router, or the order of the addresses of this server, give it ",
                              wanted.source, ", or name a smarthost"));
  if (wanted.smarthost_port != 0 && wanted.smarthost_port != kOnlyPort)
    return Error(absl::StatusCode::kUnimplemented, "NO_SMARTHOST_PORT",
                 "the SMTP service of Windows has one port for all that it sends, which is not "
                 "changed from here; nothing was changed; name a smarthost at port 25");
  return absl::OkStatus();
}

// Domains with a way of their own keep it.
absl::Status NameOtherWays(Metabase& metabase, const VirtualServer& server, std::string& notice) {
  MQ_ASSIGN_OR_RETURN(const std::vector<DomainKey> keys, DomainKeysOf(metabase, server));
  std::vector<std::string> own;
  for (const DomainKey& key : keys) {
    if (key.kind != DomainKey::Kind::kLocal) own.push_back(Printable(key.name));
  }
  if (!own.empty())
    absl::StrAppend(
        &notice, " Virtual server ", server.name,
        " may still send mail for these by ways of their own: ", absl::StrJoin(own, ", "), ".");
  return absl::OkStatus();
}
}  // namespace

absl::StatusOr<SettingsChange> PlanWayOut(Metabase& metabase,
                                          const std::vector<VirtualServer>& servers,
                                          const v1::EgressSet& request,
                                          const std::vector<std::string>& own_addresses) {
  MQ_ASSIGN_OR_RETURN(const EgressRequest wanted, ReadEgressRequest(request));
  MQ_RETURN_IF_ERROR(CheckOffered(wanted));
  MQ_RETURN_IF_ERROR(CheckOwnAddresses(wanted, own_addresses));
  std::vector<std::string> parts;
  if (!wanted.helo_name.empty()) parts.push_back(absl::StrCat("says the name ", wanted.helo_name));
  if (wanted.direct) parts.emplace_back("goes straight to its receivers");
  if (!wanted.smarthost.empty())
    parts.push_back(absl::StrCat("goes through ", SmarthostWords(wanted)));
  std::string notice = absl::StrCat("Mail to other hosts ", absl::StrJoin(parts, " and "), ".");
  SettingsChange change;
  SettingsDraft draft(metabase, &change);
  for (const VirtualServer& server : servers) {
    if (!wanted.helo_name.empty())
      MQ_RETURN_IF_ERROR(
          draft.SetString(server.name, Property::kFullyQualifiedDomainName, wanted.helo_name));
    if (!wanted.ChangesRoute()) continue;
    // An address is no name to look up where it stands in brackets.
    const std::string host =
        wanted.smarthost_is_address ? absl::StrCat("[", wanted.smarthost, "]") : wanted.smarthost;
    MQ_RETURN_IF_ERROR(draft.SetString(server.name, Property::kSmartHost, host));
    MQ_RETURN_IF_ERROR(draft.SetDword(server.name, Property::kSmartHostType,
                                      wanted.direct ? kNoSmarthost : kAlwaysSmarthost));
    MQ_RETURN_IF_ERROR(NameOtherWays(metabase, server, notice));
  }
  change.result.set_notice(notice);
  return change;
}

}  // namespace mailquench::agent::smtpsvc
