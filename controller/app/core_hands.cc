#include "controller/app/core_hands.h"

#include "common/status/error.h"

namespace mailquench::controller {

absl::StatusOr<v1::Run> CoreHands::RunNow(const std::string& run_id) {
  v1::GetRunRequest request;
  request.set_run_id(run_id);
  return core_->GetRun(request);
}

absl::StatusOr<std::map<std::string, std::string>> CoreHands::BusyHosts() {
  MQ_ASSIGN_OR_RETURN(const std::vector<std::string> ids, store_->RunIds("", true));
  std::map<std::string, std::string> busy;
  for (const std::string& id : ids) {
    MQ_ASSIGN_OR_RETURN(const v1::Run run, RunNow(id));
    if (run.state() != v1::RUN_STATE_RUNNING) continue;
    for (const v1::RunHost& host : run.hosts()) busy.emplace(host.host_id(), id);
  }
  return busy;
}

absl::StatusOr<std::map<std::string, std::string>> CoreHands::IncidentsOfHosts() {
  MQ_ASSIGN_OR_RETURN(const auto open, store_->OpenIncidentsByHost());
  std::map<std::string, std::string> incident_of;
  for (const auto& [host_id, incidents] : open) incident_of.emplace(host_id, incidents.front());
  return incident_of;
}

absl::StatusOr<std::vector<v1::Listing>> CoreHands::ListingsNow() {
  MQ_ASSIGN_OR_RETURN(const std::vector<v1::Listing> all, store_->ListingsOf("", false));
  std::vector<v1::Listing> alarming;
  for (const v1::Listing& listing : all) {
    if (listing.alert() && listing.dropped().empty()) alarming.push_back(listing);
  }
  return alarming;
}

absl::StatusOr<v1::Incident> CoreHands::OpenFor(const std::string& title,
                                                const std::string& request_id,
                                                const std::string& actor) {
  const absl::StatusOr<std::string> before = store_->IncidentOfRequest(request_id);
  if (before.ok()) return store_->FindIncident(*before);
  if (!absl::IsNotFound(before.status())) return before.status();
  v1::OpenIncidentRequest request;
  request.set_title(title);
  request.set_request_id(request_id);
  return core_->OpenIncident(request, actor);
}

absl::Status CoreHands::NoteFor(const std::string& incident_id,
                                const std::string& text,
                                const std::string& actor) {
  v1::AddNoteRequest note;
  note.set_incident_id(incident_id);
  note.set_text(text);
  return incidents_->AddNote(note, actor).status();
}

}  // namespace mailquench::controller
