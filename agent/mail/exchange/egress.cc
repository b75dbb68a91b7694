// From where, under which name and through whom mail leaves an Exchange server: its send
// connectors.
#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/clock.h"
#include "agent/mail/egress_request.h"
#include "agent/mail/exchange/directory.h"
#include "agent/mail/exchange/draft.h"
#include "agent/mail/exchange/send_connector.h"
#include "agent/mail/exchange/settings_ops.h"
#include "agent/quarantine/top_k.h"
#include "common/status/error.h"

namespace mailquench::agent::exchange {
namespace {

constexpr int kDefaultPort = 25;

std::string NameOf(const SendConnector& connector) {
  return absl::StrCat("'", Printable(connector.name), "'");
}

// SourceIPAddress "is valid only for Send connectors configured on an Edge server", says the page
// of Set-SendConnector.
absl::Status NoSource(const std::string& source) {
  return Error(absl::StatusCode::kUnimplemented, "NO_SOURCE_ADDRESS",
               absl::StrCat("a Mailbox server has no setting for the address that mail leaves from "
                            "(SourceIPAddress counts on Edge servers alone); nothing was changed; "
                            "let the router, or the order of the addresses of this server, give "
                            "it ",
                            source, ", or name a smarthost"));
}

// What was logged in with cannot be read back, so no restore could give it again; and the new host
// must not be shown it.
absl::Status CheckLogin(const SendConnector& connector) {
  const auto it = connector.properties.find("SmartHostAuthMechanism");
  if (it == connector.properties.end() || !absl::StartsWithIgnoreCase(it->second, "BasicAuth"))
    return absl::OkStatus();
  return Error(absl::StatusCode::kFailedPrecondition, "SMARTHOST_HAS_LOGIN",
               absl::StrCat("the send connector ", NameOf(connector),
                            " logs in at its smarthost with a password that Exchange shows to "
                            "nobody, so that a restore could not give it back; nothing was "
                            "changed; make a second send connector for * with a lower cost by "
                            "hand, and take it away afterwards"));
}

class EgressPlanner {
 public:
  EgressPlanner(const std::string& server, const EgressRequest& wanted, SettingsChange* change)
      : server_(server), wanted_(wanted), change_(change) {}

  absl::Status Add(const SendConnector& now) {
    if (!wanted_.source.empty()) MQ_RETURN_IF_ERROR(Set(now, "SourceIPAddress", wanted_.source));
    if (!wanted_.helo_name.empty()) MQ_RETURN_IF_ERROR(Set(now, "Fqdn", wanted_.helo_name));
    if (wanted_.ChangesRoute()) MQ_RETURN_IF_ERROR(AddRoute(now));
    if (!wanted_.helo_name.empty() && now.source_servers.size() > 1)
      words_ += absl::StrCat(" All of ", Printable(absl::StrJoin(now.source_servers, ", ")),
                             " say that name through ", NameOf(now), ".");
    if (now.through_front_end)
      words_ +=
          absl::StrCat(" ", NameOf(now), " sends through the front end of any server of its site.");
    return absl::OkStatus();
  }

  const std::string& words() const { return words_; }

 private:
  absl::Status Set(const SendConnector& now, const char* property, const std::string& value) {
    const auto it = now.properties.find(property);
    if (it == now.properties.end())
      return Error(
          absl::StatusCode::kDataLoss, "SHELL_SPOKE_RUBBISH",
          absl::StrCat("Get-SendConnector did not say what ", property, " of ", NameOf(now),
                       " is; nothing was changed; look at Exchange's own shell on this "
                       "server"));
    AddSetting(server_, {SettingKey::Kind::kSendConnector, now.name, property, "", ""}, it->second,
               value, false, change_);
    return absl::OkStatus();
  }

  absl::Status AddRoute(const SendConnector& now) {
    const int settings = change_->result.settings_size();
    MQ_RETURN_IF_ERROR(Set(now, "SmartHosts", wanted_.smarthost));
    MQ_RETURN_IF_ERROR(Set(now, "DNSRoutingEnabled", wanted_.direct ? "True" : "False"));
    const int port = wanted_.smarthost_port == 0 ? kDefaultPort : wanted_.smarthost_port;
    MQ_RETURN_IF_ERROR(Set(now, "Port", absl::StrCat(port)));
    if (change_->result.settings_size() == settings) return absl::OkStatus();
    MQ_RETURN_IF_ERROR(CheckLogin(now));
    // The trust in the one before is none in the new one.
    MQ_RETURN_IF_ERROR(Set(now, "SmartHostAuthMechanism", "None"));
    if (!now.tls_domain.empty())
      words_ +=
          absl::StrCat(" ", NameOf(now), " wants a certificate for '", Printable(now.tls_domain),
                       "' of the next host, and sends nothing "
                       "without it.");
    return absl::OkStatus();
  }

  const std::string& server_;
  const EgressRequest& wanted_;
  SettingsChange* change_;
  std::string words_;
};

std::string NoticeFor(const EgressRequest& wanted, const std::vector<std::string>& connectors) {
  std::vector<std::string> parts;
  if (!wanted.source.empty()) parts.push_back(absl::StrCat("leaves from ", wanted.source));
  if (!wanted.helo_name.empty()) parts.push_back(absl::StrCat("says the name ", wanted.helo_name));
  if (wanted.direct) parts.emplace_back("goes straight to its receivers");
  if (!wanted.smarthost.empty())
    parts.push_back(absl::StrCat("goes through ", SmarthostWords(wanted)));
  return absl::StrCat("Mail for everybody else, by ", absl::StrJoin(connectors, ", "), ", ",
                      absl::StrJoin(parts, " and "), ".");
}
}  // namespace

absl::StatusOr<SettingsChange> ExchangeSettings::PlanEgress(const v1::EgressSet& request) const {
  MQ_ASSIGN_OR_RETURN(const EgressRequest wanted, ReadEgressRequest(request));
  const bool edge = options_.role == Role::kEdge;
  if (!edge && !wanted.source.empty()) return NoSource(wanted.source);
  MQ_RETURN_IF_ERROR(CheckOwnAddresses(wanted, options_.own_addresses == nullptr
                                                   ? std::vector<std::string>()
                                                   : options_.own_addresses()));
  Directory directory(shell_, options_, absl::Now() + options_.plan_wait);
  if (edge) {
    MQ_ASSIGN_OR_RETURN(const bool subscribed, directory.IsSubscribed());
    if (subscribed)
      return Error(absl::StatusCode::kUnimplemented, "ON_MAILBOX_SERVER",
                   "this Edge server is subscribed, and its send connectors are copies; nothing "
                   "was changed; do it on a Mailbox server of the organisation, which hands it on "
                   "(Start-EdgeSynchronization)");
  }
  MQ_ASSIGN_OR_RETURN(const std::vector<SendConnector> all, directory.SendConnectors());
  SettingsChange change;
  EgressPlanner planner(options_.server, wanted, &change);
  std::vector<std::string> names, others;
  for (const SendConnector& connector : all) {
    if (!connector.enabled) continue;
    if (!LeadsEverywhere(connector)) {
      others.push_back(absl::StrCat(NameOf(connector), " (",
                                    Printable(absl::StrJoin(connector.address_spaces, ", ")), ")"));
      continue;
    }
    names.push_back(NameOf(connector));
    MQ_RETURN_IF_ERROR(planner.Add(connector));
  }
  if (names.empty())
    return Error(
        absl::StatusCode::kFailedPrecondition, "NO_SEND_CONNECTOR",
        absl::StrCat("Get-SendConnector showed no enabled send connector for * (of ", all.size(),
                     " in all), so there is no way out to set; nothing was changed; see "
                     "that the agent's account may read them, or make one"));
  std::string notice = absl::StrCat(NoticeFor(wanted, names), planner.words());
  if (!others.empty())
    absl::StrAppend(&notice, " Still by ways of their own: ", absl::StrJoin(others, ", "), ".");
  change.result.set_notice(notice);
  if (!edge && !change.files.empty()) change.result.set_organisation(options_.organisation);
  return change;
}

}  // namespace mailquench::agent::exchange
