// The settings of an Exchange host behind the contract of a mail system: which instance, which
// organisation; the rest is ExchangeSettings'.
#include "agent/mail/exchange/exchange_mail_system.h"
#include "agent/mail/smtp/probe.h"
#include "common/status/error.h"

namespace mailquench::agent::exchange {

ExchangeSettings ExchangeMailSystem::Settings() {
  SettingsOptions options = options_.settings;
  options.organisation = belonging_.Known().organisation;
  return ExchangeSettings(shell_, std::move(options));
}

absl::StatusOr<ExchangeSettings> ExchangeMailSystem::SettingsOfAll() {
  MQ_RETURN_IF_ERROR(Prepend(belonging_.GetKnown(CallDeadline()).status(),
                             "nothing was changed, since it changes what all of an organisation "
                             "share, and which one is not known"));
  return Settings();
}

absl::StatusOr<SettingsChange> ExchangeMailSystem::PlanRelayLock(const v1::RelayLock& request) {
  MQ_RETURN_IF_ERROR(Check({request.instances().begin(), request.instances().end()}));
  return Settings().PlanRelayLock(request);
}

absl::StatusOr<SettingsChange> ExchangeMailSystem::PlanNdrSilence(const v1::NdrSilence& request) {
  MQ_RETURN_IF_ERROR(Check({request.instances().begin(), request.instances().end()}));
  MQ_ASSIGN_OR_RETURN(const ExchangeSettings settings, SettingsOfAll());
  return settings.PlanNdrSilence(request);
}

absl::StatusOr<SettingsChange> ExchangeMailSystem::PlanShadowSuspend(
    const v1::ShadowSuspend& request) {
  MQ_RETURN_IF_ERROR(Check({request.instances().begin(), request.instances().end()}));
  MQ_ASSIGN_OR_RETURN(const ExchangeSettings settings, SettingsOfAll());
  return settings.PlanShadowSuspend(request);
}

absl::StatusOr<SettingsChange> ExchangeMailSystem::PlanEgress(const v1::EgressSet& request) {
  MQ_RETURN_IF_ERROR(Check({request.instances().begin(), request.instances().end()}));
  if (installation_.role == Role::kEdge) return Settings().PlanEgress(request);
  MQ_ASSIGN_OR_RETURN(const ExchangeSettings settings, SettingsOfAll());
  return settings.PlanEgress(request);
}

absl::StatusOr<SettingsChange> ExchangeMailSystem::PlanSenderBlock(const v1::SenderBlock& request) {
  MQ_RETURN_IF_ERROR(Check({request.instances().begin(), request.instances().end()}));
  MQ_ASSIGN_OR_RETURN(const ExchangeSettings settings, SettingsOfAll());
  return settings.PlanSenderBlock(request);
}

absl::StatusOr<SettingsChange> ExchangeMailSystem::PlanSenderUnblock(
    const v1::SenderUnblock& request) {
  MQ_RETURN_IF_ERROR(Check({request.instances().begin(), request.instances().end()}));
  MQ_ASSIGN_OR_RETURN(const ExchangeSettings settings, SettingsOfAll());
  return settings.PlanSenderUnblock(request);
}

bool ExchangeMailSystem::OrganisationWide(v1::Operation::KindCase kind) const {
  if (installation_.role == Role::kEdge) return false;
  return kind == v1::Operation::kNdrSilence || kind == v1::Operation::kShadowSuspend ||
         kind == v1::Operation::kSenderBlock || kind == v1::Operation::kSenderUnblock ||
         kind == v1::Operation::kEgressSet;
}

absl::StatusOr<RestorePlan> ExchangeMailSystem::PlanRestore(
    const std::vector<v1::Setting>& settings,
    const std::vector<v1::RestoreDecision>& decisions,
    const std::vector<v1::Setting>& staying) {
  return Settings().PlanRestore(settings, decisions, staying);
}

absl::StatusOr<std::vector<v1::Setting>> ExchangeMailSystem::Drifted(
    const std::vector<v1::Setting>& recorded) {
  LiftForgottenNowAndThen();
  return Settings().Drifted(recorded);
}

absl::Status ExchangeMailSystem::Apply(const SettingsChange& change, const CallContext& context) {
  if (change.files.empty()) return absl::OkStatus();
  return Settings().Apply(change, context);
}

absl::Status ExchangeMailSystem::VerifyLocked(const v1::RelayLock& request) {
  MQ_RETURN_IF_ERROR(Check({request.instances().begin(), request.instances().end()}));
  return Settings().VerifyLocked(request);
}

absl::StatusOr<v1::RelayProbeResult> ExchangeMailSystem::Probe(const v1::RelayProbe& request,
                                                               const CallContext& context) {
  if (!request.targets().empty()) return ProbeTargets(request, context);
  MQ_RETURN_IF_ERROR(Check({request.instances().begin(), request.instances().end()}));
  MQ_ASSIGN_OR_RETURN(const std::vector<std::string> listeners, Settings().Listeners());
  v1::RelayProbe from_inside = request;
  for (const std::string& one : listeners) from_inside.add_targets(one);
  if (listeners.empty()) return v1::RelayProbeResult();
  MQ_ASSIGN_OR_RETURN(v1::RelayProbeResult result, ProbeTargets(from_inside, context));
  for (v1::ListenerProbe& one : *result.mutable_listeners()) one.set_outside(false);
  return result;
}

}  // namespace mailquench::agent::exchange
