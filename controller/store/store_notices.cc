// Notices and their outbox: one delivery for each channel.
#include "controller/store/session.h"
#include "controller/store/times.h"

namespace mailquench::controller {
namespace {

// Column `state`.
enum DeliveryState : long long { kWaits = 0, kDelivered = 1, kGivenUp = 2 };

DeliveryState StateOf(const v1::NoticeDelivery& delivery) {
  return delivery.delivered() ? kDelivered : delivery.given_up() ? kGivenUp : kWaits;
}

std::int64_t Millis(bool has, const google::protobuf::Timestamp& time) {
  return has ? absl::ToUnixMillis(TimeOf(time)) : 0;
}

}  // namespace

absl::StatusOr<bool> Store::InsertNotice(const v1::Notice& notice,
                                         int severity,
                                         const std::vector<std::string>& channels) {
  long long fresh = 0;
  MQ_RETURN_IF_ERROR(Transaction([&]() -> absl::Status {
    MQ_RETURN_IF_ERROR(Write("keep a notice",
                             "INSERT INTO notices (notice_id, time_ms, body) VALUES (:t0, :n0, :b) "
                             "ON CONFLICT (notice_id) DO NOTHING",
                             {notice.notice_id()}, {absl::ToUnixMillis(TimeOf(notice.time()))},
                             notice.SerializeAsString()));
    *sql_ << "SELECT changes()", soci::into(fresh);
    if (fresh == 0) return absl::OkStatus();
    for (const std::string& channel : channels) {
      v1::NoticeDelivery delivery;
      delivery.set_channel(channel);
      MQ_RETURN_IF_ERROR(Write("keep a notice",
                               "INSERT INTO notice_deliveries VALUES (:t0, :t1, (SELECT sequence "
                               "FROM notices WHERE notice_id = :t2), :n0, 0, 0, 0, 0, :b)",
                               {notice.notice_id(), channel, notice.notice_id()}, {severity},
                               delivery.SerializeAsString()));
    }
    return absl::OkStatus();
  }));
  return fresh > 0;
}

// `which`: what is asked for besides, and in which order.
absl::StatusOr<std::vector<DueNotice>> Store::OutboxOf(const std::string& channel,
                                                       const std::string& which) {
  const std::lock_guard<std::recursive_mutex> lock(mu_);
  const std::string from =
      " FROM notice_deliveries AS d CROSS JOIN notices AS n ON n.notice_id = d.notice_id "
      "WHERE d.state = 0 AND d.channel = :k " +
      which;
  std::vector<DueNotice> due;
  MQ_RETURN_IF_ERROR(
      EachBlob("read its outbox", "SELECT n.body" + from, channel, [&](const std::string& bytes) {
        due.emplace_back();
        return Parse(bytes, "notice", &due.back().notice);
      }));
  std::size_t at = 0;
  MQ_RETURN_IF_ERROR(EachBlob(
      "read its outbox", "SELECT d.body" + from, channel,
      [&](const std::string& bytes) { return Parse(bytes, "notice", &due[at++].delivery); }));
  return due;
}

absl::StatusOr<std::vector<DueNotice>> Store::DueNotices(const std::string& channel,
                                                         absl::Time now,
                                                         int limit) {
  return OutboxOf(channel, "AND d.next_ms <= " + std::to_string(absl::ToUnixMillis(now)) +
                               " ORDER BY d.severity DESC, d.sequence LIMIT " +
                               std::to_string(limit));
}

absl::StatusOr<std::vector<DueNotice>> Store::LeastTriedNotices(const std::string& channel,
                                                                absl::Time now) {
  const std::string until = std::to_string(absl::ToUnixMillis(now));
  return OutboxOf(
      channel,
      "AND d.sequence IN (SELECT sequence FROM (SELECT sequence, ROW_NUMBER() OVER "
      "(PARTITION BY severity ORDER BY tries, sequence) AS place FROM notice_deliveries "
      "WHERE state = 0 AND channel = :k AND next_ms <= " +
          until + ") WHERE place = 1) ORDER BY d.severity DESC");
}

absl::StatusOr<std::vector<DueNotice>> Store::WaitingNotices(const std::string& channel,
                                                             int limit) {
  return OutboxOf(channel, "ORDER BY d.sequence LIMIT " + std::to_string(limit));
}

absl::StatusOr<std::vector<std::string>> Store::ChannelsWithOpenDeliveries() {
  std::vector<std::string> channels;
  MQ_RETURN_IF_ERROR(Guard("read its outbox", [&]() -> absl::Status {
    soci::rowset<std::string> rows = (sql_->prepare << "SELECT DISTINCT channel FROM "
                                                       "notice_deliveries WHERE state = 0");
    for (const std::string& channel : rows) channels.push_back(channel);
    return absl::OkStatus();
  }));
  return channels;
}

absl::Status Store::PutDelivery(const std::string& notice_id, const v1::NoticeDelivery& delivery) {
  const DeliveryState state = StateOf(delivery);
  return Write(
      "keep a notice",
      "UPDATE notice_deliveries SET state = :n0, tries = :n1, next_ms = :n2, "
      "end_ms = :n3, body = :b WHERE notice_id = :t0 AND channel = :t1",
      {notice_id, delivery.channel()},
      {state, delivery.tries(), Millis(delivery.has_next_try_time(), delivery.next_try_time()),
       delivery.has_give_up_time() ? Millis(true, delivery.give_up_time())
                                   : Millis(delivery.has_deliver_time(), delivery.deliver_time())},
      delivery.SerializeAsString());
}

absl::StatusOr<std::vector<v1::NoticeRecord>> Store::NoticeRecords(
    const v1::ListNoticesRequest& request) {
  const std::lock_guard<std::recursive_mutex> lock(mu_);
  std::string query = "SELECT body FROM notices";
  const std::string given_up = "SELECT notice_id FROM notice_deliveries WHERE state = 2";
  if (request.given_up_only()) {
    query += " WHERE notice_id IN (" + given_up + ")";
  } else if (request.undelivered_only()) {
    query += " WHERE notice_id IN (SELECT notice_id FROM notice_deliveries WHERE state = 0 UNION " +
             given_up + ")";
  }
  query += " ORDER BY sequence DESC LIMIT " + std::to_string(request.limit());
  std::vector<v1::NoticeRecord> all;
  MQ_RETURN_IF_ERROR(EachBlob("read its notices", query, "", [&](const std::string& bytes) {
    all.emplace_back();
    return Parse(bytes, "notice", all.back().mutable_notice());
  }));
  for (v1::NoticeRecord& record : all) {
    MQ_RETURN_IF_ERROR(EachBlob(
        "read its notices",
        "SELECT body FROM notice_deliveries WHERE notice_id = :k ORDER BY channel",
        record.notice().notice_id(),
        [&](const std::string& bytes) { return Parse(bytes, "notice", record.add_deliveries()); }));
  }
  return all;
}

absl::StatusOr<std::int64_t> Store::CountOpenDeliveries() {
  long long count = 0;
  MQ_RETURN_IF_ERROR(Guard("count its outbox", [&]() -> absl::Status {
    *sql_ << "SELECT COUNT(*) FROM notice_deliveries WHERE state = 0", soci::into(count);
    return absl::OkStatus();
  }));
  return count;
}

absl::StatusOr<std::int64_t> Store::CountGivenUp(absl::Time since) {
  long long count = 0;
  const long long begin = absl::ToUnixMillis(since);
  MQ_RETURN_IF_ERROR(Guard("count its outbox", [&]() -> absl::Status {
    *sql_ << "SELECT COUNT(*) FROM notice_deliveries WHERE state = 2 AND end_ms >= :n",
        soci::use(begin), soci::into(count);
    return absl::OkStatus();
  }));
  return count;
}

absl::Status Store::PruneNotices(absl::Time before) {
  return Transaction([&]() -> absl::Status {
    MQ_RETURN_IF_ERROR(Write("forget old notices",
                             "DELETE FROM notices WHERE time_ms < :n0 AND notice_id NOT IN "
                             "(SELECT notice_id FROM notice_deliveries WHERE state = 0)",
                             {}, {absl::ToUnixMillis(before)}, ""));
    return Write("forget old notices",
                 "DELETE FROM notice_deliveries WHERE notice_id NOT IN "
                 "(SELECT notice_id FROM notices)",
                 {}, {}, "");
  });
}

}  // namespace mailquench::controller
