// An infected host is a step of the incident: somebody owes its cleaning.
#include "absl/strings/str_cat.h"
#include "common/status/error.h"
#include "controller/incidents/incidents.h"

namespace mailquench::controller {
namespace {

constexpr char kOperation[] = "antivirus.scan";

std::string DutyOf(const std::string& host_name, const v1::HostAntivirus& known) {
  const v1::AntivirusFinding first =
      known.findings().empty() ? v1::AntivirusFinding() : known.findings(0);
  return absl::StrCat("clean ", host_name, " of ", first.signature(), " in ", first.path(),
                      known.finding_count() > 1
                          ? absl::StrCat(" and of ", known.finding_count() - 1, " findings more")
                          : "",
                      ", then scan it again");
}

}  // namespace

absl::Status Incidents::Scanned(const std::string& incident_id,
                                const std::string& host_name,
                                const v1::HostAntivirus& known) {
  const std::lock_guard<std::recursive_mutex> lock(mu_);
  return store_->Transaction([&]() -> absl::Status {
    MQ_ASSIGN_OR_RETURN(const auto owed, store_->ObligationsOfHost(known.host_id()));
    bool there = false;
    for (v1::Obligation duty : owed) {
      if (duty.operation() != kOperation || duty.state() != v1::Obligation::STATE_OUTSTANDING)
        continue;
      if (known.finding_count() > 0) {
        std::string owner;
        MQ_RETURN_IF_ERROR(store_->FindObligation(duty.obligation_id(), &owner).status());
        there |= owner == incident_id;
        duty.set_duty(DutyOf(host_name, known));
      } else {
        duty.set_state(v1::Obligation::STATE_DONE);
        duty.set_reason("a scan found nothing any more");
      }
      MQ_RETURN_IF_ERROR(store_->PutObligation("", duty));
    }
    if (known.finding_count() == 0 || there || incident_id.empty()) return absl::OkStatus();
    v1::Obligation duty;
    // Of each time that it was infected: one that was cleaned, and is infected anew, owes anew.
    duty.set_obligation_id(
        absl::StrCat(known.host_id(), "/infected-", incident_id, "-", owed.size() + 1));
    duty.set_host_id(known.host_id());
    duty.set_host_name(host_name);
    duty.set_operation(kOperation);
    duty.set_state(v1::Obligation::STATE_OUTSTANDING);
    duty.set_duty(DutyOf(host_name, known));
    MQ_RETURN_IF_ERROR(Reopen(incident_id, absl::StrCat("a person owes: ", duty.duty())));
    return store_->PutObligation(incident_id, duty);
  });
}

}  // namespace mailquench::controller
