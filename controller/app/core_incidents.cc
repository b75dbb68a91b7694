// Incidents, listings, quarantines and the audit log.
#include "common/status/error.h"
#include "controller/app/core_impl.h"

namespace mailquench::controller {

absl::StatusOr<v1::Incident> CoreImpl::OpenIncident(const v1::OpenIncidentRequest& r,
                                                    const std::string& actor) {
  MQ_RETURN_IF_ERROR(Audit(actor, "incident.open", Json(r)));
  return incidents_.Open(r.title(), r.request_id(), actor);
}

absl::StatusOr<v1::Incident> CoreImpl::GetIncident(const v1::GetIncidentRequest& r) {
  return store_->FindIncident(r.incident_id());
}

absl::StatusOr<v1::ListIncidentsResponse> CoreImpl::ListIncidents(
    const v1::ListIncidentsRequest& r) {
  MQ_ASSIGN_OR_RETURN(const std::vector<v1::Incident> all,
                      store_->AllIncidents(r.include_closed()));
  v1::ListIncidentsResponse response;
  for (const v1::Incident& incident : all) *response.add_incidents() = incident;
  return response;
}

absl::StatusOr<v1::Incident> CoreImpl::AddNote(const v1::AddNoteRequest& r,
                                               const std::string& actor) {
  MQ_RETURN_IF_ERROR(Audit(actor, "incident.note", Json(r)));
  return incidents_.AddNote(r, actor);
}

absl::StatusOr<v1::Incident> CoreImpl::AddCause(const v1::AddCauseRequest& r,
                                                const std::string& actor) {
  MQ_RETURN_IF_ERROR(Audit(actor, "incident.add-cause", Json(r)));
  return WithListings(incidents_.AddCause(r, actor));
}

absl::StatusOr<v1::Incident> CoreImpl::ResolveCause(const v1::ResolveCauseRequest& r,
                                                    const std::string& actor) {
  MQ_RETURN_IF_ERROR(Audit(actor, "incident.resolve-cause", Json(r)));
  return WithListings(incidents_.ResolveCause(r, actor));
}

absl::StatusOr<v1::Incident> CoreImpl::WaiveObligation(const v1::WaiveObligationRequest& r,
                                                       const std::string& actor) {
  MQ_RETURN_IF_ERROR(Audit(actor, "incident.waive", Json(r)));
  return incidents_.Waive(r, actor);
}

absl::StatusOr<v1::Incident> CoreImpl::CloseIncident(const v1::CloseIncidentRequest& r,
                                                     const std::string& actor) {
  MQ_RETURN_IF_ERROR(Audit(actor, "incident.close", Json(r)));
  return WithListings(incidents_.Close(r, actor));
}

absl::StatusOr<v1::ListBlacklistHistoryResponse> CoreImpl::ListBlacklistHistory(
    const v1::ListBlacklistHistoryRequest& r) {
  MQ_ASSIGN_OR_RETURN(const auto changes, listings_.History(r));
  v1::ListBlacklistHistoryResponse response;
  for (const v1::BlacklistChange& one : changes) *response.add_changes() = one;
  return response;
}

absl::StatusOr<v1::ListListingsResponse> CoreImpl::ListListings(const v1::ListListingsRequest& r) {
  // A name that is wrong must not read as "nothing is listed".
  if (!r.host().empty()) MQ_RETURN_IF_ERROR(hosts_->Find(r.host()).status());
  if (!r.incident_id().empty()) MQ_RETURN_IF_ERROR(store_->FindIncident(r.incident_id()).status());
  MQ_ASSIGN_OR_RETURN(const auto all, listings_.List(r));
  v1::ListListingsResponse response;
  for (const v1::Listing& one : all) *response.add_listings() = one;
  return response;
}

absl::StatusOr<v1::Listing> CoreImpl::GetListing(const v1::GetListingRequest& r) {
  MQ_ASSIGN_OR_RETURN(v1::Listing listing, listings_.Find(r.listing_id()));
  MQ_ASSIGN_OR_RETURN(*listing.mutable_evidence(), listings_.EvidenceOf(listing));
  return listing;
}

absl::StatusOr<v1::Listing> CoreImpl::RequestDelisting(const v1::RequestDelistingRequest& r,
                                                       const std::string& actor) {
  return OnListing(r, actor, "listing.request", &Listings::Request);
}

absl::StatusOr<v1::Listing> CoreImpl::DropListing(const v1::DropListingRequest& r,
                                                  const std::string& actor) {
  return OnListing(r, actor, "listing.drop", &Listings::Drop);
}

absl::StatusOr<v1::Listing> CoreImpl::AddListingNote(const v1::AddListingNoteRequest& r,
                                                     const std::string& actor) {
  return OnListing(r, actor, "listing.note", &Listings::AddNote);
}

absl::StatusOr<v1::ListQuarantinesResponse> CoreImpl::ListQuarantines(
    const v1::ListQuarantinesRequest& r) {
  MQ_ASSIGN_OR_RETURN(const auto all, store_->Quarantines(r.incident_id()));
  v1::ListQuarantinesResponse response;
  for (const v1::FleetQuarantine& one : all) *response.add_quarantines() = one;
  return response;
}

absl::StatusOr<v1::ListEntriesResponse> CoreImpl::ListAuditEntries(
    const v1::ListEntriesRequest& r) {
  const int limit = r.limit() <= 0 || r.limit() > 1000 ? 1000 : r.limit();
  MQ_ASSIGN_OR_RETURN(const auto entries, store_->AuditEntries(r.after_sequence(), limit));
  v1::ListEntriesResponse response;
  for (const v1::AuditEntry& entry : entries) *response.add_entries() = entry;
  return response;
}

absl::Status CoreImpl::Audit(const std::string& actor,
                             const std::string& action,
                             const std::string& detail) {
  return audit_.Add(actor, action, detail);
}

}  // namespace mailquench::controller
