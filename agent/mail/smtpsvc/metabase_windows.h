// IIS' own metabase, by its Admin Base Object; lists of addresses by ADSI, which alone knows their
// bytes. Written from the documented signatures and cross-compiled; it has never run against an
// IIS, since none can be had where this is built: docs/ARCHITECTURE.md says so too. Sources:
// IIS 6.0 SDK (Admin Base Object reference; IIsIPSecurity), iadmw.h, iads.h.
#ifndef MAILQUENCH_AGENT_MAIL_SMTPSVC_METABASE_WINDOWS_H_
#define MAILQUENCH_AGENT_MAIL_SMTPSVC_METABASE_WINDOWS_H_

#include <memory>

#include "absl/status/statusor.h"
#include "agent/mail/smtpsvc/metabase.h"

namespace mailquench::agent::smtpsvc {

// COM is initialised in each call, on whatever thread it comes from. Never fails itself: a host
// without the metabase says kUnavailable/NO_METABASE at each call, and one where it is installed
// later works from then on.
std::unique_ptr<Metabase> MakeIisMetabase();

}  // namespace mailquench::agent::smtpsvc

#endif  // MAILQUENCH_AGENT_MAIL_SMTPSVC_METABASE_WINDOWS_H_
