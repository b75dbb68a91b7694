// What was decided before and is judged anew: late beginnings, second tries, and how it went.
#include <algorithm>
#include <set>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/status/error.h"
#include "controller/escalation/engine.h"
#include "controller/store/times.h"

namespace mailquench::controller {
namespace {

// What is run, wherever.
std::string RunOf(v1::PlanRunRequest request) {
  request.clear_hosts();
  request.clear_incident_id();
  request.clear_skip_agents();
  return request.SerializeAsString();
}

// Its run is for those of its hosts that the decision names. False, and as it was: for none, or the
// rule runs something else by now, of which the guards have been asked.
bool NarrowTo(const Decision& decision, v1::Escalation* escalation) {
  if (RunOf(decision.request) != RunOf(escalation->request())) return false;
  const std::set<std::string> before(escalation->request().hosts().begin(),
                                     escalation->request().hosts().end());
  std::vector<std::string> left;
  for (const std::string& host : decision.request.hosts()) {
    if (before.count(host) > 0) left.push_back(host);
  }
  if (left.empty()) return false;
  escalation->mutable_request()->clear_hosts();
  for (const std::string& host : left) escalation->mutable_request()->add_hosts(host);
  return true;
}

}  // namespace

// Of the alerts that still fire: what its rule would do about them now. A first try that did not
// begin has used nothing; what a first try has used of the budget is used.
absl::StatusOr<Decision> Escalator::JudgeAgain(const v1::Escalation& escalation) {
  const std::shared_ptr<const EscalationConfig> config = Config();
  MQ_ASSIGN_OR_RETURN(const auto records, store_->FiringOfEscalation(escalation.escalation_id()));
  std::vector<v1::Alert> firing;
  for (const v1::AlertRecord& record : records) {
    firing.push_back(record.alert());
    firing.back().set_group_key(escalation.group_key());  // They were decided together.
  }
  MQ_ASSIGN_OR_RETURN(DecisionFacts facts, FactsOfNow(config->rules, firing));
  facts.changes.clear();
  facts.retried = escalation.escalation_id();
  if (escalation.tries() == 0) {
    facts.escalations.erase(std::remove_if(facts.escalations.begin(), facts.escalations.end(),
                                           [&](const v1::Escalation& one) {
                                             return one.escalation_id() == facts.retried;
                                           }),
                            facts.escalations.end());
  }
  const std::vector<Decision> decisions = Decide(config->rules, firing, facts);
  Decision none;
  none.reasons = {"its rule would not start it any more"};
  for (const Decision& decision : decisions) {
    if (decision.rule == escalation.rule()) return decision;
  }
  return none;
}

// It was decided and has not begun, by a crash or since it could not. Much may have changed.
absl::Status Escalator::BeginLate(v1::Escalation* escalation) {
  const absl::StatusOr<std::string> run = store_->RunOfRequest(RequestIdOf(*escalation));
  if (run.ok()) return Begin(escalation);  // Only the word of it was lost.
  if (!absl::IsNotFound(run.status())) return run.status();
  if (!escalation->approved_by().empty()) {
    if (clock_->Now() < TimeOf(escalation->expire_time())) return Begin(escalation);
    Finish(escalation, v1::ESCALATION_STATE_EXPIRED,
           "it was approved and could not be started in time; nothing was started");
    MQ_RETURN_IF_ERROR(Put(*escalation));
    TellState(*escalation);
    return absl::OkStatus();
  }
  MQ_ASSIGN_OR_RETURN(const Decision decision, JudgeAgain(*escalation));
  if (decision.taken == v1::ESCALATION_ACTION_START && NarrowTo(decision, escalation))
    return Begin(escalation);
  return ProposeInstead(escalation, absl::StrJoin(decision.reasons, "; "));
}

absl::Status Escalator::ProposeInstead(v1::Escalation* escalation, const std::string& why) {
  v1::PlanRunRequest quick = escalation->request();
  quick.set_skip_agents(true);
  const absl::StatusOr<v1::Plan> plan = hands_->PlanFor(quick, escalation->requested_by());
  if (plan.ok()) {
    escalation->set_state(v1::ESCALATION_STATE_PROPOSED);
    escalation->set_taken(v1::ESCALATION_ACTION_PROPOSE);
    *escalation->mutable_plan() = *plan;
    escalation->clear_next_try_time();
    StampTime(clock_->Now() + Config()->rules.approval_expires, escalation->mutable_expire_time());
    escalation->add_reasons(absl::StrCat("it did not begin at once, and now: ", why));
    Say(escalation, escalation->reasons(escalation->reasons_size() - 1));
  } else {
    escalation->set_paged(true);
    Finish(escalation, v1::ESCALATION_STATE_FAILED,
           absl::StrCat("it did not begin, and now it cannot be planned: ",
                        std::string(plan.status().message())));
  }
  MQ_RETURN_IF_ERROR(Put(*escalation));
  TellState(*escalation);
  WakeOutside();
  return absl::OkStatus();
}

// The second try is for the hosts whose alerts still fire.
absl::Status Escalator::TryAgain(v1::Escalation* escalation) {
  MQ_ASSIGN_OR_RETURN(const v1::Run before,
                      hands_->RunNow(escalation->run_ids(escalation->run_ids_size() - 1)));
  // A host that was out of reach may have told its end meanwhile.
  if (before.state() == v1::RUN_STATE_SUCCEEDED) return Ended(escalation, before);
  MQ_ASSIGN_OR_RETURN(const Decision decision, JudgeAgain(*escalation));
  if (decision.taken == v1::ESCALATION_ACTION_START && NarrowTo(decision, escalation))
    return Begin(escalation);
  escalation->set_paged(true);
  Finish(escalation, v1::ESCALATION_STATE_FAILED,
         absl::StrCat("it is not tried again by itself: ", absl::StrJoin(decision.reasons, "; ")));
  MQ_RETURN_IF_ERROR(Put(*escalation));
  TellState(*escalation);
  return absl::OkStatus();
}

// Those that still fire for a host on which it has run. Alerts of hosts that it left alone say
// nothing of how well it went. Where it is not known by which label monitoring names its hosts, all
// count.
absl::StatusOr<std::int64_t> Escalator::FiringOnItsHosts(const v1::Escalation& escalation) {
  std::set<std::pair<std::string, std::string>> known;
  for (const v1::EscalationHost& host : escalation.hosts()) {
    if (host.label_name().empty()) return escalation.firing_count();
    known.emplace(host.label_name(), host.label_value());
  }
  MQ_ASSIGN_OR_RETURN(const auto firing, store_->FiringOfEscalation(escalation.escalation_id()));
  return std::count_if(firing.begin(), firing.end(), [&](const v1::AlertRecord& record) {
    const auto& labels = record.alert().labels();
    return std::any_of(labels.begin(), labels.end(), [&](const auto& label) {
      return known.count({label.first, label.second});
    });
  });
}

}  // namespace mailquench::controller
