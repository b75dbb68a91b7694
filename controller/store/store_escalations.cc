// Escalations: one row each, from the decision to its end.
#include "controller/store/session.h"
#include "controller/store/times.h"

namespace mailquench::controller {
namespace {

bool IsOpen(const v1::Escalation& escalation) {
  return !escalation.has_end_time();
}

std::int64_t EndOf(const v1::Escalation& escalation) {
  return IsOpen(escalation) ? 0 : absl::ToUnixMillis(TimeOf(escalation.end_time()));
}

}  // namespace

absl::Status Store::InsertEscalation(const v1::Escalation& escalation,
                                     const std::string& request_id) {
  return Write("keep an escalation",
               "INSERT INTO escalations VALUES (:t0, :n0, :n1, :n2, :t1, :t2, :b)",
               {escalation.escalation_id(), escalation.incident_id(), request_id},
               {IsOpen(escalation) ? 1 : 0, EndOf(escalation),
                absl::ToUnixMillis(TimeOf(escalation.create_time()))},
               escalation.SerializeAsString());
}

absl::Status Store::PutEscalation(const v1::Escalation& escalation) {
  return Write("keep an escalation",
               "UPDATE escalations SET is_open = :n0, end_ms = :n1, incident_id = :t1, body = :b "
               "WHERE escalation_id = :t0",
               {escalation.escalation_id(), escalation.incident_id()},
               {IsOpen(escalation) ? 1 : 0, EndOf(escalation)}, escalation.SerializeAsString());
}

absl::StatusOr<v1::Escalation> Store::FindEscalation(const std::string& id) {
  std::vector<v1::Escalation> found;
  if (!id.empty()) {
    MQ_RETURN_IF_ERROR(EachBlob("read an escalation",
                                "SELECT body FROM escalations WHERE escalation_id >= :k AND "
                                "escalation_id < :k || '~' LIMIT 2",
                                id, [&](const std::string& bytes) {
                                  found.emplace_back();
                                  return Parse(bytes, "escalation", &found.back());
                                }));
  }
  if (found.size() == 1) return found.front();
  if (found.size() > 1) {
    return Error(absl::StatusCode::kInvalidArgument, "ESCALATION_AMBIGUOUS",
                 "'" + id +
                     "' begins the ids of several escalations; nothing was done; give more "
                     "of it");
  }
  return Error(absl::StatusCode::kNotFound, "ESCALATION_NOT_FOUND",
               "there is no escalation " + id +
                   "; nothing was done; 'mailquench escalation list' names those that there are");
}

absl::StatusOr<std::string> Store::EscalationOfRequest(const std::string& request_id) {
  std::string id;
  MQ_RETURN_IF_ERROR(Guard("read an escalation", [&]() -> absl::Status {
    *sql_ << "SELECT escalation_id FROM escalations WHERE request_id = :r AND request_id <> ''",
        soci::use(request_id), soci::into(id);
    return sql_->got_data() ? absl::OkStatus()
                            : absl::NotFoundError("no escalation of this request");
  }));
  return id;
}

absl::StatusOr<std::vector<v1::Escalation>> Store::Escalations(
    const v1::ListEscalationsRequest& request) {
  std::string query = "SELECT body FROM escalations WHERE 1 = 1";
  if (request.open_only()) query += " AND is_open = 1";
  if (!request.incident_id().empty()) query += " AND incident_id = :k";
  query += " ORDER BY create_ms DESC, rowid DESC LIMIT " + std::to_string(request.limit());
  std::vector<v1::Escalation> all;
  MQ_RETURN_IF_ERROR(
      EachBlob("read its escalations", query, request.incident_id(), [&](const std::string& bytes) {
        all.emplace_back();
        return Parse(bytes, "escalation", &all.back());
      }));
  return all;
}

absl::StatusOr<std::vector<v1::Escalation>> Store::OpenEscalations(absl::Time ended_since) {
  std::vector<v1::Escalation> all;
  MQ_RETURN_IF_ERROR(EachBlob("read its escalations",
                              "SELECT body FROM escalations WHERE is_open = 1 OR end_ms >= " +
                                  std::to_string(absl::ToUnixMillis(ended_since)) +
                                  " ORDER BY create_ms, rowid",
                              "", [&](const std::string& bytes) {
                                all.emplace_back();
                                return Parse(bytes, "escalation", &all.back());
                              }));
  return all;
}

absl::Status Store::PruneEscalations(absl::Time ended_before) {
  return Write("forget old escalations",
               "DELETE FROM escalations WHERE is_open = 0 AND end_ms < :n0", {},
               {absl::ToUnixMillis(ended_before)}, "");
}

}  // namespace mailquench::controller
