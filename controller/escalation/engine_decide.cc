// From the inbox to escalations: each alert is decided once, in the commit that says so.
#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/fault/fault_point.h"
#include "common/status/error.h"
#include "controller/escalation/alerts.h"
#include "controller/escalation/engine.h"
#include "controller/store/ids.h"
#include "controller/store/times.h"

namespace mailquench::controller {
namespace {

MQ_DEFINE_FAULT_POINT(kDecided, "escalation.decided");  // And nothing was done about it.

constexpr int kAlertsShown = 100;  // In an escalation; the inbox has all.

std::string Actor(const std::string& rule) {
  return "rule:" + rule;
}

}  // namespace

absl::StatusOr<DecisionFacts> Escalator::FactsOfNow(const Rules& rules,
                                                    const std::vector<v1::Alert>& alerts) {
  DecisionFacts facts;
  facts.now = clock_->Now();
  facts.hosts = hands_->FleetOfNow();
  MQ_ASSIGN_OR_RETURN(facts.escalations, store_->OpenEscalations(facts.now - rules.Memory()));
  MQ_ASSIGN_OR_RETURN(facts.busy, hands_->BusyHosts());
  MQ_ASSIGN_OR_RETURN(facts.incident_of, hands_->IncidentsOfHosts());
  facts.operations = [this](const v1::PlanRunRequest& run) { return hands_->OperationsFor(run); };
  const Pause pause = PauseOfNow();
  facts.paused = pause.paused;
  facts.pause_reason = pause.reason;
  facts.is_open = [this](const std::string& incident_id) {
    const absl::StatusOr<v1::Incident> incident = store_->FindIncident(incident_id);
    return !incident.ok() || incident->state() != v1::INCIDENT_STATE_CLOSED;
  };
  for (const v1::Alert& alert : alerts) {
    const auto [times, is_new] = facts.changes.try_emplace(alert.fingerprint());
    if (!is_new) continue;
    MQ_ASSIGN_OR_RETURN(const auto came,
                        store_->AlertTimes(alert.fingerprint(), rules.flap_changes + 1));
    for (const absl::Time time : came) {
      if (time >= facts.now - rules.flap_within) times->second.push_back(time);
    }
    std::sort(times->second.begin(), times->second.end());
  }
  return facts;
}

absl::Status Escalator::TakeUp(std::vector<v1::AlertRecord> records) {
  const std::shared_ptr<const EscalationConfig> config = Config();
  std::vector<v1::Alert> firing;
  std::set<std::string> over;  // Alert keys whose end came before anybody looked.
  for (const v1::AlertRecord& record : records) {
    // A flood that no rule wants is to cost little more than its inbox.
    if (record.alert().status() != v1::ALERT_STATUS_FIRING ||
        RuleFor(config->rules, record.alert()) == nullptr)
      continue;
    MQ_ASSIGN_OR_RETURN(const auto ends, store_->EndsAfter(record));
    if (std::any_of(ends.begin(), ends.end(), [&](const v1::AlertRecord& one) {
          return Ends(one.alert(), record.alert());
        })) {
      over.insert(record.alert().alert_key());
    } else {
      firing.push_back(record.alert());
    }
  }
  std::vector<Decision> decisions;
  if (!firing.empty()) {
    MQ_ASSIGN_OR_RETURN(const DecisionFacts facts, FactsOfNow(config->rules, firing));
    decisions = Decide(config->rules, firing, facts);
  }
  // Not inside of the change below: a plan locks the hosts, and who locks those may want the store.
  std::vector<absl::StatusOr<v1::Plan>> plans;
  for (const Decision& decision : decisions) plans.push_back(QuickPlan(decision));
  std::map<std::string, std::string> escalation_of;  // By alert key.
  MQ_RETURN_IF_ERROR(hands_->AsOne([&]() -> absl::Status {
    escalation_of.clear();
    std::map<std::string, std::string> opened;
    for (std::size_t i = 0; i < decisions.size(); ++i) {
      const Decision& decision = decisions[i];
      const bool joins =
          !decision.joins_escalation.empty() && decision.taken == v1::ESCALATION_ACTION_RECORD;
      MQ_RETURN_IF_ERROR(joins ? Join(decision, &escalation_of)
                               : Keep(decision, plans[i], &opened, &escalation_of));
    }
    for (v1::AlertRecord& record : records) {
      const std::string& key = record.alert().alert_key();
      record.set_done(true);
      if (record.alert().status() != v1::ALERT_STATUS_FIRING) {
        MQ_RETURN_IF_ERROR(Resolved(&record));
      } else if (over.count(key) > 0) {
        record.set_note("it was resolved before it was looked at; nothing was done");
        record.set_ended(true);
      } else if (const auto found = escalation_of.find(key); found != escalation_of.end()) {
        record.set_escalation_id(found->second);
      } else {
        record.set_note("no rule matches it; nothing was done");
      }
      MQ_RETURN_IF_ERROR(store_->PutAlert(record));
    }
    return absl::OkStatus();
  }));
  MQ_FAULT_POINT(kDecided);
  std::set<std::string> touched, decided_now;
  for (const auto& [key, id] : escalation_of) touched.insert(id);
  for (const Decision& decision : decisions) {
    if (decision.taken == v1::ESCALATION_ACTION_START)
      decided_now.insert(escalation_of[decision.alerts.front().alert_key()]);
  }
  for (const v1::AlertRecord& record : records) {
    if (!record.escalation_id().empty()) touched.insert(record.escalation_id());
  }
  absl::Status first;  // One that cannot begin holds up no other; the next pass tries it again.
  for (const std::string& id : touched) {
    absl::StatusOr<v1::Escalation> escalation = store_->FindEscalation(id);
    first.Update(escalation.status());
    if (!escalation.ok()) continue;
    if (decided_now.count(id) > 0 && escalation->state() == v1::ESCALATION_STATE_STARTING)
      first.Update(Begin(&*escalation));
    TellState(*escalation);
  }
  if (options_.decided) {
    for (const Decision& decision : decisions) options_.decided(decision.rule, decision.taken);
  }
  WakeOutside();
  return first;
}

// More of what is known already.
absl::Status Escalator::Join(const Decision& decision,
                             std::map<std::string, std::string>* escalation_of) {
  MQ_ASSIGN_OR_RETURN(v1::Escalation escalation, store_->FindEscalation(decision.joins_escalation));
  for (const v1::Alert& alert : decision.alerts) {
    if (escalation.alerts_size() < kAlertsShown) *escalation.add_alerts() = alert;
    (*escalation_of)[alert.alert_key()] = escalation.escalation_id();
  }
  const auto count = static_cast<std::int64_t>(decision.alerts.size());
  escalation.set_alert_count(escalation.alert_count() + count);
  escalation.set_firing_count(escalation.firing_count() + count);
  escalation.set_paged(escalation.paged() || decision.page);
  Say(&escalation,
      absl::StrCat(count, count == 1 ? " more alert" : " more alerts",
                   decision.reasons.empty() ? "" : ": ", absl::StrJoin(decision.reasons, "; ")));
  return Put(escalation);
}

// Of what is proposed; the dry run of the agents comes later.
absl::StatusOr<v1::Plan> Escalator::QuickPlan(const Decision& decision) {
  if (decision.taken != v1::ESCALATION_ACTION_PROPOSE) return v1::Plan();
  v1::PlanRunRequest request = decision.request;
  request.set_incident_id(decision.joins_incident);
  request.set_skip_agents(true);
  return hands_->PlanFor(request, Actor(decision.rule));
}

absl::Status Escalator::Keep(const Decision& decision,
                             const absl::StatusOr<v1::Plan>& plan,
                             std::map<std::string, std::string>* opened_by_rule,
                             std::map<std::string, std::string>* escalation_of) {
  const std::shared_ptr<const EscalationConfig> config = Config();
  const absl::Time now = clock_->Now();
  v1::Escalation escalation;
  escalation.set_escalation_id(NewId());
  escalation.set_rule(decision.rule);
  if (!decision.alerts.empty()) escalation.set_source(decision.alerts.front().source());
  escalation.set_wanted(decision.wanted);
  escalation.set_taken(decision.taken);
  for (const std::string& reason : decision.reasons) escalation.add_reasons(reason);
  for (const v1::Alert& alert : decision.alerts) {
    if (escalation.alerts_size() < kAlertsShown) *escalation.add_alerts() = alert;
    (*escalation_of)[alert.alert_key()] = escalation.escalation_id();
  }
  escalation.set_alert_count(static_cast<std::int64_t>(decision.alerts.size()));
  escalation.set_firing_count(escalation.alert_count());
  for (const v1::EscalationHost& host : decision.hosts) *escalation.add_hosts() = host;
  escalation.set_group_key(decision.group_key);
  escalation.set_requested_by(Actor(decision.rule));
  escalation.set_paged(decision.page);
  StampTime(now, escalation.mutable_create_time());

  std::string incident = decision.joins_incident;
  if (const auto found = opened_by_rule->find(decision.rule);
      incident.empty() && found != opened_by_rule->end())
    incident = found->second;
  if (incident.empty() && !decision.without_incident) {
    MQ_ASSIGN_OR_RETURN(
        const v1::Incident opened,
        hands_->OpenFor(decision.title, "esc:" + escalation.escalation_id(), Actor(decision.rule)));
    incident = opened.incident_id();
    (*opened_by_rule)[decision.rule] = incident;
    escalation.set_opened_incident(true);
  }
  escalation.set_incident_id(incident);
  if (decision.taken != v1::ESCALATION_ACTION_RECORD) {
    *escalation.mutable_request() = decision.request;
    escalation.mutable_request()->set_incident_id(incident);
  }
  escalation.set_state(v1::ESCALATION_STATE_RECORDED);
  if (decision.taken == v1::ESCALATION_ACTION_START)
    escalation.set_state(v1::ESCALATION_STATE_STARTING);
  if (decision.taken == v1::ESCALATION_ACTION_PROPOSE) {
    escalation.set_state(v1::ESCALATION_STATE_PROPOSED);
    StampTime(now + config->rules.approval_expires, escalation.mutable_expire_time());
    if (plan.ok()) {
      *escalation.mutable_plan() = *plan;
    } else {
      escalation.set_state(v1::ESCALATION_STATE_RECORDED);
      escalation.set_taken(v1::ESCALATION_ACTION_RECORD);
      escalation.add_reasons(
          absl::StrCat("it cannot be planned: ", std::string(plan.status().message())));
    }
  }
  Say(&escalation, absl::StrJoin(escalation.reasons(), "; "));
  return store_->InsertEscalation(escalation, "");
}

// The end of an alert, and of all before it of the same trouble that nobody ended. It cancels what
// has not begun, and never half a step.
absl::Status Escalator::Resolved(v1::AlertRecord* record) {
  MQ_ASSIGN_OR_RETURN(const auto firing,
                      store_->FiringOfFingerprint(record->alert().fingerprint()));
  for (v1::AlertRecord fired : firing) {
    if (!fired.done() || fired.sequence() > record->sequence() ||
        !Ends(record->alert(), fired.alert()))
      continue;
    fired.set_ended(true);
    MQ_RETURN_IF_ERROR(store_->PutAlert(fired));
    if (fired.escalation_id().empty()) continue;
    MQ_ASSIGN_OR_RETURN(v1::Escalation escalation, store_->FindEscalation(fired.escalation_id()));
    for (v1::Alert& alert : *escalation.mutable_alerts()) {
      if (alert.alert_key() != fired.alert().alert_key()) continue;
      alert.set_status(v1::ALERT_STATUS_RESOLVED);
      *alert.mutable_end_time() = record->alert().end_time();
    }
    escalation.set_firing_count(std::max<std::int64_t>(0, escalation.firing_count() - 1));
    if (escalation.firing_count() == 0) NothingLeft(&escalation);
    MQ_RETURN_IF_ERROR(Put(escalation));
    record->set_escalation_id(escalation.escalation_id());
  }
  if (record->escalation_id().empty()) record->set_note("nothing was open for it");
  return absl::OkStatus();
}

void Escalator::NothingLeft(v1::Escalation* escalation) {
  const char* const all =
      escalation->alert_count() == 1 ? "its alert was resolved" : "all of its alerts were resolved";
  switch (escalation->state()) {
    case v1::ESCALATION_STATE_RECORDED:
      return Finish(escalation, v1::ESCALATION_STATE_RESOLVED, all);
    case v1::ESCALATION_STATE_PROPOSED:
      return Finish(escalation, v1::ESCALATION_STATE_CANCELLED,
                    absl::StrCat(all, " before anybody approved; nothing was started"));
    case v1::ESCALATION_STATE_STARTING:
      if (escalation->tries() > 0)
        return Finish(escalation, v1::ESCALATION_STATE_RESOLVED,
                      absl::StrCat(all, "; there is no second try"));
      // A crash may have come between the start of its run and the word of it.
      if (store_->RunOfRequest(RequestIdOf(*escalation)).ok()) return;
      return Finish(escalation, v1::ESCALATION_STATE_CANCELLED,
                    absl::StrCat(all, " before its run began; nothing was started"));
    case v1::ESCALATION_STATE_RUNNING:
      return Say(escalation, absl::StrCat(all, "; the run goes on to its end"));
    case v1::ESCALATION_STATE_VERIFYING:
      return Finish(escalation, v1::ESCALATION_STATE_RESOLVED,
                    absl::StrCat(all, " after the run; release and restore are a person's"));
    default:
      return;
  }
}

}  // namespace mailquench::controller
