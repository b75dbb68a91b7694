#include "agent/mail/postfix/postfix_mail_system.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "agent/mail/analysis_sum.h"
#include "agent/mail/postfix/cidr.h"
#include "agent/mail/postfix/listener_check.h"
#include "agent/mail/postfix/listeners.h"
#include "agent/mail/postfix/outward.h"
#include "agent/mail/postfix/queue_ops.h"
#include "agent/mail/postfix/reply_log.h"
#include "agent/mail/postfix/service.h"
#include "agent/mail/postfix/settings_ops.h"
#include "agent/mail/smtp/probe.h"
#include "agent/os/host.h"
#include "common/fault/fault_point.h"
#include "common/status/error.h"

namespace mailquench::agent::postfix {
namespace {
MQ_DEFINE_FAULT_POINT(kRestart, "settings.apply.restart");
constexpr const char* kOperations[] = {
    "service.status",     "service.stop",     "service.start",
    "queue.survey",       "queue.quarantine", "quarantine.list",
    "quarantine.analyse", "quarantine.scan",  "quarantine.release",
    "quarantine.discard", "relay.lock",       "ndr.silence",
    "sender.block",       "sender.unblock",   "restore",
    "relay.probe",        "queue.watch",      "contain",
    "quarantine.move",    "mail.blockers",    "egress.set"};
InstanceNames Names(const google::protobuf::RepeatedPtrField<std::string>& names) {
  return {names.begin(), names.end()};
}

}  // namespace

PostfixMailSystem::PostfixMailSystem(FindOptions options, std::string mail_log)
    : options_(std::move(options)), mail_log_(std::move(mail_log)) {}

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
    MQ_ASSIGN_OR_RETURN(const Outward outward, ReadOutward(instance));
    for (const std::string& address : outward.addresses) add(inventory.egress_addresses, address);
    for (const std::string& name : outward.helo_names) add(inventory.helo_names, name);
    for (const std::string& domain : outward.domains) {
      if (inventory.mail_domains.size() > kMaxMailDomains) break;
      add(inventory.mail_domains, domain);
    }
  }
  inventory.mail_domains_cut = inventory.mail_domains.size() > kMaxMailDomains;
  if (inventory.mail_domains_cut) inventory.mail_domains.resize(kMaxMailDomains);
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

absl::StatusOr<std::string> PostfixMailSystem::QuarantineHome(const std::string& quarantine_id) {
  MQ_ASSIGN_OR_RETURN(const Instance instance, Holder(quarantine_id));
  return postfix::QuarantineHome(instance, quarantine_id);
}

absl::Status PostfixMailSystem::ReadQuarantined(
    const std::string& quarantine_id,
    const std::function<bool(const std::string& key)>& wanted,
    const QuarantinedVisitor& visit,
    const CallContext& context) {
  MQ_ASSIGN_OR_RETURN(const Instance instance, Holder(quarantine_id));
  return postfix::ReadQuarantined(instance, quarantine_id, wanted, visit, context);
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

absl::StatusOr<SettingsChange> PostfixMailSystem::PlanEgress(const v1::EgressSet& request) {
  MQ_ASSIGN_OR_RETURN(const std::vector<Instance> chosen, Find(Names(request.instances())));
  return postfix::PlanEgress(chosen, request, AllAddresses());
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

absl::StatusOr<ReadLog> PostfixMailSystem::ReadDeliveryReplies(absl::Time since,
                                                               const ReplyVisitor& visit,
                                                               const CallContext& context) {
  MQ_ASSIGN_OR_RETURN(const std::vector<Instance> all, Find({}));
  MQ_ASSIGN_OR_RETURN(const std::vector<std::string> logs, MailLogs(all, mail_log_));
  return ReadReplies(logs, since, visit, context);
}

absl::StatusOr<v1::RelayProbeResult> PostfixMailSystem::Probe(const v1::RelayProbe& request,
                                                              const CallContext& context) {
  if (!request.targets().empty()) return ProbeTargets(request, context);
  MQ_ASSIGN_OR_RETURN(const std::vector<Instance> chosen, Find(Names(request.instances())));
  return ProbeListeners(chosen, request, context);
}

}  // namespace mailquench::agent::postfix
