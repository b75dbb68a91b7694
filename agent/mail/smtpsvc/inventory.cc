#include "agent/mail/smtpsvc/inventory.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "agent/mail/smtpsvc/ip_block.h"
#include "agent/mail/smtpsvc/listeners.h"
#include "agent/mail/smtpsvc/settings_ops.h"
#include "agent/os/host.h"
#include "agent/os/network.h"
#include "common/status/error.h"

namespace mailquench::agent::smtpsvc {
namespace {
constexpr const char* kAlways[] = {
    "service.status",     "service.stop",    "service.start",      "queue.survey",
    "queue.quarantine",   "quarantine.list", "quarantine.analyse", "quarantine.release",
    "quarantine.discard", "restore",         "relay.probe",        "queue.watch"};
constexpr const char* kSettings[] = {"relay.lock", "sender.block", "sender.unblock", "contain",
                                     "egress.set"};
constexpr char kNoScan[] = "its messages are not taken out of their files for an antivirus yet";
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
}  // namespace

absl::StatusOr<Inventory> TakeInventory(Metabase& metabase,
                                        ServiceManager& services,
                                        const std::vector<VirtualServer>& all,
                                        const std::string& version) {
  Inventory inventory;
  inventory.platform = "smtpsvc";
  inventory.version = version;
  const auto capability = [&](const char* operation, const std::string& missing) {
    v1::Capability& one = inventory.capabilities.emplace_back();
    one.set_operation(operation);
    one.set_available(missing.empty());
    one.set_reason(missing);
  };
  for (const char* operation : kAlways) capability(operation, "");
  const absl::Status exchange = RefuseUnderExchange(services);
  for (const char* operation : kSettings) capability(operation, std::string(exchange.message()));
  capability("ndr.silence", kNoSilence);
  capability("quarantine.move", kNoMove);
  capability("quarantine.scan", kNoScan);
  capability("mail.blockers", kNoReplyLog);

  const std::vector<std::string> own = OwnAddresses();
  for (const VirtualServer& server : all) {
    for (const std::string& listener : AddressesOf(server, own)) {
      if (!IsLoopback(listener)) Add(inventory.listeners, listener);
    }
    const auto list = metabase.ReadIpSecurity(server.name, Property::kRelayIpList);
    if (!list.ok() && ReasonOf(list.status()) != "BAD_IP_LIST") return list.status();
    if (list.ok() && list->has_value()) {
      // The exceptions of an open relay are not told: it trusts the world.
      if ((*list)->grant_by_default) Add(inventory.trusted_ranges, "0.0.0.0/0");
      for (const std::string& grant : (*list)->ip_grant) {
        const std::optional<IpBlock> block = ParseIisBlock(grant);
        if (block.has_value() && !(*list)->grant_by_default)
          Add(inventory.trusted_ranges, block->ForUser());
      }
    }
    if (IsName(server.host_name) && inventory.helo_names.size() < kMostNames)
      Add(inventory.helo_names, server.host_name);
    MQ_ASSIGN_OR_RETURN(const std::vector<std::string> domains, DomainsOf(metabase, server));
    for (const std::string& domain : domains) {
      if (inventory.mail_domains.size() > kMaxMailDomains) break;
      if (IsName(domain)) Add(inventory.mail_domains, domain);
    }
  }
  inventory.mail_domains_cut = inventory.mail_domains.size() > kMaxMailDomains;
  if (inventory.mail_domains_cut) inventory.mail_domains.resize(kMaxMailDomains);
  for (const bool v6 : {false, true}) Add(inventory.egress_addresses, SourceOfDefaultRoute(v6));
  return inventory;
}

}  // namespace mailquench::agent::smtpsvc
