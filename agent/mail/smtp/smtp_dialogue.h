// A real SMTP conversation that finds out whether a server relays for a stranger. It ends before
// DATA: no mail is sent.
#ifndef MAILQUENCH_AGENT_MAIL_SMTP_SMTP_DIALOGUE_H_
#define MAILQUENCH_AGENT_MAIL_SMTP_SMTP_DIALOGUE_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "mailquench/v1/operations.pb.h"

namespace mailquench::agent {

struct DialogueRequest {
  std::string helo = "probe.mailquench.invalid";
  std::string sender = "probe@mailquench.invalid";  // "<>" is the null sender.
  std::string recipient =
      "probe@mailquench.invalid";  // In a domain that the target does not serve.
  std::string account;             // Set: AUTH PLAIN, over TLS where it is offered.
  std::string password;
  // TLS before the banner. On port 465 (RFC 8314) it is tried first, and plain SMTP where that
  // does not begin.
  bool tls_wrapper = false;
  absl::Duration timeout = absl::Seconds(10);  // Of the whole conversation.
};

struct DialogueResult {
  bool answered = false;  // The banner was a 220: somebody serves SMTP there.
  std::string banner;     // First reply line, code included.
  bool auth_offered = false;
  bool starttls_offered = false;
  bool tls = false;        // The verdict was given inside TLS.
  int recipient_code = 0;  // Of the reply to RCPT; 0 where it did not come to that.
  v1::RelayVerdict verdict = v1::RELAY_VERDICT_UNKNOWN;
  std::string reply;  // The deciding reply line, or what went wrong in words.
};

// Asks `target` ("192.0.2.1:25" or "[2001:db8::1]:25"; numeric, so that nothing is looked up). The
// verdict is OPEN where the recipient is accepted, CLOSED where relaying is denied or
// authentication is demanded, else UNKNOWN: a refusal for another reason (greylisting, a domain
// that does not exist) proves nothing. TLS certificates are not verified, since nothing secret is
// sent but the account's own password. Blocks; thread-safe. Errors: kInvalidArgument/BAD_TARGET,
// kInvalidArgument/BAD_ADDRESS. What the server does is never an error.
absl::StatusOr<DialogueResult> Dialogue(const std::string& target, const DialogueRequest& request);

// True where a TCP connection to `target` is accepted within `timeout`.
bool Accepts(const std::string& target, absl::Duration timeout);

}  // namespace mailquench::agent

#endif  // MAILQUENCH_AGENT_MAIL_SMTP_SMTP_DIALOGUE_H_
