#include "cli/core/by_hand.h"

#include <istream>
#include <ostream>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "cli/core/duration.h"
#include "cli/output/failure.h"
#include "common/text/harmless.h"
#include "mailquench/v1/runs.grpc.pb.h"

namespace mailquench::cli {
namespace {

constexpr int kTries = 3;  // After that the step is left to `mailquench run confirm`.

bool Waits(const v1::HostStep& step) {
  return step.has_manual_since_time() && step.report().outcome() == v1::OUTCOME_UNSPECIFIED;
}

// One line from the terminal. Nothing: the input has ended.
std::optional<std::string> AskLine(const Session& session, const std::string& prompt) {
  *session.env.err << Harmless(prompt) << std::flush;
  std::string line;
  if (!std::getline(*session.env.in, line)) return std::nullopt;
  absl::StripAsciiWhitespace(&line);
  return line;
}

// The same until there is an answer.
std::optional<std::string> Answer(const Session& session, const std::string& prompt) {
  while (true) {
    std::optional<std::string> line = AskLine(session, prompt);
    if (!line.has_value() || !line->empty()) return line;
  }
}

// A relay is never called closed because somebody pressed a key too often: y or n, and nothing
// else.
std::optional<bool> AskOpened(const Session& session) {
  while (true) {
    const std::optional<std::string> line =
        Answer(session, "    did that let strangers relay? (y or n) ");
    if (!line.has_value()) return std::nullopt;
    if (*line == "y" || *line == "yes") return true;
    if (*line == "n" || *line == "no") return false;
  }
}

bool AskQuestions(const Session& session,
                  const v1::ManualStep& step,
                  v1::ManualConfirmation* said) {
  for (const v1::ManualQuestion& question : step.questions()) {
    const bool unchanged = said->outcome() == v1::OUTCOME_UNCHANGED;
    if (unchanged && !question.also_unchanged()) continue;
    const bool needed = unchanged || said->outcome() == v1::OUTCOME_SUCCEEDED;
    const std::string prompt =
        absl::StrCat("  ", question.key(), " (", question.text(),
                     needed ? "; 'unknown' where it is not known): " : "; empty: untouched): ");
    const std::optional<std::string> value =
        needed ? Answer(session, prompt) : AskLine(session, prompt);
    if (!value.has_value()) return false;
    if (value->empty()) continue;
    v1::ManualNote* note = said->add_notes();
    note->set_key(question.key());
    note->set_value(*value);
    if (!question.relay()) continue;
    const std::optional<bool> open = AskOpened(session);
    if (!open.has_value()) return false;
    if (*open)
      note->set_opened_relay(true);
    else
      note->set_relay_was_closed(true);
  }
  return true;
}

}  // namespace

std::string ManualText(const v1::ManualStep& step) {
  std::string out = absl::StrCat(step.host_name(), " (", step.platform(), "): ", step.operation(),
                                 ", step '", step.step_name(), "' of run ", step.run_id(), "\n");
  int number = 0;
  for (const v1::ManualInstruction& one : step.instructions()) {
    if (one.text().rfind("== ", 0) == 0) {
      absl::StrAppend(&out, "\n", one.text(), "\n");
    } else {
      absl::StrAppend(&out, ++number, ". ", one.text(), "\n");
    }
    if (!one.command().empty()) absl::StrAppend(&out, "       ", one.command(), "\n");
  }
  if (step.questions_size() > 0) absl::StrAppend(&out, "\nNote before you change it:\n");
  for (const v1::ManualQuestion& one : step.questions())
    absl::StrAppend(&out, "  ", one.key(), ": ", one.text(), "\n");
  if (step.verdicts_size() > 0)
    absl::StrAppend(&out, "\nThe verdict is one of ", absl::StrJoin(step.verdicts(), ", "), ".\n");
  return absl::StrCat(out, "\nWaits until ", HumanTime(step.until_time()), ". To say so:\n  ",
                      ConfirmCommand(step), "\n");
}

std::string ConfirmCommand(const v1::ManualStep& step) {
  std::string out = absl::StrCat("mailquench run confirm ", step.run_id(), " ", step.host_name(),
                                 " ", step.step() + 1, " --outcome succeeded --seen TEXT");
  if (step.verdicts_size() > 0)
    absl::StrAppend(&out, " --verdict ", absl::StrJoin(step.verdicts(), "|"));
  for (const v1::ManualQuestion& one : step.questions())
    absl::StrAppend(
        &out, " --before ", one.key(), "=VALUE",
        one.relay() ? absl::StrCat(" --opened-relay|--relay-was-closed ", one.key()) : "");
  return out;
}

absl::StatusOr<v1::Outcome> ParseOutcome(const std::string& word) {
  if (word == "succeeded") return v1::OUTCOME_SUCCEEDED;
  if (word == "unchanged") return v1::OUTCOME_UNCHANGED;
  if (word == "failed") return v1::OUTCOME_FAILED;
  if (word == "refused") return v1::OUTCOME_REFUSED;
  return UsageError(absl::StrCat("'", word,
                                 "' is no outcome that a person says; there are succeeded, "
                                 "unchanged, failed and refused. Nothing was recorded."));
}

std::optional<v1::ManualConfirmation> AskAbout(const Session& session, const v1::ManualStep& step) {
  v1::ManualConfirmation said;
  while (true) {
    const std::optional<std::string> word =
        Answer(session, absl::StrCat(step.host_name(), ", ", step.operation(),
                                     ": succeeded, unchanged, failed, refused, or later? "));
    if (!word.has_value() || *word == "later") return std::nullopt;
    const auto outcome = ParseOutcome(*word);
    if (!outcome.ok()) continue;
    said.set_outcome(*outcome);
    break;
  }
  const std::optional<std::string> seen = Answer(session, "  what was seen: ");
  if (!seen.has_value()) return std::nullopt;
  said.set_seen(*seen);
  const bool well =
      said.outcome() == v1::OUTCOME_SUCCEEDED || said.outcome() == v1::OUTCOME_UNCHANGED;
  if (well && step.verdicts_size() > 0) {
    const std::optional<std::string> verdict =
        Answer(session, absl::StrCat("  verdict (", absl::StrJoin(step.verdicts(), ", "), "): "));
    if (!verdict.has_value()) return std::nullopt;
    said.set_verdict(*verdict);
  }
  // Where it failed, some of it may have been changed all the same.
  if (said.outcome() == v1::OUTCOME_REFUSED) return said;
  if (!AskQuestions(session, step, &said)) return std::nullopt;
  return said;
}

void HandDesk::Look(const v1::Run& run) {
  for (const v1::RunHost& host : run.hosts()) LookAt(run.run_id(), host);
}

void HandDesk::LookAt(const std::string& run_id, const v1::RunHost& host) {
  std::set<int> fresh;
  for (const v1::HostStep& step : host.steps()) {
    if (Waits(step) && seen_.count({host.host_id(), step.step()}) == 0) fresh.insert(step.step());
  }
  if (fresh.empty()) return;
  v1::ListManualStepsRequest request;
  request.set_run_id(run_id);
  request.set_host(host.host_id());
  const auto steps = session_->Call(&v1::Runs::Stub::ListManualSteps, request);
  if (!steps.ok()) {  // Asked again when the run tells of itself the next time.
    PrintError(*session_, steps.status());
    return;
  }
  for (const int step : fresh) seen_.insert({host.host_id(), step});
  for (const v1::ManualStep& step : steps->steps()) {
    if (step.host_id() != host.host_id() || fresh.count(step.step()) == 0) continue;
    if (ask_) {
      Serve(step);
      continue;
    }
    session_->Tell(absl::StrCat(step.host_name(), "  ", step.operation(),
                                " waits for a person until ", HumanTime(step.until_time()),
                                "; 'mailquench run manual ", step.run_id(), "' shows what to do"));
  }
}

void HandDesk::Serve(const v1::ManualStep& step) {
  *session_->env.err << "\n" << HarmlessLines(ManualText(step)) << "\n" << std::flush;
  for (int i = 0; i < kTries; ++i) {
    const std::optional<v1::ManualConfirmation> said = AskAbout(*session_, step);
    if (!said.has_value()) break;
    v1::ConfirmManualStepRequest request;
    request.set_run_id(step.run_id());
    request.set_host(step.host_id());
    request.set_step(std::to_string(step.step() + 1));
    *request.mutable_confirmation() = *said;
    request.set_this_host_only(true);
    const auto run = session_->Call(&v1::Runs::Stub::ConfirmManualStep, request);
    if (run.ok()) return;
    PrintError(*session_, run.status());
    // Only what was said wrongly can be said better.
    if (run.status().code() != absl::StatusCode::kInvalidArgument) break;
  }
  session_->Tell(absl::StrCat("it waits on; say so later with: ", ConfirmCommand(step)));
}

}  // namespace mailquench::cli
