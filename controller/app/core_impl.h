// The core's one implementation: what its rooms share. core.cc has its beginning and its end,
// core_runs.cc runs, core_gates.cc what keeps one from starting, core_incidents.cc incidents,
// listings and quarantines, core_fleet.cc hosts and tokens, core_mx.cc mail routes, core_signals.cc
// metrics and the own watch. For these files alone.
#ifndef MAILQUENCH_CONTROLLER_APP_CORE_IMPL_H_
#define MAILQUENCH_CONTROLLER_APP_CORE_IMPL_H_

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "common/status/error.h"
#include "controller/antivirus/postures.h"
#include "controller/app/core.h"
#include "controller/app/core_hands.h"
#include "controller/app/manual_steps.h"
#include "controller/app/own_operations.h"
#include "controller/blacklist/listings.h"
#include "controller/escalation/engine.h"
#include "controller/escalation/own_watch.h"
#include "controller/escalation/sources.h"
#include "controller/fleet/hosts.h"
#include "controller/incidents/incidents.h"
#include "controller/metrics/metrics.h"
#include "controller/mx/switches.h"
#include "controller/notify/notices.h"
#include "controller/runs/engine.h"
#include "controller/store/audit_chain.h"

namespace mailquench::controller {

// The actor of what a host did itself. No operator's name has a colon, so none reads like it.
std::string HostActor(const std::string& name);
// For the audit log; "{}" where it cannot be written so.
std::string Json(const google::protobuf::Message& message);

// Every restore of the playbook is refused on this host; what comes before one is done there.
void RefuseRestore(const v1::Playbook& playbook, const std::string& why, v1::RunHost* host);

// Thread-safe, as Core.
class CoreImpl final : public Core, public RunListener {
 public:
  CoreImpl(const CoreOptions& options,
           std::unique_ptr<Store> store,
           std::unique_ptr<Hosts> hosts,
           std::map<std::string, v1::Playbook> playbooks,
           Guide guide);
  ~CoreImpl() override;

  absl::Status Start();

  absl::Status Resume() override;
  AgentEvents& events() override { return *engine_; }
  void Tick() override;

  // ---- Runs

  absl::StatusOr<v1::ListPlaybooksResponse> ListPlaybooks(const v1::ListPlaybooksRequest&) override;
  absl::StatusOr<std::vector<v1::Operation>> OperationsOf(const v1::PlanRunRequest& r) override;
  absl::StatusOr<v1::Plan> PlanRun(const v1::PlanRunRequest& r, const std::string& actor) override;
  absl::StatusOr<v1::Run> StartRun(const v1::StartRunRequest& r, const std::string& actor) override;
  absl::StatusOr<v1::Run> GetRun(const v1::GetRunRequest& r) override;
  absl::StatusOr<v1::ListRunsResponse> ListRuns(const v1::ListRunsRequest& r) override;
  absl::StatusOr<v1::Run> CancelRun(const v1::CancelRunRequest& r,
                                    const std::string& actor) override;
  absl::StatusOr<v1::ListManualStepsResponse> ListManualSteps(
      const v1::ListManualStepsRequest& r) override;
  absl::StatusOr<v1::Run> ConfirmManualStep(const v1::ConfirmManualStepRequest& r,
                                            const std::string& actor) override;
  absl::StatusOr<std::uint64_t> Subscribe(const std::string& run_id, RunCallback call) override;
  void Unsubscribe(std::uint64_t subscription) override { engine_->Unsubscribe(subscription); }

  // ---- Incidents. The audit entry comes first: what cannot be written down is not done.

  absl::StatusOr<v1::Incident> OpenIncident(const v1::OpenIncidentRequest& r,
                                            const std::string& actor) override;
  absl::StatusOr<v1::Incident> GetIncident(const v1::GetIncidentRequest& r) override;
  absl::StatusOr<v1::ListIncidentsResponse> ListIncidents(
      const v1::ListIncidentsRequest& r) override;
  absl::StatusOr<v1::Incident> AddNote(const v1::AddNoteRequest& r,
                                       const std::string& actor) override;
  absl::StatusOr<v1::Incident> AddCause(const v1::AddCauseRequest& r,
                                        const std::string& actor) override;
  absl::StatusOr<v1::Incident> ResolveCause(const v1::ResolveCauseRequest& r,
                                            const std::string& actor) override;
  absl::StatusOr<v1::Incident> WaiveObligation(const v1::WaiveObligationRequest& r,
                                               const std::string& actor) override;
  absl::StatusOr<v1::Incident> CloseIncident(const v1::CloseIncidentRequest& r,
                                             const std::string& actor) override;

  // ---- Blacklists

  absl::StatusOr<v1::ListBlacklistHistoryResponse> ListBlacklistHistory(
      const v1::ListBlacklistHistoryRequest& r) override;
  absl::StatusOr<v1::ListListingsResponse> ListListings(const v1::ListListingsRequest& r) override;
  absl::StatusOr<v1::Listing> GetListing(const v1::GetListingRequest& r) override;
  absl::StatusOr<v1::Listing> RequestDelisting(const v1::RequestDelistingRequest& r,
                                               const std::string& actor) override;
  absl::StatusOr<v1::Listing> DropListing(const v1::DropListingRequest& r,
                                          const std::string& actor) override;
  absl::StatusOr<v1::Listing> AddListingNote(const v1::AddListingNoteRequest& r,
                                             const std::string& actor) override;
  BlacklistWatch& blacklists() override { return watch_; }
  Listings& listings() override { return listings_; }

  // ---- Antivirus

  AntivirusPostures& antivirus() override { return postures_; }
  absl::StatusOr<v1::ImportInventoryResponse> ImportInventory(const v1::ImportInventoryRequest& r,
                                                              const std::string& actor) override;
  absl::StatusOr<v1::PostureRow> WaiveAntivirus(const v1::WaiveHostRequest& r,
                                                const std::string& actor) override;

  // ---- Escalation

  Escalator& escalations() override { return *escalator_; }
  AlertSources& alert_sources() override { return *sources_; }
  Notices& notices() override { return *notices_; }
  Metrics& metrics() override { return *metrics_; }

  // ---- Mail routes

  mx::Switches& mail_routes() override { return *mx_; }

  // ---- Fleet

  absl::StatusOr<v1::ListHostsResponse> ListHosts(const v1::ListHostsRequest& r) override;
  absl::StatusOr<v1::Host> GetHost(const v1::GetHostRequest& r) override;
  absl::StatusOr<v1::Host> SetLabels(const v1::SetLabelsRequest& r,
                                     const std::string& actor) override;
  absl::StatusOr<v1::Host> SetMailIdentity(const v1::SetMailIdentityRequest& r,
                                           const std::string& actor) override;
  absl::StatusOr<v1::Host> AddManualHost(const v1::AddManualHostRequest& r,
                                         const std::string& actor) override;
  absl::StatusOr<v1::Host> EvictHost(const v1::EvictHostRequest& r,
                                     const std::string& actor) override;
  absl::StatusOr<v1::Host> BanHost(const v1::BanHostRequest& r, const std::string& actor) override;
  absl::StatusOr<v1::Host> FindHost(const std::string& name) override { return hosts_->Find(name); }
  absl::Status UpsertEnrolledHost(const std::string& id,
                                  const std::string& name,
                                  const std::map<std::string, std::string>& labels,
                                  const std::string& serial) override;
  absl::Status SetHostState(const std::string& id,
                            v1::HostState state,
                            const std::string& reason,
                            const std::string& actor) override;
  bool IsActive(const std::string& id) override { return hosts_->IsActive(id); }
  std::string CertificateSerialOf(const std::string& id) override { return hosts_->SerialOf(id); }

  // ---- Tokens

  absl::Status InsertToken(const TokenRow& token) override;
  absl::StatusOr<TokenRow> FindToken(const std::string& id) override;
  absl::Status MarkTokenUsed(const std::string& id,
                             const std::string& key,
                             const std::string& certificate,
                             const std::string& host_id) override;
  absl::StatusOr<std::vector<TokenRow>> ListTokens() override { return store_->AllTokens(); }
  absl::Status RevokeToken(const std::string& id, const std::string& actor) override;

  // ---- Quarantines, audit

  absl::StatusOr<v1::ListQuarantinesResponse> ListQuarantines(
      const v1::ListQuarantinesRequest& r) override;
  absl::StatusOr<v1::ListEntriesResponse> ListAuditEntries(
      const v1::ListEntriesRequest& r) override;
  absl::StatusOr<v1::VerifyResponse> VerifyAudit() override { return audit_.Verify(); }
  absl::Status Audit(const std::string& actor,
                     const std::string& action,
                     const std::string& detail) override;

 private:
  std::string NameOf(const std::string& host_id);
  // What has changed for incidents may be the end of an attack that listings wait for. Where this
  // fails the next look finds the same.
  void LookAtListings() { listings_.Tick().IgnoreError(); }
  // The log names the listing itself, however the caller has named it.
  template <class Request>
  absl::StatusOr<v1::Listing> OnListing(
      const Request& request,
      const std::string& actor,
      const std::string& action,
      absl::StatusOr<v1::Listing> (Listings::*act)(const Request&, const std::string&)) {
    Request exact = request;
    MQ_ASSIGN_OR_RETURN(const v1::Listing found, listings_.Find(request.listing_id()));
    exact.set_listing_id(found.listing_id());
    MQ_RETURN_IF_ERROR(Audit(actor, action, Json(exact)));
    return (listings_.*act)(exact, actor);
  }
  absl::StatusOr<v1::Incident> WithListings(const absl::StatusOr<v1::Incident>& changed);
  // Mail goes another way once the attack is over, else the new way is blocked next.
  // kFailedPrecondition/ATTACK_GOES_ON, unless the operation says why despite that.
  absl::Status CheckEgress(const v1::Plan& plan);
  absl::Status CheckRestore(const v1::Plan& plan, std::string* incident);
  // Why settings are not put back on a host now, by its id.
  absl::StatusOr<std::map<std::string, std::string>> RestoreBlockers(const v1::Plan& plan);
  // `patient`: a host that is not there yet gets the time that it has after a restart.
  absl::StatusOr<v1::Run> Begin(const v1::StartRunRequest& r,
                                const std::string& actor,
                                bool patient);
  void LockAgain(const v1::Run& run);
  absl::Status Together(const std::function<absl::Status()>& work) override {
    return incidents_.Together(work);
  }
  absl::Status OnRunStarting(const v1::Run& run) override { return incidents_.RunStarted(run); }
  void OnRunStarted(const v1::Run&) override { LookAtListings(); }
  absl::Status OnStepReport(const v1::Run& run,
                            const std::string& host_id,
                            const v1::Operation* operation,
                            const v1::OperationReport& report) override;
  void OnRunEnded(const v1::Run& run) override;
  void TakeGreetings(const v1::Run& run);
  void OnDrift(const std::string& host_id, const std::vector<std::string>& drifted) override;
  void OnBeat(const std::string& host_id, const v1::Heartbeat& heartbeat) override;
  // For switches of mail routes (core_mx.cc).
  mx::SwitchHands MxHands();
  // Blocks until the host has answered, at most 45 s. kUnavailable, and those of StartRun().
  absl::StatusOr<v1::ListenerProbe> ProbeFrom(const std::string& host,
                                              const std::string& target,
                                              const std::string& actor);
  absl::StatusOr<AttackGate> AttackOn(const std::string& incident_id,
                                      const std::vector<std::string>& domains);
  // For metrics and the own watch (core_signals.cc).
  MetricSources FiguresOf();
  void SignalReport(const v1::OperationReport& report);
  void SignalProbes(const v1::Run& run);
  void SignalEnd(const v1::Run& run);

  const CoreOptions options_;
  const std::unique_ptr<Store> store_;
  const std::unique_ptr<Hosts> hosts_;
  const std::map<std::string, v1::Playbook> playbooks_;
  const Guide guide_;
  AuditChain audit_;
  Incidents incidents_;
  OwnOperations link_;
  BlacklistWatch watch_;
  Listings listings_;
  AntivirusPostures postures_;
  std::recursive_mutex start_mu_;  // One start at a time, so that a request id names one run.
  std::mutex tokens_mu_;
  std::unique_ptr<RunEngine> engine_;
  std::unique_ptr<ManualSteps> manual_;
  std::unique_ptr<CoreHands> hands_;
  std::unique_ptr<Metrics> metrics_;
  std::unique_ptr<AlertSources> sources_;
  std::unique_ptr<Notices> notices_;
  std::unique_ptr<Escalator> escalator_;
  std::unique_ptr<OwnWatch> own_watch_;
  std::unique_ptr<mx::Switches> mx_;
};

}  // namespace mailquench::controller

#endif  // MAILQUENCH_CONTROLLER_APP_CORE_IMPL_H_
