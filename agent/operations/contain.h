// What the rooms of a contain share: contain.cc has its steps, contain_parts.cc its parts,
// contain_start.cc its end, leases.cc what the agent does where nobody sends the next part.
#ifndef MAILQUENCH_AGENT_OPERATIONS_CONTAIN_H_
#define MAILQUENCH_AGENT_OPERATIONS_CONTAIN_H_

#include <future>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "agent/mail/mail_system.h"
#include "mailquench/v1/agent_link.pb.h"
#include "mailquench/v1/journal.pb.h"

namespace mailquench::agent {

v1::RelayLock LockOf(const v1::Contain& request);
v1::NdrSilence SilenceOf(const v1::Contain& request);
// What a contain says in place of a silence that another host of the organisation does.
inline constexpr char kSilencedElsewhere[] =
    "Notifications are silenced for the whole organisation, by another of its hosts.";

// The whole of a contain, over all commands that are parts of it. Steps, quarantines and changes
// are recorded under the id of the first of them, so that a part finds what those before it did.
struct ContainUnit {
  v1::Command command;     // That of now, under the unit's id.
  std::string command_id;  // Its own.
  InstanceNames chosen;
  InstanceNames was_running;               // Before the first stop.
  v1::ContainResult so_far;                // Of the parts before.
  bool fresh = false;                      // Nothing of it was done before.
  bool starting = false;                   // This command had begun to start.
  bool of_lease = false;                   // The end of the lease of a part does it, no controller.
  std::optional<v1::ContainResult> ended;  // It did all of it, before this command came.
  // 2 and on: it was swept, but has run since. It is swept and locked once more, beside what was
  // done before.
  int round = 1;

  const std::string& id() const { return command.command_id(); }
  const v1::Contain& request() const { return command.operation().contain(); }
  // "lock", "lock-2".
  std::string Step(absl::string_view name, int of_round) const;
  std::string Step(absl::string_view name) const { return Step(name, round); }
};

// Reads what was queued before the first change, beside the work, so that the stop never waits for
// it.
class Evidence {
 public:
  Evidence(MailSystem& mail, const InstanceNames& instances);
  // Waits for the rest, at most until the time that evidence has is over.
  void Into(v1::ContainResult& result);

 private:
  std::future<absl::StatusOr<v1::QueueSurveyResult>> survey_;
};

}  // namespace mailquench::agent

#endif  // MAILQUENCH_AGENT_OPERATIONS_CONTAIN_H_
