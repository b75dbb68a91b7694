#include "controller/fleet/hosts.h"

#include <algorithm>
#include <set>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "common/status/error.h"
#include "controller/fleet/selectors.h"

namespace mailquench::controller {
namespace {

std::map<std::string, std::string> LabelsOf(const v1::Host& host) {
  std::map<std::string, std::string> labels(host.labels().begin(), host.labels().end());
  labels.emplace("name", host.name());  // So that a selector can name hosts, too.
  return labels;
}

absl::Status NoSuchHost(const std::string& name) {
  return Error(absl::StatusCode::kNotFound, "HOST_NOT_FOUND",
               "there is no host '" + name +
                   "'; nothing was done; 'mailquench host list' names those that there are");
}

// "220 mx1.example.org ESMTP": whether that is one of the host's names.
bool Names(const v1::Hello& hello, const std::string& banner) {
  if (banner.size() < 5) return false;
  const std::vector<std::string> words = absl::StrSplit(banner.substr(4), ' ');
  const std::string& name = words.front();
  if (absl::EqualsIgnoreCase(name, hello.hostname())) return true;
  return std::any_of(hello.helo_names().begin(), hello.helo_names().end(),
                     [&](const std::string& one) { return absl::EqualsIgnoreCase(name, one); });
}

// A host that says too much must not make the answers about the fleet too large to be sent.
void Bound(v1::Hello* hello) {
  constexpr int kMost = 256;
  constexpr std::size_t kLongest = 300;
  for (auto* texts :
       {hello->mutable_addresses(), hello->mutable_listeners(), hello->mutable_trusted_ranges(),
        hello->mutable_egress_addresses(), hello->mutable_mail_domains(),
        hello->mutable_helo_names(), hello->mutable_transport_members()}) {
    if (texts->size() > kMost) texts->DeleteSubrange(kMost, texts->size() - kMost);
    texts->erase(std::remove_if(texts->begin(), texts->end(),
                                [](const std::string& one) { return one.size() > kLongest; }),
                 texts->end());
  }
  for (std::string* text : {hello->mutable_hostname(), hello->mutable_organisation(),
                            hello->mutable_transport_group()}) {
    if (text->size() > kLongest) text->resize(kLongest);
  }
  if (hello->capabilities_size() > kMost)
    hello->mutable_capabilities()->DeleteSubrange(kMost, hello->capabilities_size() - kMost);
}

// What could not be read this time is as it was last known: forgotten, the host would be taken to
// keep no copies with anybody.
void KeepGroup(const v1::Hello& known, v1::Hello* hello) {
  if (!hello->transport_group_unknown()) return;
  if (hello->organisation().empty()) hello->set_organisation(known.organisation());
  if (!hello->transport_group().empty() || hello->organisation() != known.organisation()) return;
  hello->set_transport_group(known.transport_group());
  if (hello->transport_members().empty())
    *hello->mutable_transport_members() = known.transport_members();
}

void Stamp(absl::Time now, google::protobuf::Timestamp* time) {
  time->set_seconds(absl::ToUnixSeconds(now));
  time->set_nanos(
      static_cast<std::int32_t>(absl::ToUnixNanos(now) - absl::ToUnixSeconds(now) * 1000000000));
}

}  // namespace

absl::StatusOr<std::unique_ptr<Hosts>> Hosts::Open(Store* store, FleetLink* link, Clock* clock) {
  std::unique_ptr<Hosts> hosts(new Hosts(store, link, clock));
  MQ_ASSIGN_OR_RETURN(std::vector<Store::HostRow> rows, store->AllHosts());
  for (Store::HostRow& row : rows) {
    const std::string id = row.host.host_id();
    hosts->Edit(id) = std::move(row);
  }
  return hosts;
}

bool Hosts::IsOnline(const v1::Host& host) {
  return host.state() == v1::HOST_STATE_ACTIVE && link_->IsOnline(host.host_id());
}

v1::Host Hosts::Shown(v1::Host host) {
  host.set_online(IsOnline(host));
  return host;
}

Store::HostRow& Hosts::Edit(const std::string& host_id) {
  copies_.Changed(host_id);
  return hosts_[host_id];
}

std::vector<v1::Host> Hosts::All() {
  return Where([](const v1::Host&) { return true; });
}

FleetCopy Hosts::Fleet() {
  const std::lock_guard<std::mutex> lock(mu_);
  return copies_.Now([this](const std::string& id) { return &hosts_.find(id)->second.host; },
                     [this](const v1::Host& host) { return IsOnline(host); });
}

std::vector<v1::Host> Hosts::Where(const std::function<bool(const v1::Host&)>& wanted) {
  std::vector<v1::Host> all;
  {
    const std::lock_guard<std::mutex> lock(mu_);
    for (const auto& [id, row] : hosts_) {
      if (wanted(row.host)) all.push_back(row.host);
    }
  }
  for (v1::Host& host : all) host = Shown(std::move(host));
  std::sort(all.begin(), all.end(), [](const v1::Host& a, const v1::Host& b) {
    return a.name() != b.name() ? a.name() < b.name() : a.host_id() < b.host_id();
  });
  return all;
}

absl::StatusOr<v1::Host> Hosts::Find(const std::string& name) {
  v1::Host copy;
  {
    const std::lock_guard<std::mutex> lock(mu_);
    // An id wins over a name, an active host over an evicted one of the same name.
    const auto by_id = hosts_.find(name);
    const v1::Host* found = by_id == hosts_.end() ? nullptr : &by_id->second.host;
    for (auto row = hosts_.begin(); by_id == hosts_.end() && row != hosts_.end(); ++row) {
      const v1::Host& host = row->second.host;
      if (host.name() == name && (found == nullptr || host.state() == v1::HOST_STATE_ACTIVE))
        found = &host;
    }
    if (found == nullptr) return NoSuchHost(name);
    copy = *found;
  }
  return Shown(std::move(copy));
}

absl::StatusOr<std::vector<v1::Host>> Hosts::Choose(const std::string& selector,
                                                    const std::vector<std::string>& names) {
  MQ_ASSIGN_OR_RETURN(const Selector parsed, Selector::Parse(selector));
  if (selector.empty() && !names.empty()) {  // The copy of a large fleet takes longer than its use.
    std::map<std::pair<std::string, std::string>, v1::Host> by_name;
    for (const std::string& name : names) {
      MQ_ASSIGN_OR_RETURN(v1::Host host, Find(name));
      if (host.state() != v1::HOST_STATE_ACTIVE) return NoSuchHost(name);
      const std::pair<std::string, std::string> key{host.name(), host.host_id()};
      by_name.emplace(key, std::move(host));
    }
    std::vector<v1::Host> named;
    for (auto& [key, host] : by_name) named.push_back(std::move(host));
    return named;
  }
  const std::vector<v1::Host> all = All();
  std::set<std::string> ids;
  for (const std::string& name : names) {
    MQ_ASSIGN_OR_RETURN(const v1::Host host, Find(name));
    if (host.state() != v1::HOST_STATE_ACTIVE) return NoSuchHost(name);
    ids.insert(host.host_id());
  }
  std::set<std::string> known_keys;
  std::vector<v1::Host> chosen;
  for (const v1::Host& host : all) {
    if (host.state() != v1::HOST_STATE_ACTIVE) continue;
    const std::map<std::string, std::string> labels = LabelsOf(host);
    for (const auto& label : labels) known_keys.insert(label.first);
    // Names alone mean these hosts alone: an empty selector beside them adds nothing.
    const bool matches = (!selector.empty() || names.empty()) && parsed.Matches(labels);
    if (matches || ids.count(host.host_id()) > 0) chosen.push_back(host);
  }
  if (!chosen.empty()) return chosen;
  std::string hint;
  for (const std::string& key : parsed.Keys()) {
    if (known_keys.count(key) == 0) hint += "; no host has a label '" + key + "'";
  }
  return Error(absl::StatusCode::kNotFound, "NO_HOST_MATCHED",
               (selector.empty() ? std::string("no host has joined yet")
                                 : "no host matches '" + selector + "'") +
                   hint + "; nothing was done; 'mailquench host list' shows the labels");
}

absl::Status Hosts::MayBeNamed(const std::string& host_id, const std::string& name) {
  for (const auto& [id, row] : hosts_) {
    if (id != host_id && row.host.name() != name) continue;
    if (row.host.state() == v1::HOST_STATE_BANNED) {
      return Error(absl::StatusCode::kPermissionDenied, "HOST_BANNED",
                   "the host " + name + " is banned and may not join; nothing was changed");
    }
    if (id != host_id && row.host.state() == v1::HOST_STATE_ACTIVE) {
      return Error(absl::StatusCode::kAlreadyExists, "HOST_NAME_TAKEN",
                   "another active host is named " + name +
                       "; nothing was changed; evict that one first or choose another name");
    }
  }
  return absl::OkStatus();
}

absl::Status Hosts::Upsert(const std::string& host_id,
                           const std::string& name,
                           const std::map<std::string, std::string>& labels,
                           const std::string& serial) {
  const auto held = store_->Hold();
  const std::lock_guard<std::mutex> lock(mu_);
  MQ_RETURN_IF_ERROR(MayBeNamed(host_id, name));
  Store::HostRow row = hosts_.count(host_id) > 0 ? hosts_[host_id] : Store::HostRow();
  row.serial = serial;
  row.host.set_host_id(host_id);
  row.host.set_name(name);
  row.host.set_state(v1::HOST_STATE_ACTIVE);
  row.host.mutable_labels()->clear();
  for (const auto& [key, value] : labels) (*row.host.mutable_labels())[key] = value;
  if (!row.host.has_enrol_time()) Stamp(clock_->Now(), row.host.mutable_enrol_time());
  MQ_RETURN_IF_ERROR(store_->PutHost(row));
  Edit(host_id) = std::move(row);
  return absl::OkStatus();
}

absl::Status Hosts::SetState(const std::string& host_id, v1::HostState state) {
  const auto held = store_->Hold();
  const std::lock_guard<std::mutex> lock(mu_);
  const auto found = hosts_.find(host_id);
  if (found == hosts_.end()) return NoSuchHost(host_id);
  Store::HostRow row = found->second;
  row.host.set_state(state);
  MQ_RETURN_IF_ERROR(store_->PutHost(row));
  Edit(host_id) = std::move(row);
  return absl::OkStatus();
}

absl::StatusOr<v1::Host> Hosts::SetLabels(const v1::SetLabelsRequest& request) {
  MQ_ASSIGN_OR_RETURN(const v1::Host host, Find(request.host()));
  for (const auto& [key, value] : request.labels()) MQ_RETURN_IF_ERROR(CheckLabel(key, value));
  for (const std::string& key : request.remove()) {
    // Of a host with an agent it is one from before, and may go.
    if (host.has_manual()) MQ_RETURN_IF_ERROR(CheckLabel(key, ""));
  }
  const auto held = store_->Hold();
  const std::lock_guard<std::mutex> lock(mu_);
  Store::HostRow row = hosts_[host.host_id()];
  for (const auto& [key, value] : request.labels()) (*row.host.mutable_labels())[key] = value;
  for (const std::string& key : request.remove()) row.host.mutable_labels()->erase(key);
  MQ_RETURN_IF_ERROR(store_->PutHost(row));
  Edit(host.host_id()) = row;
  return Shown(row.host);
}

absl::StatusOr<v1::Host> Hosts::SetMailIdentity(const v1::SetMailIdentityRequest& request) {
  MQ_ASSIGN_OR_RETURN(const v1::Host host, Find(request.host()));
  MQ_ASSIGN_OR_RETURN(const v1::MailIdentity identity, CheckedIdentity(request.mail_identity()));
  const auto held = store_->Hold();
  const std::lock_guard<std::mutex> lock(mu_);
  Store::HostRow row = hosts_[host.host_id()];
  *row.host.mutable_mail_identity() = identity;
  MQ_RETURN_IF_ERROR(store_->PutHost(row));
  Edit(host.host_id()) = row;
  return Shown(row.host);
}

void Hosts::Greeted(const std::string& host_id,
                    const std::string& address,
                    const std::string& banner) {
  const auto held = store_->Hold();
  const std::lock_guard<std::mutex> lock(mu_);
  const auto found = hosts_.find(host_id);
  if (found == hosts_.end()) return;
  const v1::Host& host = found->second.host;
  const bool known = std::find(host.confirmed_addresses().begin(), host.confirmed_addresses().end(),
                               address) != host.confirmed_addresses().end();
  const bool names = Names(host.hello(), banner);
  if (known == names) return;
  auto* const all = Edit(host_id).host.mutable_confirmed_addresses();
  if (names) {
    all->Add()->assign(address);
  } else {
    all->erase(std::remove(all->begin(), all->end(), address), all->end());
  }
  // The next probe says it again: a full disk here is no reason to fail.
  store_->PutHost(found->second).IgnoreError();
}

bool Hosts::IsActive(const std::string& host_id) {
  const std::lock_guard<std::mutex> lock(mu_);
  const auto found = hosts_.find(host_id);
  return found != hosts_.end() && found->second.host.state() == v1::HOST_STATE_ACTIVE;
}

std::string Hosts::SerialOf(const std::string& host_id) {
  const std::lock_guard<std::mutex> lock(mu_);
  const auto found = hosts_.find(host_id);
  return found == hosts_.end() ? "" : found->second.serial;
}

void Hosts::Connected(const std::string& host_id, const v1::Hello& hello) {
  const auto held = store_->Hold();
  const std::lock_guard<std::mutex> lock(mu_);
  const auto found = hosts_.find(host_id);
  if (found == hosts_.end()) return;
  v1::Host& host = Edit(host_id).host;
  const v1::Hello known = host.hello();
  *host.mutable_hello() = hello;
  KeepGroup(known, host.mutable_hello());
  Bound(host.mutable_hello());
  Stamp(clock_->Now(), host.mutable_last_seen_time());
  // What a host said is said again at its next hello: a full disk here is no reason to fail.
  store_->PutHost(found->second).IgnoreError();
}

void Hosts::Disconnected(const std::string& host_id) {
  const auto held = store_->Hold();
  const std::lock_guard<std::mutex> lock(mu_);
  const auto found = hosts_.find(host_id);
  if (found == hosts_.end()) return;
  Stamp(clock_->Now(), Edit(host_id).host.mutable_last_seen_time());
  store_->PutHost(found->second).IgnoreError();
}

bool Hosts::Beat(const std::string& host_id, const v1::Heartbeat& heartbeat) {
  const std::lock_guard<std::mutex> lock(mu_);
  const auto found = hosts_.find(host_id);
  if (found == hosts_.end()) return false;
  v1::Host& host = Edit(host_id).host;
  const bool known = host.has_heartbeat() && !host.heartbeat().drift_unknown();
  const google::protobuf::RepeatedPtrField<std::string> before = host.heartbeat().drifted();
  v1::Heartbeat* const now = host.mutable_heartbeat();  // In memory only: there are many.
  *now = heartbeat;
  if (heartbeat.drift_unknown()) {
    *now->mutable_drifted() = before;
    now->set_drift_unknown(!known);
  }
  const bool changed =
      !std::equal(before.begin(), before.end(), now->drifted().begin(), now->drifted().end());
  Stamp(clock_->Now(), host.mutable_last_seen_time());
  return changed;
}

}  // namespace mailquench::controller
