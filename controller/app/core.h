// The controller without its wire: hosts, runs, incidents, quarantines and audit over one store.
#ifndef MAILQUENCH_CONTROLLER_APP_CORE_H_
#define MAILQUENCH_CONTROLLER_APP_CORE_H_

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/clock/clock.h"
#include "controller/antivirus/posture_rules.h"
#include "controller/blacklist/watch.h"
#include "controller/blacklist/way_out.h"
#include "controller/fleet/link.h"
#include "controller/mx/options.h"
#include "controller/store/records.h"
#include "mailquench/v1/antivirus.pb.h"
#include "mailquench/v1/audit.pb.h"
#include "mailquench/v1/blacklist.pb.h"
#include "mailquench/v1/fleet.pb.h"
#include "mailquench/v1/incidents.pb.h"
#include "mailquench/v1/quarantines.pb.h"
#include "mailquench/v1/runs.pb.h"

namespace mailquench::controller {

class Listings;
class Escalator;
class AlertSources;
class Notices;
class Metrics;
class AntivirusPostures;
namespace mx {
class Switches;
}

struct CoreOptions {
  std::string store_path;
  std::string playbook_directory;  // Of the operator's own playbooks; empty: built-in ones only.
  WatchOptions blacklists;
  AntivirusPolicy antivirus;
  mx::Options dns;
  std::string escalation_file;  // escalation.yaml; empty: nothing starts by itself.
  absl::Duration alertmanager_poll = absl::Seconds(10);
  // After the start, while agents are still away: no alert is decided for so long.
  absl::Duration escalation_settle = absl::ZeroDuration();
  absl::Duration silence_length = absl::Minutes(15);
  absl::Duration own_watch_every = absl::Seconds(5);
  // Of the HTTPS endpoint, for the metrics: requests by result.
  std::function<std::map<std::string, std::int64_t>()> endpoint_results;
  std::function<void(const std::string&)> log = [](const std::string&) {};
  Clock* clock = nullptr;     // Not owned; outlives the core.
  FleetLink* link = nullptr;  // Not owned; outlives the core.
  // A thread looks after deadlines. Tests switch it off and call Tick().
  bool timer_thread = true;
  absl::Duration patience = absl::Seconds(5);          // For an offline host, before `unreachable`.
  absl::Duration resume_patience = absl::Seconds(30);  // The same, after the controller restarted.
  absl::Duration grace = absl::Seconds(15);            // Beyond a step's timeout, for its report.
  absl::Duration manual_patience = absl::Hours(4);     // For a person, on a host without an agent.
  absl::Duration plan_limit = absl::Seconds(5);        // For the agents' answers to a dry run.
};

// Thread-safe. No method but PlanRun blocks on an agent; each may wait for the disk. `actor` is the
// name in the caller's certificate; each mutation leaves an audit entry that names it. What a host
// did itself has the actor "host:NAME".
class Core {
 public:
  // Opens the store, migrates it and loads the playbooks. Runs that had not ended wait for
  // Resume(), which is called once the link can send. Errors: kInvalidArgument (a playbook, with
  // file and line), kDataLoss or kInternal (the store).
  static absl::StatusOr<std::unique_ptr<Core>> Open(const CoreOptions& options);
  virtual ~Core() = default;

  virtual absl::Status Resume() = 0;
  // What the link calls.
  virtual AgentEvents& events() = 0;
  // Looks at deadlines, of runs and of listings, now. Tests call it.
  virtual void Tick() = 0;

  // ---- Runs.
  virtual absl::StatusOr<v1::ListPlaybooksResponse> ListPlaybooks(
      const v1::ListPlaybooksRequest& request) = 0;
  // Blocks up to plan_limit unless request.skip_agents.
  virtual absl::StatusOr<v1::Plan> PlanRun(const v1::PlanRunRequest& request,
                                           const std::string& actor) = 0;
  virtual absl::StatusOr<v1::Run> StartRun(const v1::StartRunRequest& request,
                                           const std::string& actor) = 0;
  virtual absl::StatusOr<v1::Run> GetRun(const v1::GetRunRequest& request) = 0;
  virtual absl::StatusOr<v1::ListRunsResponse> ListRuns(const v1::ListRunsRequest& request) = 0;
  virtual absl::StatusOr<v1::Run> CancelRun(const v1::CancelRunRequest& request,
                                            const std::string& actor) = 0;
  virtual absl::StatusOr<v1::ListManualStepsResponse> ListManualSteps(
      const v1::ListManualStepsRequest& request) = 0;
  virtual absl::StatusOr<v1::Run> ConfirmManualStep(const v1::ConfirmManualStepRequest& request,
                                                    const std::string& actor) = 0;
  using RunCallback = std::function<void(const v1::RunEvent&)>;
  // Calls `callback` once at once with the run as it is, then after each change, sequence rising,
  // from any thread, never under the engine's lock, never twice at a time. After Unsubscribe() has
  // returned it is not called again; do not call Unsubscribe() from inside the callback.
  virtual absl::StatusOr<std::uint64_t> Subscribe(const std::string& run_id,
                                                  RunCallback callback) = 0;
  virtual void Unsubscribe(std::uint64_t subscription) = 0;
  // The operations that this request would run, for authorisation by their class.
  virtual absl::StatusOr<std::vector<v1::Operation>> OperationsOf(
      const v1::PlanRunRequest& request) = 0;

  // ---- Incidents.
  virtual absl::StatusOr<v1::Incident> OpenIncident(const v1::OpenIncidentRequest& request,
                                                    const std::string& actor) = 0;
  virtual absl::StatusOr<v1::Incident> GetIncident(const v1::GetIncidentRequest& request) = 0;
  virtual absl::StatusOr<v1::ListIncidentsResponse> ListIncidents(
      const v1::ListIncidentsRequest& request) = 0;
  virtual absl::StatusOr<v1::Incident> AddNote(const v1::AddNoteRequest& request,
                                               const std::string& actor) = 0;
  virtual absl::StatusOr<v1::Incident> AddCause(const v1::AddCauseRequest& request,
                                                const std::string& actor) = 0;
  virtual absl::StatusOr<v1::Incident> ResolveCause(const v1::ResolveCauseRequest& request,
                                                    const std::string& actor) = 0;
  virtual absl::StatusOr<v1::Incident> WaiveObligation(const v1::WaiveObligationRequest& request,
                                                       const std::string& actor) = 0;
  virtual absl::StatusOr<v1::Incident> CloseIncident(const v1::CloseIncidentRequest& request,
                                                     const std::string& actor) = 0;

  // ---- Blacklists. Wherever a listing is named: see Listings::Find().
  virtual absl::StatusOr<v1::ListBlacklistHistoryResponse> ListBlacklistHistory(
      const v1::ListBlacklistHistoryRequest& request) = 0;
  virtual absl::StatusOr<v1::ListListingsResponse> ListListings(
      const v1::ListListingsRequest& request) = 0;
  // With its evidence.
  virtual absl::StatusOr<v1::Listing> GetListing(const v1::GetListingRequest& request) = 0;
  virtual absl::StatusOr<v1::Listing> RequestDelisting(const v1::RequestDelistingRequest& request,
                                                       const std::string& actor) = 0;
  virtual absl::StatusOr<v1::Listing> DropListing(const v1::DropListingRequest& request,
                                                  const std::string& actor) = 0;
  virtual absl::StatusOr<v1::Listing> AddListingNote(const v1::AddListingNoteRequest& request,
                                                     const std::string& actor) = 0;
  virtual BlacklistWatch& blacklists() = 0;
  virtual Listings& listings() = 0;

  // ---- Antivirus.
  virtual AntivirusPostures& antivirus() = 0;
  virtual absl::StatusOr<v1::ImportInventoryResponse> ImportInventory(
      const v1::ImportInventoryRequest& request, const std::string& actor) = 0;
  virtual absl::StatusOr<v1::PostureRow> WaiveAntivirus(const v1::WaiveHostRequest& request,
                                                        const std::string& actor) = 0;

  // ---- Escalation.
  virtual Escalator& escalations() = 0;
  virtual AlertSources& alert_sources() = 0;
  virtual Notices& notices() = 0;
  virtual Metrics& metrics() = 0;

  // ---- Mail routes.
  virtual mx::Switches& mail_routes() = 0;

  // ---- Fleet.
  virtual absl::StatusOr<v1::ListHostsResponse> ListHosts(const v1::ListHostsRequest& request) = 0;
  virtual absl::StatusOr<v1::Host> GetHost(const v1::GetHostRequest& request) = 0;
  virtual absl::StatusOr<v1::Host> SetLabels(const v1::SetLabelsRequest& request,
                                             const std::string& actor) = 0;
  virtual absl::StatusOr<v1::Host> SetMailIdentity(const v1::SetMailIdentityRequest& request,
                                                   const std::string& actor) = 0;
  virtual absl::StatusOr<v1::Host> AddManualHost(const v1::AddManualHostRequest& request,
                                                 const std::string& actor) = 0;
  // Both cut the live stream before they return.
  virtual absl::StatusOr<v1::Host> EvictHost(const v1::EvictHostRequest& request,
                                             const std::string& actor) = 0;
  virtual absl::StatusOr<v1::Host> BanHost(const v1::BanHostRequest& request,
                                           const std::string& actor) = 0;
  // By name or id. kNotFound/HOST_NOT_FOUND.
  virtual absl::StatusOr<v1::Host> FindHost(const std::string& name_or_id) = 0;
  // Makes or replaces the host's row and makes it active. kPermissionDenied/HOST_BANNED where the
  // id, or a host of this name, is banned; kAlreadyExists/HOST_NAME_TAKEN where another active host
  // has the name.
  virtual absl::Status UpsertEnrolledHost(const std::string& host_id,
                                          const std::string& name,
                                          const std::map<std::string, std::string>& labels,
                                          const std::string& certificate_serial) = 0;
  virtual absl::Status SetHostState(const std::string& host_id,
                                    v1::HostState state,
                                    const std::string& reason,
                                    const std::string& actor) = 0;
  // For every incoming connection: from memory, does not touch the disk.
  virtual bool IsActive(const std::string& host_id) = 0;
  virtual std::string CertificateSerialOf(const std::string& host_id) = 0;

  // ---- Join tokens, as rows.
  virtual absl::Status InsertToken(const TokenRow& token) = 0;
  virtual absl::StatusOr<TokenRow> FindToken(const std::string& token_id) = 0;
  // Takes effect once: kFailedPrecondition/TOKEN_USED where another key has used it already, OK
  // where the same key has. kPermissionDenied/TOKEN_REVOKED, kFailedPrecondition/TOKEN_EXPIRED.
  virtual absl::Status MarkTokenUsed(const std::string& token_id,
                                     const std::string& key_fingerprint,
                                     const std::string& certificate_pem,
                                     const std::string& host_id) = 0;
  virtual absl::StatusOr<std::vector<TokenRow>> ListTokens() = 0;
  virtual absl::Status RevokeToken(const std::string& token_id, const std::string& actor) = 0;

  // ---- Quarantines, audit.
  virtual absl::StatusOr<v1::ListQuarantinesResponse> ListQuarantines(
      const v1::ListQuarantinesRequest& request) = 0;
  virtual absl::StatusOr<v1::ListEntriesResponse> ListAuditEntries(
      const v1::ListEntriesRequest& request) = 0;
  virtual absl::StatusOr<v1::VerifyResponse> VerifyAudit() = 0;
  // Adds an entry. `detail_json` is stored as it is.
  virtual absl::Status Audit(const std::string& actor,
                             const std::string& action,
                             const std::string& detail_json) = 0;
};

}  // namespace mailquench::controller

#endif  // MAILQUENCH_CONTROLLER_APP_CORE_H_
