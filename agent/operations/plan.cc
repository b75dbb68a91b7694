// The dry run, computed on the host: what would be done, in sentences, and the result's shape
// filled with what would be.
#include "agent/operations/plan.h"

#include "absl/strings/str_cat.h"
#include "agent/operations/executor.h"
#include "common/operation/names.h"
#include "common/status/error.h"

namespace mailquench::agent {
namespace {
constexpr absl::Duration kLongestPlan = absl::Minutes(5);

// Whoever ends a containment may not mean the address that got blocked.
void WarnOfWayBack(const std::vector<Journal::Change>& outstanding, v1::OperationPlan& plan) {
  for (const Journal::Change& change : outstanding) {
    if (change.snapshot.operation() != "egress.set") continue;
    plan.add_warnings(
        "it also puts back the way out (egress.set): mail leaves as it did before; to keep it as "
        "it is now, decide so for each of its settings, or name the other snapshots");
    return;
  }
}
}  // namespace

std::vector<std::string> WarningsOf(const SettingsChange& change) {
  std::vector<std::string> out;
  if (!change.result.notice().empty()) out.push_back(change.result.notice());
  for (const std::string& duty : change.result.duties())
    out.push_back(absl::StrCat("a person owes: ", duty));
  return out;
}

void Describe(const SettingsChange& change, absl::string_view what, v1::OperationPlan& plan) {
  if (change.files.empty())
    plan.add_steps(absl::StrCat(what, ": already so, nothing would change"));
  for (const v1::Setting& setting : change.result.settings())
    plan.add_steps(absl::StrCat(what, ": ", setting.instance(), " ", setting.key(),
                                setting.before_absent() ? " would be added" : " would change"));
  for (const v1::LegitimateUse& use : change.result.refused_from_now())
    plan.add_warnings(absl::StrCat(
        "relays today and would be refused: ", use.account().empty() ? use.client() : use.account(),
        " (", use.messages(), " messages)"));
  for (const std::string& warning : WarningsOf(change)) plan.add_warnings(warning);
  if (!change.result.organisation().empty())
    plan.add_warnings(absl::StrCat("it changes what all hosts of the organisation ",
                                   change.result.organisation(), " share"));
}

// Nobody can cancel it, and it must not keep an urgent command waiting.
CallContext Executor::ContextOfPlan() {
  CallContext context;
  context.command_id = "plan";
  context.deadline = clock_.Now() + kLongestPlan;
  if (mail_.ScansDelaySweeps()) {
    context.still_wanted = [this]() -> absl::Status {
      if (!UrgentWaits()) return absl::OkStatus();
      return Error(absl::StatusCode::kAborted, "MADE_WAY",
                   "the dry run made way for a change that ends an attack; ask again");
    };
  }
  return context;
}

void Executor::TellSpace(const google::protobuf::RepeatedPtrField<std::string>& instances,
                         v1::OperationPlan& plan) {
  const std::string notice = mail_.SpaceNotice({instances.begin(), instances.end()});
  if (!notice.empty()) plan.add_warnings(notice);
}

absl::StatusOr<v1::QueueQuarantineResult> Executor::PlanSweep(
    const google::protobuf::RepeatedPtrField<std::string>& instances, v1::OperationPlan& plan) {
  MQ_ASSIGN_OR_RETURN(const std::int64_t count,
                      mail_.CountQueued({instances.begin(), instances.end()}));
  plan.add_steps(absl::StrCat("set aside ", count, " queued messages"));
  v1::QueueQuarantineResult out;
  out.add_quarantines()->set_messages(count);
  TellSpace(instances, plan);
  return out;
}

absl::StatusOr<v1::OperationPlan> Executor::MakePlan(const v1::Operation& operation) {
  v1::OperationPlan plan;
  plan.set_operation(OperationName(operation));
  plan.set_operation_class(ClassOf(operation));
  v1::OperationResult& preview = *plan.mutable_preview();
  const auto tell_space = [&](const auto& request) { TellSpace(request.instances(), plan); };
  const auto change = [&](absl::StatusOr<SettingsChange> planned, absl::string_view what,
                          v1::ChangeResult* into) -> absl::Status {
    MQ_RETURN_IF_ERROR(planned.status());
    MQ_RETURN_IF_ERROR(CheckNames(*planned));
    Describe(*planned, what, plan);
    if (into != nullptr) *into = planned->result;
    return absl::OkStatus();
  };
  switch (operation.kind_case()) {
    case v1::Operation::kServiceStop:
      plan.add_steps("stop the mail service under a lease");
      break;
    case v1::Operation::kServiceStart:
      plan.add_steps("start the mail service");
      break;
    case v1::Operation::kQueueQuarantine: {
      const v1::QueueQuarantine& request = operation.queue_quarantine();
      if (!request.has_filter()) {
        MQ_ASSIGN_OR_RETURN(*preview.mutable_queue_quarantine(),
                            PlanSweep(request.instances(), plan));
        break;
      }
      const CallContext context = ContextOfPlan();
      MQ_ASSIGN_OR_RETURN(*preview.mutable_quarantine_analyse(),
                          mail_.PreviewQuarantine(request, context));
      plan.add_steps(absl::StrCat("set aside ", preview.quarantine_analyse().matching(),
                                  " matching messages, leave the rest in place"));
      tell_space(request);
      break;
    }
    case v1::Operation::kQuarantineRelease:
    case v1::Operation::kQuarantineDiscard: {
      const bool release = operation.has_quarantine_release();
      if (release) MQ_RETURN_IF_ERROR(CheckIsolation(operation.quarantine_release()));
      v1::QuarantineAnalyse analyse;
      analyse.set_quarantine_id(release ? operation.quarantine_release().quarantine_id()
                                        : operation.quarantine_discard().quarantine_id());
      *analyse.mutable_filter() = release ? operation.quarantine_release().filter()
                                          : operation.quarantine_discard().filter();
      analyse.set_samples(10);
      const CallContext context = ContextOfPlan();
      MQ_ASSIGN_OR_RETURN(*preview.mutable_quarantine_analyse(), mail_.Analyse(analyse, context));
      if (release) {
        MQ_ASSIGN_OR_RETURN(const std::vector<std::string> warnings,
                            mail_.ReleaseWarnings(context));
        for (const std::string& one : warnings) plan.add_warnings(one);
      }
      if (release && mail_.ReleasesStopped()) {
        plan.add_steps("stop the mail service, and start what runs now when it is done");
        plan.add_warnings(
            "should the service not start again, the lease of this stop tries once more at its "
            "end, "
            "and closes the relay before it does");
      }
      if (release && operation.quarantine_release().isolate()) {
        plan.add_steps(
            "cut this host off from all others first and prove it by a probe; where that does not "
            "succeed nothing is released; what of a database matches is known only then");
        if (!mail_.IsolationCaveat().empty()) plan.add_warnings(mail_.IsolationCaveat());
      }
      const v1::QuarantineAnalyseResult& found = preview.quarantine_analyse();
      const std::int64_t kept_out = release ? found.kept_out() : 0;
      plan.add_steps(absl::StrCat(release ? "release " : "delete for good ",
                                  found.matching() - kept_out, " messages"));
      if (kept_out > 0)
        plan.add_steps(
            absl::StrCat("leave ", kept_out, " messages that the antivirus keeps out",
                         operation.quarantine_release().false_positives().empty()
                             ? ""
                             : absl::StrCat(", but for those of ",
                                            operation.quarantine_release().false_positives_size(),
                                            " that a person has judged")));
      if (release && !found.quarantine().has_scan_time() && antivirus_.MayJudge())
        plan.add_warnings(
            "this host has an antivirus, and no scan of this quarantine has gone to its end; "
            "`quarantine scan` does that");
      break;
    }
    case v1::Operation::kQuarantineMove: {
      MQ_ASSIGN_OR_RETURN(*preview.mutable_quarantine_move(),
                          mail_.PreviewMove(operation.quarantine_move()));
      const v1::QuarantineMoveResult& move = preview.quarantine_move();
      if (move.from_directory().empty()) {
        plan.add_steps(absl::StrCat("it is in ", move.quarantine().directory(),
                                    " already; nothing would change"));
        break;
      }
      plan.add_steps(absl::StrCat("copy ", move.files(), " files, ", move.bytes(), " bytes, from ",
                                  move.from_directory(), " to ", move.quarantine().directory(),
                                  ", where ", move.free_bytes(), " bytes are free"));
      plan.add_steps(absl::StrCat("then remove them from ", move.from_directory()));
      break;
    }
    case v1::Operation::kRelayLock:
      MQ_RETURN_IF_ERROR(change(mail_.PlanRelayLock(operation.relay_lock()), "relay lock",
                                preview.mutable_relay_lock()));
      break;
    case v1::Operation::kNdrSilence:
      MQ_RETURN_IF_ERROR(change(mail_.PlanNdrSilence(operation.ndr_silence()), "silence",
                                preview.mutable_ndr_silence()));
      break;
    case v1::Operation::kSenderBlock:
      MQ_RETURN_IF_ERROR(change(mail_.PlanSenderBlock(operation.sender_block()), "block",
                                preview.mutable_sender_block()));
      break;
    case v1::Operation::kSenderUnblock:
      MQ_RETURN_IF_ERROR(change(mail_.PlanSenderUnblock(operation.sender_unblock()), "unblock",
                                preview.mutable_sender_unblock()));
      break;
    case v1::Operation::kRestore: {
      std::vector<Journal::Change> outstanding;
      MQ_ASSIGN_OR_RETURN(const RestorePlan restore,
                          PlanRestoreOf(operation.restore(), outstanding));
      *preview.mutable_restore() = restore.result;
      plan.add_steps(absl::StrCat("put back ", restore.result.put_back(), " settings, keep ",
                                  restore.result.kept_as_fix(), " as fix; ",
                                  restore.result.needs_decision(), " need a decision"));
      WarnOfWayBack(outstanding, plan);
      break;
    }
    case v1::Operation::kShadowSuspend:
      MQ_RETURN_IF_ERROR(change(mail_.PlanShadowSuspend(operation.shadow_suspend()),
                                "shadow copies", preview.mutable_shadow_suspend()));
      break;
    case v1::Operation::kEgressSet:
      MQ_RETURN_IF_ERROR(change(mail_.PlanEgress(operation.egress_set()), "way out",
                                preview.mutable_egress_set()));
      break;
    case v1::Operation::kContain:
      MQ_RETURN_IF_ERROR(PlanContain(operation.contain(), plan));
      break;
    case v1::Operation::kAntivirusUpdate:
      plan.add_steps("the antivirus takes its newest signatures, from where it takes them always");
      break;
    case v1::Operation::kAntivirusScan:
      if (!operation.antivirus_scan().remove()) {
        plan.add_steps("observe; nothing would change");
        preview.Clear();
        break;
      }
      plan.add_steps("scan, and let the antivirus put what it finds into its own quarantine");
      break;
    case v1::Operation::kDelistFetch:
      PlanFetch(operation.delist_fetch(), plan);
      break;
    default:
      plan.add_steps("observe; nothing would change");
      preview.Clear();
  }
  return plan;
}

}  // namespace mailquench::agent
