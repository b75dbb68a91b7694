// The shell of Exchange: one Windows PowerShell that lives on between calls.
#ifndef MAILQUENCH_AGENT_MAIL_EXCHANGE_POWERSHELL_SESSION_H_
#define MAILQUENCH_AGENT_MAIL_EXCHANGE_POWERSHELL_SESSION_H_

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "agent/mail/exchange/installation.h"
#include "agent/mail/exchange/shell.h"

namespace mailquench::agent::exchange {

struct SessionOptions {
  std::vector<std::string> program;      // Without our arguments. Empty: Windows PowerShell's own.
  std::vector<std::string> environment;  // "NAME=value", see ChildOptions.
  Role role = Role::kMailbox;
  std::string connection_uri;  // "http://ex1.contoso.test/PowerShell/", of a Mailbox server.
  std::string install_path;    // Of an Edge server, whose snap-ins are below it.
  absl::Duration start_timeout = absl::Minutes(2);
  absl::Duration end_timeout = absl::Seconds(5);  // For its own clean end; then it is killed.
  absl::Duration max_age = absl::Hours(1);
  int max_calls = 1000;
  // Bytes of one answer: an exported message of 36 MB in Base64.
  std::size_t max_answer = std::size_t{64} * 1024 * 1024;
  std::size_t max_noise = std::size_t{1024} * 1024;  // Bytes that are none, in one call.
  // After a second failure in a row; then twice as long each time, and twice as long as that
  // failure took, a minute at most. A call that would wait for more than 5 s of it fails at once.
  absl::Duration retry_after = absl::Seconds(1);
};

// Of an installation; the rest as above.
SessionOptions OptionsFor(const Installation& installation);

// Nothing is started before the first call. The end of the object ends the session at the server
// (which counts them: PowerShellMaxConcurrency), then the child and all that it started.
std::unique_ptr<Shell> MakeSession(SessionOptions options);

}  // namespace mailquench::agent::exchange

#endif  // MAILQUENCH_AGENT_MAIL_EXCHANGE_POWERSHELL_SESSION_H_
