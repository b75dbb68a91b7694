#include "agent/mail/smtpsvc/metabase_file.h"
#include "agent/mail/smtpsvc/metabase_open.h"
#include "agent/mail/smtpsvc/metabase_windows.h"

namespace mailquench::agent::smtpsvc {

absl::StatusOr<std::unique_ptr<Metabase>> OpenMetabase() {
#ifdef MAILQUENCH_FAULT_POINTS
  if (std::unique_ptr<Metabase> file = MetabaseOfEnvironment(); file != nullptr) return file;
#endif
  return MakeIisMetabase();
}

}  // namespace mailquench::agent::smtpsvc
