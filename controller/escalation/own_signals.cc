#include "controller/escalation/own_signals.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "controller/escalation/label_text.h"
#include "controller/store/times.h"

namespace mailquench::controller {
namespace {

constexpr std::size_t kMostHosts = 50;  // Counted of one incident.

v1::Alert Make(const std::string& name, const std::string& severity, const std::string& summary) {
  v1::Alert alert;
  alert.set_receiver("own");
  alert.set_group_key(name);
  (*alert.mutable_labels())["alertname"] = name;
  (*alert.mutable_labels())["severity"] = severity;
  (*alert.mutable_annotations())["summary"] = summary;
  return alert;
}

v1::Alert MakeOf(const v1::Host& host,
                 const std::string& name,
                 const std::string& severity,
                 const std::string& summary) {
  v1::Alert alert = Make(name, severity, summary);
  auto& labels = *alert.mutable_labels();
  for (const auto& [key, value] : host.labels()) {
    if (key != "alertname" && key != "severity") labels[key] = value;
  }
  labels["host"] = host.name();
  labels["host_id"] = host.host_id();
  return alert;
}

std::string SubjectOf(const std::string& name, const v1::Host& host) {
  return absl::StrCat(name, " ", host.host_id());
}

}  // namespace

std::string SubjectOf(const v1::Alert& alert) {
  const std::string name = LabelOf(alert, "alertname");
  if (name == kObligationOverdueAlert)
    return absl::StrCat(name, " ", LabelOf(alert, "incident_id"));
  if (name != kListedAlert) return absl::StrCat(name, " ", LabelOf(alert, "host_id"));
  return absl::StrJoin({name, LabelOf(alert, "subject"), LabelOf(alert, "list_operator"),
                        LabelOf(alert, "component")},
                       " ");
}

OwnView OwnSignals::Look(const OwnWatchRules& rules,
                         const std::map<std::string, bool>& probed,
                         absl::Time now) {
  OwnView view;
  std::map<std::string, Growing> growing = std::exchange(growing_, {});
  const FleetCopy fleet = hands_->FleetOfNow();
  for (const v1::Host& host : *fleet) {
    if (host.state() != v1::HOST_STATE_ACTIVE) continue;
    const auto found = probed.find(host.host_id());
    if (found == probed.end()) {
      view.unknown.insert(SubjectOf(kRelayOpenAlert, host));
    } else if (found->second) {
      view.firing.push_back(MakeOf(host, kRelayOpenAlert, "critical",
                                   host.name() + " relays for strangers, as a probe found"));
    }
    if (host.has_manual()) continue;
    if (const auto before = growing.find(host.host_id()); before != growing.end())
      growing_.insert(*before);
    LookAtAgent(host, rules, now, &view);
    LookAtQueue(host, rules, now, &view);
  }
  LookAtListings(&view);
  LookAtObligations(rules, now, &view);
  return view;
}

void OwnSignals::LookAtAgent(const v1::Host& host,
                             const OwnWatchRules& rules,
                             absl::Time now,
                             OwnView* view) {
  if (!host.online()) {
    // The store knows when an agent came and went, not that it was there when we were killed.
    const bool lost = host.has_last_seen_time() &&
                      now - std::max(TimeOf(host.last_seen_time()), began_) > rules.agent_lost;
    if (lost) {
      view->firing.push_back(
          MakeOf(host, kAgentLostAlert, "warning",
                 absl::StrCat("nothing is heard of ", host.name(), " any more")));
    } else {
      view->unknown.insert(SubjectOf(kAgentLostAlert, host));
    }
  }
  if (!host.has_heartbeat() || host.heartbeat().drift_unknown()) {
    view->unknown.insert(SubjectOf(kSettingDriftAlert, host));
  } else if (host.heartbeat().drifted_size() > 0) {
    view->firing.push_back(
        MakeOf(host, kSettingDriftAlert, "warning",
               absl::StrCat("settings of ", host.name(),
                            " that a change set were changed since by somebody else")));
  }
}

void OwnSignals::LookAtQueue(const v1::Host& host,
                             const OwnWatchRules& rules,
                             absl::Time now,
                             OwnView* view) {
  const std::string subject = SubjectOf(kQueueGrowingAlert, host);
  const std::int64_t queued = host.has_heartbeat() ? host.heartbeat().queued_messages() : -1;
  std::optional<double> growth;
  if (host.online() && queued > rules.queue_above) growth = growth_(host.host_id());
  if (!host.online() || queued < 0 || (queued > rules.queue_above && !growth.has_value())) {
    view->unknown.insert(subject);
    return;
  }
  if (queued <= rules.queue_above || *growth <= rules.queue_growth) {
    growing_.erase(host.host_id());
    return;
  }
  Growing& one = growing_.try_emplace(host.host_id(), Growing{now, now}).first->second;
  // What was not seen for so long may have ended meanwhile.
  if (now - one.seen > rules.queue_for + absl::Minutes(1)) one.since = now;
  one.seen = now;
  if (now - one.since < rules.queue_for) {
    view->unknown.insert(subject);  // As after a restart: it grows, and we do not know since when.
    return;
  }
  view->firing.push_back(MakeOf(host, kQueueGrowingAlert, "critical",
                                absl::StrCat("the queue of ", host.name(), " grows fast")));
}

void OwnSignals::LookAtListings(OwnView* view) {
  const auto listings = hands_->ListingsNow();
  if (!listings.ok()) {
    view->unknown.insert(kListedAlert);
    view->problems.push_back("the listings could not be read, and what fired of them fires on: " +
                             std::string(listings.status().message()));
    return;
  }
  for (const v1::Listing& listing : *listings) {
    v1::Alert alert =
        Make(kListedAlert, "critical",
             absl::StrCat(listing.subject(), " is on the blacklist of ", listing.list_operator()));
    auto& labels = *alert.mutable_labels();
    labels["subject"] = listing.subject();
    labels["list_operator"] = listing.list_operator();
    labels["component"] = listing.component();
    if (listing.host_names_size() > 0) labels["host"] = listing.host_names(0);
    view->firing.push_back(std::move(alert));
  }
}

void OwnSignals::LookAtObligations(const OwnWatchRules& rules, absl::Time now, OwnView* view) {
  const auto incidents = hands_->OpenIncidentsNow();
  if (!incidents.ok()) {
    view->unknown.insert(kObligationOverdueAlert);
    view->problems.push_back("the incidents could not be read, and what fired of them fires on: " +
                             std::string(incidents.status().message()));
    return;
  }
  for (const v1::Incident& incident : *incidents) {
    std::set<std::string> owing;
    for (const v1::Obligation& one : incident.obligations()) {
      if (one.state() == v1::Obligation::STATE_OUTSTANDING && owing.size() < kMostHosts)
        owing.insert(one.host_name());
    }
    // An obligation has no time of its own; none is older than its incident.
    if (owing.empty() || now - TimeOf(incident.open_time()) < rules.obligation_overdue) continue;
    v1::Alert alert = Make(kObligationOverdueAlert, "warning",
                           absl::StrCat("settings that incident ", incident.incident_id(),
                                        " changed are not put back on ", owing.size(), " hosts"));
    (*alert.mutable_labels())["incident_id"] = incident.incident_id();
    view->firing.push_back(std::move(alert));
  }
}

}  // namespace mailquench::controller
