#include "controller/escalation/own_watch.h"

#include <google/protobuf/util/json_util.h>

#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/status/error.h"
#include "controller/escalation/alerts.h"
#include "controller/store/times.h"

namespace mailquench::controller {
namespace {

constexpr const char* kSource = "own";
constexpr const char* kKept = "own_watch.firing";
constexpr const char* kRelayOpen = "MailquenchRelayOpen";
constexpr std::size_t kMostHosts = 50;  // Named in one label.

v1::Alert Make(const std::string& name, const std::string& severity, const std::string& summary) {
  v1::Alert alert;
  alert.set_receiver(kSource);
  alert.set_group_key(name);
  (*alert.mutable_labels())["alertname"] = name;
  (*alert.mutable_labels())["severity"] = severity;
  (*alert.mutable_annotations())["summary"] = summary;
  return alert;
}

const std::map<std::string, std::string>& KindOfNotice() {
  static const auto* const kinds =
      new std::map<std::string, std::string>{{"MailquenchListed", "listing"},
                                             {"MailquenchAgentLost", "agent-lost"},
                                             {"MailquenchObligationOverdue", "obligation-overdue"},
                                             {"MailquenchSettingDrift", "drift"},
                                             {kRelayOpen, "relay-open"}};
  return *kinds;
}

void Label(v1::Alert* alert, const std::string& name, const std::string& value) {
  (*alert->mutable_labels())[name] = value;
}

}  // namespace

OwnWatch::OwnWatch(
    Store* store, EscalationHands* hands, AlertInbox* inbox, Clock* clock, OwnWatchOptions options)
    : store_(store), hands_(hands), inbox_(inbox), clock_(clock), options_(std::move(options)) {}

OwnWatch::~OwnWatch() {
  Stop();
}

void OwnWatch::Begin() {
  if (thread_.joinable()) return;
  thread_ = std::thread([this] {
    std::unique_lock<std::mutex> lock(mu_);
    while (!stopping_) {
      lock.unlock();
      Look();
      lock.lock();
      cv_.wait_for(lock, absl::ToChronoMilliseconds(options_.every), [this] { return stopping_; });
    }
  });
}

void OwnWatch::Stop() {
  {
    const std::lock_guard<std::mutex> lock(mu_);
    stopping_ = true;
    cv_.notify_all();
  }
  if (thread_.joinable()) thread_.join();
}

void OwnWatch::Probed(const std::string& host_id, bool open) {
  const std::lock_guard<std::mutex> lock(mu_);
  probed_[host_id] = open;
}

void OwnWatch::Look() {
  const absl::Status status = LookOnce();
  if (!status.ok()) options_.log("own watch: " + std::string(status.message()));
}

void OwnWatch::AddHosts(const OwnWatchRules& rules, std::vector<v1::Alert>* present) {
  const absl::Time now = clock_->Now();
  std::map<std::string, bool> probed;
  {
    const std::lock_guard<std::mutex> lock(mu_);
    probed.swap(probed_);
  }
  std::set<std::string> open_before;
  for (const auto& [fingerprint, alert] : firing_) {
    if (alert.labels().at("alertname") == kRelayOpen)
      open_before.insert(alert.labels().at("host_id"));
  }
  for (const v1::Host& host : hands_->FleetOfNow()) {
    if (host.state() != v1::HOST_STATE_ACTIVE) {
      growing_since_.erase(host.host_id());
      continue;
    }
    const auto add = [&](const std::string& name, const std::string& severity,
                         const std::string& summary) {
      v1::Alert alert = Make(name, severity, summary);
      Label(&alert, "host", host.name());
      Label(&alert, "host_id", host.host_id());
      for (const auto& [key, value] : host.labels()) {
        if (key != "host" && key != "alertname" && key != "severity") Label(&alert, key, value);
      }
      present->push_back(std::move(alert));
    };
    const auto found = probed.find(host.host_id());
    if (found == probed.end() ? open_before.count(host.host_id()) > 0 : found->second)
      add(kRelayOpen, "critical", host.name() + " relays for strangers, as a probe found");
    if (host.has_manual()) continue;
    if (!host.online()) {
      growing_since_.erase(host.host_id());
      if (host.has_last_seen_time() && now - TimeOf(host.last_seen_time()) > rules.agent_lost)
        add("MailquenchAgentLost", "warning",
            absl::StrCat("nothing is heard of ", host.name(), " any more"));
      continue;
    }
    if (host.heartbeat().drifted_size() > 0)
      add("MailquenchSettingDrift", "warning",
          absl::StrCat("settings of ", host.name(),
                       " that a change set were changed since by somebody else"));
    const bool growing = host.heartbeat().queued_messages() > rules.queue_above &&
                         options_.growth(host.host_id()) > rules.queue_growth;
    if (!growing) {
      growing_since_.erase(host.host_id());
      continue;
    }
    const absl::Time since = growing_since_.emplace(host.host_id(), now).first->second;
    if (now - since >= rules.queue_for)
      add("MailquenchQueueGrowing", "critical",
          absl::StrCat("the queue of ", host.name(), " grows fast"));
  }
}

absl::Status OwnWatch::AddOthers(const OwnWatchRules& rules, std::vector<v1::Alert>* present) {
  MQ_ASSIGN_OR_RETURN(const auto listings, hands_->ListingsNow());
  for (const v1::Listing& listing : listings) {
    v1::Alert alert =
        Make("MailquenchListed", "critical",
             absl::StrCat(listing.subject(), " is on the blacklist of ", listing.list_operator()));
    Label(&alert, "subject", listing.subject());
    Label(&alert, "list_operator", listing.list_operator());
    Label(&alert, "component", listing.component());
    if (listing.host_names_size() > 0) Label(&alert, "host", listing.host_names(0));
    present->push_back(std::move(alert));
  }
  MQ_ASSIGN_OR_RETURN(const auto incidents, hands_->OpenIncidentsNow());
  for (const v1::Incident& incident : incidents) {
    std::set<std::string> owing;
    for (const v1::Obligation& one : incident.obligations()) {
      if (one.state() == v1::Obligation::STATE_OUTSTANDING && owing.size() < kMostHosts)
        owing.insert(one.host_name());
    }
    // An obligation has no time of its own; none is older than its incident.
    if (owing.empty() || clock_->Now() - TimeOf(incident.open_time()) < rules.obligation_overdue)
      continue;
    v1::Alert alert = Make("MailquenchObligationOverdue", "warning",
                           absl::StrCat("settings that incident ", incident.incident_id(),
                                        " changed are not put back on ", owing.size(), " hosts"));
    Label(&alert, "incident_id", incident.incident_id());
    present->push_back(std::move(alert));
  }
  return absl::OkStatus();
}

// What fires is written down before it is raised, and forgotten after its end was: a crash between
// the two raises it again, which does nothing.
absl::Status OwnWatch::LookOnce() {
  const std::lock_guard<std::mutex> lock(look_mu_);
  if (!read_) {
    MQ_RETURN_IF_ERROR(ReadBack());
    read_ = true;
  }
  const OwnWatchRules rules = options_.rules();
  std::vector<v1::Alert> present;
  if (rules.enabled) {
    AddHosts(rules, &present);
    MQ_RETURN_IF_ERROR(AddOthers(rules, &present));
  }
  const absl::Time now = clock_->Now();
  Firing next;
  std::vector<v1::Alert> news;
  for (v1::Alert& alert : present) {
    alert.set_status(v1::ALERT_STATUS_FIRING);
    MQ_RETURN_IF_ERROR(Complete(kSource, now, &alert));
    const auto before = firing_.find(alert.fingerprint());
    if (before == firing_.end()) news.push_back(alert);
    next.emplace(alert.fingerprint(), before == firing_.end() ? alert : before->second);
  }
  std::vector<v1::Alert> ends;
  for (const auto& [fingerprint, alert] : firing_) {
    if (next.count(fingerprint) > 0) continue;
    ends.push_back(alert);
    ends.back().set_status(v1::ALERT_STATUS_RESOLVED);
    StampTime(now, ends.back().mutable_end_time());
    StampTime(now, ends.back().mutable_receive_time());
  }
  if (news.empty() && ends.empty()) return absl::OkStatus();
  if (!news.empty()) {
    Firing both = firing_;
    for (const v1::Alert& alert : news) both.emplace(alert.fingerprint(), alert);
    MQ_RETURN_IF_ERROR(KeepFiring(both));
    if (const auto taken = inbox_->Take(news); !taken.ok()) {
      read_ = false;  // It is written down and not raised, as after a crash.
      return taken.status();
    }
    firing_ = std::move(both);
    for (const v1::Alert& alert : news) {
      const auto kind = KindOfNotice().find(alert.labels().at("alertname"));
      if (options_.tell && kind != KindOfNotice().end()) options_.tell(kind->second, alert);
    }
  }
  if (!ends.empty()) {
    MQ_RETURN_IF_ERROR(inbox_->Take(ends).status());
    MQ_RETURN_IF_ERROR(KeepFiring(next));
    firing_ = std::move(next);
  }
  return absl::OkStatus();
}

absl::Status OwnWatch::KeepFiring(const Firing& firing) {
  v1::RaiseAlertsRequest kept;
  for (const auto& [fingerprint, alert] : firing) *kept.add_alerts() = alert;
  std::string json;
  const auto written = google::protobuf::util::MessageToJsonString(kept, &json);
  if (!written.ok())
    return Error(absl::StatusCode::kInternal, "STORE_FAILED",
                 "what the own watch knows could not be written; nothing was raised");
  return store_->PutValue(kKept, json);
}

absl::Status OwnWatch::ReadBack() {
  MQ_ASSIGN_OR_RETURN(const std::string json, store_->FindValue(kKept));
  v1::RaiseAlertsRequest kept;
  if (json.empty() || !google::protobuf::util::JsonStringToMessage(json, &kept).ok())
    return absl::OkStatus();
  const std::vector<v1::Alert> again(kept.alerts().begin(), kept.alerts().end());
  if (!again.empty()) MQ_RETURN_IF_ERROR(inbox_->Take(again).status());
  firing_.clear();
  for (const v1::Alert& alert : again) firing_.emplace(alert.fingerprint(), alert);
  return absl::OkStatus();
}

}  // namespace mailquench::controller
