// Steps that a person does: what to do is shown, what was seen is asked for.
#ifndef MAILQUENCH_CLI_CORE_BY_HAND_H_
#define MAILQUENCH_CLI_CORE_BY_HAND_H_

#include <optional>
#include <set>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "cli/core/session.h"
#include "mailquench/v1/runs.pb.h"

namespace mailquench::cli {

// Several lines: what to do, numbered, then what will be asked.
std::string ManualText(const v1::ManualStep& step);

// The command that confirms the step without a terminal.
std::string ConfirmCommand(const v1::ManualStep& step);

// "succeeded", "unchanged", "failed", "refused". Error: INVALID_ARGUMENT/USAGE.
absl::StatusOr<v1::Outcome> ParseOutcome(const std::string& word);

// Asks on the terminal. Nothing: the person wants to answer later, or the input ended.
std::optional<v1::ManualConfirmation> AskAbout(const Session& session, const v1::ManualStep& step);

// What the driver of a run does about steps that wait for a person, each once: with `ask` it shows
// and asks them on the terminal and sends the answers; else it says where they wait. Errors of the
// controller are told, and end nothing: the step waits on.
class HandDesk {
 public:
  HandDesk(Session* session, bool ask) : session_(session), ask_(ask) {}
  void Look(const v1::Run& run);

 private:
  void LookAt(const std::string& run_id, const v1::RunHost& host);
  void Serve(const v1::ManualStep& step);

  Session* const session_;
  const bool ask_;
  std::set<std::pair<std::string, int>> seen_;  // Host id and step.
};

}  // namespace mailquench::cli

#endif  // MAILQUENCH_CLI_CORE_BY_HAND_H_
