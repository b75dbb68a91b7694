// What open incidents keep changed in whole organisations.
#include "absl/strings/str_cat.h"
#include "controller/runs/plan_groups.h"

namespace mailquench::controller {
namespace {

// Of one incident and organisation.
struct Suspend {
  bool recorded = false;  // The record is outstanding: the copies are switched off.
  bool done = false;      // A person said that those from before are gone.
  std::string open;       // The duty to see to that.
};

}  // namespace

OrganisationDebts DebtsOf(const std::vector<v1::Incident>& open) {
  OrganisationDebts debts;
  for (const v1::Incident& incident : open) {
    std::map<std::string, Suspend> suspends;
    for (const v1::Obligation& one : incident.obligations()) {
      if (one.organisation().empty()) continue;
      const bool outstanding = one.state() == v1::Obligation::STATE_OUTSTANDING;
      const bool suspend = one.operation() == "shadow.suspend";
      Suspend* its = suspend ? &suspends[one.organisation()] : nullptr;
      if (!one.duty().empty()) {
        if (its == nullptr) continue;
        if (outstanding) its->open = one.obligation_id();
        // One that was waived says nothing of the copies.
        its->done |= one.state() == v1::Obligation::STATE_DONE;
        continue;
      }
      if (!outstanding) continue;
      debts.holders[one.organisation()].insert(one.host_id());
      if (its == nullptr) continue;
      its->recorded = true;
      for (const v1::Setting& setting : one.settings())
        debts.suspended[one.organisation()].emplace_back(
            one.host_id(), absl::StrCat(setting.instance(), " ", setting.key()));
    }
    for (const auto& [organisation, its] : suspends) {
      if (!its.recorded) continue;
      if (its.done && its.open.empty()) {
        debts.without_copies.insert(organisation);
        continue;
      }
      debts.copies_left[organisation] = absl::StrCat(
          "shadow.suspend is outstanding in ", organisation,
          ", but nobody has said that the copies from before are gone: once no server holds any, ",
          its.open.empty() ? absl::StrCat("give --without-copies ", organisation)
                           : absl::StrCat("say so with 'mailquench incident done ",
                                          incident.incident_id(), " ", its.open, " --how TEXT'"));
    }
  }
  for (const std::string& organisation : debts.without_copies)
    debts.copies_left.erase(organisation);
  return debts;
}

void LookAtDrift(const std::vector<v1::Host>& fleet, OrganisationDebts* debts) {
  for (const auto& [organisation, settings] : debts->suspended) {
    for (const auto& [host_id, setting] : settings) {
      for (const v1::Host& host : fleet) {
        if (host.host_id() != host_id) continue;
        for (const std::string& drifted : host.heartbeat().drifted()) {
          if (drifted != setting) continue;
          debts->without_copies.erase(organisation);
          debts->copies_left[organisation] =
              absl::StrCat("shadow.suspend is outstanding in ", organisation, ", but ", host.name(),
                           " says that ", setting,
                           " was changed since: copies are kept again; switch them off "
                           "again by hand, and give --without-copies ",
                           organisation, " once no server holds any");
        }
      }
    }
  }
}

}  // namespace mailquench::controller
