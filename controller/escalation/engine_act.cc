// Doing it: each state is stored, then acted on, and acted on again after a crash.
#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/fault/fault_point.h"
#include "common/status/error.h"
#include "controller/escalation/engine.h"
#include "controller/store/times.h"

namespace mailquench::controller {
namespace {

MQ_DEFINE_FAULT_POINT(kStarted, "escalation.started");  // The run goes on, nothing says so.

constexpr int kTries = 2;       // A remediation that failed twice is not tried again.
constexpr int kMostSaid = 200;  // Entries of a timeline.

bool Refills(const v1::Run& run) {
  for (const v1::RunHost& host : run.hosts()) {
    for (const v1::HostStep& step : host.steps()) {
      if (step.report().result().queue_watch().verdict() == v1::WATCH_VERDICT_REFILLING)
        return true;
    }
  }
  return false;
}

Rule RuleOf(const Rules& rules, const std::string& name) {
  for (const Rule& rule : rules.rules) {
    if (rule.name == name) return rule;
  }
  return {};  // It is gone since; the defaults bring what it began to its end.
}

// What the next pass can try again, and what it cannot.
bool IsPassing(const absl::Status& status) {
  return absl::IsUnavailable(status) || absl::IsInternal(status) ||
         absl::IsDeadlineExceeded(status);
}

void WantSilence(v1::Escalation* escalation, const std::string& alertmanager) {
  const bool known =
      std::any_of(escalation->hosts().begin(), escalation->hosts().end(),
                  [](const v1::EscalationHost& host) { return !host.label_name().empty(); });
  if (!known) return;
  // One that stands, or is being lifted, is used again.
  const v1::Silence before = escalation->silence();
  escalation->clear_silence();
  v1::Silence* silence = escalation->mutable_silence();
  silence->set_alertmanager(alertmanager);
  silence->set_state(v1::Silence::STATE_WANTED);
  if (before.alertmanager() == alertmanager &&
      (before.state() == v1::Silence::STATE_SET || before.state() == v1::Silence::STATE_LIFTING))
    silence->set_silence_id(before.silence_id());
}

void EndSilence(v1::Escalation* escalation) {
  v1::Silence* silence = escalation->mutable_silence();
  // One that was never asked for: there is nothing to lift.
  if (silence->state() == v1::Silence::STATE_UNSPECIFIED ||
      (silence->state() == v1::Silence::STATE_WANTED && !silence->has_end_time() &&
       silence->silence_id().empty()))
    return escalation->clear_silence();
  if (silence->state() == v1::Silence::STATE_WANTED || silence->state() == v1::Silence::STATE_SET) {
    silence->set_state(v1::Silence::STATE_LIFTING);
    silence->set_tries(0);
    silence->clear_error();
  }
}

}  // namespace

std::string RequestIdOf(const v1::Escalation& escalation) {
  return absl::StrCat("esc:", escalation.escalation_id(), ":", escalation.tries() + 1);
}

// What happened first and what happened last are kept of a story without end.
void Escalator::Say(v1::Escalation* escalation, const std::string& text, const std::string& actor) {
  if (escalation->timeline_size() >= kMostSaid) {
    escalation->mutable_timeline()->DeleteSubrange(kMostSaid / 2, 2);
    escalation->mutable_timeline(kMostSaid / 2 - 1)->set_text("(some entries are left out here)");
  }
  v1::TimelineEntry* entry = escalation->add_timeline();
  StampTime(clock_->Now(), entry->mutable_time());
  entry->set_actor(actor.empty() ? "controller" : actor);
  entry->set_text(text);
}

absl::Status Escalator::Put(const v1::Escalation& escalation) {
  return store_->PutEscalation(escalation);
}

absl::StatusOr<v1::Escalation> Escalator::Edit(const std::string& id, const Change& change) {
  const std::lock_guard<std::recursive_mutex> lock(state_mu_);
  MQ_ASSIGN_OR_RETURN(v1::Escalation escalation, store_->FindEscalation(id));
  MQ_RETURN_IF_ERROR(change(&escalation));
  MQ_RETURN_IF_ERROR(Put(escalation));
  return escalation;
}

void Escalator::Finish(v1::Escalation* escalation,
                       v1::EscalationState state,
                       const std::string& text) {
  escalation->set_state(state);
  escalation->clear_next_try_time();
  EndSilence(escalation);
  StampTime(clock_->Now(), escalation->mutable_end_time());
  Say(escalation, text);
}

absl::Status Escalator::Begin(v1::Escalation* escalation) {
  const std::shared_ptr<const EscalationConfig> config = Config();
  const std::string actor =
      escalation->approved_by().empty() ? escalation->requested_by() : escalation->approved_by();
  v1::StartRunRequest start;
  start.set_request_id(RequestIdOf(*escalation));
  *start.mutable_plan() = escalation->request();
  start.set_expected_plan_hash(escalation->plan().plan_hash());
  start.set_no_input(escalation->approved_by().empty());
  start.set_reason(escalation->reasons().empty() ? "escalation " + escalation->escalation_id()
                                                 : escalation->reasons(0));
  const absl::StatusOr<v1::Run> run = hands_->StartFor(start, actor);
  if (!run.ok()) {
    if (IsPassing(run.status())) return run.status();  // The next pass tries again.
    if (!escalation->approved_by().empty()) {  // The person who approved it is told, and may again.
      escalation->set_state(v1::ESCALATION_STATE_PROPOSED);
      escalation->clear_approved_by();
      Say(escalation, absl::StrCat("could not be started: ", std::string(run.status().message())));
      MQ_RETURN_IF_ERROR(Put(*escalation));
      {
        const std::lock_guard<std::mutex> lock(wake_mu_);
        dry_.erase(escalation->escalation_id());  // A new plan is made for the next look.
      }
      WakeOutside();
      return run.status();
    }
    escalation->set_paged(true);
    Finish(escalation, v1::ESCALATION_STATE_FAILED,
           absl::StrCat("its run could not be started: ", std::string(run.status().message())));
    MQ_RETURN_IF_ERROR(Put(*escalation));
    TellState(*escalation);
    return absl::OkStatus();
  }
  MQ_FAULT_POINT(kStarted);
  escalation->add_run_ids(run->run_id());
  if (escalation->incident_id().empty()) escalation->set_incident_id(run->incident_id());
  escalation->set_tries(escalation->tries() + 1);
  escalation->set_state(v1::ESCALATION_STATE_RUNNING);
  escalation->clear_next_try_time();
  escalation->clear_expire_time();
  if (!escalation->has_start_time()) StampTime(clock_->Now(), escalation->mutable_start_time());
  const auto alertmanager = AlertmanagerOf(escalation->source(), *config);
  if (alertmanager && RuleOf(config->rules, escalation->rule()).silence)
    WantSilence(escalation, alertmanager->name);
  Say(escalation, absl::StrCat("run ", run->run_id(), " started"), actor);
  MQ_RETURN_IF_ERROR(Put(*escalation));
  TellState(*escalation);
  WakeOutside();
  return absl::OkStatus();
}

absl::Status Escalator::Ended(v1::Escalation* escalation, const v1::Run& run) {
  const std::shared_ptr<const EscalationConfig> config = Config();
  const Rule rule = RuleOf(config->rules, escalation->rule());
  const absl::Time now = clock_->Now();
  EndSilence(escalation);
  if (Refills(run)) {
    // Before it is written down: told again under the same id where that is cut off.
    Tell(*escalation, "refilling", "page",
         "the queue fills again after the run; more runs do not help while the cause goes on",
         absl::StrCat("mailquench incident show ", escalation->incident_id(),
                      "   (who sends? block that account or client first)"));
    escalation->set_paged(true);
    Finish(escalation, v1::ESCALATION_STATE_FAILED,
           "the queue fills again after the run: the cause is not stopped; nothing more is tried");
  } else if (run.state() == v1::RUN_STATE_SUCCEEDED) {
    TellWell(*escalation);
    if (escalation->firing_count() == 0) {
      Finish(escalation, v1::ESCALATION_STATE_RESOLVED,
             "the run went well, and no alert is left; release and restore are a person's");
    } else {
      escalation->set_state(v1::ESCALATION_STATE_VERIFYING);
      StampTime(now + rule.verify, escalation->mutable_verify_until_time());
      Say(escalation, "the run went well; its alerts are to resolve now");
    }
  } else if (run.state() == v1::RUN_STATE_CANCELLED) {
    Finish(escalation, v1::ESCALATION_STATE_REJECTED, "a person cancelled its run");
  } else if (escalation->tries() < kTries && escalation->approved_by().empty() &&
             !rule.name.empty() && escalation->firing_count() > 0) {
    escalation->set_state(v1::ESCALATION_STATE_STARTING);
    StampTime(now + rule.retry_after, escalation->mutable_next_try_time());
    Say(escalation,
        absl::StrCat(
            "the run did not go well (",
            run.stop_reason().empty() ? "a host failed or is out of reach" : run.stop_reason(),
            "); it is tried once more in ", absl::FormatDuration(rule.retry_after)));
  } else {
    escalation->set_paged(true);
    Finish(
        escalation, v1::ESCALATION_STATE_FAILED,
        absl::StrCat("the run did not go well", escalation->tries() > 1 ? ", the second time" : "",
                     "; nothing more is tried"));
  }
  MQ_RETURN_IF_ERROR(Put(*escalation));
  TellState(*escalation);
  WakeOutside();
  return absl::OkStatus();
}

absl::Status Escalator::TimeHasCome(v1::Escalation* escalation) {
  const absl::Time now = clock_->Now();
  switch (escalation->state()) {
    case v1::ESCALATION_STATE_PROPOSED:
      if (now < TimeOf(escalation->expire_time())) return absl::OkStatus();
      Finish(escalation, v1::ESCALATION_STATE_EXPIRED,
             "nobody approved it in time; nothing was started");
      break;
    case v1::ESCALATION_STATE_STARTING:
      if (now < TimeOf(escalation->next_try_time())) return absl::OkStatus();
      return escalation->tries() == 0 ? BeginLate(escalation) : TryAgain(escalation);
    case v1::ESCALATION_STATE_RUNNING: {
      const std::string& id = escalation->run_ids(escalation->run_ids_size() - 1);
      MQ_ASSIGN_OR_RETURN(const v1::Run run, hands_->RunNow(id));
      if (run.state() == v1::RUN_STATE_RUNNING) return absl::OkStatus();
      return Ended(escalation, run);
    }
    case v1::ESCALATION_STATE_VERIFYING: {
      if (now < TimeOf(escalation->verify_until_time())) return absl::OkStatus();
      MQ_ASSIGN_OR_RETURN(const std::int64_t firing, FiringOnItsHosts(*escalation));
      if (firing == 0) {
        Finish(escalation, v1::ESCALATION_STATE_RESOLVED,
               "the run went well, and no alert of its hosts is left; alerts of others still fire");
        break;
      }
      escalation->set_paged(true);
      Finish(escalation, v1::ESCALATION_STATE_FAILED,
             "the run went well, but its alerts still fire; nothing more is tried");
      break;
    }
    default:
      return absl::OkStatus();
  }
  MQ_RETURN_IF_ERROR(Put(*escalation));
  TellState(*escalation);
  return absl::OkStatus();
}

}  // namespace mailquench::controller
