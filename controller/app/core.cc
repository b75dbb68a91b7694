#include "controller/app/core.h"

#include <algorithm>
#include <set>

#include "common/status/error.h"
#include "controller/app/manual_steps.h"
#include "controller/app/own_operations.h"
#include "controller/blacklist/clear.h"
#include "controller/blacklist/listings.h"
#include "controller/fleet/hosts.h"
#include "controller/incidents/incidents.h"
#include "controller/runs/engine.h"
#include "controller/runs/planner.h"
#include "controller/runs/playbooks.h"
#include "controller/store/audit_chain.h"
#include "controller/store/ids.h"
#include "google/protobuf/util/json_util.h"

namespace mailquench::controller {
namespace {

constexpr absl::Duration kBetweenLooks = absl::Seconds(10);  // Of blacklist.clear, at least.
constexpr absl::Duration kRecent =
    absl::Hours(1);  // A restore before that was seen to by somebody.

// The actor of what a host did itself. No operator's name has a colon, so none reads like it.
std::string HostActor(const std::string& name) {
  return "host:" + name;
}

std::string Json(const google::protobuf::Message& message) {
  std::string text;
  if (!google::protobuf::util::MessageToJsonString(message, &text).ok()) return "{}";
  return text;
}

ListingsOptions ListingsOptionsOf(BlacklistWatch* watch, const ListingRules& rules) {
  ListingsOptions listings;
  listings.rules = rules;
  listings.catalogue = [watch] { return watch->Catalogue(); };
  return listings;
}

class CoreImpl final : public Core, public RunListener {
 public:
  CoreImpl(const CoreOptions& options,
           std::unique_ptr<Store> store,
           std::unique_ptr<Hosts> hosts,
           std::map<std::string, v1::Playbook> playbooks,
           Guide guide)
      : options_(options),
        store_(std::move(store)),
        hosts_(std::move(hosts)),
        playbooks_(std::move(playbooks)),
        guide_(std::move(guide)),
        audit_(store_.get(), options.clock),
        incidents_(store_.get(), options.clock),
        link_(
            options.link,
            [this](const v1::Command& command, bool last) {
              return ClearOfLists(&watch_, &listings_, command, last);
            },
            ClearWait,
            std::max(kBetweenLooks, options.blacklists.rules.spacing)),
        watch_(store_.get(), hosts_.get(), options.clock, options.blacklists),
        listings_(store_.get(),
                  &incidents_,
                  options.clock,
                  ListingsOptionsOf(&watch_, options.blacklists.rules)) {
    EngineOptions engine;
    engine.patience = options.patience;
    engine.resume_patience = options.resume_patience;
    engine.grace = options.grace;
    engine.manual_patience = options.manual_patience;
    engine.guide = &guide_;
    engine.timer_thread = options.timer_thread;
    engine_ = std::make_unique<RunEngine>(store_.get(), hosts_.get(), &link_, options.clock, this,
                                          engine);
    link_.SetEvents(engine_.get());
    manual_ = std::make_unique<ManualSteps>(store_.get(), hosts_.get(), engine_.get(), &guide_,
                                            options.clock);
  }
  ~CoreImpl() override {
    watch_.Stop();
    link_.Stop();
    engine_.reset();
  }

  absl::Status Start() { return watch_.Start(&listings_); }

  absl::Status Resume() override;
  AgentEvents& events() override { return *engine_; }
  void Tick() override {
    engine_->Tick();
    LookAtListings();
  }

  // ---- Runs

  absl::StatusOr<v1::ListPlaybooksResponse> ListPlaybooks(
      const v1::ListPlaybooksRequest&) override {
    v1::ListPlaybooksResponse response;
    for (const auto& [name, playbook] : playbooks_) *response.add_playbooks() = playbook;
    return response;
  }
  absl::StatusOr<std::vector<v1::Operation>> OperationsOf(const v1::PlanRunRequest& r) override {
    MQ_ASSIGN_OR_RETURN(const v1::Playbook playbook, ResolvePlaybook(playbooks_, r));
    std::vector<v1::Operation> operations;
    for (const v1::PlaybookStep& step : playbook.steps()) operations.push_back(step.operation());
    return operations;
  }
  absl::StatusOr<v1::Plan> PlanRun(const v1::PlanRunRequest& r, const std::string& actor) override {
    MQ_ASSIGN_OR_RETURN(const v1::Playbook playbook, ResolvePlaybook(playbooks_, r));
    MQ_ASSIGN_OR_RETURN(v1::Plan plan, FreezePlan(playbook, r, hosts_.get()));
    if (!r.skip_agents()) {
      manual_->Plan(&plan);
      engine_->AskPlans(&plan, actor, options_.plan_limit);
    }
    return plan;
  }
  absl::StatusOr<v1::Run> StartRun(const v1::StartRunRequest& r, const std::string& actor) override;
  absl::StatusOr<v1::Run> GetRun(const v1::GetRunRequest& r) override {
    return engine_->Find(r.run_id());
  }
  absl::StatusOr<v1::ListRunsResponse> ListRuns(const v1::ListRunsRequest& r) override {
    MQ_ASSIGN_OR_RETURN(const std::vector<std::string> ids, store_->RunIds(r.incident_id(), false));
    v1::ListRunsResponse response;
    for (const std::string& id : ids) {
      MQ_ASSIGN_OR_RETURN(*response.add_runs(), engine_->Find(id));
    }
    return response;
  }
  absl::StatusOr<v1::Run> CancelRun(const v1::CancelRunRequest& r,
                                    const std::string& actor) override {
    MQ_RETURN_IF_ERROR(Audit(actor, "run.cancel", Json(r)));
    return engine_->Cancel(r.run_id(), r.reason());
  }
  absl::StatusOr<v1::ListManualStepsResponse> ListManualSteps(
      const v1::ListManualStepsRequest& r) override {
    return manual_->List(r);
  }
  absl::StatusOr<v1::Run> ConfirmManualStep(const v1::ConfirmManualStepRequest& r,
                                            const std::string& actor) override {
    MQ_ASSIGN_OR_RETURN(const ManualSteps::Said said, manual_->Look(r, actor));
    v1::ConfirmManualStepRequest exact = r;
    exact.set_host(said.host_id);
    *exact.mutable_confirmation() = said.report.manual();
    MQ_ASSIGN_OR_RETURN(
        v1::Run run,
        engine_->Confirm(said.run_id, said.host_id, said.step, said.operation, said.report,
                         [&] { return Audit(actor, "run.confirm", Json(exact)); }));
    if (r.this_host_only()) {
      google::protobuf::RepeatedPtrField<v1::RunHost> hosts;
      hosts.Swap(run.mutable_hosts());
      for (const v1::RunHost& host : hosts) {
        if (host.host_id() == said.host_id) *run.add_hosts() = host;
      }
    }
    return run;
  }
  absl::StatusOr<std::uint64_t> Subscribe(const std::string& run_id, RunCallback call) override {
    return engine_->Subscribe(run_id, std::move(call));
  }
  void Unsubscribe(std::uint64_t subscription) override { engine_->Unsubscribe(subscription); }

  // ---- Incidents. The audit entry comes first: what cannot be written down is not done.

  absl::StatusOr<v1::Incident> OpenIncident(const v1::OpenIncidentRequest& r,
                                            const std::string& actor) override {
    MQ_RETURN_IF_ERROR(Audit(actor, "incident.open", Json(r)));
    return incidents_.Open(r.title(), r.request_id(), actor);
  }
  absl::StatusOr<v1::Incident> GetIncident(const v1::GetIncidentRequest& r) override {
    return store_->FindIncident(r.incident_id());
  }
  absl::StatusOr<v1::ListIncidentsResponse> ListIncidents(
      const v1::ListIncidentsRequest& r) override {
    MQ_ASSIGN_OR_RETURN(const std::vector<v1::Incident> all,
                        store_->AllIncidents(r.include_closed()));
    v1::ListIncidentsResponse response;
    for (const v1::Incident& incident : all) *response.add_incidents() = incident;
    return response;
  }
  absl::StatusOr<v1::Incident> AddNote(const v1::AddNoteRequest& r,
                                       const std::string& actor) override {
    MQ_RETURN_IF_ERROR(Audit(actor, "incident.note", Json(r)));
    return incidents_.AddNote(r, actor);
  }
  absl::StatusOr<v1::Incident> AddCause(const v1::AddCauseRequest& r,
                                        const std::string& actor) override {
    MQ_RETURN_IF_ERROR(Audit(actor, "incident.add-cause", Json(r)));
    return WithListings(incidents_.AddCause(r, actor));
  }
  absl::StatusOr<v1::Incident> ResolveCause(const v1::ResolveCauseRequest& r,
                                            const std::string& actor) override {
    MQ_RETURN_IF_ERROR(Audit(actor, "incident.resolve-cause", Json(r)));
    return WithListings(incidents_.ResolveCause(r, actor));
  }
  absl::StatusOr<v1::Incident> WaiveObligation(const v1::WaiveObligationRequest& r,
                                               const std::string& actor) override {
    MQ_RETURN_IF_ERROR(Audit(actor, "incident.waive", Json(r)));
    return incidents_.Waive(r, actor);
  }
  absl::StatusOr<v1::Incident> CloseIncident(const v1::CloseIncidentRequest& r,
                                             const std::string& actor) override {
    MQ_RETURN_IF_ERROR(Audit(actor, "incident.close", Json(r)));
    return WithListings(incidents_.Close(r, actor));
  }

  // ---- Blacklists

  absl::StatusOr<v1::ListBlacklistHistoryResponse> ListBlacklistHistory(
      const v1::ListBlacklistHistoryRequest& r) override {
    MQ_ASSIGN_OR_RETURN(const auto changes, listings_.History(r));
    v1::ListBlacklistHistoryResponse response;
    for (const v1::BlacklistChange& one : changes) *response.add_changes() = one;
    return response;
  }
  absl::StatusOr<v1::ListListingsResponse> ListListings(const v1::ListListingsRequest& r) override {
    // A name that is wrong must not read as "nothing is listed".
    if (!r.host().empty()) MQ_RETURN_IF_ERROR(hosts_->Find(r.host()).status());
    if (!r.incident_id().empty())
      MQ_RETURN_IF_ERROR(store_->FindIncident(r.incident_id()).status());
    MQ_ASSIGN_OR_RETURN(const auto all, listings_.List(r));
    v1::ListListingsResponse response;
    for (const v1::Listing& one : all) *response.add_listings() = one;
    return response;
  }
  absl::StatusOr<v1::Listing> GetListing(const v1::GetListingRequest& r) override {
    MQ_ASSIGN_OR_RETURN(v1::Listing listing, listings_.Find(r.listing_id()));
    MQ_ASSIGN_OR_RETURN(*listing.mutable_evidence(), listings_.EvidenceOf(listing));
    return listing;
  }
  absl::StatusOr<v1::Listing> RequestDelisting(const v1::RequestDelistingRequest& r,
                                               const std::string& actor) override {
    return OnListing(r, actor, "listing.request", &Listings::Request);
  }
  absl::StatusOr<v1::Listing> DropListing(const v1::DropListingRequest& r,
                                          const std::string& actor) override {
    return OnListing(r, actor, "listing.drop", &Listings::Drop);
  }
  absl::StatusOr<v1::Listing> AddListingNote(const v1::AddListingNoteRequest& r,
                                             const std::string& actor) override {
    return OnListing(r, actor, "listing.note", &Listings::AddNote);
  }
  BlacklistWatch& blacklists() override { return watch_; }
  Listings& listings() override { return listings_; }

  // ---- Fleet

  absl::StatusOr<v1::ListHostsResponse> ListHosts(const v1::ListHostsRequest& r) override {
    v1::ListHostsResponse response;
    std::vector<v1::Host> hosts = hosts_->All();
    if (!r.selector().empty()) {
      MQ_ASSIGN_OR_RETURN(hosts, hosts_->Choose(r.selector(), {}));
    }
    for (const v1::Host& host : hosts) *response.add_hosts() = host;
    return response;
  }
  absl::StatusOr<v1::Host> GetHost(const v1::GetHostRequest& r) override {
    return hosts_->Find(r.host());
  }
  absl::StatusOr<v1::Host> SetLabels(const v1::SetLabelsRequest& r,
                                     const std::string& actor) override {
    MQ_RETURN_IF_ERROR(Audit(actor, "host.labels", Json(r)));
    return hosts_->SetLabels(r);
  }
  absl::StatusOr<v1::Host> SetMailIdentity(const v1::SetMailIdentityRequest& r,
                                           const std::string& actor) override {
    MQ_RETURN_IF_ERROR(Audit(actor, "host.mail-identity", Json(r)));
    return hosts_->SetMailIdentity(r);
  }
  absl::StatusOr<v1::Host> AddManualHost(const v1::AddManualHostRequest& r,
                                         const std::string& actor) override {
    MQ_RETURN_IF_ERROR(guide_.Check(r.platform()));
    MQ_RETURN_IF_ERROR(Audit(actor, "host.add-manual", Json(r)));
    return hosts_->AddManual(r, actor);
  }
  absl::StatusOr<v1::Host> EvictHost(const v1::EvictHostRequest& r,
                                     const std::string& actor) override {
    MQ_ASSIGN_OR_RETURN(const v1::Host host, hosts_->Find(r.host()));
    if (host.state() == v1::HOST_STATE_BANNED) {
      return Error(absl::StatusCode::kFailedPrecondition, "HOST_BANNED",
                   host.name() +
                       " is banned, and an eviction would let it enrol again; nothing "
                       "was changed");
    }
    MQ_RETURN_IF_ERROR(SetHostState(host.host_id(), v1::HOST_STATE_EVICTED, r.reason(), actor));
    return hosts_->Find(host.host_id());
  }
  absl::StatusOr<v1::Host> BanHost(const v1::BanHostRequest& r, const std::string& actor) override {
    MQ_ASSIGN_OR_RETURN(const v1::Host host, hosts_->Find(r.host()));
    MQ_RETURN_IF_ERROR(SetHostState(host.host_id(), v1::HOST_STATE_BANNED, r.reason(), actor));
    return hosts_->Find(host.host_id());
  }
  absl::StatusOr<v1::Host> FindHost(const std::string& name) override { return hosts_->Find(name); }
  absl::Status UpsertEnrolledHost(const std::string& id,
                                  const std::string& name,
                                  const std::map<std::string, std::string>& labels,
                                  const std::string& serial) override {
    MQ_RETURN_IF_ERROR(hosts_->Upsert(id, name, labels, serial));
    v1::Host host;
    host.set_host_id(id);
    host.set_name(name);
    return Audit(HostActor(name), "host.enrol", Json(host));
  }
  absl::Status SetHostState(const std::string& id,
                            v1::HostState state,
                            const std::string& reason,
                            const std::string& actor) override {
    v1::EvictHostRequest detail;
    detail.set_host(id);
    detail.set_reason(reason);
    MQ_RETURN_IF_ERROR(
        Audit(actor, state == v1::HOST_STATE_BANNED ? "host.ban" : "host.state", Json(detail)));
    MQ_RETURN_IF_ERROR(hosts_->SetState(id, state));
    if (state != v1::HOST_STATE_ACTIVE) options_.link->Disconnect(id, reason);
    LookAtListings();
    return absl::OkStatus();
  }
  bool IsActive(const std::string& id) override { return hosts_->IsActive(id); }
  std::string CertificateSerialOf(const std::string& id) override { return hosts_->SerialOf(id); }

  // ---- Tokens

  absl::Status InsertToken(const TokenRow& token) override {
    const auto manual = token.labels.find("manual");  // Whoever enrols has an agent.
    if (manual != token.labels.end()) MQ_RETURN_IF_ERROR(CheckLabel(manual->first, manual->second));
    MQ_RETURN_IF_ERROR(store_->InsertToken(token));
    v1::Token shown;
    shown.set_token_id(token.id);
    return Audit(token.created_by, "token.create", Json(shown));
  }
  absl::StatusOr<TokenRow> FindToken(const std::string& id) override {
    return store_->FindToken(id);
  }
  absl::Status MarkTokenUsed(const std::string& id,
                             const std::string& key,
                             const std::string& certificate,
                             const std::string& host_id) override;
  absl::StatusOr<std::vector<TokenRow>> ListTokens() override { return store_->AllTokens(); }
  absl::Status RevokeToken(const std::string& id, const std::string& actor) override {
    v1::RevokeTokenRequest detail;
    detail.set_token_id(id);
    MQ_RETURN_IF_ERROR(Audit(actor, "token.revoke", Json(detail)));
    const std::lock_guard<std::mutex> lock(tokens_mu_);
    MQ_ASSIGN_OR_RETURN(TokenRow token, store_->FindToken(id));
    token.revoked = true;
    return store_->UpdateToken(token);
  }

  // ---- Quarantines, audit

  absl::StatusOr<v1::ListQuarantinesResponse> ListQuarantines(
      const v1::ListQuarantinesRequest& r) override {
    MQ_ASSIGN_OR_RETURN(const auto all, store_->Quarantines(r.incident_id()));
    v1::ListQuarantinesResponse response;
    for (const v1::FleetQuarantine& one : all) *response.add_quarantines() = one;
    return response;
  }
  absl::StatusOr<v1::ListEntriesResponse> ListAuditEntries(
      const v1::ListEntriesRequest& r) override {
    const int limit = r.limit() <= 0 || r.limit() > 1000 ? 1000 : r.limit();
    MQ_ASSIGN_OR_RETURN(const auto entries, store_->AuditEntries(r.after_sequence(), limit));
    v1::ListEntriesResponse response;
    for (const v1::AuditEntry& entry : entries) *response.add_entries() = entry;
    return response;
  }
  absl::StatusOr<v1::VerifyResponse> VerifyAudit() override { return audit_.Verify(); }
  absl::Status Audit(const std::string& actor,
                     const std::string& action,
                     const std::string& detail) override {
    return audit_.Add(actor, action, detail);
  }

 private:
  std::string NameOf(const std::string& host_id) {
    const absl::StatusOr<v1::Host> host = hosts_->Find(host_id);
    return host.ok() ? host->name() : host_id;
  }
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
  absl::StatusOr<v1::Incident> WithListings(const absl::StatusOr<v1::Incident>& changed) {
    if (!changed.ok()) return changed;
    LookAtListings();
    return store_->FindIncident(changed->incident_id());
  }
  absl::Status CheckRestore(const v1::Plan& plan, std::string* incident);
  // `patient`: a host that is not there yet gets the time that it has after a restart.
  absl::StatusOr<v1::Run> Begin(const v1::StartRunRequest& r,
                                const std::string& actor,
                                bool patient);
  void LockAgain(const v1::Run& run);
  void OnRunStarted(const v1::Run& run) override {
    incidents_.RunStarted(run);
    LookAtListings();
  }
  absl::Status OnStepReport(const v1::Run& run,
                            const std::string& host_id,
                            const v1::Operation* operation,
                            const v1::OperationReport& report) override {
    if (operation == nullptr) {
      MQ_RETURN_IF_ERROR(Audit(HostActor(NameOf(host_id)), "host.local-operation", Json(report)));
    }
    return incidents_.Reported(run, host_id, NameOf(host_id), operation, report);
  }
  void OnRunEnded(const v1::Run& run) override;
  void TakeGreetings(const v1::Run& run);
  void OnDrift(const std::string& host_id, const std::vector<std::string>& drifted) override {
    incidents_.Drifted(host_id, NameOf(host_id), drifted);
  }

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
  std::recursive_mutex start_mu_;  // One start at a time, so that a request id names one run.
  std::mutex tokens_mu_;
  std::unique_ptr<RunEngine> engine_;
  std::unique_ptr<ManualSteps> manual_;
};

// Restore without naming its incident is held to the causes of the incidents of these hosts, too.
absl::Status CoreImpl::CheckRestore(const v1::Plan& plan, std::string* incident) {
  v1::Restore restore;
  bool restores = false;
  for (const v1::PlaybookStep& step : plan.playbook().steps()) {
    if (!step.operation().has_restore()) continue;
    restores = true;
    restore.MergeFrom(step.operation().restore());
  }
  if (!restores) return absl::OkStatus();
  std::set<std::string> concerned, hosts;
  if (!incident->empty()) concerned.insert(*incident);
  for (const v1::PlannedHost& host : plan.hosts()) {
    hosts.insert(host.host_id());
    MQ_ASSIGN_OR_RETURN(const auto obligations, store_->ObligationsOfHost(host.host_id()));
    for (const v1::Obligation& obligation : obligations) {
      if (obligation.state() != v1::Obligation::STATE_OUTSTANDING) continue;
      std::string owner;
      if (store_->FindObligation(obligation.obligation_id(), &owner).ok()) concerned.insert(owner);
    }
  }
  for (const std::string& id : concerned) {
    MQ_RETURN_IF_ERROR(incidents_.AllowRestore(id, restore, hosts));
  }
  if (incident->empty() && concerned.size() == 1) *incident = *concerned.begin();
  return absl::OkStatus();
}

absl::StatusOr<v1::Run> CoreImpl::StartRun(const v1::StartRunRequest& r, const std::string& actor) {
  return Begin(r, actor, false);
}

absl::StatusOr<v1::Run> CoreImpl::Begin(const v1::StartRunRequest& r,
                                        const std::string& actor,
                                        bool patient) {
  const std::lock_guard<std::recursive_mutex> lock(start_mu_);
  const std::string request_id = r.request_id().empty() ? NewId() : r.request_id();
  const absl::StatusOr<std::string> before = store_->RunOfRequest(request_id);
  if (before.ok()) return engine_->Find(*before);
  if (!absl::IsNotFound(before.status())) return before.status();
  MQ_ASSIGN_OR_RETURN(const v1::Playbook playbook, ResolvePlaybook(playbooks_, r.plan()));
  MQ_ASSIGN_OR_RETURN(const v1::Plan plan, FreezePlan(playbook, r.plan(), hosts_.get()));
  if (!r.expected_plan_hash().empty() && r.expected_plan_hash() != plan.plan_hash()) {
    return Error(absl::StatusCode::kFailedPrecondition, "PLAN_DRIFTED",
                 "the hosts or the playbook have changed since the plan " + r.expected_plan_hash() +
                     " was made; nothing was done; make a new plan and look at it");
  }
  std::string incident = r.plan().incident_id();
  if (!incident.empty()) {
    MQ_ASSIGN_OR_RETURN(const v1::Incident found, store_->FindIncident(incident));
    if (found.state() == v1::INCIDENT_STATE_CLOSED) {
      return Error(absl::StatusCode::kFailedPrecondition, "INCIDENT_CLOSED",
                   "the incident " + incident + " is closed; nothing was done; open a new one");
    }
  }
  MQ_RETURN_IF_ERROR(CheckRestore(plan, &incident));
  v1::Run run;
  run.set_run_id(NewId());
  *run.mutable_playbook() = plan.playbook();
  MQ_RETURN_IF_ERROR(Audit(actor, "run.start", Json(r)));
  for (v1::PlaybookStep& step : *run.mutable_playbook()->mutable_steps()) {
    v1::Operation* operation = step.mutable_operation();
    // Whoever contains, or changes settings, owes something: that needs an incident.
    const bool owes = operation->has_contain() || operation->has_relay_lock() ||
                      operation->has_ndr_silence() || operation->has_sender_block();
    if (owes && incident.empty()) {
      MQ_ASSIGN_OR_RETURN(const v1::Incident opened,
                          incidents_.Open(plan.playbook().name() + " of " +
                                              std::to_string(plan.hosts_size()) + " hosts",
                                          "run:" + request_id, actor));
      incident = opened.incident_id();
    }
    if (operation->has_contain()) operation->mutable_contain()->set_incident_id(incident);
    if (operation->has_queue_quarantine()) {
      operation->mutable_queue_quarantine()->set_incident_id(incident);
    }
    if (operation->has_contain() && operation->contain().reason().empty()) {
      operation->mutable_contain()->set_reason(r.reason());
    }
  }
  run.set_plan_hash(plan.plan_hash());
  run.set_incident_id(incident);
  run.set_requested_by(actor);
  run.set_reason(r.reason());
  run.set_no_input(r.no_input());
  for (const v1::PlannedHost& planned : plan.hosts()) {
    v1::RunHost* host = run.add_hosts();
    host->set_host_id(planned.host_id());
    host->set_name(planned.name());
    host->set_wave(planned.wave());
    host->set_manual_platform(planned.manual_platform());
  }
  return engine_->Start(run, request_id, patient);
}

// What a vantage was greeted with tells whether an address leads to the host.
void CoreImpl::TakeGreetings(const v1::Run& run) {
  for (const v1::RunHost& host : run.hosts()) {
    for (const v1::HostStep& step : host.steps()) {
      for (const v1::ListenerProbe& one : step.report().result().relay_probe().listeners()) {
        if (!one.outside() || one.banner().empty()) continue;
        std::string address = one.target().substr(0, one.target().rfind(':'));
        if (address.size() > 2 && address.front() == '[')
          address = address.substr(1, address.size() - 2);
        hosts_->Greeted(host.host_id(), address, one.banner());
      }
    }
  }
}

void CoreImpl::OnRunEnded(const v1::Run& run) {
  TakeGreetings(run);
  incidents_.RunEnded(run);
  LookAtListings();
  LockAgain(run);
}

// What a crash kept from being concluded is concluded now: runs that went on, and the lock that a
// refilling queue calls for.
absl::Status CoreImpl::Resume() {
  const std::lock_guard<std::recursive_mutex> lock(start_mu_);
  MQ_RETURN_IF_ERROR(engine_->Resume());
  MQ_ASSIGN_OR_RETURN(const std::vector<std::string> ids, store_->RunIds("", false));
  const std::int64_t since = absl::ToUnixSeconds(options_.clock->Now() - kRecent);
  std::vector<v1::Run> recent;
  for (const std::string& id : ids) {  // Newest first.
    MQ_ASSIGN_OR_RETURN(v1::Run run, store_->FindRun(id));
    if (run.start_time().seconds() < since) break;
    if (run.has_end_time()) recent.push_back(std::move(run));
  }
  std::reverse(recent.begin(), recent.end());
  for (const v1::Run& run : recent) {
    if (!incidents_.Concluded(run)) incidents_.RunEnded(run);
    LockAgain(run);
  }
  MQ_RETURN_IF_ERROR(listings_.Tick());
  if (options_.timer_thread) watch_.Begin();
  return absl::OkStatus();
}

// A queue that fills again after a restore is locked again at once. Does nothing the second time.
void CoreImpl::LockAgain(const v1::Run& run) {
  bool restored = false;
  for (const v1::PlaybookStep& step : run.playbook().steps()) {
    restored |= step.operation().has_restore();
  }
  if (!restored) return;
  for (const v1::RunHost& host : run.hosts()) {
    const bool refilling =
        std::any_of(host.steps().begin(), host.steps().end(), [](const v1::HostStep& step) {
          return step.report().result().queue_watch().verdict() == v1::WATCH_VERDICT_REFILLING;
        });
    if (!refilling || !hosts_->IsActive(host.host_id())) continue;
    // A run for each host: one that fails, or that reports late, keeps no other open.
    v1::StartRunRequest lock;
    lock.set_request_id("relock:" + run.run_id() + ":" + host.host_id());
    lock.set_reason("the queue filled again after the restore");
    lock.mutable_plan()->set_playbook("lockdown");
    lock.mutable_plan()->set_incident_id(run.incident_id());
    lock.mutable_plan()->add_hosts(host.host_id());
    const absl::StatusOr<v1::Run> started = Begin(lock, "controller", true);
    if (started.ok()) continue;
    v1::AddNoteRequest note;
    note.set_incident_id(run.incident_id());
    note.set_text("could not lock " + host.name() +
                  " again: " + std::string(started.status().message()));
    incidents_.AddNote(note, "controller").IgnoreError();
  }
}

absl::Status CoreImpl::MarkTokenUsed(const std::string& id,
                                     const std::string& key,
                                     const std::string& certificate,
                                     const std::string& host_id) {
  const std::lock_guard<std::mutex> lock(tokens_mu_);
  MQ_ASSIGN_OR_RETURN(TokenRow token, store_->FindToken(id));
  if (token.revoked) {
    return Error(absl::StatusCode::kPermissionDenied, "TOKEN_REVOKED",
                 "the token was revoked; the host was not enrolled; ask an admin for a new one");
  }
  if (token.expire <= options_.clock->Now()) {
    return Error(absl::StatusCode::kFailedPrecondition, "TOKEN_EXPIRED",
                 "the token has expired; the host was not enrolled; ask an admin for a new one");
  }
  if (!token.used_key_fingerprint.empty()) {
    if (token.used_key_fingerprint == key) return absl::OkStatus();
    return Error(absl::StatusCode::kFailedPrecondition, "TOKEN_USED",
                 "the token was used with another key; the host was not enrolled; ask an admin for "
                 "a new one");
  }
  token.used_key_fingerprint = key;
  token.certificate_pem = certificate;
  token.host_id = host_id;
  return store_->UpdateToken(token);
}

}  // namespace

absl::StatusOr<std::unique_ptr<Core>> Core::Open(const CoreOptions& options) {
  MQ_ASSIGN_OR_RETURN(auto playbooks, LoadPlaybooks(options.playbook_directory));
  MQ_ASSIGN_OR_RETURN(std::unique_ptr<Store> store, Store::Open(options.store_path));
  MQ_ASSIGN_OR_RETURN(std::unique_ptr<Hosts> hosts,
                      Hosts::Open(store.get(), options.link, options.clock));
  MQ_ASSIGN_OR_RETURN(Guide guide, Guide::BuiltIn());
  auto core = std::make_unique<CoreImpl>(options, std::move(store), std::move(hosts),
                                         std::move(playbooks), std::move(guide));
  MQ_RETURN_IF_ERROR(core->Start());
  return core;
}

}  // namespace mailquench::controller
