// Guards of what people have said: pause, what is theirs alone, quiet hours, bulk mail, the budget.
#include <algorithm>

#include "absl/strings/str_cat.h"
#include "controller/escalation/case.h"
#include "controller/escalation/label_text.h"
#include "controller/fleet/selectors.h"

namespace mailquench::controller {
namespace {

std::string Clock(int minute) {
  return absl::StrCat(absl::Dec(minute / 60, absl::kZeroPad2), ":",
                      absl::Dec(minute % 60, absl::kZeroPad2));
}

// "'night' (22:00 to 06:00 Europe/Berlin)"
std::string WindowText(const TimeWindow& window) {
  if (window.once)
    return absl::StrCat("'", window.name, "' (until ",
                        absl::FormatTime("%Y-%m-%d %H:%M UTC", window.end, absl::UTCTimeZone()),
                        ")");
  const std::string times = window.from_minute == window.to_minute
                                ? "the whole day"
                                : Clock(window.from_minute) + " to " + Clock(window.to_minute);
  return absl::StrCat("'", window.name, "' (", times, " ", window.zone.name(), ")");
}

}  // namespace

void HeedPause(const Situation& situation, Case* one) {
  if (!situation.facts.paused) return;
  const std::string why = Shown(situation.facts.pause_reason);
  one->Lower(
      kPropose,
      absl::StrCat("escalation is paused", why.empty() ? "" : " (" + why + ")",
                   ", so nothing starts by itself; a person approves it, or ends the pause"));
}

void HeedOperations(const Situation& situation, Case* one) {
  if (!one->WantsMore()) return;
  const v1::PlanRunRequest& run = one->rule->run;
  if (!situation.facts.operations) {
    one->Lower(kRecord, "it is not known which operations it would run, so it is recorded");
    return;
  }
  const absl::StatusOr<std::vector<v1::Operation>> operations = situation.facts.operations(run);
  if (!operations.ok()) {
    one->decision.page = true;  // Somebody relies on this rule.
    one->Lower(kRecord, absl::StrCat("what the rule would run cannot be run, so it is recorded: ",
                                     std::string(operations.status().message())));
    return;
  }
  one->observes = OnlyObserves(*operations);
  const absl::Status alone = MayStartAlone(*operations);
  if (!alone.ok()) one->Lower(kPropose, std::string(alone.message()));
}

void HeedQuietHours(const Situation& situation, Case* one) {
  for (const TimeWindow& window : situation.rules.quiet_hours) {
    if (!window.Contains(situation.facts.now)) continue;
    one->Lower(kPropose, absl::StrCat("these are the quiet hours ", WindowText(window),
                                      ", in which nothing starts by itself; a person approves it"));
    return;
  }
}

void LeaveBulkMail(const Situation& situation, Case* one) {
  if (one->targets.empty()) return;
  for (const TimeWindow& window : situation.rules.bulk_mail) {
    if (!window.Contains(situation.facts.now)) continue;
    const absl::StatusOr<Selector> selector = Selector::Parse(window.selector);
    const std::vector<std::string> names = one->DropTargets([&](const Target& target) {
      return selector.ok() &&
             selector->Matches({target.host->labels().begin(), target.host->labels().end()});
    });
    if (names.empty()) continue;
    one->Note(absl::StrCat("bulk mail is announced for ", Names(names), " in the window ",
                           WindowText(window),
                           ", so a full queue is no attack there and it is recorded only"));
  }
  if (!one->targets.empty()) return;
  one->decision.taken = kRecord;
  one->decision.without_incident = true;
}

Budget BudgetLeft(const Rules& rules,
                  const std::vector<v1::Escalation>& escalations,
                  absl::Time now) {
  Budget left = {rules.budget_runs, rules.budget_hosts};
  for (const v1::Escalation& escalation : escalations) {
    if (escalation.taken() != v1::ESCALATION_ACTION_START) continue;
    const absl::Time start = LastStart(escalation, now);
    if (start == absl::InfinitePast() || now - start >= rules.budget_per) continue;
    const std::int64_t tries = std::max(1, escalation.tries());
    left.runs -= tries;
    left.hosts -= tries * escalation.hosts_size();
  }
  return {std::max<std::int64_t>(0, left.runs), std::max<std::int64_t>(0, left.hosts)};
}

void HeedBudget(const Situation& situation, Case* one) {
  if (one->decision.wanted != v1::ESCALATION_ACTION_START || one->targets.empty()) return;
  Budget left = situation.budget;
  for (const Decision& earlier : situation.earlier) {
    if (earlier.taken != v1::ESCALATION_ACTION_START) continue;
    left.runs -= 1;
    left.hosts -= earlier.hosts.size();
  }
  const auto hosts = static_cast<std::int64_t>(one->targets.size());
  if (left.runs >= 1 && left.hosts >= hosts) return;
  const Rules& rules = situation.rules;
  one->Lower(kPropose,
             absl::StrCat("the budget of ", Counted(rules.budget_runs, "run"), " and ",
                          Counted(rules.budget_hosts, "host"), " per ", Length(rules.budget_per),
                          " has ", Counted(left.runs, "run"), " and ", Counted(left.hosts, "host"),
                          " left, and this takes 1 run and ", Counted(hosts, "host"),
                          "; a person approves it"));
}

}  // namespace mailquench::controller
