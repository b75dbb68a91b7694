#include "agent/antivirus/antivirus.h"

#include <string_view>

#include "absl/time/clock.h"
#include "common/status/error.h"
#include "common/text/harmless.h"

namespace mailquench::agent {

absl::Status CheckWork(const WorkContext& context) {
  if (absl::Now() < context.deadline) return context.still_wanted();
  return Error(absl::StatusCode::kDeadlineExceeded, "DEADLINE",
               "the time for this work is over; what was found until then is told, ask again with "
               "more time for the rest");
}

std::string Shown(absl::string_view text, std::size_t most) {
  std::string out = Harmless(std::string_view(text.data(), text.size()).substr(0, most));
  if (out.size() > most) out.resize(most);
  out.resize(out.size() - CutAtEnd(out));
  return out;
}

}  // namespace mailquench::agent
