// What people ask for and decide.
#include <google/protobuf/util/json_util.h>

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "common/identity/secrets.h"
#include "common/status/error.h"
#include "controller/escalation/alerts.h"
#include "controller/escalation/engine.h"
#include "controller/notify/warnings.h"
#include "controller/store/ids.h"
#include "controller/store/times.h"

namespace mailquench::controller {
namespace {

constexpr const char* kOperator = "operator/";
constexpr int kListed = 100;
constexpr int kMostListed = 10000;

int Limit(int asked) {
  return asked <= 0 ? kListed : std::min(asked, kMostListed);
}

std::string Json(const google::protobuf::Message& message) {
  std::string text;
  if (!google::protobuf::util::MessageToJsonString(message, &text).ok()) return "{}";
  return text;
}

absl::Status NotProposed(const v1::Escalation& escalation) {
  std::string state = v1::EscalationState_Name(escalation.state()).substr(17);
  for (char& c : state) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return Error(absl::StatusCode::kFailedPrecondition, "NOT_PROPOSED",
               absl::StrCat("escalation ", escalation.escalation_id(), " is ", state,
                            ", it does not wait for an approval; nothing was started; 'mailquench "
                            "escalation show' tells what became of it"));
}

}  // namespace

absl::StatusOr<v1::RaiseAlertsResponse> Escalator::Raise(const v1::RaiseAlertsRequest& request,
                                                         const std::string& actor) {
  std::vector<v1::Alert> alerts;
  for (v1::Alert alert : request.alerts()) {
    MQ_RETURN_IF_ERROR(Complete(absl::StrCat(kOperator, actor), clock_->Now(), &alert));
    alerts.push_back(std::move(alert));
  }
  if (alerts.empty())
    return Error(absl::StatusCode::kInvalidArgument, "BAD_ALERTS",
                 "no alert was given; nothing was taken");
  MQ_RETURN_IF_ERROR(hands_->AuditFor(actor, "escalation.raise", Json(request)));
  MQ_ASSIGN_OR_RETURN(const Taken taken, Take(alerts));
  v1::RaiseAlertsResponse response;
  response.set_taken(taken.taken);
  response.set_duplicates(taken.duplicates);
  return response;
}

absl::StatusOr<v1::TestAlertsResponse> Escalator::Test(const v1::TestAlertsRequest& request) {
  const std::shared_ptr<const EscalationConfig> config = Config();
  Rules rules = config->rules;
  if (!request.rules().empty()) {
    MQ_ASSIGN_OR_RETURN(const EscalationConfig given, ReadEscalation("rules", request.rules()));
    rules = given.rules;
  }
  std::vector<v1::Alert> alerts;
  if (!request.document().empty()) {
    MQ_ASSIGN_OR_RETURN(alerts, ReadAlerts(request.kind() == v1::SOURCE_KIND_UNSPECIFIED
                                               ? v1::SOURCE_KIND_ALERTMANAGER
                                               : request.kind(),
                                           "test", request.document(), clock_->Now()));
  }
  for (v1::Alert alert : request.alerts()) {
    MQ_RETURN_IF_ERROR(Complete("test", clock_->Now(), &alert));
    alerts.push_back(std::move(alert));
  }
  std::vector<v1::Alert> firing;
  for (const v1::Alert& alert : alerts) {
    if (alert.status() == v1::ALERT_STATUS_FIRING) firing.push_back(alert);
  }
  MQ_ASSIGN_OR_RETURN(const DecisionFacts facts, FactsOfNow(rules, firing));
  v1::TestAlertsResponse response;
  response.set_paused(facts.paused);
  std::set<std::string> wanted;
  for (const Decision& decision : Decide(rules, firing, facts)) {
    v1::TestedDecision* one = response.add_decisions();
    one->set_rule(decision.rule);
    one->set_wanted(decision.wanted);
    one->set_taken(decision.taken);
    for (const std::string& reason : decision.reasons) one->add_reasons(reason);
    for (const v1::EscalationHost& host : decision.hosts) *one->add_hosts() = host;
    *one->mutable_request() = decision.request;
    one->set_alert_count(static_cast<std::int64_t>(decision.alerts.size()));
    if (!decision.joins_escalation.empty()) {
      one->set_joins("escalation " + decision.joins_escalation);
    } else if (!decision.joins_incident.empty()) {
      one->set_joins("incident " + decision.joins_incident);
    }
    for (const v1::Alert& alert : decision.alerts) wanted.insert(alert.alert_key());
  }
  for (const v1::Alert& alert : alerts) {
    const auto name = alert.labels().find("alertname");
    const std::string what = name == alert.labels().end() ? alert.fingerprint() : name->second;
    if (alert.status() == v1::ALERT_STATUS_RESOLVED) {
      response.add_unmatched(what + ": it is resolved; that cancels what has not started");
    } else if (wanted.count(alert.alert_key()) == 0) {
      response.add_unmatched(what + ": no rule matches it");
    }
  }
  return response;
}

absl::StatusOr<v1::ListEscalationsResponse> Escalator::List(
    const v1::ListEscalationsRequest& request) {
  v1::ListEscalationsRequest bounded = request;
  bounded.set_limit(Limit(request.limit()));
  MQ_ASSIGN_OR_RETURN(const auto all, store_->Escalations(bounded));
  v1::ListEscalationsResponse response;
  for (const v1::Escalation& one : all) *response.add_escalations() = one;
  return response;
}

absl::StatusOr<v1::Escalation> Escalator::Get(const std::string& id) {
  return store_->FindEscalation(id);
}

absl::StatusOr<v1::ListAlertsResponse> Escalator::ListAlerts(const v1::ListAlertsRequest& request) {
  v1::ListAlertsRequest bounded = request;
  bounded.set_limit(Limit(request.limit()));
  if (!request.escalation_id().empty()) {
    MQ_ASSIGN_OR_RETURN(const v1::Escalation one, store_->FindEscalation(request.escalation_id()));
    bounded.set_escalation_id(one.escalation_id());
  }
  MQ_ASSIGN_OR_RETURN(const auto all, store_->Alerts(bounded));
  v1::ListAlertsResponse response;
  for (const v1::AlertRecord& one : all) *response.add_alerts() = one;
  return response;
}

absl::StatusOr<v1::Escalation> Escalator::Approve(const v1::ApproveEscalationRequest& request,
                                                  const std::string& actor,
                                                  const May& may) {
  const std::lock_guard<std::recursive_mutex> lock(state_mu_);
  MQ_ASSIGN_OR_RETURN(v1::Escalation escalation, store_->FindEscalation(request.escalation_id()));
  if (may && escalation.state() == v1::ESCALATION_STATE_PROPOSED) {
    MQ_ASSIGN_OR_RETURN(const auto operations, hands_->OperationsFor(escalation.request()));
    MQ_RETURN_IF_ERROR(may(operations));
  }
  if (escalation.state() != v1::ESCALATION_STATE_PROPOSED) {
    // The answer to the same approval may have been lost on its way.
    if (escalation.approved_by() == actor && escalation.run_ids_size() > 0 &&
        escalation.plan().plan_hash() == request.plan_hash())
      return escalation;
    return NotProposed(escalation);
  }
  if (clock_->Now() >= TimeOf(escalation.expire_time())) {
    return Error(absl::StatusCode::kFailedPrecondition, "PROPOSAL_EXPIRED",
                 absl::StrCat("the proposal ", escalation.escalation_id(),
                              " has expired; nothing was started; start the run yourself with "
                              "'mailquench run'"));
  }
  // Who raised one of its alerts has asked for it no less than who proposed it.
  const bool raised = std::any_of(
      escalation.alerts().begin(), escalation.alerts().end(),
      [&](const v1::Alert& alert) { return alert.source() == absl::StrCat(kOperator, actor); });
  if (Config()->rules.other_person && (escalation.requested_by() == actor || raised)) {
    return Error(absl::StatusCode::kPermissionDenied, "OTHER_PERSON_NEEDED",
                 absl::StrCat(actor, raised ? " raised an alert of it" : " proposed this run",
                              " and may not approve it; nothing was started; another person has "
                              "to"));
  }
  if (request.plan_hash() != escalation.plan().plan_hash()) {
    return Error(absl::StatusCode::kFailedPrecondition, "PLAN_DRIFTED",
                 absl::StrCat("the plan of ", escalation.escalation_id(),
                              " is another one than the one that was looked at; nothing was "
                              "started; look at it again with 'mailquench escalation show'"));
  }
  MQ_RETURN_IF_ERROR(hands_->AuditFor(actor, "escalation.approve", Json(request)));
  escalation.set_state(v1::ESCALATION_STATE_STARTING);
  escalation.set_approved_by(actor);
  Say(&escalation, absl::StrCat("approved", request.reason().empty() ? "" : ": ", request.reason()),
      actor);
  MQ_RETURN_IF_ERROR(Put(escalation));
  const absl::Status begun = Begin(&escalation);
  if (begun.ok()) return escalation;
  // They are told that it did not start, so it must not start later by itself; but for one whose
  // run is there, of which only the word was lost.
  const absl::StatusOr<std::string> run = store_->RunOfRequest(RequestIdOf(escalation));
  if (absl::IsNotFound(run.status())) {
    MQ_RETURN_IF_ERROR(Edit(escalation.escalation_id(), [&](v1::Escalation* one) {
                         if (one->state() != v1::ESCALATION_STATE_STARTING) return absl::OkStatus();
                         one->set_state(v1::ESCALATION_STATE_PROPOSED);
                         one->clear_approved_by();
                         Say(one,
                             absl::StrCat("could not be started: ", std::string(begun.message())));
                         return absl::OkStatus();
                       }).status());
  }
  return begun;
}

absl::StatusOr<v1::Escalation> Escalator::Reject(const v1::RejectEscalationRequest& request,
                                                 const std::string& actor) {
  const std::lock_guard<std::recursive_mutex> lock(state_mu_);
  MQ_ASSIGN_OR_RETURN(v1::Escalation escalation, store_->FindEscalation(request.escalation_id()));
  if (escalation.state() == v1::ESCALATION_STATE_REJECTED) return escalation;
  // Also what is decided and not begun: but for one whose run is there already.
  const bool waits = escalation.state() == v1::ESCALATION_STATE_STARTING &&
                     absl::IsNotFound(store_->RunOfRequest(RequestIdOf(escalation)).status());
  if (escalation.state() != v1::ESCALATION_STATE_PROPOSED && !waits) return NotProposed(escalation);
  MQ_RETURN_IF_ERROR(hands_->AuditFor(actor, "escalation.reject", Json(request)));
  Finish(
      &escalation, v1::ESCALATION_STATE_REJECTED,
      absl::StrCat("rejected by ", actor, request.reason().empty() ? "" : ": ", request.reason()));
  MQ_RETURN_IF_ERROR(Put(escalation));
  WakeOutside();
  return escalation;
}

absl::StatusOr<v1::Escalation> Escalator::Propose(const v1::ProposeRunRequest& request,
                                                  const std::string& actor) {
  if (!request.request_id().empty()) {
    const absl::StatusOr<std::string> before = store_->EscalationOfRequest(request.request_id());
    if (before.ok()) return store_->FindEscalation(*before);
    if (!absl::IsNotFound(before.status())) return before.status();
  }
  v1::PlanRunRequest exact = request.plan();
  exact.set_skip_agents(false);
  MQ_ASSIGN_OR_RETURN(const v1::Plan plan, hands_->PlanFor(exact, actor));
  const absl::Time now = clock_->Now();
  v1::Escalation escalation;
  escalation.set_escalation_id(NewId());
  escalation.set_source(absl::StrCat(kOperator, actor));
  escalation.set_state(v1::ESCALATION_STATE_PROPOSED);
  escalation.set_wanted(v1::ESCALATION_ACTION_PROPOSE);
  escalation.set_taken(v1::ESCALATION_ACTION_PROPOSE);
  escalation.add_reasons(request.reason().empty() ? actor + " proposes it" : request.reason());
  *escalation.mutable_request() = exact;
  *escalation.mutable_plan() = plan;
  for (const v1::PlannedHost& host : plan.hosts()) {
    v1::EscalationHost* one = escalation.add_hosts();
    one->set_host_id(host.host_id());
    one->set_name(host.name());
  }
  escalation.set_incident_id(exact.incident_id());
  escalation.set_requested_by(actor);
  StampTime(now, escalation.mutable_create_time());
  StampTime(now + Config()->rules.approval_expires, escalation.mutable_expire_time());
  Say(&escalation, escalation.reasons(0), actor);
  MQ_RETURN_IF_ERROR(hands_->AuditFor(actor, "escalation.propose", Json(request)));
  {
    const std::lock_guard<std::recursive_mutex> lock(state_mu_);
    MQ_RETURN_IF_ERROR(store_->InsertEscalation(escalation, request.request_id()));
  }
  {
    const std::lock_guard<std::mutex> lock(wake_mu_);
    dry_.insert(escalation.escalation_id());
  }
  TellState(escalation);
  Wake();
  return escalation;
}

absl::StatusOr<v1::LintRulesResponse> Escalator::Lint(const v1::LintRulesRequest& request) {
  v1::LintRulesResponse response;
  const absl::StatusOr<EscalationConfig> config =
      ReadEscalation(request.file().empty() ? "rules" : request.file(), request.rules());
  if (!config.ok()) {
    response.add_errors(std::string(config.status().message()));
    return response;
  }
  const FleetCopy fleet = hands_->FleetOfNow();
  const RuleFindings findings =
      CheckRules(config->rules, *fleet,
                 [this](const v1::PlanRunRequest& run) { return hands_->OperationsFor(run); });
  for (const std::string& error : findings.errors) response.add_errors(error);
  for (const std::string& warning : findings.warnings) response.add_warnings(warning);
  for (const std::string& warning : NotificationWarnings(config->notify, *fleet))
    response.add_warnings(warning);
  response.set_rules(static_cast<std::int32_t>(config->rules.rules.size()));
  return response;
}

absl::StatusOr<v1::GetRulesResponse> Escalator::GetRules() {
  const std::shared_ptr<const EscalationConfig> config = Config();
  v1::GetRulesResponse response;
  response.set_file(options_.file);
  {
    const std::lock_guard<std::mutex> lock(config_mu_);
    response.set_load_error(load_error_);
    if (load_time_ != absl::InfinitePast()) StampTime(load_time_, response.mutable_load_time());
  }
  const Rules& rules = config->rules;
  for (const Rule& rule : rules.rules) {
    v1::RuleSummary* one = response.add_rules();
    one->set_name(rule.name);
    std::string match;
    for (const Matcher& matcher : rule.match)
      absl::StrAppend(&match, match.empty() ? "" : ", ", matcher.text());
    one->set_match(match);
    one->set_action(rule.action);
    one->set_playbook(rule.run.playbook());
  }
  response.set_rules_text(rules.text);
  const Pause pause = PauseOfNow();
  response.set_paused(pause.paused);
  response.set_paused_by(pause.by);
  response.set_pause_reason(pause.reason);
  const absl::Time since = clock_->Now() - rules.budget_per;
  MQ_ASSIGN_OR_RETURN(const auto recent, store_->OpenEscalations(since));
  const Budget left = BudgetLeft(rules, recent, clock_->Now());
  response.set_runs_left(left.runs);
  response.set_hosts_left(left.hosts);
  return response;
}

absl::StatusOr<v1::GetRulesResponse> Escalator::Reload(const std::string& actor) {
  if (options_.file.empty())
    return Error(absl::StatusCode::kFailedPrecondition, "NO_RULES",
                 "the controller's configuration names no file of rules ('escalation: FILE'); "
                 "nothing was changed");
  MQ_ASSIGN_OR_RETURN(const std::string text, identity::ReadFile(options_.file));
  MQ_ASSIGN_OR_RETURN(EscalationConfig config, ReadEscalation(options_.file, text));
  MQ_RETURN_IF_ERROR(hands_->AuditFor(actor, "escalation.reload", "{}"));
  MQ_RETURN_IF_ERROR(store_->PutValue(kLastGood, text));
  Install(std::move(config));
  Wake();
  return GetRules();
}

}  // namespace mailquench::controller
