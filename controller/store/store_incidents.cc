#include "controller/store/session.h"

namespace mailquench::controller {
namespace {

v1::Incident Bare(const v1::Incident& incident) {
  v1::Incident bare = incident;
  bare.clear_obligations();
  bare.clear_run_ids();
  return bare;
}

}  // namespace

absl::Status Store::InsertIncident(const v1::Incident& incident, const std::string& request_id) {
  return Write("keep an incident", "INSERT INTO incidents VALUES (:t0, :t1, :n0, :n1, :b)",
               {incident.incident_id(), request_id},
               {incident.state(), incident.open_time().seconds() * 1000},
               Bare(incident).SerializeAsString());
}

absl::Status Store::PutIncident(const v1::Incident& incident) {
  return Write("keep an incident",
               "UPDATE incidents SET state = :n0, body = :b WHERE incident_id = :t0",
               {incident.incident_id()}, {incident.state()}, Bare(incident).SerializeAsString());
}

absl::StatusOr<v1::Incident> Store::FindIncident(const std::string& id) {
  const std::lock_guard<std::recursive_mutex> lock(mu_);
  v1::Incident incident;
  MQ_RETURN_IF_ERROR(
      EachBlob("read an incident", "SELECT body FROM incidents WHERE incident_id = :k", id,
               [&](const std::string& b) { return Parse(b, "incident", &incident); }));
  if (incident.incident_id().empty()) {
    return Error(absl::StatusCode::kNotFound, "INCIDENT_NOT_FOUND",
                 "there is no incident " + id +
                     "; nothing was done; 'mailquench incident list' names those that there are");
  }
  MQ_RETURN_IF_ERROR(EachBlob(
      "read an incident", "SELECT body FROM obligations WHERE incident_id = :k ORDER BY rowid", id,
      [&](const std::string& b) { return Parse(b, "obligation", incident.add_obligations()); }));
  MQ_ASSIGN_OR_RETURN(const std::vector<std::string> runs, RunIds(id, false));
  for (auto run = runs.rbegin(); run != runs.rend(); ++run) incident.add_run_ids(*run);
  return incident;
}

absl::StatusOr<std::string> Store::IncidentOfRequest(const std::string& request_id) {
  std::string id;
  MQ_RETURN_IF_ERROR(Guard("read an incident", [&]() -> absl::Status {
    *sql_ << "SELECT incident_id FROM incidents WHERE request_id = :r", soci::use(request_id),
        soci::into(id);
    return sql_->got_data() ? absl::OkStatus() : absl::NotFoundError("no incident of this request");
  }));
  return id;
}

absl::StatusOr<std::vector<v1::Incident>> Store::AllIncidents(bool include_closed) {
  const std::lock_guard<std::recursive_mutex> lock(mu_);
  std::vector<std::string> ids;
  MQ_RETURN_IF_ERROR(Guard("list its incidents", [&]() -> absl::Status {
    const int all = include_closed ? 1 : 0;
    const int closed = v1::INCIDENT_STATE_CLOSED;
    soci::rowset<std::string> rows =
        (sql_->prepare << "SELECT incident_id FROM incidents WHERE :a = 1 OR state <> :c "
                          "ORDER BY open_ms DESC, rowid DESC",
         soci::use(all), soci::use(closed));
    for (const std::string& id : rows) ids.push_back(id);
    return absl::OkStatus();
  }));
  std::vector<v1::Incident> incidents;
  for (const std::string& id : ids) {
    MQ_ASSIGN_OR_RETURN(v1::Incident incident, FindIncident(id));
    incidents.push_back(std::move(incident));
  }
  return incidents;
}

absl::Status Store::PutObligation(const std::string& incident_id, const v1::Obligation& o) {
  return Write("keep an obligation",
               "INSERT INTO obligations VALUES (:t0, :t1, :t2, :n0, :b) ON CONFLICT "
               "(obligation_id) DO UPDATE SET state = excluded.state, body = excluded.body",
               {o.obligation_id(), incident_id, o.host_id()}, {o.state()}, o.SerializeAsString());
}

absl::StatusOr<v1::Obligation> Store::FindObligation(const std::string& id,
                                                     std::string* incident_id) {
  v1::Obligation obligation;
  MQ_RETURN_IF_ERROR(Guard("read an obligation", [&]() -> absl::Status {
    *sql_ << "SELECT incident_id FROM obligations WHERE obligation_id = :k", soci::use(id),
        soci::into(*incident_id);
    return sql_->got_data() ? absl::OkStatus() : absl::NotFoundError("no such obligation");
  }));
  MQ_RETURN_IF_ERROR(
      EachBlob("read an obligation", "SELECT body FROM obligations WHERE obligation_id = :k", id,
               [&](const std::string& b) { return Parse(b, "obligation", &obligation); }));
  return obligation;
}

absl::StatusOr<std::vector<v1::Obligation>> Store::ObligationsOfHost(const std::string& host_id) {
  std::vector<v1::Obligation> all;
  MQ_RETURN_IF_ERROR(EachBlob("read obligations",
                              "SELECT body FROM obligations WHERE host_id = :k ORDER BY rowid",
                              host_id, [&](const std::string& b) {
                                all.emplace_back();
                                return Parse(b, "obligation", &all.back());
                              }));
  return all;
}

}  // namespace mailquench::controller
