#include "controller/blacklist/listings_pass.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/status/error.h"
#include "controller/store/times.h"

namespace mailquench::controller {
namespace {

// Answers come in many small parts, and reading all runs of an incident for each would be much.
constexpr absl::Duration kGatesGood = absl::Seconds(10);

// What an incident's timeline is told; the rest is in the listing's own history.
bool ForIncident(const std::string& kind) {
  return kind == "listed" || kind == "relisted" || kind == "cleared" || kind == "requested" ||
         kind == "late" || kind == "dropped";
}

// For whom somebody may be woken.
bool Alarms(const std::string& kind) {
  return kind == "listed" || kind == "relisted" || kind == "cleared" || kind == "late" ||
         kind == "ready";
}

}  // namespace

v1::Listing* Listings::Pass::Load(v1::Listing listing) {
  const std::string id = listing.listing_id();
  std::unique_ptr<Row>& row = rows_[id];
  if (row == nullptr) {
    row = std::make_unique<Row>();
    row->before = listing.SerializeAsString();
    row->listing = std::move(listing);
    order_.push_back(id);
  }
  return &row->listing;
}

absl::StatusOr<std::vector<v1::Listing*>> Listings::Pass::Of(const std::string& subject) {
  const auto known = subjects_.find(subject);
  if (known != subjects_.end()) return known->second;
  MQ_ASSIGN_OR_RETURN(std::vector<v1::Listing> all, store_->ListingsOf(subject, true));
  std::vector<v1::Listing*>& loaded = subjects_[subject];
  for (v1::Listing& listing : all) loaded.push_back(Load(std::move(listing)));
  return loaded;
}

absl::StatusOr<std::vector<v1::Listing*>> Listings::Pass::Open() {
  MQ_ASSIGN_OR_RETURN(std::vector<v1::Listing> all, store_->ListingsOf("", false));
  for (v1::Listing& listing : all) Load(std::move(listing));
  std::vector<v1::Listing*> open;
  for (const std::string& id : order_) {
    v1::Listing* listing = &rows_[id]->listing;
    if (listing->state() != v1::LISTING_STATE_CLEARED) open.push_back(listing);
  }
  return open;
}

absl::StatusOr<v1::Listing*> Listings::Pass::One(const std::string& listing_id) {
  MQ_ASSIGN_OR_RETURN(v1::Listing listing, store_->FindListing(listing_id));
  return Load(std::move(listing));
}

v1::Listing* Listings::Pass::Add(v1::Listing listing, ListingEvents events) {
  const std::string subject = listing.subject(), id = listing.listing_id();
  v1::Listing* added = Load(std::move(listing));
  rows_[id]->before.clear();
  subjects_[subject].push_back(added);
  events_[id] = std::move(events);
  return added;
}

void Listings::Pass::AddListChange(const std::string& zone,
                                   const std::string& kind,
                                   const std::string& text) {
  v1::BlacklistChange change;
  change.set_kind(kind);
  change.set_zone(zone);
  change.set_text(text);
  list_changes_.push_back(std::move(change));
}

// An open incident that covers the hosts takes the listing up, unless it has one that is open too.
void Listings::Pass::Join(const AttackGate& gate, v1::Listing* listing) {
  if (gate.incident_id.empty() || gate.incident_id == listing->incident_id()) return;
  if (cache_->gates->IsOpen(listing->incident_id())) return;
  listing->set_incident_id(gate.incident_id);
  Incidents::ListingNews& news = news_[gate.incident_id];
  news.joined.insert(listing->listing_id());
  // What was said before it joined has been said to nobody.
  const ListingEvents& events = *EventsOf(*listing);
  const bool told = std::any_of(events.begin(), events.end(), [](const ListingEvent& event) {
    return event.kind == "listed" || event.kind == "relisted";
  });
  if (told) return;
  news.entries.emplace_back(
      "controller",
      absl::StrCat("blacklist: ", listing->subject(), " is listed at ", listing->list_operator(),
                   " (", listing->component(), "), state ", StateWord(listing->state())));
}

void Listings::Pass::Look(v1::Listing* listing) {
  TakeWayOut(*catalogue, listing);
  for (v1::ListingZone& zone : *listing->mutable_seen()) {
    const auto health = health_.find(zone.zone());
    if (health != health_.end() && health->second.state() == v1::LIST_HEALTH_STATE_WELL)
      *zone.mutable_well_time() = health->second.probe_time();
  }
  listing->clear_host_names();
  for (const std::string& id : listing->host_ids()) {
    const auto name = host_names_.find(id);
    listing->add_host_names(name == host_names_.end() ? id : name->second);
  }
  ListingEvents* events = EventsOf(*listing);
  const bool relisted = std::any_of(events->begin(), events->end(), [](const ListingEvent& event) {
    return event.kind == "relisted";
  });
  // The incident whose end came before the listing's is no word on what lists it again.
  if (relisted && !cache_->gates->IsOpen(listing->incident_id())) listing->clear_incident_id();
  const std::set<std::string> hosts(listing->host_ids().begin(), listing->host_ids().end());
  AttackGate gate = cache_->gates->Of(hosts, listing->incident_id());
  // Nor may a later look take it up again: an attack that ended before this sighting is not the one
  // that is to end.
  if (gate.kind == AttackGate::Kind::kOver && listing->times_relisted() > 0 &&
      !cache_->gates->IsOpen(gate.incident_id) && listing->incident_id().empty())
    gate = AttackGate();
  Join(gate, listing);
  TakeGate(options_->rules, gate, now, listing, events);
  Settle(options_->rules, now, listing, events);
}

absl::Status Listings::Pass::Emit(const std::string& incident_id, v1::BlacklistChange change) {
  StampTime(now, change.mutable_time());
  MQ_RETURN_IF_ERROR(store_->AddChange(incident_id, &change));
  changes.push_back(std::move(change));
  return absl::OkStatus();
}

absl::Status Listings::Pass::Write(const Row& row) {
  const v1::Listing& listing = row.listing;
  if (listing.SerializeAsString() == row.before) return absl::OkStatus();
  MQ_RETURN_IF_ERROR(store_->PutListing(listing));
  for (const ListingEvent& event : *EventsOf(listing)) {
    v1::BlacklistChange change;
    change.set_kind(event.kind);
    change.set_subject(listing.subject());
    change.set_zone(event.zone);
    change.set_text(event.text);
    change.set_listing_id(listing.listing_id());
    change.set_alert(listing.alert() && Alarms(event.kind));
    MQ_RETURN_IF_ERROR(Emit(listing.incident_id(), std::move(change)));
    if (!listing.incident_id().empty() && ForIncident(event.kind))
      news_[listing.incident_id()].entries.emplace_back(event.actor, "blacklist: " + event.text);
  }
  if (!listing.incident_id().empty()) news_[listing.incident_id()];
  return absl::OkStatus();
}

absl::Status Listings::Pass::ReadGates(const std::vector<v1::Listing*>& followed) {
  std::set<std::string> joined;
  for (const v1::Listing* listing : followed) joined.insert(listing->incident_id());
  joined.erase("");
  const bool known =
      cache_->gates.has_value() && now - cache_->read < kGatesGood &&
      std::includes(cache_->joined.begin(), cache_->joined.end(), joined.begin(), joined.end());
  if (known && !fresh_) return absl::OkStatus();
  MQ_ASSIGN_OR_RETURN(cache_->gates, Gates::Read(store_, now, joined));
  cache_->read = now;
  cache_->joined = std::move(joined);
  return absl::OkStatus();
}

absl::Status Listings::Pass::Finish() {
  if (fresh_) cache_->gates.reset();
  for (v1::BlacklistChange& change : list_changes_) MQ_RETURN_IF_ERROR(Emit("", std::move(change)));
  MQ_ASSIGN_OR_RETURN(const std::vector<v1::Listing*> followed, Open());
  if (!followed.empty()) {
    MQ_RETURN_IF_ERROR(ReadGates(followed));
    MQ_ASSIGN_OR_RETURN(health_, store_->AllBlacklistHealth());
    MQ_ASSIGN_OR_RETURN(const auto hosts, store_->AllHosts());
    for (const Store::HostRow& row : hosts) host_names_[row.host.host_id()] = row.host.name();
    for (v1::Listing* listing : followed) Look(listing);
  }
  for (const std::string& id : order_) {
    const Row& row = *rows_[id];
    MQ_RETURN_IF_ERROR(Write(row));
    // An incident may have become clean while its listing stays as it is.
    const bool open = row.listing.state() != v1::LISTING_STATE_CLEARED;
    if (fresh_ && open && !row.listing.incident_id().empty()) news_[row.listing.incident_id()];
  }
  for (const auto& [incident_id, news] : news_)
    MQ_RETURN_IF_ERROR(incidents_->TakeListings(incident_id, news));
  return absl::OkStatus();
}

}  // namespace mailquench::controller
