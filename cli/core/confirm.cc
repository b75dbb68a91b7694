#include "cli/core/confirm.h"

#include <istream>
#include <ostream>

#include "absl/strings/str_cat.h"
#include "common/status/error.h"
#include "common/text/harmless.h"

namespace mailquench::cli {

absl::Status Confirm(const Session& session, const Question& question) {
  if (question.yes) return absl::OkStatus();
  if (!session.env.in_is_terminal || question.no_input) {
    return Error(absl::StatusCode::kFailedPrecondition, "CONFIRMATION_NEEDED",
                 absl::StrCat(question.what,
                              " wants a confirmation, and there is nobody to ask"
                              "; nothing was changed. Add --yes (or look first with "
                              "--dry-run)."));
  }
  const std::string expected = question.irreversible ? std::to_string(question.hosts) : "y";
  *session.env.err << Harmless(question.what)
                   << (question.irreversible
                           ? absl::StrCat("? This cannot be undone. Type the number of hosts (",
                                          question.hosts, ") to go on: ")
                           : std::string("? [y/N] "))
                   << std::flush;
  std::string answer;
  std::getline(*session.env.in, answer);
  if (answer == expected || (!question.irreversible && (answer == "Y" || answer == "yes"))) {
    return absl::OkStatus();
  }
  return Error(absl::StatusCode::kCancelled, "NOT_CONFIRMED",
               "Not confirmed; nothing was changed.");
}

}  // namespace mailquench::cli
