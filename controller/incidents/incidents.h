// Incidents: their state, timeline, causes and obligations, drawn from requests and reports.
#ifndef MAILQUENCH_CONTROLLER_INCIDENTS_INCIDENTS_H_
#define MAILQUENCH_CONTROLLER_INCIDENTS_INCIDENTS_H_

#include <functional>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "common/clock/clock.h"
#include "controller/incidents/incident_gates.h"
#include "controller/incidents/incident_rules.h"
#include "controller/runs/plan_groups.h"
#include "controller/store/store.h"

namespace mailquench::controller {

// Thread-safe. Every change is in the store when it returns.
class Incidents {
 public:
  Incidents(Store* store, Clock* clock) : store_(store), clock_(clock) {}

  absl::StatusOr<v1::Incident> Open(const std::string& title,
                                    const std::string& request_id,
                                    const std::string& actor);
  absl::StatusOr<v1::Incident> AddNote(const v1::AddNoteRequest& request, const std::string& actor);
  // `host_id`: it is that host's own setting. A cause that was resolved is open again, but for
  // `known_is_enough`.
  absl::StatusOr<v1::Incident> AddCause(const v1::AddCauseRequest& request,
                                        const std::string& actor,
                                        const std::string& host_id = "",
                                        bool known_is_enough = false);
  absl::StatusOr<v1::Incident> ResolveCause(const v1::ResolveCauseRequest& request,
                                            const std::string& actor);
  absl::StatusOr<v1::Incident> Waive(const v1::WaiveObligationRequest& request,
                                     const std::string& actor);
  // kFailedPrecondition/OBLIGATION_OUTSTANDING, naming them.
  absl::StatusOr<v1::Incident> Close(const v1::CloseIncidentRequest& request,
                                     const std::string& actor);

  // Whether `restore` may begin on these hosts (ids): a value that is kept as fix on its host is no
  // open cause. kFailedPrecondition/CAUSE_UNRESOLVED.
  absl::Status AllowRestore(const std::string& incident_id,
                            const v1::Restore& restore,
                            const std::set<std::string>& host_ids);

  // From runs. Reports may come twice. RunStarted() is called inside of the change of the store
  // that begins the run. Errors: those of the store; an incident that is closed is left as it is.
  absl::Status RunStarted(const v1::Run& run);
  void RunEnded(const v1::Run& run);
  // Whether RunEnded() has come to its end for this run.
  bool Concluded(const v1::Run& run);
  // All of it or nothing: an error means that the report has to come again.
  absl::Status Reported(const v1::Run& run,
                        const std::string& host_id,
                        const std::string& host_name,
                        const v1::Operation* operation,
                        const v1::OperationReport& report);
  // After a scan of the host by its antivirus. Findings are owed to be removed, as a duty of this
  // incident ("": of none); where there are none any more, such duties are done.
  absl::Status Scanned(const std::string& incident_id,
                       const std::string& host_name,
                       const v1::HostAntivirus& known);
  // Whether the attack on these hosts is over, as the store is now. See incident_gates.h.
  absl::StatusOr<AttackGate> GateOf(const std::set<std::string>& host_ids);

  // What listings on blacklists mean for one incident.
  struct ListingNews {
    std::set<std::string> joined;                              // Listing ids.
    std::vector<std::pair<std::string, std::string>> entries;  // Actor and text.
  };
  // Also into one that is closed: its listings are followed further. Then the state: `delisting`
  // instead of `clean` while a joined listing that alarms is not cleared.
  absl::Status TakeListings(const std::string& incident_id, const ListingNews& news);
  // `work` as one change of the store. Whoever edits incidents among other things goes through
  // here: incidents are locked before the store, always.
  absl::Status Together(const std::function<absl::Status()>& work);

  // A host that a part of a contain has left stopped, and until when its lease runs at the latest.
  struct HeldHost {
    std::string name, incident_id, run_id;
    absl::Time until;
    bool for_good = false;  // No lease starts it any more: its agent could not end the contain.
  };
  // Of these hosts (ids), by the runs of all open incidents.
  absl::StatusOr<std::vector<HeldHost>> HeldHosts(const std::set<std::string>& host_ids);
  struct Adopted {
    std::string incident_id;  // "": a new one.
    std::string notice;       // Where it is not the one that was asked for.
  };
  // The incident of a run of `playbook` on these hosts, where `incident_id` ("": none) was asked
  // for: an agent that is stopped by a part goes on only in that part's incident.
  // kFailedPrecondition/OTHER_CONTAIN where it cannot be one for all.
  absl::StatusOr<Adopted> Adopt(const v1::Playbook& playbook,
                                const std::set<std::string>& host_ids,
                                const std::string& incident_id);

  // A person owes this, beside what hosts report: once for each `duty_id`, whose text may change
  // while it is owed; one that was done or waived stays so. An incident that was closed is open
  // again.
  absl::Status OweByPerson(const std::string& incident_id,
                           const std::string& duty_id,
                           const std::string& operation,
                           const std::string& text);
  // It is owed no more, since its reason is gone. One that is not there is none.
  absl::Status ForgiveDuty(const std::string& duty_id, const std::string& reason);

  // What the open incidents keep changed in whole organisations.
  absl::StatusOr<OrganisationDebts> Debts();

  // Into the timeline of every incident that this host owes settings to.
  void Drifted(const std::string& host_id,
               const std::string& host_name,
               const std::vector<std::string>& drifted);

 private:
  using Change = std::function<absl::Status(v1::Incident*)>;
  absl::StatusOr<v1::Incident> Edit(const std::string& id, const Change& change);
  void Note(v1::Incident* incident, const std::string& actor, const std::string& text);
  // The controller's own conclusion; it may come to it again.
  void NoteOnce(v1::Incident* incident, const std::string& text);
  // All runs of the incident, with this one as it is now.
  absl::StatusOr<FleetPicture> PictureWith(const v1::Run& run);
  absl::StatusOr<bool> JoinsWith(const v1::Run& run, const v1::Incident& incident);
  void Judge(const v1::Run& run, const FleetPicture& picture, v1::Incident* incident);
  absl::Status Keep(const v1::Run& run,
                    const std::string& host_id,
                    const std::string& host_name,
                    const v1::Operation* operation,
                    const v1::OperationReport& report);
  absl::Status NoteOpenListings(v1::Incident* incident);
  absl::StatusOr<std::map<std::string, HeldHost>> HeldIn(const std::string& incident_id);
  // What is still being made, or may have been made, by the incident's runs; "": nothing.
  absl::StatusOr<std::string> StillChanging(const std::string& incident_id);
  // An incident that owes something is not closed, whoever closed it before he could know.
  absl::Status Reopen(const std::string& incident_id, const std::string& why);
  absl::Status Owe(const std::string& incident_id,
                   const std::string& host_id,
                   const std::string& host_name,
                   const std::string& operation,
                   const v1::ChangeResult& change);
  // What a person owes beside it, each once.
  absl::Status OweDuties(const std::string& incident_id,
                         const std::string& host_id,
                         const std::string& host_name,
                         const v1::OperationReport& report,
                         const v1::ChangeResult& change);
  absl::Status Blocked(const v1::Run& run,
                       const std::string& incident_id,
                       const v1::Operation& operation);
  absl::Status NoteByHand(const std::string& incident_id,
                          const std::string& host_name,
                          const std::string& run_id,
                          const v1::OperationReport& report);
  absl::Status NoteEvidence(const std::string& incident_id,
                            const std::string& host_name,
                            const v1::QueueSurveyResult& evidence);
  // The cause that a host's open setting was is resolved once the host has kept it as fix.
  absl::Status KeptAsFix(const std::string& incident_id,
                         const std::string& host_id,
                         const v1::RestoredSetting& kept);
  absl::Status SettleObligations(const std::string& host_id,
                                 const v1::Restore* asked,
                                 const v1::OperationReport& report);
  absl::StatusOr<std::string> IncidentOfLocal(const std::string& host_name,
                                              const v1::OperationReport& report);
  absl::Status SeeQuarantines(const std::string& host_id,
                              const std::string& host_name,
                              const v1::OperationReport& report);

  Store* const store_;
  Clock* const clock_;
  std::recursive_mutex mu_;
};

}  // namespace mailquench::controller

#endif  // MAILQUENCH_CONTROLLER_INCIDENTS_INCIDENTS_H_
