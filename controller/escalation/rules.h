// What may follow an alert, and what stands against it: the file escalation.yaml.
#ifndef MAILQUENCH_CONTROLLER_ESCALATION_RULES_H_
#define MAILQUENCH_CONTROLLER_ESCALATION_RULES_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "mailquench/v1/escalation.pb.h"
#include "mailquench/v1/fleet.pb.h"

namespace mailquench::controller {

// One matcher in Alertmanager's syntax: name = "v", name != v, name =~ "v|w", name !~ "v"; regular
// expressions are anchored (RE2). A label that is not there is "". Quotes and escapes as
// Alertmanager 0.25 reads them (its pkg/labels/parse.go). Immutable.
class Matcher {
 public:
  // kInvalidArgument/BAD_MATCHER; at most 1 KiB.
  static absl::StatusOr<Matcher> Parse(const std::string& text);
  bool Matches(const google::protobuf::Map<std::string, std::string>& labels) const;
  // Whether it holds wherever all of `others` hold, as far as that can be told: one of them is the
  // same, or demands a value that this one takes.
  bool FollowsFrom(const std::vector<Matcher>& others) const;
  const std::string& text() const { return text_; }

 private:
  std::string text_;
  std::string label_;
  std::string operator_;
  std::string value_;
  std::function<bool(const std::string&)> test_;
};

// Times that come again, or once. Local to its time zone; `to` before `from` ends the next day.
struct TimeWindow {
  std::string name;
  std::vector<int> days;  // 1 Monday .. 7 Sunday, of its beginning; empty: every day.
  int from_minute = 0;    // Of the day.
  int to_minute = 0;      // The same as from_minute: the whole day.
  absl::Time begin = absl::InfinitePast();  // Instead of all that: once, from here
  absl::Time end = absl::InfiniteFuture();  // to here.
  bool once = false;
  absl::TimeZone zone = absl::UTCTimeZone();
  std::string selector;  // bulk_mail: of these hosts; empty: of all.
  bool Contains(absl::Time time) const;
};

struct Rule {
  std::string name;
  std::vector<Matcher> match;  // All of them.
  // Which hosts: `host_label` names one (by name, address, listener or helo name, a port is cut
  // off), or `selector` some, with ${label} of the alert in it. Neither: none, and the rule can
  // only record.
  std::string host_label;
  std::string selector;
  v1::EscalationAction action = v1::ESCALATION_ACTION_RECORD;
  v1::PlanRunRequest run;  // Playbook or operation, and parameters; without hosts.
  std::string title;       // Of the incident, with ${label}; empty: made of the rule and the alert.
  int max_hosts = 10;      // More are proposed, not started.
  absl::Duration cooldown = absl::Hours(1);   // Per fingerprint, from its last start.
  absl::Duration verify = absl::Minutes(15);  // For its alerts to resolve after the run.
  absl::Duration retry_after =
      absl::Minutes(5);  // After a run that failed; the second failure pages.
  bool silence = true;   // While its run goes on.
};

struct KeepAccepting {
  std::string label;  // Hosts with the same value of it are a group.
  int at_least = 1;
};

struct OwnWatchRules {
  bool enabled = true;
  std::int64_t queue_above = 1000;              // Messages, and
  double queue_growth = 50;                     // messages a minute,
  absl::Duration queue_for = absl::Minutes(2);  // for this long.
  absl::Duration agent_lost = absl::Minutes(5);
  absl::Duration obligation_overdue = absl::Hours(72);
};

struct Rules {
  std::string file;
  std::string text;
  std::vector<Rule> rules;  // The first that matches is the one.
  int budget_runs = 4;      // That start by themselves within budget_per.
  int budget_hosts = 20;
  absl::Duration budget_per = absl::Hours(1);
  int flap_changes =
      4;  // That many beginnings and ends within flap_within: nothing starts by itself.
  absl::Duration flap_within = absl::Minutes(30);
  std::vector<KeepAccepting> keep_accepting;
  std::vector<TimeWindow> quiet_hours;  // Nothing starts by itself: it is proposed.
  std::vector<TimeWindow> bulk_mail;    // What matches is recorded at most.
  absl::Duration approval_expires = absl::Minutes(30);
  bool other_person = true;  // The approver is not the requester.
  OwnWatchRules own;

  // How far back a decision has to look: the longest cooldown, budget_per, flap_within.
  absl::Duration Memory() const;
};

// Sections `notifications` and `alertmanagers` are not read here, and are no error. Errors:
// kInvalidArgument/BAD_RULES with file, line and column. An empty text is a file without rules.
absl::StatusOr<Rules> ParseRules(const std::string& file, const std::string& text);

// What only a fleet and its playbooks can tell: names that no playbook has, operations that may not
// start by themselves, selectors that match no host. `operations` resolves a run.
struct RuleFindings {
  std::vector<std::string> errors;
  std::vector<std::string> warnings;
};
using OperationsOf =
    std::function<absl::StatusOr<std::vector<v1::Operation>>(const v1::PlanRunRequest&)>;
RuleFindings CheckRules(const Rules& rules,
                        const std::vector<v1::Host>& hosts,
                        const OperationsOf& operations);

// Whether a rule may start it without a person: it observes, or it can be undone and gives nothing
// back (restore, release, unblock and service.start are a person's). Else why not.
absl::Status MayStartAlone(const std::vector<v1::Operation>& operations);

}  // namespace mailquench::controller

#endif  // MAILQUENCH_CONTROLLER_ESCALATION_RULES_H_
