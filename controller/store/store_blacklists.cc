#include "controller/store/session.h"
#include "controller/store/times.h"

namespace mailquench::controller {
namespace {

std::int64_t Millis(const google::protobuf::Timestamp& time) {
  return time.seconds() * 1000 + time.nanos() / 1000000;
}

}  // namespace

// ---- Listings

absl::Status Store::PutListing(const v1::Listing& listing) {
  v1::Listing bare = listing;
  bare.clear_evidence();  // Written anew whenever it is asked for.
  return Write(
      "keep a listing",
      "INSERT INTO listings VALUES (:t0, :t1, :t2, :t3, :n0, :b) ON CONFLICT (listing_id) "
      "DO UPDATE SET state = excluded.state, body = excluded.body",
      {listing.listing_id(), listing.subject(), listing.list_operator(), listing.component()},
      {listing.state()}, bare.SerializeAsString());
}

absl::StatusOr<v1::Listing> Store::FindListing(const std::string& id) {
  v1::Listing listing;
  MQ_RETURN_IF_ERROR(EachBlob("read a listing", "SELECT body FROM listings WHERE listing_id = :k",
                              id,
                              [&](const std::string& b) { return Parse(b, "listing", &listing); }));
  if (listing.listing_id().empty()) {
    return Error(absl::StatusCode::kNotFound, "LISTING_NOT_FOUND",
                 "there is no listing " + id +
                     "; nothing was done; 'mailquench delist list' names those that there are");
  }
  return listing;
}

absl::StatusOr<std::vector<v1::Listing>> Store::ListingsOf(const std::string& subject,
                                                           bool with_cleared) {
  std::string query = "SELECT body FROM listings WHERE 1 = 1";
  if (!subject.empty()) query += " AND subject = :k";
  if (!with_cleared) query += " AND state <> " + std::to_string(v1::LISTING_STATE_CLEARED);
  std::vector<v1::Listing> all;
  MQ_RETURN_IF_ERROR(EachBlob("read its listings", query + " ORDER BY subject, rowid", subject,
                              [&](const std::string& bytes) {
                                all.emplace_back();
                                return Parse(bytes, "listing", &all.back());
                              }));
  return all;
}

// ---- Answers

absl::Status Store::PutAnswers(const std::vector<v1::BlacklistAnswer>& answers) {
  return Transaction([&]() -> absl::Status {
    for (const v1::BlacklistAnswer& answer : answers) {
      MQ_RETURN_IF_ERROR(
          Write("keep a list's answer",
                "INSERT INTO blacklist_answers VALUES (:t0, :t1, :n0, :n1, :b) ON CONFLICT "
                "(subject, zone) DO UPDATE SET verdict = excluded.verdict, time_ms = "
                "excluded.time_ms, body = excluded.body WHERE excluded.time_ms >= "
                "blacklist_answers.time_ms",
                {answer.subject(), answer.zone()}, {answer.verdict(), Millis(answer.time())},
                answer.SerializeAsString()));
    }
    return absl::OkStatus();
  });
}

absl::StatusOr<std::vector<v1::BlacklistAnswer>> Store::AnswersOf(const std::string& subject) {
  std::vector<v1::BlacklistAnswer> all;
  MQ_RETURN_IF_ERROR(EachBlob("read the lists' answers",
                              "SELECT body FROM blacklist_answers WHERE subject = :k ORDER BY zone",
                              subject, [&](const std::string& bytes) {
                                all.emplace_back();
                                return Parse(bytes, "list's answer", &all.back());
                              }));
  return all;
}

absl::StatusOr<std::vector<AnswerTime>> Store::AllAnswerTimes() {
  std::vector<AnswerTime> all;
  MQ_RETURN_IF_ERROR(Guard("read the lists' answers", [&]() -> absl::Status {
    AnswerTime one;
    int verdict = 0;
    long long millis = 0;
    soci::statement statement =
        (sql_->prepare << "SELECT subject, zone, verdict, time_ms FROM blacklist_answers "
                          "ORDER BY subject, zone",
         soci::into(one.subject), soci::into(one.zone), soci::into(verdict), soci::into(millis));
    statement.execute(false);
    while (statement.fetch()) {
      one.verdict = static_cast<v1::BlacklistVerdict>(verdict);
      one.time = absl::FromUnixMillis(millis);
      all.push_back(one);
    }
    return absl::OkStatus();
  }));
  return all;
}

// ---- Health and quotas of lists

absl::Status Store::PutBlacklistHealth(const std::string& zone, const v1::BlacklistHealth& health) {
  return Write("keep a list's health", "INSERT OR REPLACE INTO list_health VALUES (:t0, :b)",
               {zone}, {}, health.SerializeAsString());
}

absl::StatusOr<std::map<std::string, v1::BlacklistHealth>> Store::AllBlacklistHealth() {
  const std::lock_guard<std::recursive_mutex> lock(mu_);
  std::vector<std::string> zones;
  MQ_RETURN_IF_ERROR(Guard("read the lists' health", [&]() -> absl::Status {
    soci::rowset<std::string> rows = (sql_->prepare << "SELECT zone FROM list_health ORDER BY 1");
    for (const std::string& zone : rows) zones.push_back(zone);
    return absl::OkStatus();
  }));
  std::map<std::string, v1::BlacklistHealth> all;
  std::size_t at = 0;
  MQ_RETURN_IF_ERROR(EachBlob(
      "read the lists' health", "SELECT body FROM list_health ORDER BY zone", "",
      [&](const std::string& bytes) { return Parse(bytes, "list's health", &all[zones[at++]]); }));
  return all;
}

absl::Status Store::AddQuotaUse(const std::string& list_operator,
                                const std::string& day,
                                std::int64_t used) {
  return Write("count its questions",
               "INSERT INTO quota_use VALUES (:t0, :t1, :n0) ON CONFLICT (list_operator, day) DO "
               "UPDATE SET used = used + excluded.used",
               {list_operator, day}, {used}, "");
}

absl::StatusOr<std::map<std::string, std::int64_t>> Store::QuotaUse(const std::string& day) {
  std::map<std::string, std::int64_t> all;
  MQ_RETURN_IF_ERROR(Guard("read what it has asked", [&]() -> absl::Status {
    std::string list_operator;
    long long used = 0;
    soci::statement statement =
        (sql_->prepare << "SELECT list_operator, used FROM quota_use WHERE day = :d",
         soci::into(list_operator), soci::into(used), soci::use(day));
    statement.execute(false);
    while (statement.fetch()) all[list_operator] = used;
    return absl::OkStatus();
  }));
  return all;
}

// ---- Changes

absl::Status Store::AddChange(const std::string& incident_id, v1::BlacklistChange* change) {
  return Transaction([&]() -> absl::Status {
    long long last = 0;
    *sql_ << "SELECT COALESCE(MAX(sequence), 0) FROM blacklist_changes", soci::into(last);
    change->set_sequence(last + 1);
    return Write("keep a change of a listing",
                 "INSERT INTO blacklist_changes VALUES (:n0, :n1, :t0, :t1, :t2, :b)",
                 {change->subject(), change->zone(), incident_id},
                 {change->sequence(), Millis(change->time())}, change->SerializeAsString());
  });
}

absl::StatusOr<std::vector<v1::BlacklistChange>> Store::Changes(
    const v1::ListBlacklistHistoryRequest& request) {
  std::vector<v1::BlacklistChange> all;
  MQ_RETURN_IF_ERROR(Guard("read what has changed on lists", [&]() -> absl::Status {
    const std::string &subject = request.subject(), &zone = request.zone();
    const std::string& incident = request.incident_id();
    const int limit = request.limit();
    std::vector<std::string> bodies;
    {
      soci::blob body(*sql_);
      soci::statement statement(*sql_);
      statement.exchange(soci::into(body));
      statement.exchange(soci::use(subject, "s"));
      statement.exchange(soci::use(zone, "z"));
      statement.exchange(soci::use(incident, "i"));
      statement.exchange(soci::use(limit, "l"));
      statement.alloc();
      statement.prepare(
          "SELECT body FROM blacklist_changes WHERE (:s = '' OR subject = :s) AND (:z = '' OR "
          "zone = :z) AND (:i = '' OR incident_id = :i) ORDER BY sequence DESC LIMIT :l");
      statement.define_and_bind();
      statement.execute(false);
      while (statement.fetch()) bodies.push_back(BytesOf(body));
    }
    for (auto bytes = bodies.rbegin(); bytes != bodies.rend(); ++bytes) {
      all.emplace_back();
      MQ_RETURN_IF_ERROR(Parse(*bytes, "change of a listing", &all.back()));
    }
    return absl::OkStatus();
  }));
  return all;
}

absl::StatusOr<std::vector<v1::BlacklistChange>> Store::ChangesAfter(std::int64_t sequence,
                                                                     int limit) {
  std::vector<v1::BlacklistChange> all;
  MQ_RETURN_IF_ERROR(EachBlob("read what has changed on lists",
                              "SELECT body FROM blacklist_changes WHERE sequence > " +
                                  std::to_string(sequence) + " ORDER BY sequence LIMIT " +
                                  std::to_string(limit),
                              "", [&](const std::string& bytes) {
                                all.emplace_back();
                                return Parse(bytes, "change of a listing", &all.back());
                              }));
  return all;
}

absl::Status Store::PruneChanges(absl::Time before, std::int64_t most) {
  return Write("drop old changes of listings",
               "DELETE FROM blacklist_changes WHERE sequence < (SELECT MAX(sequence) FROM "
               "blacklist_changes) AND (time_ms < :n0 OR sequence <= (SELECT MAX(sequence) FROM "
               "blacklist_changes) - :n1)",
               {}, {absl::ToUnixMillis(before), most}, "");
}

}  // namespace mailquench::controller
