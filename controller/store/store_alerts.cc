// The durable inbox of alerts, and who may send them.
#include "controller/store/session.h"
#include "controller/store/times.h"

namespace mailquench::controller {
namespace {

std::string Number(std::int64_t value) {
  return std::to_string(value);
}

}  // namespace

// One transaction, so that a flood costs one fsync and is kept whole or not at all.
absl::StatusOr<std::vector<bool>> Store::InsertAlerts(const std::vector<AlertEvent>& events) {
  std::vector<bool> fresh;
  MQ_RETURN_IF_ERROR(Transaction([&]() -> absl::Status {
    fresh.clear();
    for (const AlertEvent& event : events) {
      v1::AlertRecord record;
      *record.mutable_alert() = event.alert;
      MQ_RETURN_IF_ERROR(Write(
          "keep an alert",
          "INSERT INTO alerts (event_key, alert_key, fingerprint, receive_ms, done, escalation_id, "
          "body) VALUES (:t0, :t1, :t2, :n0, 0, '', :b) ON CONFLICT (event_key) DO NOTHING",
          {event.event_key, event.alert.alert_key(), event.alert.fingerprint()},
          {absl::ToUnixMillis(TimeOf(event.alert.receive_time()))}, record.SerializeAsString()));
      fresh.push_back(written_ > 0);
    }
    return absl::OkStatus();
  }));
  return fresh;
}

absl::StatusOr<std::vector<v1::AlertRecord>> Store::AlertRows(const std::string& condition,
                                                              const std::string& key) {
  std::vector<v1::AlertRecord> all;
  MQ_RETURN_IF_ERROR(EachKeyedBlob("read alerts",
                                   "SELECT CAST(sequence AS TEXT), body FROM alerts " + condition,
                                   key, [&](const std::string& sequence, const std::string& bytes) {
                                     all.emplace_back();
                                     MQ_RETURN_IF_ERROR(Parse(bytes, "alert", &all.back()));
                                     all.back().set_sequence(std::stoll(sequence));
                                     return absl::OkStatus();
                                   }));
  return all;
}

absl::StatusOr<std::vector<v1::AlertRecord>> Store::UndoneAlerts(int limit) {
  return AlertRows("WHERE done = 0 ORDER BY sequence LIMIT " + Number(limit), "");
}

absl::StatusOr<std::int64_t> Store::CountUndoneAlerts() {
  long long count = 0;
  MQ_RETURN_IF_ERROR(Guard("count alerts", [&]() -> absl::Status {
    *sql_ << "SELECT COUNT(*) FROM alerts WHERE done = 0", soci::into(count);
    return absl::OkStatus();
  }));
  return count;
}

absl::Status Store::PutAlert(const v1::AlertRecord& record) {
  return Write("keep an alert",
               "UPDATE alerts SET done = :n0, escalation_id = :t0, body = :b WHERE sequence = :n1",
               {record.escalation_id()}, {record.done() ? 1 : 0, record.sequence()},
               record.SerializeAsString());
}

absl::StatusOr<std::vector<v1::AlertRecord>> Store::Alerts(const v1::ListAlertsRequest& request) {
  const std::string end = " ORDER BY sequence DESC LIMIT " + Number(request.limit());
  if (!request.escalation_id().empty())
    return AlertRows("WHERE escalation_id = :k" + end, request.escalation_id());
  if (!request.fingerprint().empty())
    return AlertRows("WHERE fingerprint = :k" + end, request.fingerprint());
  return AlertRows(end, "");
}

absl::StatusOr<std::vector<v1::AlertRecord>> Store::AlertsOfKey(const std::string& alert_key) {
  return AlertRows("WHERE alert_key = :k ORDER BY sequence", alert_key);
}

absl::StatusOr<std::vector<v1::AlertRecord>> Store::AlertsSince(absl::Time receive_time) {
  return AlertRows(
      "WHERE receive_ms >= " + Number(absl::ToUnixMillis(receive_time)) + " ORDER BY sequence", "");
}

absl::Status Store::PruneAlerts(absl::Time before) {
  return Write("forget old alerts",
               "DELETE FROM alerts WHERE done = 1 AND receive_ms < :n0 AND escalation_id NOT IN "
               "(SELECT escalation_id FROM escalations WHERE is_open = 1)",
               {}, {absl::ToUnixMillis(before)}, "");
}

absl::Status Store::PutAlertSource(const v1::AlertSource& source, const std::string& hash) {
  return Write("keep a source of alerts",
               "INSERT OR REPLACE INTO alert_sources VALUES (:t0, :t1, :b)", {source.name(), hash},
               {}, source.SerializeAsString());
}

absl::StatusOr<std::vector<AlertSourceRow>> Store::AllAlertSources() {
  std::vector<AlertSourceRow> all;
  const std::lock_guard<std::recursive_mutex> lock(mu_);
  MQ_RETURN_IF_ERROR(EachBlob("read sources of alerts",
                              "SELECT body FROM alert_sources ORDER BY name", "",
                              [&](const std::string& bytes) {
                                all.emplace_back();
                                return Parse(bytes, "source of alerts", &all.back().source);
                              }));
  MQ_RETURN_IF_ERROR(Guard("read sources of alerts", [&]() -> absl::Status {
    for (AlertSourceRow& row : all) {
      const std::string name = row.source.name();
      *sql_ << "SELECT hash FROM alert_sources WHERE name = :n", soci::use(name),
          soci::into(row.hash);
    }
    return absl::OkStatus();
  }));
  return all;
}

absl::Status Store::PutValue(const std::string& name, const std::string& value) {
  return Write("keep a value", "INSERT OR REPLACE INTO values_kept VALUES (:t0, :t1)",
               {name, value}, {}, "");
}

absl::StatusOr<std::string> Store::FindValue(const std::string& name) {
  std::string value;
  MQ_RETURN_IF_ERROR(Guard("read a value", [&]() -> absl::Status {
    *sql_ << "SELECT value FROM values_kept WHERE name = :n", soci::use(name), soci::into(value);
    if (!sql_->got_data()) value.clear();
    return absl::OkStatus();
  }));
  return value;
}

}  // namespace mailquench::controller
