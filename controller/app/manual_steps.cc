#include "controller/app/manual_steps.h"

#include <algorithm>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "common/operation/names.h"
#include "common/status/error.h"
#include "common/text/harmless.h"
#include "controller/app/own_operations.h"
#include "controller/manual/confirmation.h"
#include "controller/runs/groups.h"
#include "controller/store/times.h"

namespace mailquench::controller {
namespace {

bool Waits(const v1::HostStep& step) {
  return step.has_manual_since_time() && step.report().outcome() == v1::OUTCOME_UNSPECIFIED;
}

std::string QuarantineOf(const v1::Operation& operation) {
  if (operation.has_quarantine_analyse()) return operation.quarantine_analyse().quarantine_id();
  if (operation.has_quarantine_release()) return operation.quarantine_release().quarantine_id();
  return operation.quarantine_discard().quarantine_id();
}

bool Closes(const v1::Run& run) {
  return std::any_of(run.playbook().steps().begin(), run.playbook().steps().end(),
                     [](const v1::PlaybookStep& step) {
                       return step.operation().has_contain() || step.operation().has_relay_lock();
                     });
}

absl::StatusOr<int> NumberOf(const v1::Run& run, const std::string& step) {
  int number = 0;
  if (absl::SimpleAtoi(step, &number)) {
    if (number >= 1 && number <= run.playbook().steps_size()) return number - 1;
  } else {
    for (int i = 0; i < run.playbook().steps_size(); ++i) {
      if (run.playbook().steps(i).name() == step) return i;
    }
  }
  std::string names;
  for (const v1::PlaybookStep& one : run.playbook().steps())
    absl::StrAppend(&names, names.empty() ? "" : ", ", one.name());
  return Error(absl::StatusCode::kNotFound, "STEP_NOT_FOUND",
               absl::StrCat("the run ", run.run_id(), " has no step '", Harmless(step),
                            "'; nothing was recorded; it has ", names));
}

}  // namespace

void ManualSteps::FillFromStore(const std::string& host_id, absl::Time since, HandOrder* order) {
  if (const auto host = hosts_->Find(host_id); host.ok()) {
    order->listeners.assign(host->hello().listeners().begin(), host->hello().listeners().end());
  }
  if (order->operation.has_restore()) {
    const auto owed = store_->ObligationsOfHost(host_id);
    if (owed.ok()) {
      for (const v1::Obligation& one : *owed) {
        // What was changed after the person got the list is not on it, and not put back.
        const std::string command(absl::StripPrefix(one.snapshot_id(), "manual-"));
        const absl::StatusOr<CommandRow> row = store_->FindCommand(command);
        if (row.ok() && TimeOf(row->report.manual().confirm_time()) > since) continue;
        order->owed.push_back(one);
      }
    }
  }
  const std::string wanted = QuarantineOf(order->operation);
  if (wanted.empty()) return;
  const auto all = store_->Quarantines("");
  if (!all.ok()) return;
  for (const v1::FleetQuarantine& one : *all) {
    if (one.host_id() == host_id && one.quarantine().quarantine_id() == wanted)
      order->quarantine_directory = one.quarantine().directory();
  }
}

HandOrder ManualSteps::OrderOf(const v1::Run& run,
                               const v1::RunHost& host,
                               const v1::HostStep& step) {
  HandOrder order;
  order.operation = run.playbook().steps(step.step()).operation();
  order.platform = host.manual_platform();
  order.host_name = host.name();
  order.since = TimeOf(step.manual_since_time());
  FillFromStore(host.host_id(), order.since, &order);
  return order;
}

v1::ManualStep ManualSteps::Describe(const v1::Run& run,
                                     const v1::RunHost& host,
                                     const v1::HostStep& step) {
  v1::ManualStep out;
  Instruct(*guide_, OrderOf(run, host, step), &out);
  out.set_run_id(run.run_id());
  out.set_incident_id(run.incident_id());
  out.set_host_id(host.host_id());
  out.set_step(step.step());
  out.set_step_name(run.playbook().steps(step.step()).name());
  *out.mutable_since_time() = step.manual_since_time();
  *out.mutable_until_time() = step.manual_until_time();
  return out;
}

absl::StatusOr<v1::ListManualStepsResponse> ManualSteps::List(
    const v1::ListManualStepsRequest& request) {
  std::vector<std::string> ids = {request.run_id()};
  if (request.run_id().empty()) {
    MQ_ASSIGN_OR_RETURN(ids, store_->RunIds("", true));
  }
  v1::ListManualStepsResponse response;
  for (const std::string& id : ids) {
    MQ_ASSIGN_OR_RETURN(const v1::Run run, engine_->Find(id));
    for (const v1::RunHost& host : run.hosts()) {
      const std::string& wanted = request.host();
      if (!wanted.empty() && wanted != host.host_id() && wanted != host.name()) continue;
      for (const v1::HostStep& step : host.steps()) {
        if (Waits(step)) *response.add_steps() = Describe(run, host, step);
      }
    }
  }
  return response;
}

absl::StatusOr<ManualSteps::Said> ManualSteps::Look(const v1::ConfirmManualStepRequest& request,
                                                    const std::string& actor) {
  MQ_ASSIGN_OR_RETURN(const v1::Run run, engine_->Find(request.run_id()));
  MQ_ASSIGN_OR_RETURN(const int number, NumberOf(run, request.step()));
  const v1::RunHost* host = nullptr;
  for (const v1::RunHost& one : run.hosts()) {
    if (one.host_id() == request.host() || one.name() == request.host()) host = &one;
  }
  if (host == nullptr || number >= host->steps_size()) {
    return Error(absl::StatusCode::kNotFound, "HOST_NOT_FOUND",
                 absl::StrCat("no host of the run ", run.run_id(), " is named '",
                              Harmless(request.host()), "'; nothing was recorded"));
  }
  Said said;
  said.run_id = run.run_id();
  said.host_id = host->host_id();
  said.step = number;
  const v1::HostStep& step = host->steps(number);
  // Whether a person was asked at all is the engine's answer; there is nothing to look at then.
  if (!step.has_manual_since_time()) return said;
  const HandOrder order = OrderOf(run, *host, step);
  MQ_ASSIGN_OR_RETURN(v1::ManualConfirmation checked,
                      Checked(*guide_, order, request.confirmation()));
  checked.set_confirmed_by(actor);
  StampTime(clock_->Now(), checked.mutable_confirm_time());
  said.report = ReportByHand(*guide_, order, checked, step.command_id(), Closes(run));
  *said.report.mutable_start_time() = step.manual_since_time();
  said.operation = order.operation;
  if (said.operation.has_restore()) {
    said.operation.mutable_restore()->clear_snapshot_ids();
    for (const v1::Obligation& one : RestoredBy(order.operation.restore(), order.owed))
      said.operation.mutable_restore()->add_snapshot_ids(one.snapshot_id());
    for (const v1::Obligation& one : BlocksKeptBy(order.operation.restore(), order.owed))
      said.operation.mutable_restore()->add_snapshot_ids(one.snapshot_id());
  }
  return said;
}

void ManualSteps::Plan(v1::Plan* plan) {
  for (v1::PlannedHost& host : *plan->mutable_hosts()) {
    if (host.manual_platform().empty()) continue;
    for (const v1::PlaybookStep& step : plan->playbook().steps()) {
      if (LeavesOut(step, host)) continue;
      v1::OperationPlan* out = host.add_steps();
      const std::string name = OperationName(step.operation());
      out->set_operation(name);
      out->set_operation_class(ClassOf(step.operation()));
      if (IsOwn(step.operation())) {
        out->add_steps(OwnStep(step.operation()));
        continue;
      }
      const std::string why_not = guide_->WhyNot(host.manual_platform(), name);
      if (!why_not.empty()) {
        out->add_warnings(absl::StrCat("cannot be done by hand: ", why_not));
        continue;
      }
      HandOrder order;
      order.operation = step.operation();
      order.platform = host.manual_platform();
      order.host_name = host.name();
      order.since = clock_->Now();
      FillFromStore(host.host_id(), order.since, &order);
      v1::ManualStep described;
      Instruct(*guide_, order, &described);
      out->add_steps("a person would be asked to:");
      for (const v1::ManualInstruction& one : described.instructions()) {
        out->add_steps(one.command().empty() ? one.text()
                                             : absl::StrCat(one.text(), " [", one.command(), "]"));
      }
    }
  }
}

}  // namespace mailquench::controller
