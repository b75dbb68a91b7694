// Notices and their outbox: one delivery for each channel.
#include "controller/store/session.h"
#include "controller/store/times.h"

namespace mailquench::controller {
namespace {

std::int64_t NextOf(const v1::NoticeDelivery& delivery) {
  return delivery.has_next_try_time() ? absl::ToUnixMillis(TimeOf(delivery.next_try_time())) : 0;
}

}  // namespace

absl::StatusOr<bool> Store::InsertNotice(const v1::Notice& notice,
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
                               "INSERT INTO notice_deliveries VALUES (:t0, :t1, 1, 0, :b)",
                               {notice.notice_id(), channel}, {}, delivery.SerializeAsString()));
    }
    return absl::OkStatus();
  }));
  return fresh > 0;
}

absl::StatusOr<std::vector<DueNotice>> Store::DueNotices(const std::string& channel,
                                                         absl::Time now,
                                                         int limit) {
  const std::lock_guard<std::recursive_mutex> lock(mu_);
  const std::string from =
      " FROM notice_deliveries JOIN notices USING (notice_id) WHERE is_open = 1 AND channel = :k "
      "AND next_ms <= " +
      std::to_string(absl::ToUnixMillis(now)) + " ORDER BY sequence LIMIT " + std::to_string(limit);
  std::vector<DueNotice> due;
  MQ_RETURN_IF_ERROR(EachBlob("read its outbox", "SELECT notices.body" + from, channel,
                              [&](const std::string& bytes) {
                                due.emplace_back();
                                return Parse(bytes, "notice", &due.back().notice);
                              }));
  std::size_t at = 0;
  MQ_RETURN_IF_ERROR(EachBlob(
      "read its outbox", "SELECT notice_deliveries.body" + from, channel,
      [&](const std::string& bytes) { return Parse(bytes, "notice", &due[at++].delivery); }));
  return due;
}

absl::StatusOr<std::vector<std::string>> Store::ChannelsWithOpenDeliveries() {
  std::vector<std::string> channels;
  MQ_RETURN_IF_ERROR(Guard("read its outbox", [&]() -> absl::Status {
    soci::rowset<std::string> rows = (sql_->prepare << "SELECT DISTINCT channel FROM "
                                                       "notice_deliveries WHERE is_open = 1");
    for (const std::string& channel : rows) channels.push_back(channel);
    return absl::OkStatus();
  }));
  return channels;
}

absl::Status Store::PutDelivery(const std::string& notice_id, const v1::NoticeDelivery& delivery) {
  const bool is_open = !delivery.delivered() && !delivery.given_up();
  return Write("keep a notice",
               "UPDATE notice_deliveries SET is_open = :n0, next_ms = :n1, body = :b "
               "WHERE notice_id = :t0 AND channel = :t1",
               {notice_id, delivery.channel()}, {is_open ? 1 : 0, NextOf(delivery)},
               delivery.SerializeAsString());
}

absl::StatusOr<std::vector<v1::NoticeRecord>> Store::NoticeRecords(
    const v1::ListNoticesRequest& request) {
  const std::lock_guard<std::recursive_mutex> lock(mu_);
  std::string query = "SELECT body FROM notices";
  if (request.undelivered_only())
    query += " WHERE notice_id IN (SELECT notice_id FROM notice_deliveries WHERE is_open = 1)";
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
    *sql_ << "SELECT COUNT(*) FROM notice_deliveries WHERE is_open = 1", soci::into(count);
    return absl::OkStatus();
  }));
  return count;
}

absl::Status Store::PruneNotices(absl::Time before) {
  return Transaction([&]() -> absl::Status {
    MQ_RETURN_IF_ERROR(Write("forget old notices",
                             "DELETE FROM notices WHERE time_ms < :n0 AND notice_id NOT IN "
                             "(SELECT notice_id FROM notice_deliveries WHERE is_open = 1)",
                             {}, {absl::ToUnixMillis(before)}, ""));
    return Write("forget old notices",
                 "DELETE FROM notice_deliveries WHERE notice_id NOT IN "
                 "(SELECT notice_id FROM notices)",
                 {}, {}, "");
  });
}

}  // namespace mailquench::controller
