#include "agent/antivirus/run_command.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "agent/antivirus/antivirus.h"
#include "agent/os/child.h"
#include "common/status/error.h"

namespace mailquench::agent {
namespace {
constexpr std::size_t kMostLines = 10'000;
constexpr std::size_t kLongestLine = std::size_t{64} * 1024;
constexpr std::size_t kKeptOfLine = 4096;
constexpr absl::Duration kLook = absl::Milliseconds(250);
}  // namespace

absl::StatusOr<CommandResult> RunScannerCommand(const std::vector<std::string>& argv,
                                                absl::Duration limit,
                                                const WorkContext& context,
                                                const LineVisitor& each) {
  if (argv.empty()) return absl::InvalidArgumentError("no program to run");
  const absl::Time until = absl::Now() + limit;
  MQ_ASSIGN_OR_RETURN(const std::unique_ptr<Child> child, Child::Start(argv));
  child->CloseInput();
  CommandResult result;
  bool reads = true;
  for (;;) {
    const absl::Status wanted = CheckWork(context);
    if (!wanted.ok()) {
      child->Kill();
      return wanted;
    }
    if (absl::Now() >= until) {
      child->Kill();
      return Error(absl::StatusCode::kDeadlineExceeded, "COMMAND_TIMED_OUT",
                   absl::StrCat(Shown(argv[0]), " did not end within ", absl::FormatDuration(limit),
                                " and was killed"));
    }
    if (!reads) {
      if (child->AwaitEnd(absl::Now() + kLook)) break;
      continue;
    }
    absl::StatusOr<std::string> line = child->ReadLine(kLongestLine, absl::Now() + kLook);
    if (absl::IsDeadlineExceeded(line.status())) continue;
    if (!line.ok()) {  // Its output has ended, or has a line without an end.
      result.unread = absl::IsResourceExhausted(line.status());
      reads = false;
      // The last word of many a program has no line break.
      line = absl::IsUnavailable(line.status()) ? child->Remainder() : "";
      if (line->empty()) continue;
    }
    if (each) each(*line);
    result.last_line = line->substr(0, kKeptOfLine);
    if (result.lines.size() < kMostLines) result.lines.push_back(result.last_line);
  }
  result.exit_code = child->exit_code().value_or(-1);
  result.error_tail = child->ErrorTail();
  return result;
}

}  // namespace mailquench::agent
