// The metabase of this host. Implementations: metabase_open_windows and metabase_open_posix.
#ifndef MAILQUENCH_AGENT_MAIL_SMTPSVC_METABASE_OPEN_H_
#define MAILQUENCH_AGENT_MAIL_SMTPSVC_METABASE_OPEN_H_

#include <memory>

#include "absl/status/statusor.h"
#include "agent/mail/smtpsvc/metabase.h"

namespace mailquench::agent::smtpsvc {

// A test build takes the file that the environment's MAILQUENCH_METABASE names; without one, and in
// a release build always, it is IIS' own. kUnavailable/NO_METABASE where there is none.
absl::StatusOr<std::unique_ptr<Metabase>> OpenMetabase();

}  // namespace mailquench::agent::smtpsvc

#endif  // MAILQUENCH_AGENT_MAIL_SMTPSVC_METABASE_OPEN_H_
