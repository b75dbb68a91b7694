#include "agent/mail/smtpsvc/smtpsvc_mail_system.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "agent/mail/analysis_sum.h"
#include "agent/mail/folders/paths.h"
#include "agent/mail/folders/quarantine_home.h"
#include "agent/mail/smtp/probe.h"
#include "agent/mail/smtpsvc/inventory.h"
#include "agent/mail/smtpsvc/listeners.h"
#include "agent/mail/smtpsvc/settings_ops.h"
#include "agent/os/host.h"
#include "common/status/error.h"

namespace mailquench::agent::smtpsvc {
namespace {
InstanceNames Names(const google::protobuf::RepeatedPtrField<std::string>& names) {
  return {names.begin(), names.end()};
}

absl::Status Missing(const char* reason, const char* sentence) {
  return Error(absl::StatusCode::kUnimplemented, reason,
               absl::StrCat(sentence, "; nothing was done"));
}

SmtpsvcOptions WithMemory(SmtpsvcOptions options) {
  if (options.disk.remembered.empty() && !options.service.state_directory.empty())
    options.disk.remembered = JoinPath(options.service.state_directory, "smtpsvc-quarantines");
  return options;
}
}  // namespace

SmtpsvcMailSystem::SmtpsvcMailSystem(Metabase& metabase,
                                     ServiceManager& services,
                                     Counters* counters,
                                     SmtpsvcOptions options)
    : metabase_(metabase),
      services_(services),
      counters_(counters),
      options_(WithMemory(std::move(options))),
      service_(services, metabase, options_.service) {}

std::unique_ptr<SmtpsvcMailSystem> SmtpsvcMailSystem::Own(std::unique_ptr<Metabase> metabase,
                                                          std::unique_ptr<ServiceManager> services,
                                                          std::unique_ptr<Counters> counters,
                                                          SmtpsvcOptions options) {
  auto out =
      std::make_unique<SmtpsvcMailSystem>(*metabase, *services, counters.get(), std::move(options));
  out->own_metabase_ = std::move(metabase);
  out->own_services_ = std::move(services);
  out->own_counters_ = std::move(counters);
  return out;
}

absl::StatusOr<std::vector<VirtualServer>> SmtpsvcMailSystem::Find(const InstanceNames& names) {
  return FindVirtualServers(metabase_, names);
}

absl::StatusOr<std::vector<Group>> SmtpsvcMailSystem::Groups(
    const google::protobuf::RepeatedPtrField<std::string>& names) {
  MQ_ASSIGN_OR_RETURN(const std::vector<VirtualServer> all, Find({}));
  MQ_ASSIGN_OR_RETURN(const std::vector<VirtualServer> chosen, Find(Names(names)));
  return FindGroups(all, chosen, options_.disk);
}

absl::StatusOr<Inventory> SmtpsvcMailSystem::Inspect() {
  MQ_ASSIGN_OR_RETURN(const std::vector<VirtualServer> all, Find({}));
  return TakeInventory(metabase_, services_, all, options_.version);
}

absl::StatusOr<v1::ServiceStatusResult> SmtpsvcMailSystem::Status(const InstanceNames& instances) {
  MQ_ASSIGN_OR_RETURN(const std::vector<VirtualServer> chosen, Find(instances));
  MQ_ASSIGN_OR_RETURN(const std::vector<bool> running, service_.Running(chosen));
  v1::ServiceStatusResult result;
  for (std::size_t i = 0; i < chosen.size(); ++i) {
    auto* entry = result.add_instances();
    entry->set_name(chosen[i].name);
    entry->set_running(running[i]);
    entry->set_config_directory(absl::StrCat("/LM/SMTPSVC/", chosen[i].name));
    entry->set_queue_directory(chosen[i].queue);
    entry->set_version(options_.version);
  }
  return result;
}

absl::StatusOr<v1::ServiceStopResult> SmtpsvcMailSystem::Stop(const InstanceNames& instances,
                                                              const CallContext& context) {
  MQ_ASSIGN_OR_RETURN(const std::vector<VirtualServer> all, Find({}));
  MQ_ASSIGN_OR_RETURN(const std::vector<VirtualServer> chosen, Find(instances));
  MQ_ASSIGN_OR_RETURN(const std::vector<bool> running, service_.Running(chosen));
  v1::ServiceStopResult result;
  for (std::size_t i = 0; i < chosen.size(); ++i) {
    if (running[i])
      result.add_stopped(chosen[i].name);
    else
      result.add_already_stopped(chosen[i].name);
  }
  MQ_RETURN_IF_ERROR(service_.Stop(chosen, chosen.size() == all.size(), context));
  return result;
}

absl::StatusOr<v1::ServiceStartResult> SmtpsvcMailSystem::Start(const InstanceNames& instances,
                                                                const CallContext& context) {
  MQ_ASSIGN_OR_RETURN(const std::vector<VirtualServer> chosen, Find(instances));
  MQ_ASSIGN_OR_RETURN(const std::vector<bool> running, service_.Running(chosen));
  MQ_ASSIGN_OR_RETURN(const std::vector<VirtualServer> all, Find({}));
  MQ_RETURN_IF_ERROR(RefillSwaps(all, chosen, options_.swap, options_.disk, context));
  MQ_RETURN_IF_ERROR(service_.Start(chosen, context));
  v1::ServiceStartResult result;
  for (std::size_t i = 0; i < chosen.size(); ++i) {
    if (running[i])
      result.add_already_running(chosen[i].name);
    else
      result.add_started(chosen[i].name);
  }
  return result;
}

absl::StatusOr<v1::QueueSurveyResult> SmtpsvcMailSystem::Survey(const InstanceNames& instances,
                                                                const CallContext& context) {
  MQ_ASSIGN_OR_RETURN(const std::vector<VirtualServer> chosen, Find(instances));
  MQ_ASSIGN_OR_RETURN(const std::vector<bool> running, service_.Running(chosen));
  v1::QueueSurveyResult result;
  for (std::size_t i = 0; i < chosen.size(); ++i) {
    MQ_ASSIGN_OR_RETURN(v1::InstanceSurvey survey, SurveyServer(chosen[i], options_.disk, context));
    survey.set_running(running[i]);
    *result.add_instances() = std::move(survey);
  }
  return result;
}

absl::StatusOr<std::int64_t> SmtpsvcMailSystem::CountQueued(const InstanceNames& instances) {
  MQ_ASSIGN_OR_RETURN(const std::vector<VirtualServer> chosen, Find(instances));
  MQ_ASSIGN_OR_RETURN(const bool runs, service_.ServiceRuns());
  return CountQueues(chosen, options_.disk, runs ? counters_ : nullptr);
}

absl::Status SmtpsvcMailSystem::NoneRuns(const std::vector<Group>& groups) {
  for (const Group& group : groups) {
    MQ_ASSIGN_OR_RETURN(const std::vector<bool> running, service_.Running(group.servers));
    for (std::size_t i = 0; i < running.size(); ++i) {
      if (!running[i]) continue;
      return Error(
          absl::StatusCode::kFailedPrecondition, "SERVICE_RUNNING",
          absl::StrCat("virtual server ", group.servers[i].name,
                       " runs, and a whole queue is set aside only while it does not; no queue "
                       "was touched; stop it first, or name what to set aside",
                       group.notice.empty() ? "" : ". ", group.notice));
    }
  }
  return absl::OkStatus();
}

absl::Status SmtpsvcMailSystem::CheckSweep(const InstanceNames& instances) {
  MQ_ASSIGN_OR_RETURN(const std::vector<VirtualServer> all, Find({}));
  MQ_ASSIGN_OR_RETURN(const std::vector<VirtualServer> chosen, Find(instances));
  // Its folders are not where they should be, and the sweep puts that right first.
  if (IsHalfSwept(all, chosen, options_.disk)) return absl::OkStatus();
  MQ_ASSIGN_OR_RETURN(std::vector<Group> groups, FindGroups(all, chosen, options_.disk));
  for (Group& group : groups) {
    std::erase_if(group.servers, [&](const VirtualServer& one) {
      return std::any_of(chosen.begin(), chosen.end(),
                         [&](const VirtualServer& other) { return other.name == one.name; });
    });
  }
  return NoneRuns(groups);
}

absl::StatusOr<v1::QueueQuarantineResult> SmtpsvcMailSystem::Quarantine(
    const v1::QueueQuarantine& request, const CallContext& context) {
  v1::QueueQuarantineResult result;
  if (!request.has_filter()) {
    MQ_ASSIGN_OR_RETURN(const std::vector<VirtualServer> all, Find({}));
    MQ_ASSIGN_OR_RETURN(const std::vector<VirtualServer> chosen, Find(Names(request.instances())));
    MQ_RETURN_IF_ERROR(NoneRuns({Group{chosen, {}, ""}}));
    MQ_ASSIGN_OR_RETURN(*result.mutable_notice(),
                        FinishSwaps(
                            all, chosen,
                            [this](const std::vector<VirtualServer>& owners) {
                              return NoneRuns({Group{owners, {}, ""}});
                            },
                            options_.swap, options_.disk, context));
  }
  MQ_ASSIGN_OR_RETURN(const std::vector<Group> groups, Groups(request.instances()));
  if (!request.has_filter()) MQ_RETURN_IF_ERROR(NoneRuns(groups));
  absl::Duration slowest = absl::ZeroDuration();
  for (const Group& group : groups) {
    MQ_ASSIGN_OR_RETURN(const Taken taken,
                        request.has_filter()
                            ? MoveMatching(group, request, options_.disk, context)
                            : SwapGroup(group, request, options_.swap, options_.disk, context));
    *result.add_quarantines() = taken.info;
    slowest = std::max(slowest, taken.swap_time);
    if (taken.notice.empty()) continue;
    if (!result.notice().empty()) result.mutable_notice()->push_back(' ');
    result.mutable_notice()->append(taken.notice);
  }
  if (!result.notice().empty()) context.progress(absl::StrCat("warning: ", result.notice()));
  const std::int64_t nanos = absl::ToInt64Nanoseconds(slowest);
  result.mutable_swap_time()->set_seconds(nanos / 1000000000);
  result.mutable_swap_time()->set_nanos(static_cast<std::int32_t>(nanos % 1000000000));
  if (request.has_filter()) return result;
  // Looked at anew: who started it may have done so at any moment of the sweep.
  MQ_ASSIGN_OR_RETURN(const std::vector<Group> again, Groups(request.instances()));
  const absl::Status still = NoneRuns(again);
  if (still.ok()) return result;
  if (ReasonOf(still) != "SERVICE_RUNNING") return still;
  return Error(absl::StatusCode::kAborted, "SERVICE_CAME_BACK",
               "the queues are set aside, but somebody started the service while that was done, "
               "and it runs; end what starts it (a watchdog, IISADMIN's recovery), stop it, then "
               "repeat");
}

absl::StatusOr<v1::QuarantineAnalyseResult> SmtpsvcMailSystem::PreviewQuarantine(
    const v1::QueueQuarantine& request, const CallContext& context) {
  MQ_ASSIGN_OR_RETURN(const std::vector<Group> groups, Groups(request.instances()));
  v1::QuarantineAnalyseResult result;
  for (const Group& group : groups) {
    MQ_ASSIGN_OR_RETURN(
        const v1::QuarantineAnalyseResult one,
        PreviewMatching(group, request.filter(), kPreviewSamples, options_.disk, context));
    AddAnalysis(one, kPreviewSamples, &result);
  }
  return result;
}

absl::StatusOr<v1::QuarantineListResult> SmtpsvcMailSystem::ListQuarantines() {
  // Also without a virtual server: an upgrade of Windows in place wipes them, and what was set
  // aside is still here.
  const absl::StatusOr<std::vector<VirtualServer>> all = Find({});
  if (!all.ok() && ReasonOf(all.status()) != "NO_VIRTUAL_SERVER") return all.status();
  MQ_ASSIGN_OR_RETURN(
      std::vector<v1::QuarantineInfo> list,
      ListHomes(RootsOf(all.ok() ? *all : std::vector<VirtualServer>()), options_.disk));
  v1::QuarantineListResult result;
  for (v1::QuarantineInfo& info : list) *result.add_quarantines() = std::move(info);
  return result;
}

absl::StatusOr<v1::QuarantineAnalyseResult> SmtpsvcMailSystem::Analyse(
    const v1::QuarantineAnalyse& request, const CallContext& context) {
  MQ_ASSIGN_OR_RETURN(const std::vector<VirtualServer> all, Find({}));
  return AnalyseQuarantine(all, request, options_.disk, context);
}

absl::StatusOr<v1::QuarantineReleaseResult> SmtpsvcMailSystem::Release(
    const v1::QuarantineRelease& request, const CallContext& context) {
  MQ_ASSIGN_OR_RETURN(const std::vector<VirtualServer> all, Find({}));
  MQ_RETURN_IF_ERROR(OpenById(RootsOf(all), request.quarantine_id(), options_.disk).status());
  MQ_ASSIGN_OR_RETURN(const std::vector<bool> running, service_.Running(all));
  if (std::find(running.begin(), running.end(), true) != running.end())
    return Error(absl::StatusCode::kFailedPrecondition, "SERVICE_RUNNING",
                 "files go back into a queue only while the SMTP service is stopped (KB 306043), "
                 "and it runs; nothing was released; stop it, then repeat");
  return ReleaseQuarantine(all, request, options_.disk, context);
}

absl::StatusOr<v1::QuarantineDiscardResult> SmtpsvcMailSystem::Discard(
    const v1::QuarantineDiscard& request, const CallContext& context) {
  MQ_ASSIGN_OR_RETURN(const std::vector<VirtualServer> all, Find({}));
  return DiscardQuarantine(all, request, options_.disk, context);
}

absl::StatusOr<v1::QuarantineMoveResult> SmtpsvcMailSystem::PreviewMove(
    const v1::QuarantineMove& /*request*/) {
  return Missing("NO_MOVE", kNoMove);
}

absl::StatusOr<v1::QuarantineMoveResult> SmtpsvcMailSystem::Move(
    const v1::QuarantineMove& /*request*/, const CallContext& /*context*/) {
  return Missing("NO_MOVE", kNoMove);
}

absl::StatusOr<SettingsChange> SmtpsvcMailSystem::PlanRelayLock(const v1::RelayLock& request) {
  MQ_RETURN_IF_ERROR(RefuseUnderExchange(services_));
  MQ_ASSIGN_OR_RETURN(const std::vector<VirtualServer> chosen, Find(Names(request.instances())));
  return PlanLock(metabase_, chosen, request);
}

absl::StatusOr<SettingsChange> SmtpsvcMailSystem::PlanNdrSilence(
    const v1::NdrSilence& /*request*/) {
  return Missing("NO_SILENCE", kNoSilence);
}

absl::StatusOr<SettingsChange> SmtpsvcMailSystem::PlanEgress(const v1::EgressSet& request) {
  MQ_RETURN_IF_ERROR(RefuseUnderExchange(services_));
  MQ_ASSIGN_OR_RETURN(const std::vector<VirtualServer> chosen, Find(Names(request.instances())));
  return PlanWayOut(metabase_, chosen, request, AllAddresses());
}

absl::StatusOr<SettingsChange> SmtpsvcMailSystem::PlanSenderBlock(const v1::SenderBlock& request) {
  MQ_RETURN_IF_ERROR(RefuseUnderExchange(services_));
  MQ_ASSIGN_OR_RETURN(const std::vector<VirtualServer> chosen, Find(Names(request.instances())));
  return PlanBlock(metabase_, chosen, request);
}

absl::StatusOr<SettingsChange> SmtpsvcMailSystem::PlanSenderUnblock(
    const v1::SenderUnblock& request) {
  MQ_RETURN_IF_ERROR(RefuseUnderExchange(services_));
  MQ_ASSIGN_OR_RETURN(const std::vector<VirtualServer> chosen, Find(Names(request.instances())));
  return PlanUnblock(metabase_, chosen, request);
}

absl::StatusOr<RestorePlan> SmtpsvcMailSystem::PlanRestore(
    const std::vector<v1::Setting>& settings,
    const std::vector<v1::RestoreDecision>& decisions,
    const std::vector<v1::Setting>& /*staying*/) {
  // A lock and a block never touch the same property: nothing is to be carried over. Of two blocks
  // the older one is found changed since, and waits for a decision.
  MQ_ASSIGN_OR_RETURN(const std::vector<VirtualServer> all, Find({}));
  return PlanPutBack(metabase_, all, settings, decisions);
}

absl::StatusOr<std::vector<v1::Setting>> SmtpsvcMailSystem::Drifted(
    const std::vector<v1::Setting>& recorded) {
  MQ_ASSIGN_OR_RETURN(const std::vector<VirtualServer> all, Find({}));
  return FindDrifted(metabase_, all, recorded);
}

absl::Status SmtpsvcMailSystem::Apply(const SettingsChange& change, const CallContext& context) {
  if (change.files.empty()) return absl::OkStatus();
  InstanceNames touched;
  for (const SettingsChange::File& file : change.files) {
    if (std::find(touched.begin(), touched.end(), file.instance) == touched.end())
      touched.push_back(file.instance);
  }
  MQ_ASSIGN_OR_RETURN(const std::vector<VirtualServer> servers, Find(touched));
  MQ_ASSIGN_OR_RETURN(const std::vector<bool> running, service_.Running(servers));
  std::vector<VirtualServer> live;
  for (std::size_t i = 0; i < servers.size(); ++i) {
    if (running[i]) live.push_back(servers[i]);
  }
  ListenerCheck check(metabase_, change.verify_closed, options_.listener_wait, context);
  MQ_RETURN_IF_ERROR(check.Before(live));
  return ApplySettings(metabase_, change, [&] { return check.After(live); });
}

absl::Status SmtpsvcMailSystem::VerifyLocked(const v1::RelayLock& request) {
  MQ_ASSIGN_OR_RETURN(const std::vector<VirtualServer> chosen, Find(Names(request.instances())));
  return VerifyLock(metabase_, chosen, request);
}

absl::StatusOr<ReadLog> SmtpsvcMailSystem::ReadDeliveryReplies(absl::Time /*since*/,
                                                               const ReplyVisitor& /*visit*/,
                                                               const CallContext& /*context*/) {
  return Missing("NO_REPLY_LOG", kNoReplyLog);
}

absl::StatusOr<v1::RelayProbeResult> SmtpsvcMailSystem::Probe(const v1::RelayProbe& request,
                                                              const CallContext& context) {
  if (!request.targets().empty()) return ProbeTargets(request, context);
  MQ_ASSIGN_OR_RETURN(const std::vector<VirtualServer> chosen, Find(Names(request.instances())));
  return ProbeListeners(chosen, request, context);
}

}  // namespace mailquench::agent::smtpsvc
