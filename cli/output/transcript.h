// The live progress of a run as lines: one a host and step when something changes, grouped by host,
// never interleaved.
#ifndef MAILQUENCH_CLI_OUTPUT_TRANSCRIPT_H_
#define MAILQUENCH_CLI_OUTPUT_TRANSCRIPT_H_

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "cli/output/guard.h"
#include "cli/output/printer.h"
#include "mailquench/v1/runs.pb.h"

namespace mailquench::cli {

// One line, harmless; `word` may have a colour of its own.
struct Line {
  std::string before, word, after;
  Colour colour = Colour::kNone;
  std::string Text() const { return before + word + after; }
};

class Transcript {
 public:
  // The lines that `event` adds to what was said before.
  std::vector<Line> Update(const v1::RunEvent& event);

 private:
  std::map<std::pair<std::string, int>, std::string> said_;
  std::string last_text_;
};

// "12 hosts: 10 succeeded, 1 failed, 1 unreachable; 3.2 s; run RUN_ID".
std::string SummaryLine(const v1::Run& run);

// One row a host: name, outcome, seconds, what happened.
Table RunTable(const v1::Run& run);

// One row a step that a host would take.
Table PlanTable(const v1::Plan& plan);

std::string OutcomeWord(v1::Outcome outcome);

}  // namespace mailquench::cli

#endif  // MAILQUENCH_CLI_OUTPUT_TRANSCRIPT_H_
