// What of the controller's own signals fires now, and of what nothing is known now.
#ifndef MAILQUENCH_CONTROLLER_ESCALATION_OWN_SIGNALS_H_
#define MAILQUENCH_CONTROLLER_ESCALATION_OWN_SIGNALS_H_

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "controller/escalation/hands.h"
#include "controller/escalation/rules.h"
#include "mailquench/v1/escalation.pb.h"
#include "mailquench/v1/fleet.pb.h"

namespace mailquench::controller {

inline constexpr char kQueueGrowingAlert[] = "MailquenchQueueGrowing";
inline constexpr char kAgentLostAlert[] = "MailquenchAgentLost";
inline constexpr char kRelayOpenAlert[] = "MailquenchRelayOpen";
inline constexpr char kSettingDriftAlert[] = "MailquenchSettingDrift";
inline constexpr char kListedAlert[] = "MailquenchListed";
inline constexpr char kObligationOverdueAlert[] = "MailquenchObligationOverdue";

// Messages a minute; none: not known yet.
using QueueGrowth = std::function<std::optional<double>(const std::string& host_id)>;

// What one look has seen. An alert that fired and is in neither set has ended.
struct OwnView {
  std::vector<v1::Alert> firing;      // Labels and annotations alone.
  std::set<std::string> unknown;      // SubjectOf() of alerts that may fire on, and do not begin.
  std::vector<std::string> problems;  // Sentences: what could not be read.
};

// Which alert of what: the same for each look, whatever labels the host has by now. A name alone
// stands for all alerts of that name.
std::string SubjectOf(const v1::Alert& alert);

// Not thread-safe.
class OwnSignals {
 public:
  OwnSignals(EscalationHands* hands, QueueGrowth growth)
      : hands_(hands), growth_(std::move(growth)) {}

  // Agents were listened for from then on: one that has not come back since may only be on its way.
  void ListensSince(absl::Time begin) { began_ = begin; }

  // `probed`: what relay probes have found since the last look, by host id; true: open.
  OwnView Look(const OwnWatchRules& rules,
               const std::map<std::string, bool>& probed,
               absl::Time now);

 private:
  struct Growing {
    absl::Time since, seen;
  };
  void LookAtAgent(const v1::Host& host, const OwnWatchRules& rules, absl::Time now, OwnView* view);
  void LookAtQueue(const v1::Host& host, const OwnWatchRules& rules, absl::Time now, OwnView* view);
  void LookAtListings(OwnView* view);
  void LookAtObligations(const OwnWatchRules& rules, absl::Time now, OwnView* view);

  EscalationHands* const hands_;
  const QueueGrowth growth_;
  absl::Time began_ = absl::InfinitePast();
  std::map<std::string, Growing> growing_;  // By host id.
};

}  // namespace mailquench::controller

#endif  // MAILQUENCH_CONTROLLER_ESCALATION_OWN_SIGNALS_H_
