#include "agent/mail/exchange/inventory.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "agent/mail/exchange/row.h"
#include "agent/mail/exchange/version_words.h"
#include "agent/os/network.h"
#include "agent/quarantine/top_k.h"
#include "common/status/error.h"

namespace mailquench::agent::exchange {
namespace {
// Files and services alone.
constexpr const char* kAlways[] = {"service.status",     "service.stop",      "service.start",
                                   "queue.survey",       "queue.quarantine",  "quarantine.list",
                                   "quarantine.analyse", "quarantine.discard"};
// These ask or change what only the shell knows.
constexpr const char* kByShell[] = {"quarantine.release", "relay.lock", "sender.block",
                                    "sender.unblock",     "restore",    "relay.probe",
                                    "queue.watch",        "egress.set"};
// Of an organisation, which an Edge server is no part of.
constexpr const char* kMailboxOnly[] = {"ndr.silence", "shadow.suspend"};
constexpr char kNotOnEdge[] =
    "an Edge server has at most a copy of the organisation's settings, which a Mailbox server "
    "changes; notifications that are queued here are set aside while the queue is watched";
constexpr char kNoScan[] = "a database is read by its own server alone";
constexpr std::size_t kMostNames = 32;

void Add(std::vector<std::string>& list, const std::string& value) {
  if (!value.empty() && std::find(list.begin(), list.end(), value) == list.end())
    list.push_back(value);
}

bool IsName(const std::string& name) {
  return !name.empty() && name.size() <= 253 &&
         std::all_of(name.begin(), name.end(), [](unsigned char c) {
           return absl::ascii_isalnum(c) || c == '.' || c == '-' || c == '_';
         });
}

bool IsLoopback(const std::string& listener) {
  return absl::StartsWith(listener, "127.") || absl::StartsWith(listener, "[::1]");
}

}  // namespace

Inventory TakeInventory(Shell& shell,
                        const Installation& installation,
                        const absl::StatusOr<std::vector<std::string>>& listeners,
                        const absl::StatusOr<Belonging>& belonging,
                        absl::Time deadline) {
  Inventory inventory;
  inventory.platform = "exchange";
  inventory.version = VersionWords(installation);
  const auto capability = [&](const char* operation, const std::string& missing) {
    v1::Capability& one = inventory.capabilities.emplace_back();
    one.set_operation(operation);
    one.set_available(missing.empty());
    one.set_reason(missing);
  };
  for (const char* operation : kAlways) capability(operation, "");
  const std::string no_shell =
      listeners.ok()
          ? ""
          : absl::StrCat("Exchange's PowerShell does not answer: ", listeners.status().message());
  for (const char* operation : kByShell) capability(operation, no_shell);
  const bool edge = installation.role == Role::kEdge;
  for (const char* operation : kMailboxOnly) capability(operation, edge ? kNotOnEdge : no_shell);
  // Contained alone, the others of its group would send again what it has set aside.
  capability("contain",
             !no_shell.empty() || belonging.ok()
                 ? no_shell
                 : absl::StrCat("which servers keep copies of this one's mail is not known: ",
                                belonging.status().message()));
  if (belonging.ok()) {
    inventory.organisation = belonging->organisation;
    inventory.transport_group = belonging->transport_group;
    inventory.transport_members = belonging->members;
  }
  inventory.transport_group_unknown = !edge && inventory.transport_group.empty();
  capability("quarantine.move", kNoMove);
  capability("quarantine.scan", kNoScan);
  capability("mail.blockers", "");
  if (listeners.ok()) {
    for (const std::string& listener : *listeners) {
      if (!IsLoopback(listener)) Add(inventory.listeners, listener);
    }
    const auto domains = Ask(shell, {"Get-AcceptedDomain", {}}, {"DomainName"}, deadline);
    for (Row row : domains.ok() ? *domains : std::vector<Row>()) {
      if (inventory.mail_domains.size() > kMaxMailDomains) break;
      const std::string domain = absl::AsciiStrToLower(row["DomainName"].text());
      if (IsName(domain)) Add(inventory.mail_domains, domain);
    }
    inventory.mail_domains_cut = inventory.mail_domains.size() > kMaxMailDomains;
    if (inventory.mail_domains_cut) inventory.mail_domains.resize(kMaxMailDomains);
    const auto connectors =
        Ask(shell, {"Get-SendConnector", {}},
            {"Fqdn", "SourceIPAddress", "Enabled", "SourceTransportServers"}, deadline);
    for (Row row : connectors.ok() ? *connectors : std::vector<Row>()) {
      if (absl::EqualsIgnoreCase(row["Enabled"].text(), "false")) continue;
      const std::vector<std::string>& sources = row["SourceTransportServers"].texts;
      const bool mine = sources.empty() ||
                        std::any_of(sources.begin(), sources.end(), [&](const std::string& one) {
                          return absl::EqualsIgnoreCase(LastPart(one), installation.server);
                        });
      if (!mine) continue;
      if (IsName(row["Fqdn"].text()) && inventory.helo_names.size() < kMostNames)
        Add(inventory.helo_names, row["Fqdn"].text());
      const std::string source = row["SourceIPAddress"].text();
      if (source != "0.0.0.0" && source != "::") Add(inventory.egress_addresses, source);
    }
  }
  // Where a connector has no name of its own the server says its own.
  if (IsName(installation.fqdn)) Add(inventory.helo_names, installation.fqdn);
  for (const bool v6 : {false, true}) Add(inventory.egress_addresses, SourceOfDefaultRoute(v6));
  return inventory;
}

}  // namespace mailquench::agent::exchange
