// How old ClamAV's signatures are, by its database files.
#ifndef MAILQUENCH_AGENT_ANTIVIRUS_CLAMAV_DATABASE_H_
#define MAILQUENCH_AGENT_ANTIVIRUS_CLAMAV_DATABASE_H_

#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace mailquench::agent::clamav {

struct DatabaseFacts {
  int files = 0;
  std::string version;  // Of the newest signed file, "27500"; empty: there is none.
  std::optional<absl::Time> time;
  bool time_of_file = false;  // No signed file is there: of the newest file.
};

// The 512 bytes at the start of a .cvd or .cld, of which the ninth field is the time in seconds.
struct DatabaseHeader {
  std::string version;
  absl::Time time;
};
std::optional<DatabaseHeader> ParseDatabaseHeader(absl::string_view head);

// Errors: those of the folder.
absl::StatusOr<DatabaseFacts> ReadDatabase(const std::string& folder);

}  // namespace mailquench::agent::clamav

#endif  // MAILQUENCH_AGENT_ANTIVIRUS_CLAMAV_DATABASE_H_
