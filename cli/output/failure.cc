#include "cli/output/failure.h"

#include <ostream>

#include "cli/output/guard.h"
#include "cli/output/printer.h"
#include "common/status/error.h"
#include "common/text/harmless.h"

namespace mailquench::cli {

void PrintError(const Session& session, const absl::Status& status) {
  std::ostream& err = *session.env.err;
  if (session.flags.output == "json" || session.flags.output == "jsonl") {
    auto line = ToJsonLine(ToProto(status));
    // A detail whose type is not linked in cannot be written as JSON: then the sentence alone.
    if (line.ok()) {
      err << *line << std::endl;
      return;
    }
  }
  if (session.Colour()) err << Colour::kRed;
  err << "error:";
  if (session.Colour()) err << Colour::kNone;
  err << ' ' << Harmless(std::string(status.message())) << std::endl;
}

}  // namespace mailquench::cli
