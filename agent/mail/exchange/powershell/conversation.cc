#include "agent/mail/exchange/powershell/conversation.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/clock.h"
#include "agent/mail/exchange/powershell/bootstrap.h"
#include "agent/os/interruptible.h"
#include "common/identity/secrets.h"
#include "common/status/error.h"

namespace mailquench::agent::exchange {
namespace {
constexpr absl::Duration kSlice = absl::Milliseconds(250);

std::string Begin(absl::string_view text, std::size_t size) {
  return absl::CHexEscape(text.substr(0, size));
}

// A line, or the end of who waits for it.
absl::StatusOr<std::string> LineOf(Child& child, std::size_t most, absl::Time deadline) {
  if (!Interruptible::IsThere()) return child.ReadLine(most, deadline);
  while (true) {
    if (Interruptible::IsOver())
      return absl::UnavailableError("the agent ends, and waits for no answer");
    const absl::Time until = std::min(deadline, absl::Now() + kSlice);
    absl::StatusOr<std::string> line = child.ReadLine(most, until);
    if (!absl::IsDeadlineExceeded(line.status()) || until == deadline) return line;
  }
}

// Nothing was sent yet.
absl::Status NotStarted(absl::string_view why) {
  return Error(absl::StatusCode::kUnavailable, "NO_SHELL",
               absl::StrCat("Windows PowerShell could not be started: ", why,
                            "; nothing was sent to Exchange"));
}

absl::Status CheckFacts(const ShellFacts& facts) {
  const auto restricted = [](absl::string_view what) {
    return Error(absl::StatusCode::kFailedPrecondition, "SHELL_RESTRICTED",
                 absl::StrCat(what, "; nothing was sent to Exchange"));
  };
  if (facts.language_mode != "FullLanguage")
    return restricted(absl::StrCat(
        "Windows PowerShell runs in ", facts.language_mode,
        " for the agent's account, and the agent needs FullLanguage: allow the agent's account in "
        "AppLocker or App Control (or remove __PSLockdownPolicy)"));
  if (facts.execution_policy == "Restricted" || facts.execution_policy == "AllSigned")
    return restricted(absl::StrCat("the execution policy of Windows PowerShell is ",
                                   facts.execution_policy,
                                   ", by group policy, since the agent asks for RemoteSigned: set "
                                   "'Turn on Script Execution' to "
                                   "local scripts and remote signed scripts for this server"));
  return absl::OkStatus();
}
}  // namespace

Conversation::Conversation(const SessionOptions& options,
                           std::unique_ptr<Child> child,
                           std::string mark)
    : options_(options), child_(std::move(child)), mark_(std::move(mark)), begin_(absl::Now()) {}

absl::StatusOr<std::unique_ptr<Conversation>> Conversation::Start(const SessionOptions& options,
                                                                  absl::Time deadline) {
  // Nobody else can say a line that begins so.
  std::string mark = absl::StrCat("mq-", identity::RandomToken(8), " ");
  ChildOptions surroundings;
  surroundings.environment = options.environment;
  surroundings.environment.push_back(absl::StrCat("MAILQUENCH_MARK=", mark));
  surroundings.environment.push_back(options.role == Role::kEdge
                                         ? absl::StrCat("MAILQUENCH_EDGE=", options.install_path)
                                         : absl::StrCat("MAILQUENCH_URI=", options.connection_uri));
  auto child = Child::Start(BootstrapCommand(options.program), surroundings);
  if (!child.ok()) return NotStarted(child.status().message());
  std::unique_ptr<Conversation> made(new Conversation(options, *std::move(child), std::move(mark)));
  MQ_RETURN_IF_ERROR(made->Hear(std::min(deadline, absl::Now() + options.start_timeout)));
  return made;
}

absl::Status Conversation::Hear(absl::Time deadline) {
  const absl::StatusOr<std::string> line = NextMarked(deadline);
  if (!line.ok()) {
    child_->Kill();
    return NotStarted(absl::StrCat(
        "it did not say what it is (", line.status().message(),
        child_->exit_code() ? absl::StrCat("; it ended with ", *child_->exit_code()) : "", ")",
        Aside()));
  }
  std::optional<ShellFacts> facts = ParseFacts(*line);
  if (!facts) return NotStarted(absl::StrCat("it said '", Begin(*line, 200), "'", Aside()));
  facts_ = *std::move(facts);
  facts_.endpoint = options_.role == Role::kMailbox;
  return CheckFacts(facts_);
}

absl::StatusOr<std::string> Conversation::NextMarked(absl::Time deadline) {
  while (true) {
    MQ_ASSIGN_OR_RETURN(std::string line, LineOf(*child_, options_.max_answer, deadline));
    if (absl::StartsWith(line, mark_)) return line.substr(mark_.size());
    noise_size_ += line.size() + 1;
    if (noise_.empty()) noise_ = line.substr(0, 200);
    if (noise_size_ > options_.max_noise)
      return absl::ResourceExhaustedError("it prints without an end");
  }
}

absl::StatusOr<Reply> Conversation::Ask(const std::string& text,
                                        const Pipeline& pipeline,
                                        absl::Time deadline) {
  noise_size_ = 0;
  noise_.clear();
  const std::int64_t id = ++last_id_;
  const absl::Time asked = absl::Now();
  const absl::Status sent = child_->Write(RequestLine(id, text, pipeline), deadline);
  if (!sent.ok()) return Wrong(sent, text, asked);
  while (true) {
    const absl::StatusOr<std::string> line = NextMarked(deadline);
    if (!line.ok()) return Wrong(line.status(), text, asked);
    std::optional<Reply> reply = ParseReply(*line, id, pipeline.fields);
    if (!reply || reply->id > id)
      return Wrong(absl::DataLossError(absl::StrCat("it said '", Begin(*line, 200), "'")), text,
                   asked);
    if (reply->id == id) return *std::move(reply);
    noise_size_ += line->size();  // An answer to something older: nobody waits for it any more.
  }
}

absl::Status Conversation::Wrong(const absl::Status& status,
                                 const std::string& text,
                                 absl::Time asked) {
  child_->Kill();
  const std::string after =
      absl::StrCat("'", absl::string_view(text).substr(0, 300), "'", Aside(),
                   "; it was killed, and nobody knows whether that was done, so read it again");
  if (absl::IsDeadlineExceeded(status))
    return Error(
        absl::StatusCode::kDeadlineExceeded, "SHELL_TIMED_OUT",
        absl::StrCat("Windows PowerShell did not answer within ",
                     absl::FormatDuration(absl::Trunc(absl::Now() - asked, absl::Milliseconds(1))),
                     " (", status.message(), ") to ", after));
  if (absl::IsUnavailable(status))
    return Error(
        absl::StatusCode::kUnavailable, "SHELL_ENDED",
        absl::StrCat("Windows PowerShell ended",
                     child_->exit_code() ? absl::StrCat(" with ", *child_->exit_code()) : "", " (",
                     status.message(), ") during ", after));
  return Error(absl::StatusCode::kDataLoss, "SHELL_SPOKE_RUBBISH",
               absl::StrCat("Windows PowerShell did not answer in a way that can be read (",
                            status.message(), ") to ", after));
}

std::string Conversation::Aside() {
  std::string aside;
  const std::string tail = child_->ErrorTail();
  const absl::string_view words = absl::StripAsciiWhitespace(tail);
  if (!words.empty())
    absl::StrAppend(&aside, "; its error stream ends with '",
                    absl::CHexEscape(words.size() > 500 ? words.substr(words.size() - 500) : words),
                    "'");
  if (!noise_.empty())
    absl::StrAppend(&aside, "; it also printed ", noise_size_, " bytes, which begin with '",
                    absl::CHexEscape(noise_), "'");
  return aside;
}

void Conversation::End() {
  child_->CloseInput();
  (void)child_->AwaitEnd(absl::Now() + options_.end_timeout);
  child_->Kill();
}

}  // namespace mailquench::agent::exchange
