// What hosts share with each other: the organisation's settings, and copies of each other's mail.
#ifndef MAILQUENCH_AGENT_MAIL_EXCHANGE_BELONGING_H_
#define MAILQUENCH_AGENT_MAIL_EXCHANGE_BELONGING_H_

#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "agent/mail/exchange/installation.h"
#include "agent/mail/exchange/shell.h"

namespace mailquench::agent::exchange {

// Of an Edge server all of it is empty: it shares nothing.
struct Belonging {
  std::string organisation;          // "Contoso 3f2504e0-..."
  std::string transport_group;       // "dag:DAG1", else "site:NAME"
  std::vector<std::string> members;  // Short names of the group's servers, itself among them.
};

// Complete, or an error: a question without an answer is never taken for "no". Nothing is asked on
// an Edge server. Errors: those of the shell; kDataLoss/SHELL_SPOKE_RUBBISH where an answer does
// not say what was asked.
absl::StatusOr<Belonging> FindBelonging(Shell& shell,
                                        const Installation& installation,
                                        absl::Time deadline);

// The last complete answer, in a file, too, so that a host whose shell is down still knows its
// group. Thread-safe; asks without a lock.
class KnownBelonging {
 public:
  // The shell outlives it. `file`: its folder is there.
  KnownBelonging(Shell& shell, Installation installation, std::string file);

  // Asks where nothing was asked for `age`. Where that fails: what is known, however old. Errors:
  // those of FindBelonging(), where nothing is known.
  absl::StatusOr<Belonging> Get(absl::Duration age, absl::Time deadline);
  // Asks only where nothing is known.
  absl::StatusOr<Belonging> GetKnown(absl::Time deadline);
  // Asks nobody. Empty where nothing is known.
  Belonging Known();

 private:
  Shell& shell_;
  const Installation installation_;
  const std::string file_;
  std::mutex lock_;  // Guards what follows.
  std::optional<Belonging> known_;
  absl::Time asked_ = absl::InfinitePast();
};

}  // namespace mailquench::agent::exchange

#endif  // MAILQUENCH_AGENT_MAIL_EXCHANGE_BELONGING_H_
