#include <cstdlib>

#include "agent/mail/smtpsvc/metabase_file.h"
#include "agent/mail/smtpsvc/metabase_open.h"
#include "agent/mail/smtpsvc/metabase_windows.h"

namespace mailquench::agent::smtpsvc {

absl::StatusOr<std::unique_ptr<Metabase>> OpenMetabase() {
#ifdef MAILQUENCH_FAULT_POINTS
  const char* file = std::getenv("MAILQUENCH_METABASE");
  if (file != nullptr && *file != '\0')
    return std::unique_ptr<Metabase>(std::make_unique<MetabaseFile>(file));
#endif
  return MakeIisMetabase();
}

}  // namespace mailquench::agent::smtpsvc
