#include <map>

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
  // Three queries, however many there are: this is asked before every run.
  const std::lock_guard<std::recursive_mutex> lock(mu_);
  const std::string which =
      include_closed ? "" : "WHERE state <> " + std::to_string(v1::INCIDENT_STATE_CLOSED) + " ";
  const std::string of_those =
      "WHERE incident_id IN (SELECT incident_id FROM incidents " + which + ") ";
  std::vector<v1::Incident> incidents;
  MQ_RETURN_IF_ERROR(
      EachBlob("list its incidents",
               "SELECT body FROM incidents " + which + "ORDER BY open_ms DESC, rowid DESC", "",
               [&](const std::string& bytes) {
                 incidents.emplace_back();
                 return Parse(bytes, "incident", &incidents.back());
               }));
  std::map<std::string, v1::Incident*> by_id;
  for (v1::Incident& incident : incidents) by_id[incident.incident_id()] = &incident;
  MQ_RETURN_IF_ERROR(EachKeyedBlob(
      "list its incidents",
      "SELECT incident_id, body FROM obligations " + of_those + "ORDER BY rowid", "",
      [&](const std::string& id, const std::string& bytes) {
        const auto found = by_id.find(id);
        return found == by_id.end() ? absl::OkStatus()
                                    : Parse(bytes, "obligation", found->second->add_obligations());
      }));
  MQ_RETURN_IF_ERROR(Guard("list its incidents", [&]() -> absl::Status {
    std::string run_id, incident_id;
    soci::statement statement = (sql_->prepare << "SELECT run_id, incident_id FROM runs " +
                                                      of_those + "ORDER BY start_ms, rowid",
                                 soci::into(run_id), soci::into(incident_id));
    statement.execute(false);
    while (statement.fetch()) {
      const auto found = by_id.find(incident_id);
      if (found != by_id.end()) found->second->add_run_ids(run_id);
    }
    return absl::OkStatus();
  }));
  return incidents;
}

absl::StatusOr<std::map<std::string, std::vector<std::string>>> Store::OpenIncidentsByHost() {
  std::map<std::string, std::vector<std::string>> incidents_of;
  MQ_RETURN_IF_ERROR(Guard("list its incidents", [&]() -> absl::Status {
    const int closed = v1::INCIDENT_STATE_CLOSED;
    std::string host_id, incident_id;
    // The hosts of a run are those of its steps. CROSS JOIN keeps the order: from the few incidents
    // that are open, never over all steps.
    soci::statement statement =
        (sql_->prepare
             << "SELECT host_id, incident_id FROM ("
                "SELECT i.open_ms AS opened, i.rowid AS place, i.incident_id, s.host_id FROM "
                "incidents i "
                "CROSS JOIN runs r ON r.incident_id = i.incident_id "
                "CROSS JOIN run_steps s ON s.run_id = r.run_id WHERE i.state <> :c UNION "
                "SELECT i.open_ms, i.rowid, i.incident_id, o.host_id FROM incidents i "
                "CROSS JOIN obligations o ON o.incident_id = i.incident_id WHERE i.state <> :d) "
                "ORDER BY opened DESC, place DESC",
         soci::use(closed, "c"), soci::use(closed, "d"), soci::into(host_id),
         soci::into(incident_id));
    statement.execute(false);
    while (statement.fetch()) incidents_of[host_id].push_back(incident_id);
    return absl::OkStatus();
  }));
  return incidents_of;
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
