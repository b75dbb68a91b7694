// What listings on blacklists mean for an incident.
#include <algorithm>

#include "common/status/error.h"
#include "controller/incidents/incidents.h"

namespace mailquench::controller {
namespace {

// Joined listings that hold an incident in `delisting`: those for which nobody is woken do not.
absl::StatusOr<int> OpenListings(Store* store, const v1::Incident& incident, bool all) {
  int open = 0;
  for (const std::string& id : incident.listing_ids()) {
    MQ_ASSIGN_OR_RETURN(const v1::Listing listing, store->FindListing(id));
    open += listing.state() != v1::LISTING_STATE_CLEARED && (all || listing.alert());
  }
  return open;
}

}  // namespace

absl::Status Incidents::Together(const std::function<absl::Status()>& work) {
  const std::lock_guard<std::recursive_mutex> lock(mu_);
  return store_->Transaction(work);
}

absl::StatusOr<AttackGate> Incidents::GateOf(const std::set<std::string>& host_ids) {
  const std::lock_guard<std::recursive_mutex> lock(mu_);
  MQ_ASSIGN_OR_RETURN(const Gates gates, Gates::Read(store_, clock_->Now(), {}));
  return gates.Of(host_ids);
}

absl::Status Incidents::TakeListings(const std::string& incident_id, const ListingNews& news) {
  const std::lock_guard<std::recursive_mutex> lock(mu_);
  MQ_ASSIGN_OR_RETURN(v1::Incident incident, store_->FindIncident(incident_id));
  const std::string before = incident.SerializeAsString();
  for (const std::string& id : news.joined) {
    if (std::find(incident.listing_ids().begin(), incident.listing_ids().end(), id) ==
        incident.listing_ids().end())
      incident.add_listing_ids(id);
  }
  for (const auto& [actor, text] : news.entries) Note(&incident, actor, text);
  if (incident.state() == v1::INCIDENT_STATE_CLEAN ||
      incident.state() == v1::INCIDENT_STATE_DELISTING) {
    MQ_ASSIGN_OR_RETURN(const int open, OpenListings(store_, incident, false));
    const v1::IncidentState state =
        open > 0 ? v1::INCIDENT_STATE_DELISTING : v1::INCIDENT_STATE_CLEAN;
    if (state != incident.state()) {
      incident.set_state(state);
      Note(&incident, "controller",
           open > 0 ? "delisting: " + std::to_string(open) + " listings are not cleared yet"
                    : "clean: no blacklist shows its hosts any more");
    }
  }
  if (incident.SerializeAsString() == before) return absl::OkStatus();
  return store_->PutIncident(incident);
}

absl::Status Incidents::NoteOpenListings(v1::Incident* incident) {
  MQ_ASSIGN_OR_RETURN(const int open, OpenListings(store_, *incident, true));
  if (open > 0) {
    Note(incident, "controller",
         "closed with " + std::to_string(open) +
             " listings on blacklists that are not cleared; they are followed further");
  }
  return absl::OkStatus();
}

}  // namespace mailquench::controller
