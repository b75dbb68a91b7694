#include "agent/mail/smtpsvc/metabase_file.h"
#include "agent/mail/smtpsvc/metabase_open.h"
#include "common/status/error.h"

namespace mailquench::agent::smtpsvc {

absl::StatusOr<std::unique_ptr<Metabase>> OpenMetabase() {
#ifdef MAILQUENCH_FAULT_POINTS
  if (std::unique_ptr<Metabase> file = MetabaseOfEnvironment(); file != nullptr) return file;
#endif
  return Error(absl::StatusCode::kUnavailable, "NO_METABASE",
               "only Windows has a metabase, and this is another system; nothing was done");
}

}  // namespace mailquench::agent::smtpsvc
