// What organisations and persons owe an incident, beside the settings of single hosts.
#include <algorithm>

#include "absl/strings/str_cat.h"
#include "common/status/error.h"
#include "controller/incidents/incidents.h"

namespace mailquench::controller {

absl::StatusOr<OrganisationDebts> Incidents::Debts() {
  const std::lock_guard<std::recursive_mutex> lock(mu_);
  MQ_ASSIGN_OR_RETURN(const std::vector<v1::Incident> open, store_->AllIncidents(false));
  return DebtsOf(open);
}

absl::Status Incidents::OweDuties(const std::string& incident_id,
                                  const std::string& host_id,
                                  const std::string& host_name,
                                  const v1::OperationReport& report,
                                  const v1::ChangeResult& change) {
  if (change.duties().empty()) return absl::OkStatus();
  MQ_ASSIGN_OR_RETURN(const v1::Incident incident, store_->FindIncident(incident_id));
  for (int i = 0; i < change.duties_size(); ++i) {
    v1::Obligation duty;
    duty.set_obligation_id(absl::StrCat(host_id, "/", report.command_id(), "-duty-", i + 1));
    duty.set_duty(change.duties(i));
    // A repeat of the report, or another operation that calls for what is still owed.
    const bool known = std::any_of(
        incident.obligations().begin(), incident.obligations().end(), [&](const auto& one) {
          return one.obligation_id() == duty.obligation_id() ||
                 (one.duty() == duty.duty() && one.organisation() == change.organisation() &&
                  one.state() == v1::Obligation::STATE_OUTSTANDING);
        });
    if (known) continue;
    duty.set_host_id(host_id);
    duty.set_host_name(host_name);
    duty.set_operation(report.operation());
    duty.set_organisation(change.organisation());
    duty.set_state(v1::Obligation::STATE_OUTSTANDING);
    MQ_RETURN_IF_ERROR(Reopen(incident_id, absl::StrCat("a person owes: ", duty.duty())));
    MQ_RETURN_IF_ERROR(store_->PutObligation(incident_id, duty));
  }
  return absl::OkStatus();
}

absl::Status Incidents::OweByPerson(const std::string& incident_id,
                                    const std::string& duty_id,
                                    const std::string& operation,
                                    const std::string& text) {
  const std::lock_guard<std::recursive_mutex> lock(mu_);
  std::string owner;
  auto duty = store_->FindObligation(duty_id, &owner);
  if (!duty.ok() && !absl::IsNotFound(duty.status())) return duty.status();
  if (duty.ok() && duty->state() != v1::Obligation::STATE_OUTSTANDING) return absl::OkStatus();
  v1::Obligation owed;
  owed.set_obligation_id(duty_id);
  owed.set_operation(operation);
  owed.set_duty(text);
  owed.set_state(v1::Obligation::STATE_OUTSTANDING);
  MQ_RETURN_IF_ERROR(store_->FindIncident(incident_id).status());
  MQ_RETURN_IF_ERROR(Reopen(incident_id, absl::StrCat("a person owes: ", text)));
  return store_->PutObligation(incident_id, owed);
}

absl::Status Incidents::ForgiveDuty(const std::string& duty_id, const std::string& reason) {
  const std::lock_guard<std::recursive_mutex> lock(mu_);
  std::string owner;
  auto duty = store_->FindObligation(duty_id, &owner);
  if (absl::IsNotFound(duty.status())) return absl::OkStatus();
  if (!duty.ok()) return duty.status();
  if (duty->state() != v1::Obligation::STATE_OUTSTANDING) return absl::OkStatus();
  duty->set_state(v1::Obligation::STATE_WAIVED);
  duty->set_reason(reason);
  return store_->PutObligation(owner, *duty);
}

}  // namespace mailquench::controller
