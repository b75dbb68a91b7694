// One PowerShell child and what is said with it. Belongs to one thread at a time.
#ifndef MAILQUENCH_AGENT_MAIL_EXCHANGE_POWERSHELL_CONVERSATION_H_
#define MAILQUENCH_AGENT_MAIL_EXCHANGE_POWERSHELL_CONVERSATION_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "agent/mail/exchange/powershell/protocol.h"
#include "agent/mail/exchange/powershell/session.h"
#include "agent/mail/exchange/shell.h"
#include "agent/os/child.h"

namespace mailquench::agent::exchange {

class Conversation {
 public:
  // Starts the child and hears its facts; nothing is connected by that. Errors:
  // kUnavailable/NO_SHELL, kFailedPrecondition/SHELL_RESTRICTED.
  static absl::StatusOr<std::unique_ptr<Conversation>> Start(const SessionOptions& options,
                                                             absl::Time deadline);

  // Errors: SHELL_TIMED_OUT, SHELL_ENDED, SHELL_SPOKE_RUBBISH; then it must be thrown away. What a
  // cmdlet says is in the reply.
  absl::StatusOr<Reply> Ask(const std::string& text, const Pipeline& pipeline, absl::Time deadline);

  bool Ended() { return child_->AwaitEnd(absl::InfinitePast()); }
  // Lets it close its session; kills it where that takes longer.
  void End();

  const ShellFacts& facts() const { return facts_; }
  absl::Time begin() const { return begin_; }
  std::int64_t calls() const { return last_id_; }
  // How what it printed beside its last answer begins.
  const std::string& noise() const { return noise_; }

 private:
  Conversation(const SessionOptions& options, std::unique_ptr<Child> child, std::string mark);
  // The rest of the next line that begins with the mark. Other lines are noted.
  absl::StatusOr<std::string> NextMarked(absl::Time deadline);
  absl::Status Hear(absl::Time deadline);
  absl::Status Wrong(const absl::Status& status, const std::string& text, absl::Time asked);
  // What it said that is no answer, for a sentence; may be empty.
  std::string Aside();

  const SessionOptions& options_;
  std::unique_ptr<Child> child_;
  std::string mark_;
  ShellFacts facts_;
  absl::Time begin_;
  std::int64_t last_id_ = 0;
  std::size_t noise_size_ = 0;
  std::string noise_;  // How the first of it begins.
};

}  // namespace mailquench::agent::exchange

#endif  // MAILQUENCH_AGENT_MAIL_EXCHANGE_POWERSHELL_CONVERSATION_H_
