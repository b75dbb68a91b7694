// From the kind of an operation to what does it.
#include "agent/operations/executor.h"
#include "common/status/error.h"

namespace mailquench::agent {
namespace {
InstanceNames Names(const google::protobuf::RepeatedPtrField<std::string>& names) {
  return {names.begin(), names.end()};
}
}  // namespace

absl::Status Executor::Perform(const v1::Command& command,
                               const CallContext& context,
                               bool& changed,
                               v1::OperationResult& out) {
  const v1::Operation& operation = command.operation();
  // Each arm: call, move the result into its field, and say whether anything changed.
#define MQ_RESULT(field, expr)                  \
  {                                             \
    auto value = (expr);                        \
    if (!value.ok()) return value.status();     \
    *out.mutable_##field() = *std::move(value); \
  }
  switch (operation.kind_case()) {
    case v1::Operation::kServiceStatus:
      MQ_RESULT(service_status, mail_.Status(Names(operation.service_status().instances())));
      break;
    case v1::Operation::kServiceStop:
      MQ_RESULT(service_stop, DoStop(command, context));
      changed = out.service_stop().stopped_size() > 0;
      break;
    case v1::Operation::kServiceStart:
      MQ_RESULT(service_start, DoStart(command, context));
      changed = out.service_start().started_size() > 0;
      break;
    case v1::Operation::kQueueSurvey:
      MQ_RESULT(queue_survey, mail_.Survey(Names(operation.queue_survey().instances()), context));
      break;
    case v1::Operation::kQueueQuarantine:
      MQ_RESULT(queue_quarantine, DoQuarantine(command, context));
      break;
    case v1::Operation::kQuarantineList:
      MQ_RESULT(quarantine_list, mail_.ListQuarantines());
      break;
    case v1::Operation::kQuarantineAnalyse:
      MQ_RESULT(quarantine_analyse, mail_.Analyse(operation.quarantine_analyse(), context));
      break;
    case v1::Operation::kQuarantineRelease:
      MQ_RESULT(quarantine_release, DoRelease(command, context));
      changed = out.quarantine_release().released() > 0;
      break;
    case v1::Operation::kQuarantineDiscard:
      MQ_RESULT(quarantine_discard, mail_.Discard(operation.quarantine_discard(), context));
      changed = out.quarantine_discard().discarded() > 0;
      break;
    case v1::Operation::kQuarantineMove:
      MQ_RESULT(quarantine_move, mail_.Move(operation.quarantine_move(), context));
      changed = !out.quarantine_move().from_directory().empty();
      break;
    case v1::Operation::kRelayLock:
      MQ_RESULT(relay_lock,
                DoChange(
                    command, "lock", [&] { return mail_.PlanRelayLock(operation.relay_lock()); },
                    context));
      changed = out.relay_lock().settings_size() > 0;
      break;
    case v1::Operation::kNdrSilence:
      MQ_RESULT(ndr_silence,
                DoChange(
                    command, "silence",
                    [&] { return mail_.PlanNdrSilence(operation.ndr_silence()); }, context));
      changed = out.ndr_silence().settings_size() > 0;
      break;
    case v1::Operation::kShadowSuspend:
      MQ_RESULT(shadow_suspend,
                DoChange(
                    command, "shadow",
                    [&] { return mail_.PlanShadowSuspend(operation.shadow_suspend()); }, context));
      changed = out.shadow_suspend().settings_size() > 0;
      break;
    case v1::Operation::kEgressSet:
      MQ_RESULT(egress_set, DoChange(
                                command, "egress",
                                [&] { return mail_.PlanEgress(operation.egress_set()); }, context));
      changed = out.egress_set().settings_size() > 0;
      break;
    case v1::Operation::kSenderBlock:
      MQ_RESULT(sender_block,
                DoChange(
                    command, "block",
                    [&] { return mail_.PlanSenderBlock(operation.sender_block()); }, context));
      changed = out.sender_block().settings_size() > 0;
      break;
    case v1::Operation::kSenderUnblock:
      MQ_RESULT(sender_unblock,
                DoChange(
                    command, "unblock",
                    [&] { return mail_.PlanSenderUnblock(operation.sender_unblock()); }, context));
      changed = out.sender_unblock().settings_size() > 0;
      break;
    case v1::Operation::kRestore:
      MQ_RESULT(restore, DoRestore(command, context));
      changed = out.restore().put_back() + out.restore().kept_as_fix() > 0;
      break;
    case v1::Operation::kRelayProbe:
      MQ_RESULT(relay_probe, mail_.Probe(operation.relay_probe(), context));
      break;
    case v1::Operation::kQueueWatch:
      MQ_RESULT(queue_watch, DoWatch(operation.queue_watch(), context));
      break;
    case v1::Operation::kDelistFetch:
      return DoDelistFetch(operation.delist_fetch(), context, out);
    case v1::Operation::kMailBlockers:
      MQ_RESULT(mail_blockers, DoBlockers(operation.mail_blockers(), context));
      break;
    case v1::Operation::kBlacklistClear:
    case v1::Operation::kAntivirusClear:
      return absl::InternalError("admitted, although it is the controller's own");
    case v1::Operation::kAntivirusStatus:
      MQ_RESULT(antivirus_status, DoAntivirusStatus(context));
      break;
    case v1::Operation::kAntivirusUpdate:
      return DoAntivirusUpdate(context, changed, out);
    case v1::Operation::kAntivirusScan:
      return DoAntivirusScan(operation.antivirus_scan(), context, out);
    case v1::Operation::kQuarantineScan:
      return DoQuarantineScan(operation.quarantine_scan(), context, out);
    case v1::Operation::kContain:
      return DoContain(command, context, changed, *out.mutable_contain());
    case v1::Operation::KIND_NOT_SET:
      return absl::InternalError("admitted without an operation");
  }
#undef MQ_RESULT
  return absl::OkStatus();
}

}  // namespace mailquench::agent
