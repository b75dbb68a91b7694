// What the Exchange mail system asks of Windows PowerShell. One implementation is powershell/, over
// a child process; tests of single parts have their own.
#ifndef MAILQUENCH_AGENT_MAIL_EXCHANGE_SHELL_H_
#define MAILQUENCH_AGENT_MAIL_EXCHANGE_SHELL_H_

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace mailquench::agent::exchange {

struct Switch {};  // -Name and no value.
struct Null {};    // $null
using Value = std::variant<Switch, Null, bool, std::int64_t, std::string, std::vector<std::string>>;

struct Cmdlet {
  std::string name;  // "Get-Queue"; letters and one hyphen, else the call is refused.
  std::vector<std::pair<std::string, Value>> parameters;
};

// A literal pipeline: an endpoint without a language takes nothing else (A9).
struct Pipeline {
  std::vector<Cmdlet> cmdlets;
  // Properties of what comes out, each cast to text: a date is ISO 8601 in UTC, an enumeration its
  // name, a collection a list, an array of bytes Base64. Empty: what comes out is thrown away.
  std::vector<std::string> fields;
  bool local = false;  // One of Windows' own cmdlets: not for the endpoint.
};

struct Cell {
  bool null = true;
  bool list = false;               // A collection, also of one.
  std::vector<std::string> texts;  // Of what is no list: one.
  // Of one text; "" where it is null.
  const std::string& text() const {
    static const std::string none;
    return texts.empty() ? none : texts.front();
  }
};
using Row = std::map<std::string, Cell>;

struct Answer {
  std::vector<Row> rows;
  std::vector<std::string> warnings;  // Of the warning stream, in its order.
  std::string noise;  // How what else was printed begins, for a log; it is no part of the answer.
};

struct ShellFacts {
  std::string version;           // Of PowerShell: "5.1.17763.1"
  std::string language_mode;     // "FullLanguage"
  std::string execution_policy;  // "RemoteSigned"
  bool is_64_bit = false;
  bool endpoint = false;  // An endpoint without a language, as on a Mailbox server; else snap-ins.
};

// Calls block, one at a time; thread-safe. One that its thread made Interruptible ends early, as if
// the shell had ended.
class Shell {
 public:
  virtual ~Shell() = default;

  // Errors: kInvalidArgument/BAD_COMMAND (not sent); kAborted/CMDLET_FAILED, where the cmdlet said
  // so: its words and its error id are in the message; kNotFound/OBJECT_NOT_FOUND;
  // kPermissionDenied/NOT_IN_ROLE (RBAC hides the cmdlet or the parameter); kFailedPrecondition/
  // ASKED_FOR_CONFIRMATION; and those after which nobody knows whether the work was done, so that
  // who changes something reads it again: kDeadlineExceeded/SHELL_TIMED_OUT,
  // kUnavailable/SHELL_ENDED, kUnavailable/SESSION_LOST, kDataLoss/SHELL_SPOKE_RUBBISH.
  // kUnavailable/NO_SHELL and kFailedPrecondition/SHELL_RESTRICTED: it could not be started,
  // nothing was sent.
  virtual absl::StatusOr<Answer> Run(const Pipeline& pipeline, absl::Time deadline) = 0;

  virtual absl::StatusOr<ShellFacts> Facts(absl::Time deadline) = 0;

  // Whether it works on a call now, and the next would wait.
  virtual bool Busy() { return false; }
};

}  // namespace mailquench::agent::exchange

#endif  // MAILQUENCH_AGENT_MAIL_EXCHANGE_SHELL_H_
