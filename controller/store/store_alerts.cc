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
absl::StatusOr<std::vector<bool>> Store::InsertAlerts(const std::vector<AlertEvent>& events,
                                                      absl::Time rules_since) {
  std::vector<bool> fresh;
  const std::int64_t since =
      rules_since == absl::InfinitePast() ? 0 : absl::ToUnixMillis(rules_since);
  MQ_RETURN_IF_ERROR(Transaction([&]() -> absl::Status {
    fresh.clear();
    for (const AlertEvent& event : events) {
      const v1::Alert& alert = event.alert;
      MQ_RETURN_IF_ERROR(Write(
          "keep an alert",
          "INSERT INTO alerts (event_key, fingerprint, receive_ms, firing, done, ended, "
          "escalation_id, note, body) VALUES (:t0, :t1, :n0, :n1, :n3, 0, '', :t2, :b) "
          "ON CONFLICT (fingerprint, event_key) DO UPDATE SET done = excluded.done, note = "
          "excluded.note, receive_ms = excluded.receive_ms "
          "WHERE done = 1 AND escalation_id = '' AND firing = 1 AND ended = 0 AND "
          "receive_ms < :n2",
          {event.event_key, alert.fingerprint(), event.note},
          {absl::ToUnixMillis(TimeOf(alert.receive_time())),
           alert.status() == v1::ALERT_STATUS_RESOLVED ? 0 : 1, since, event.note.empty() ? 0 : 1},
          alert.SerializeAsString()));
      fresh.push_back(written_ > 0);
      if (!event.renews.empty() && fresh.back())
        MQ_RETURN_IF_ERROR(Write("keep an alert",
                                 "UPDATE alerts SET event_key = event_key || '#' || sequence "
                                 "WHERE fingerprint = :t1 AND event_key = :t0",
                                 {event.renews, alert.fingerprint()}, {}, ""));
    }
    return absl::OkStatus();
  }));
  return fresh;
}

absl::Status Store::ReopenAlerts(const std::vector<AlertEvent>& events) {
  return Transaction([&]() -> absl::Status {
    for (const AlertEvent& event : events) {
      if (event.note.empty()) continue;
      MQ_RETURN_IF_ERROR(Write("reopen an alert",
                               "UPDATE alerts SET done = 0, note = '' WHERE fingerprint = :t0 AND "
                               "event_key = :t1 AND done = 1 AND escalation_id = ''",
                               {event.alert.fingerprint(), event.event_key}, {}, ""));
    }
    return absl::OkStatus();
  });
}

absl::StatusOr<std::vector<v1::AlertRecord>> Store::AlertRows(const std::string& condition,
                                                              const std::string& key) {
  std::vector<v1::AlertRecord> all;
  MQ_RETURN_IF_ERROR(Guard("read alerts", [&]() -> absl::Status {
    const std::string query =
        "SELECT sequence, done, ended, escalation_id, note, body FROM alerts " + condition;
    long long sequence = 0;
    int done = 0, ended = 0;
    std::string escalation_id, note;
    soci::blob body(*sql_);
    soci::statement statement(*sql_);
    statement.exchange(soci::into(sequence));
    statement.exchange(soci::into(done));
    statement.exchange(soci::into(ended));
    statement.exchange(soci::into(escalation_id));
    statement.exchange(soci::into(note));
    statement.exchange(soci::into(body));
    if (query.find(":k") != std::string::npos) statement.exchange(soci::use(key, "k"));
    statement.alloc();
    statement.prepare(query);
    statement.define_and_bind();
    statement.execute(false);
    while (statement.fetch()) {
      v1::AlertRecord& record = all.emplace_back();
      record.set_sequence(sequence);
      record.set_done(done != 0);
      record.set_ended(ended != 0);
      record.set_escalation_id(escalation_id);
      record.set_note(note);
      MQ_RETURN_IF_ERROR(Parse(BytesOf(body), "alert", record.mutable_alert()));
    }
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
               "UPDATE alerts SET done = :n0, ended = :n1, escalation_id = :t0, note = :t1 WHERE "
               "sequence = :n2",
               {record.escalation_id(), record.note()},
               {record.done() ? 1 : 0, record.ended() ? 1 : 0, record.sequence()}, "");
}

absl::StatusOr<std::int64_t> Store::FinishAlerts(int limit, const std::string& note) {
  const std::lock_guard<std::recursive_mutex> lock(mu_);
  MQ_RETURN_IF_ERROR(Write("keep an alert",
                           "UPDATE alerts SET done = 1, note = :t0 WHERE sequence IN (SELECT "
                           "sequence FROM alerts WHERE done = 0 ORDER BY sequence LIMIT :n0)",
                           {note}, {limit}, ""));
  return written_;
}

absl::StatusOr<std::vector<v1::AlertRecord>> Store::Alerts(const v1::ListAlertsRequest& request) {
  const std::string end = " ORDER BY sequence DESC LIMIT " + Number(request.limit());
  if (!request.escalation_id().empty())
    return AlertRows("WHERE escalation_id = :k AND escalation_id <> ''" + end,
                     request.escalation_id());
  if (!request.fingerprint().empty())
    return AlertRows("WHERE fingerprint = :k" + end, request.fingerprint());
  return AlertRows(end, "");
}

absl::StatusOr<std::vector<v1::AlertRecord>> Store::FiringOfEscalation(const std::string& id) {
  if (id.empty()) return std::vector<v1::AlertRecord>();
  return AlertRows(
      "WHERE escalation_id = :k AND escalation_id <> '' AND firing = 1 AND ended = 0 "
      "ORDER BY sequence DESC",
      id);
}

absl::StatusOr<std::vector<v1::AlertRecord>> Store::FiringOfFingerprint(
    const std::string& fingerprint) {
  return AlertRows("WHERE fingerprint = :k AND firing = 1 AND ended = 0 ORDER BY sequence DESC",
                   fingerprint);
}

absl::StatusOr<std::vector<v1::AlertRecord>> Store::EndsAfter(const v1::AlertRecord& record) {
  return AlertRows("WHERE fingerprint = :k AND sequence > " + Number(record.sequence()) +
                       " AND firing = 0 ORDER BY sequence",
                   record.alert().fingerprint());
}

absl::StatusOr<std::vector<absl::Time>> Store::AlertTimes(const std::string& fingerprint,
                                                          int limit) {
  std::vector<absl::Time> times;
  MQ_RETURN_IF_ERROR(Guard("read alerts", [&]() -> absl::Status {
    soci::rowset<long long> rows =
        (sql_->prepare << "SELECT receive_ms FROM alerts WHERE fingerprint = :k ORDER BY sequence "
                          "DESC LIMIT :n",
         soci::use(fingerprint, "k"), soci::use(limit, "n"));
    for (const long long ms : rows) times.push_back(absl::FromUnixMillis(ms));
    return absl::OkStatus();
  }));
  return times;
}

// They came nearly in the order of their sequence: looked at are the old ones alone, and not the
// whole table.
absl::Status Store::PruneAlerts(absl::Time before) {
  long long first_kept = 0;
  const std::lock_guard<std::recursive_mutex> lock(mu_);
  MQ_RETURN_IF_ERROR(Guard("forget old alerts", [&]() -> absl::Status {
    const long long ms = absl::ToUnixMillis(before);
    *sql_
        << "SELECT COALESCE((SELECT sequence FROM alerts WHERE receive_ms >= :n ORDER BY sequence "
           "LIMIT 1), (SELECT COALESCE(MAX(sequence), 0) + 1 FROM alerts))",
        soci::use(ms, "n"), soci::into(first_kept);
    return absl::OkStatus();
  }));
  return Write("forget old alerts",
               "DELETE FROM alerts WHERE sequence < :n0 AND done = 1 AND receive_ms < :n1 AND "
               "escalation_id NOT IN (SELECT escalation_id FROM escalations WHERE is_open = 1)",
               {}, {first_kept, absl::ToUnixMillis(before)}, "");
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
