#include "agent/app/connected.h"

#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "agent/os/files.h"
#include "common/status/error.h"

namespace mailquench::agent {
namespace {
std::string Path(const std::string& state_dir) {
  return absl::StrCat(state_dir, "/connected");
}
}  // namespace

absl::Status WriteConnected(const std::string& state_dir, const Connected& connected) {
  return WriteFileAtomically(
      Path(state_dir),
      absl::StrCat("version: ", connected.version, "\nprocess: ", connected.process_id, "\ntime: ",
                   absl::FormatTime(absl::RFC3339_full, connected.time, absl::UTCTimeZone()),
                   "\n"));
}

absl::Status ForgetConnected(const std::string& state_dir) {
  return RemoveFile(Path(state_dir));
}

absl::StatusOr<Connected> ReadConnected(const std::string& state_dir) {
  MQ_ASSIGN_OR_RETURN(const std::string text, ReadFile(Path(state_dir), 4096));
  Connected connected;
  bool has_process = false;
  bool has_time = false;
  for (absl::string_view line : absl::StrSplit(text, '\n')) {
    std::string error;
    if (absl::ConsumePrefix(&line, "version: "))
      connected.version = std::string(line);
    else if (absl::ConsumePrefix(&line, "process: "))
      has_process = absl::SimpleAtoi(line, &connected.process_id);
    else if (absl::ConsumePrefix(&line, "time: "))
      has_time = absl::ParseTime(absl::RFC3339_full, line, &connected.time, &error);
  }
  if (has_process && has_time) return connected;
  return Error(absl::StatusCode::kDataLoss, "BAD_FILE",
               absl::StrCat(Path(state_dir),
                            " is not what an agent wrote; it is written again at "
                            "the agent's next start"));
}

}  // namespace mailquench::agent
