#include "controller/app/core.h"

#include <algorithm>

#include "common/status/error.h"
#include "controller/app/core_impl.h"
#include "controller/blacklist/clear.h"
#include "controller/runs/playbooks.h"
#include "google/protobuf/util/json_util.h"

namespace mailquench::controller {
namespace {

constexpr absl::Duration kBetweenLooks = absl::Seconds(10);  // Of blacklist.clear, at least.
// A restore before that was seen to by somebody.
constexpr absl::Duration kRecent = absl::Hours(1);

ListingsOptions ListingsOptionsOf(BlacklistWatch* watch, const ListingRules& rules) {
  ListingsOptions listings;
  listings.rules = rules;
  listings.catalogue = [watch] { return watch->Catalogue(); };
  return listings;
}

}  // namespace

std::string HostActor(const std::string& name) {
  return "host:" + name;
}

std::string Json(const google::protobuf::Message& message) {
  std::string text;
  if (!google::protobuf::util::MessageToJsonString(message, &text).ok()) return "{}";
  return text;
}

CoreImpl::CoreImpl(const CoreOptions& options,
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
          [this](const v1::Command& command, bool last) -> std::optional<v1::OperationReport> {
            if (command.operation().has_antivirus_clear()) return postures_.Clear(command);
            return ClearOfLists(&watch_, &listings_, command, last);
          },
          ClearWait,
          std::max(kBetweenLooks, options.blacklists.rules.spacing)),
      watch_(store_.get(), hosts_.get(), options.clock, options.blacklists),
      listings_(store_.get(),
                &incidents_,
                options.clock,
                ListingsOptionsOf(&watch_, options.blacklists.rules)),
      postures_(store_.get(), hosts_.get(), options.clock, options.antivirus) {
  EngineOptions engine;
  engine.patience = options.patience;
  engine.resume_patience = options.resume_patience;
  engine.grace = options.grace;
  engine.manual_patience = options.manual_patience;
  engine.guide = &guide_;
  engine.timer_thread = options.timer_thread;
  engine_ =
      std::make_unique<RunEngine>(store_.get(), hosts_.get(), &link_, options.clock, this, engine);
  link_.SetEvents(engine_.get());
  manual_ = std::make_unique<ManualSteps>(store_.get(), hosts_.get(), engine_.get(), &guide_,
                                          options.clock);
  hands_ = std::make_unique<CoreHands>(this, store_.get(), hosts_.get(), &incidents_);
  metrics_ = std::make_unique<Metrics>(options.clock, FiguresOf());
  store_->OnCommit([this](absl::Duration took) { metrics_->StoreWrite(took); });
  notices_ = std::make_unique<Notices>(store_.get(), options.clock, options.log);
}

absl::Status CoreImpl::Start() {
  MQ_ASSIGN_OR_RETURN(sources_, AlertSources::Open(store_.get(), options_.clock));
  EscalatorOptions escalation;
  escalation.file = options_.escalation_file;
  escalation.threads = options_.timer_thread;
  escalation.poll = options_.alertmanager_poll;
  escalation.settle = options_.escalation_settle;
  escalation.silence = options_.silence_length;
  escalation.log = options_.log;
  escalation.decided = [this](const std::string& rule, v1::EscalationAction taken) {
    metrics_->Escalated(rule, taken);
  };
  escalator_ = std::make_unique<Escalator>(store_.get(), hands_.get(), notices_.get(),
                                           sources_.get(), options_.clock, std::move(escalation));
  // Agents and operators need the controller more than it needs rules: it starts without them.
  if (const absl::Status loaded = escalator_->Load(); !loaded.ok())
    options_.log(std::string(loaded.message()) + "; nothing starts by itself until it is mended");
  OwnWatchOptions own;
  own.rules = [this] { return escalator_->OwnRules(); };
  own.growth = [this](const std::string& host_id) { return metrics_->QueueGrowth(host_id); };
  own.every = options_.own_watch_every;
  own.tell = [this](const v1::Notice& notice) { return notices_->Tell(notice); };
  own.log = options_.log;
  own_watch_ = std::make_unique<OwnWatch>(store_.get(), hands_.get(), escalator_.get(),
                                          options_.clock, std::move(own));
  mx_ = std::make_unique<mx::Switches>(store_.get(), options_.clock, options_.dns, MxHands());
  MQ_RETURN_IF_ERROR(mx_->Open());
  return watch_.Start(&listings_);
}

CoreImpl::~CoreImpl() {
  if (mx_ != nullptr) mx_->Stop();
  if (own_watch_ != nullptr) own_watch_->Stop();
  if (escalator_ != nullptr) escalator_->Stop();
  notices_->Stop();
  watch_.Stop();
  link_.Stop();
  engine_.reset();
}

void CoreImpl::Tick() {
  engine_->Tick();
  LookAtListings();
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
  if (!options_.timer_thread) return absl::OkStatus();
  watch_.Begin();
  notices_->Begin();
  escalator_->Begin();
  own_watch_->Begin();
  mx_->Begin();
  return absl::OkStatus();
}

void CoreImpl::OnRunEnded(const v1::Run& run) {
  TakeGreetings(run);
  incidents_.RunEnded(run);
  LookAtListings();
  LockAgain(run);
  SignalEnd(run);
}

std::string CoreImpl::NameOf(const std::string& host_id) {
  const absl::StatusOr<v1::Host> host = hosts_->Find(host_id);
  return host.ok() ? host->name() : host_id;
}

absl::StatusOr<v1::Incident> CoreImpl::WithListings(const absl::StatusOr<v1::Incident>& changed) {
  if (!changed.ok()) return changed;
  LookAtListings();
  return store_->FindIncident(changed->incident_id());
}

absl::Status CoreImpl::OnStepReport(const v1::Run& run,
                                    const std::string& host_id,
                                    const v1::Operation* operation,
                                    const v1::OperationReport& report) {
  if (operation == nullptr) {
    MQ_RETURN_IF_ERROR(Audit(HostActor(NameOf(host_id)), "host.local-operation", Json(report)));
  }
  MQ_RETURN_IF_ERROR(incidents_.Reported(run, host_id, NameOf(host_id), operation, report));
  MQ_RETURN_IF_ERROR(postures_.Reported(host_id, operation, report));
  if (report.result().has_antivirus_scan()) {
    MQ_ASSIGN_OR_RETURN(const v1::HostAntivirus known, store_->FindHostAntivirus(host_id));
    MQ_RETURN_IF_ERROR(incidents_.Scanned(run.incident_id(), NameOf(host_id), known));
  }
  SignalReport(report);
  return absl::OkStatus();
}

void CoreImpl::OnDrift(const std::string& host_id, const std::vector<std::string>& drifted) {
  incidents_.Drifted(host_id, NameOf(host_id), drifted);
}

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
