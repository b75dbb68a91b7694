#include "agent/mail/postfix/postfix_mail_system.h"

#include <algorithm>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "agent/mail/postfix/cidr.h"
#include "agent/mail/postfix/effective.h"
#include "agent/mail/postfix/listeners.h"
#include "agent/mail/postfix/picture.h"
#include "agent/mail/postfix/postconf.h"
#include "agent/mail/postfix/queue_ops.h"
#include "agent/mail/postfix/service.h"
#include "agent/mail/postfix/settings_ops.h"
#include "agent/mail/smtp/probe.h"
#include "common/fault/fault_point.h"
#include "common/parallel/parallel.h"
#include "common/status/error.h"

namespace mailquench::agent::postfix {
namespace {
MQ_DEFINE_FAULT_POINT(kRestart, "settings.apply.restart");
constexpr const char* kOperations[] = {"service.status",
                                       "service.stop",
                                       "service.start",
                                       "queue.survey",
                                       "queue.quarantine",
                                       "quarantine.list",
                                       "quarantine.analyse",
                                       "quarantine.release",
                                       "quarantine.discard",
                                       "relay.lock",
                                       "ndr.silence",
                                       "sender.block",
                                       "sender.unblock",
                                       "restore",
                                       "relay.probe",
                                       "queue.watch",
                                       "contain",
                                       "quarantine.move"};
// Of one dialogue after a change. Generous: a server without a resolver says its banner after 10 s.
constexpr absl::Duration kDialogueTimeout = absl::Seconds(10);

InstanceNames Names(const google::protobuf::RepeatedPtrField<std::string>& names) {
  return {names.begin(), names.end()};
}

bool HasWrapper(const Listener& listener) {
  const auto it = listener.overrides.find("smtpd_tls_wrappermode");
  return it != listener.overrides.end() && it->second == "yes";
}

DialogueRequest For(const Listener& listener, DialogueRequest request) {
  request.tls_wrapper = HasWrapper(listener);
  return request;
}

// Whether the listener lets this host relay by the address that it asks from: then an acceptance
// from inside says nothing about strangers.
bool TrustsUs(const Listener& listener, const Parameters& main, const std::string& address) {
  if (!absl::StrContains(ValueAt(listener, main, "smtpd_relay_restrictions"),
                         "permit_mynetworks")) {
    return false;
  }
  // A connection to an address of this host comes from that address; to any loopback one, from the
  // first.
  std::string source = address.substr(0, address.rfind(':'));
  if (absl::StartsWith(source, "127.")) source = "127.0.0.1";
  const std::optional<Cidr> ours = Cidr::Parse(source);
  if (!ours.has_value()) return false;
  const std::vector<std::string> networks = SplitList(ValueAt(listener, main, "mynetworks"));
  return std::any_of(networks.begin(), networks.end(), [&](const std::string& network) {
    const std::optional<Cidr> cidr = Cidr::Parse(network);
    return cidr.has_value() && cidr->Contains(*ours);
  });
}

// The dialogues with every listener of the instances that run, before and after a change.
class ListenerCheck {
 public:
  ListenerCheck(bool verify_closed, const CallContext& context)
      : verify_closed_(verify_closed), context_(context) {}

  // Remembers what does not work now. All are asked at once: a broken listener, or one whose
  // processes are all taken by an attack, is waited for once and not once an address.
  absl::Status Before(const Instance& instance) {
    MQ_ASSIGN_OR_RETURN(const std::vector<Listener> listeners, FindListeners(instance));
    std::vector<absl::StatusOr<std::vector<std::string>>> answers;
    std::vector<std::function<void()>> tasks;
    for (const Listener& listener : listeners) {
      for (const std::string& address : listener.addresses) {
        const std::size_t i = answers.size();
        answers.emplace_back();
        tasks.emplace_back([&, i, it = &listener] { answers[i] = Broken(*it, address); });
      }
    }
    RunTogether(tasks, static_cast<int>(tasks.size()));
    absl::Status status;
    for (const auto& broken : answers) {
      status.Update(broken.status());
      if (broken.ok()) broken_.insert(broken->begin(), broken->end());
    }
    return status;
  }

  absl::Status After(const Instance& instance) const {
    MQ_ASSIGN_OR_RETURN(const std::vector<Listener> listeners, FindListeners(instance));
    MQ_ASSIGN_OR_RETURN(
        const Parameters main,
        EffectiveParameters(instance.config_directory, {"smtpd_relay_restrictions", "mynetworks"}));
    for (const Listener& listener : listeners) {
      for (const std::string& address : listener.addresses) {
        absl::Status status = One(instance, listener, main, address);
        if (!status.ok()) {  // Once more: an old session's process, or a master that is busy.
          absl::SleepFor(absl::Seconds(1));
          status = One(instance, listener, main, address);
        }
        if (!status.ok()) return status;
      }
    }
    return absl::OkStatus();
  }

 private:
  // A foreign recipient shows whether strangers relay. One of our own passes that question, so that
  // it meets the restrictions which come after it; every server knows postmaster.
  static constexpr char kStranger[] = "probe@mailquench.invalid";
  static constexpr char kOwn[] = "postmaster";

  // False where smtpd says nothing or hangs up (it exits over some settings), or answers that its
  // settings or tables are broken (451 4.3.0, 451 4.3.5).
  static bool Works(const DialogueResult& said) {
    if (!said.answered || absl::StartsWith(said.reply, "451 4.3.")) return false;
    return said.recipient_code != 0 || said.verdict != v1::RELAY_VERDICT_UNKNOWN;
  }

  // Which of the two questions it does not answer: address and recipient.
  absl::StatusOr<std::vector<std::string>> Broken(const Listener& listener,
                                                  const std::string& address) const {
    MQ_ASSIGN_OR_RETURN(const DialogueResult stranger, Ask(listener, address, kStranger));
    if (!stranger.answered) return std::vector{address + kStranger, address + kOwn};
    std::vector<std::string> broken;
    if (!Works(stranger)) broken.push_back(address + kStranger);
    MQ_ASSIGN_OR_RETURN(const DialogueResult own, Ask(listener, address, kOwn));
    if (!Works(own)) broken.push_back(address + kOwn);
    return broken;
  }

  absl::StatusOr<DialogueResult> Ask(const Listener& listener,
                                     const std::string& address,
                                     const std::string& recipient) const {
    DialogueRequest request = For(listener, {});
    request.recipient = recipient;
    request.timeout = std::min(kDialogueTimeout, context_.deadline - absl::Now());
    return Dialogue(address, request);
  }

  absl::Status One(const Instance& instance,
                   const Listener& listener,
                   const Parameters& main,
                   const std::string& address) const {
    for (const char* recipient : {kOwn, kStranger}) {
      MQ_ASSIGN_OR_RETURN(const DialogueResult said, Ask(listener, address, recipient));
      // What did not work before is no fault of a restore. A lock is stricter: it stands on what
      // every listener says, so one that says nothing, or calls its own settings broken, undoes it.
      // (A contain judges for itself.)
      const bool excused = broken_.count(address + recipient) != 0;
      if (!Works(said) && (!excused || (verify_closed_ && !listener.exempt))) {
        return Error(
            absl::StatusCode::kFailedPrecondition, "LISTENER_DEAD",
            absl::StrCat("listener ", address, " of instance '", instance.name,
                         "' does not work with the new settings",
                         excused ? ", nor did it before; mend it first" : "", ": ", said.reply));
      }
      const bool open =
          recipient == std::string(kStranger) && said.verdict == v1::RELAY_VERDICT_OPEN;
      if (verify_closed_ && open && !listener.exempt && !TrustsUs(listener, main, address)) {
        return Error(absl::StatusCode::kFailedPrecondition, "LISTENER_OPEN",
                     absl::StrCat("listener ", address, " of instance '", instance.name,
                                  "' still relays for strangers: ", said.reply));
      }
    }
    return absl::OkStatus();
  }

  const bool verify_closed_;
  const CallContext& context_;
  std::set<std::string> broken_;  // Address and recipient that did not work before the change.
};
}  // namespace

PostfixMailSystem::PostfixMailSystem(FindOptions options) : options_(std::move(options)) {}

absl::StatusOr<std::vector<Instance>> PostfixMailSystem::Find(const InstanceNames& names) const {
  return FindInstances(names, options_);
}

absl::StatusOr<Instance> PostfixMailSystem::Holder(const std::string& quarantine_id) const {
  MQ_ASSIGN_OR_RETURN(const std::vector<Instance> all, Find({}));
  return FindQuarantine(all, quarantine_id);
}

absl::StatusOr<Inventory> PostfixMailSystem::Inspect() {
  MQ_ASSIGN_OR_RETURN(const std::vector<Instance> all, Find({}));
  Inventory inventory;
  inventory.platform = "postfix";
  inventory.version = all.front().version;
  for (const char* operation : kOperations) {
    v1::Capability& capability = inventory.capabilities.emplace_back();
    capability.set_operation(operation);
    capability.set_available(true);
  }
  const auto add = [](std::vector<std::string>& list, const std::string& value) {
    if (std::find(list.begin(), list.end(), value) == list.end()) list.push_back(value);
  };
  for (const Instance& instance : all) {
    MQ_ASSIGN_OR_RETURN(const std::vector<Listener> listeners, FindListeners(instance));
    for (const Listener& listener : listeners) {
      for (const std::string& address : listener.addresses) {
        const std::optional<Cidr> cidr = Cidr::Parse(address.substr(0, address.rfind(':')));
        if (cidr.has_value() && !cidr->IsLoopback()) add(inventory.listeners, address);
      }
    }
    MQ_ASSIGN_OR_RETURN(const std::vector<std::string> ranges, TrustedRanges(instance));
    for (const std::string& range : ranges) add(inventory.trusted_ranges, range);
  }
  return inventory;
}

absl::StatusOr<v1::ServiceStatusResult> PostfixMailSystem::Status(const InstanceNames& instances) {
  MQ_ASSIGN_OR_RETURN(const std::vector<Instance> chosen, Find(instances));
  v1::ServiceStatusResult result;
  for (const Instance& instance : chosen) {
    MQ_ASSIGN_OR_RETURN(const bool running, IsRunning(instance));
    auto* entry = result.add_instances();
    entry->set_name(instance.name);
    entry->set_running(running);
    entry->set_config_directory(instance.config_directory);
    entry->set_queue_directory(instance.queue_directory);
    entry->set_version(instance.version);
  }
  return result;
}

absl::StatusOr<v1::ServiceStopResult> PostfixMailSystem::Stop(const InstanceNames& instances,
                                                              const CallContext& context) {
  MQ_ASSIGN_OR_RETURN(const std::vector<Instance> chosen, Find(instances));
  v1::ServiceStopResult result;
  for (const Instance& instance : chosen) {
    MQ_ASSIGN_OR_RETURN(const bool running, IsRunning(instance));
    if (running) {
      result.add_stopped(instance.name);
    } else {
      result.add_already_stopped(instance.name);
    }
  }
  MQ_RETURN_IF_ERROR(StopInstances(chosen, context));
  return result;
}

absl::StatusOr<v1::ServiceStartResult> PostfixMailSystem::Start(const InstanceNames& instances,
                                                                const CallContext& context) {
  MQ_ASSIGN_OR_RETURN(const std::vector<Instance> chosen, Find(instances));
  v1::ServiceStartResult result;
  absl::Status first;
  for (const Instance& instance : chosen) {
    MQ_ASSIGN_OR_RETURN(const bool running, IsRunning(instance));
    // One that cannot be started keeps no other stopped.
    const absl::Status started = StartInstance(instance, context);
    if (first.ok()) first = started;
    if (running) {
      result.add_already_running(instance.name);
    } else if (started.ok()) {
      result.add_started(instance.name);
    }
  }
  MQ_RETURN_IF_ERROR(first);
  return result;
}

absl::StatusOr<v1::QueueSurveyResult> PostfixMailSystem::Survey(const InstanceNames& instances,
                                                                const CallContext& context) {
  MQ_ASSIGN_OR_RETURN(const std::vector<Instance> chosen, Find(instances));
  v1::QueueSurveyResult result;
  for (const Instance& instance : chosen) {
    MQ_ASSIGN_OR_RETURN(v1::InstanceSurvey survey, SurveyQueue(instance, context));
    MQ_ASSIGN_OR_RETURN(const bool running, IsRunning(instance));
    survey.set_running(running);
    *result.add_instances() = std::move(survey);
  }
  return result;
}

absl::StatusOr<Surveyor> PostfixMailSystem::BeginSurvey(const InstanceNames& instances) {
  MQ_ASSIGN_OR_RETURN(const std::vector<Instance> chosen, Find(instances));
  // Shared, since std::function wants to be copied.
  const auto held = std::make_shared<std::vector<std::pair<OpenQueues, bool>>>();
  for (const Instance& instance : chosen) {
    MQ_ASSIGN_OR_RETURN(OpenQueues open, OpenLiveQueues(instance));
    MQ_ASSIGN_OR_RETURN(const bool running, IsRunning(instance));
    held->emplace_back(std::move(open), running);
  }
  return [held](const CallContext& context) -> absl::StatusOr<v1::QueueSurveyResult> {
    v1::QueueSurveyResult result;
    for (const auto& [open, running] : *held) {
      MQ_ASSIGN_OR_RETURN(v1::InstanceSurvey survey, SurveyQueue(open, context));
      survey.set_running(running);
      *result.add_instances() = std::move(survey);
    }
    return result;
  };
}

absl::StatusOr<std::int64_t> PostfixMailSystem::CountQueued(const InstanceNames& instances) {
  MQ_ASSIGN_OR_RETURN(const std::vector<Instance> chosen, Find(instances));
  std::int64_t sum = 0;
  for (const Instance& instance : chosen) {
    MQ_ASSIGN_OR_RETURN(const std::int64_t count, CountQueue(instance));
    sum += count;
  }
  return sum;
}

absl::StatusOr<v1::QueueQuarantineResult> PostfixMailSystem::Quarantine(
    const v1::QueueQuarantine& request, const CallContext& context) {
  MQ_ASSIGN_OR_RETURN(const std::vector<Instance> chosen, Find(Names(request.instances())));
  std::vector<bool> running;
  for (const Instance& instance : chosen) {
    MQ_ASSIGN_OR_RETURN(const bool runs, IsRunning(instance));
    running.push_back(runs);
    if (request.has_filter() || !runs) continue;
    return Error(
        absl::StatusCode::kFailedPrecondition, "SERVICE_RUNNING",
        absl::StrCat(
            "Postfix instance '", instance.name,
            "' runs, and a whole queue is set aside only while it does not; no queue was touched; "
            "stop the service first, or name what to set aside"));
  }
  v1::QueueQuarantineResult result;
  absl::Duration slowest = absl::ZeroDuration();
  for (std::size_t i = 0; i < chosen.size(); ++i) {
    absl::Duration time = absl::ZeroDuration();
    if (request.has_filter()) {
      MQ_ASSIGN_OR_RETURN(*result.add_quarantines(),
                          MoveMatching(chosen[i], request, running[i], context));
    } else {
      MQ_ASSIGN_OR_RETURN(*result.add_quarantines(), SwapQueue(chosen[i], request, context, &time));
    }
    slowest = std::max(slowest, time);
  }
  const std::int64_t nanos = absl::ToInt64Nanoseconds(slowest);
  result.set_notice(postfix::SpaceNotice(chosen));
  if (!result.notice().empty()) context.progress(absl::StrCat("warning: ", result.notice()));
  result.mutable_swap_time()->set_seconds(nanos / 1000000000);
  result.mutable_swap_time()->set_nanos(static_cast<std::int32_t>(nanos % 1000000000));
  return result;
}

absl::StatusOr<v1::QuarantineAnalyseResult> PostfixMailSystem::PreviewQuarantine(
    const v1::QueueQuarantine& request, const CallContext& context) {
  MQ_ASSIGN_OR_RETURN(const std::vector<Instance> chosen, Find(Names(request.instances())));
  v1::QuarantineAnalyseResult result;
  for (const Instance& instance : chosen) {
    MQ_ASSIGN_OR_RETURN(const v1::QuarantineAnalyseResult one,
                        PreviewMatching(instance, request.filter(), kPreviewSamples, context));
    AddAnalysis(one, kPreviewSamples, &result);
  }
  return result;
}

absl::StatusOr<v1::QuarantineListResult> PostfixMailSystem::ListQuarantines() {
  MQ_ASSIGN_OR_RETURN(const std::vector<Instance> all, Find({}));
  v1::QuarantineListResult result;
  for (const Instance& instance : all) {
    MQ_ASSIGN_OR_RETURN(std::vector<v1::QuarantineInfo> list, postfix::ListQuarantines(instance));
    for (v1::QuarantineInfo& info : list) *result.add_quarantines() = std::move(info);
  }
  return result;
}

absl::StatusOr<v1::QuarantineAnalyseResult> PostfixMailSystem::Analyse(
    const v1::QuarantineAnalyse& request, const CallContext& context) {
  MQ_ASSIGN_OR_RETURN(const Instance instance, Holder(request.quarantine_id()));
  return postfix::Analyse(instance, request, context);
}

absl::StatusOr<v1::QuarantineReleaseResult> PostfixMailSystem::Release(
    const v1::QuarantineRelease& request, const CallContext& context) {
  MQ_ASSIGN_OR_RETURN(const Instance instance, Holder(request.quarantine_id()));
  return postfix::Release(instance, request, context);
}

absl::StatusOr<v1::QuarantineDiscardResult> PostfixMailSystem::Discard(
    const v1::QuarantineDiscard& request, const CallContext& context) {
  MQ_ASSIGN_OR_RETURN(const Instance instance, Holder(request.quarantine_id()));
  return postfix::Discard(instance, request, context);
}

absl::StatusOr<v1::QuarantineMoveResult> PostfixMailSystem::PreviewMove(
    const v1::QuarantineMove& request) {
  MQ_ASSIGN_OR_RETURN(const Instance instance, Holder(request.quarantine_id()));
  return postfix::PreviewMove(instance, request);
}

absl::StatusOr<v1::QuarantineMoveResult> PostfixMailSystem::Move(const v1::QuarantineMove& request,
                                                                 const CallContext& context) {
  MQ_ASSIGN_OR_RETURN(const Instance instance, Holder(request.quarantine_id()));
  return postfix::MoveQuarantine(instance, request, context);
}

std::string PostfixMailSystem::SpaceNotice(const InstanceNames& instances) {
  const absl::StatusOr<std::vector<Instance>> chosen = Find(instances);
  return chosen.ok() ? postfix::SpaceNotice(*chosen) : "";
}

absl::StatusOr<SettingsChange> PostfixMailSystem::PlanRelayLock(const v1::RelayLock& request) {
  MQ_ASSIGN_OR_RETURN(const std::vector<Instance> chosen, Find(Names(request.instances())));
  return postfix::PlanRelayLock(chosen, request);
}

absl::StatusOr<SettingsChange> PostfixMailSystem::PlanNdrSilence(const v1::NdrSilence& request) {
  MQ_ASSIGN_OR_RETURN(const std::vector<Instance> chosen, Find(Names(request.instances())));
  return postfix::PlanNdrSilence(chosen, request);
}

absl::StatusOr<SettingsChange> PostfixMailSystem::PlanSenderBlock(const v1::SenderBlock& request) {
  MQ_ASSIGN_OR_RETURN(const std::vector<Instance> chosen, Find(Names(request.instances())));
  return postfix::PlanSenderBlock(chosen, request);
}

absl::StatusOr<SettingsChange> PostfixMailSystem::PlanSenderUnblock(
    const v1::SenderUnblock& request) {
  MQ_ASSIGN_OR_RETURN(const std::vector<Instance> chosen, Find(Names(request.instances())));
  return postfix::PlanSenderUnblock(chosen, request);
}

absl::StatusOr<RestorePlan> PostfixMailSystem::PlanRestore(
    const std::vector<v1::Setting>& settings,
    const std::vector<v1::RestoreDecision>& decisions,
    const std::vector<v1::Setting>& staying) {
  MQ_ASSIGN_OR_RETURN(const std::vector<Instance> all, Find({}));
  return postfix::PlanRestore(all, settings, decisions, staying);
}

absl::StatusOr<std::vector<v1::Setting>> PostfixMailSystem::Drifted(
    const std::vector<v1::Setting>& recorded) {
  MQ_ASSIGN_OR_RETURN(const std::vector<Instance> all, Find({}));
  return postfix::Drifted(all, recorded);
}

absl::Status PostfixMailSystem::Apply(const SettingsChange& change, const CallContext& context) {
  if (change.files.empty()) return absl::OkStatus();
  MQ_ASSIGN_OR_RETURN(const std::vector<Instance> all, Find({}));
  ListenerCheck check(change.verify_closed, context);
  for (const Instance& instance : all) {
    const bool touched =
        std::any_of(change.files.begin(), change.files.end(),
                    [&](const SettingsChange::File& f) { return f.instance == instance.name; });
    if (!touched) continue;
    MQ_ASSIGN_OR_RETURN(const bool running, IsRunning(instance));
    if (running) MQ_RETURN_IF_ERROR(check.Before(instance));
  }
  ServiceHooks hooks;
  hooks.is_running = [&](const Instance& instance) -> absl::StatusOr<bool> {
    if (context.restart_cut_short(instance.name)) return true;
    return IsRunning(instance);
  };
  hooks.reload = [&](const Instance& instance) -> absl::Status {
    MQ_ASSIGN_OR_RETURN(const bool running, IsRunning(instance));
    if (!running) {  // A crash cut its restart short, or it did not start with what is rolled back.
      MQ_RETURN_IF_ERROR(StartInstance(instance, context));
      return context.restart(instance.name, false);
    }
    bool sessions_left = false;
    MQ_RETURN_IF_ERROR(ReloadInstance(instance, context, &sessions_left));
    if (!sessions_left) return absl::OkStatus();
    // Whoever has a session open would go on under the old settings: a spammer, above all.
    context.progress(absl::StrCat("Postfix instance '", instance.name,
                                  "' is restarted to end sessions that began before the change"));
    MQ_RETURN_IF_ERROR(context.restart(instance.name, true));
    MQ_RETURN_IF_ERROR(StopInstance(instance, context));
    MQ_FAULT_POINT(kRestart);
    MQ_RETURN_IF_ERROR(StartInstance(instance, context));
    return context.restart(instance.name, false);
  };
  hooks.dialogue = [&](const Instance& instance) { return check.After(instance); };
  return postfix::Apply(change, all, hooks, context);
}

absl::Status PostfixMailSystem::VerifyLocked(const v1::RelayLock& request) {
  MQ_ASSIGN_OR_RETURN(const std::vector<Instance> chosen, Find(Names(request.instances())));
  return postfix::VerifyLocked(chosen, request);
}

absl::StatusOr<v1::RelayProbeResult> PostfixMailSystem::Probe(const v1::RelayProbe& request,
                                                              const CallContext& context) {
  if (!request.targets().empty()) return ProbeTargets(request, context);
  MQ_ASSIGN_OR_RETURN(const DialogueRequest dialogue, ProbeDialogue(request));
  MQ_ASSIGN_OR_RETURN(const std::vector<Instance> chosen, Find(Names(request.instances())));
  std::vector<std::pair<std::string, DialogueRequest>> questions;
  for (const Instance& instance : chosen) {
    MQ_ASSIGN_OR_RETURN(const std::vector<Listener> listeners, FindListeners(instance));
    for (const Listener& listener : listeners) {
      if (listener.exempt) continue;
      for (const std::string& address : listener.addresses) {
        DialogueRequest one = For(listener, dialogue);
        one.timeout = std::min(one.timeout, context.deadline - absl::Now());
        questions.emplace_back(address, one);
      }
    }
  }
  // All at once: a silent listener is waited for once, not once an address.
  std::vector<absl::StatusOr<v1::ListenerProbe>> answers(questions.size());
  std::vector<std::function<void()>> tasks;
  for (std::size_t i = 0; i < questions.size(); ++i) {
    tasks.emplace_back([&, i] {
      answers[i] = ProbeTarget(questions[i].first, questions[i].second, !request.skip_auth());
    });
  }
  RunTogether(tasks);
  v1::RelayProbeResult result;
  for (std::size_t i = 0; i < questions.size(); ++i) {
    MQ_ASSIGN_OR_RETURN(v1::ListenerProbe probe, std::move(answers[i]));
    context.progress(absl::StrCat(questions[i].first, ": ", probe.reply()));
    *result.add_listeners() = std::move(probe);
  }
  return result;
}

}  // namespace mailquench::agent::postfix
