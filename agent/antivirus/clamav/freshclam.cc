#include "agent/antivirus/clamav/freshclam.h"

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "agent/antivirus/antivirus.h"
#include "common/status/error.h"

namespace mailquench::agent::clamav {
namespace {
constexpr std::size_t kMostUpdated = 10;
constexpr int kConnectionFailed = 5;

// The one line that says most: the first error that is not about the whole.
std::string WhyOf(const CommandResult& ran) {
  std::string any;
  for (absl::string_view line : ran.lines) {
    line = absl::StripAsciiWhitespace(line);
    if (!absl::ConsumePrefix(&line, "ERROR: ")) continue;
    if (!absl::StrContains(line, "Update failed")) return Shown(line);
    any = Shown(line);
  }
  return any.empty() ? Shown(absl::StripAsciiWhitespace(ran.error_tail)) : any;
}
}  // namespace

absl::StatusOr<FreshclamResult> FreshclamResultOf(const CommandResult& ran) {
  if (ran.exit_code != 0) {
    const std::string why = WhyOf(ran);
    const bool away = ran.exit_code == kConnectionFailed;
    return Error(away ? absl::StatusCode::kUnavailable : absl::StatusCode::kFailedPrecondition,
                 away ? "MIRROR_AWAY" : "FRESHCLAM_FAILED",
                 absl::StrCat(away ? "no mirror of ClamAV's signatures answers"
                                   : "freshclam could not update the signatures",
                              " (freshclam ended with ", ran.exit_code,
                              why.empty() ? "" : absl::StrCat(": ", why),
                              "); the signatures are as they were; ",
                              away ? "look at DatabaseMirror in freshclam.conf and at this host's "
                                     "way to it"
                                   : "run freshclam by hand on the host"));
  }
  FreshclamResult result;
  for (absl::string_view line : ran.lines) {
    line = absl::StripAsciiWhitespace(line);
    if (absl::StrContains(line, " updated (version") && result.updated.size() < kMostUpdated)
      result.updated.push_back(Shown(line));
    if (absl::StrContains(line, "Clamd successfully notified")) result.notified_clamd = true;
  }
  return result;
}

absl::StatusOr<FreshclamResult> RunFreshclam(const FreshclamOptions& options,
                                             const WorkContext& context) {
  // The freshclam that runs as a daemon holds the lock of its log, with which another one would
  // not begin.
  std::vector<std::string> argv = {options.program, "--stdout", "--log=/dev/null"};
  if (!options.config.empty()) argv.push_back(absl::StrCat("--config-file=", options.config));
  const absl::StatusOr<CommandResult> ran = RunScannerCommand(argv, options.limit, context);
  if (absl::IsNotFound(ran.status()))
    return Error(absl::StatusCode::kNotFound, "NO_FRESHCLAM",
                 absl::StrCat("there is no program ", options.program,
                              " on this host; the signatures are as they were; install it, or name "
                              "it in agent.yaml (clamav: freshclam)"));
  MQ_RETURN_IF_ERROR(ran.status());
  return FreshclamResultOf(*ran);
}

}  // namespace mailquench::agent::clamav
