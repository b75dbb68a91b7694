// What a host with the SMTP service is made of, and what can be done on it.
#ifndef MAILQUENCH_AGENT_MAIL_SMTPSVC_INVENTORY_H_
#define MAILQUENCH_AGENT_MAIL_SMTPSVC_INVENTORY_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "agent/mail/mail_system.h"
#include "agent/mail/smtpsvc/metabase.h"
#include "agent/mail/smtpsvc/virtual_servers.h"
#include "agent/os/service_manager.h"

namespace mailquench::agent::smtpsvc {

// Why an operation is not there; the same words in the inventory and in the refusal.
inline constexpr char kNoMove[] =
    "the recipients of queued mail are in NTFS streams, and that a copy on another volume keeps "
    "them is not proven";
inline constexpr char kNoSilence[] =
    "IIS' SMTP service has no switch for delivery reports; while a contain is outstanding each "
    "watch sets queued ones aside instead";
inline constexpr char kNoReplyLog[] =
    "IIS' SMTP service logs no replies of remote servers unless its protocol log is set up for it, "
    "and that log is not read";

absl::StatusOr<Inventory> TakeInventory(Metabase& metabase,
                                        ServiceManager& services,
                                        const std::vector<VirtualServer>& all,
                                        const std::string& version);

}  // namespace mailquench::agent::smtpsvc

#endif  // MAILQUENCH_AGENT_MAIL_SMTPSVC_INVENTORY_H_
