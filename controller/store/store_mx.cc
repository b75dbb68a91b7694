// Switches of mail routes: one row each, and one for each record that is changed.
#include "controller/store/session.h"
#include "controller/store/times.h"

namespace mailquench::controller {
namespace {

std::int64_t IsOpenSwitch(const v1::MxSwitch& one) {
  return one.has_end_time() ? 0 : 1;
}

std::string WithoutRecords(const v1::MxSwitch& one) {
  v1::MxSwitch bare = one;
  bare.clear_records();
  return bare.SerializeAsString();
}

}  // namespace

absl::Status Store::InsertSwitch(const v1::MxSwitch& one) {
  return Transaction([&]() -> absl::Status {
    MQ_RETURN_IF_ERROR(Write(
        "keep a switch", "INSERT INTO mx_switches VALUES (:t0, :n0, :n1, :b)", {one.switch_id()},
        {IsOpenSwitch(one), absl::ToUnixMillis(TimeOf(one.create_time()))}, WithoutRecords(one)));
    for (int i = 0; i < one.records_size(); ++i)
      MQ_RETURN_IF_ERROR(PutSwitchRecord(one.switch_id(), i, one.records(i)));
    return absl::OkStatus();
  });
}

absl::Status Store::PutSwitch(const v1::MxSwitch& one) {
  return Write("keep a switch",
               "UPDATE mx_switches SET is_open = :n0, body = :b WHERE switch_id = :t0",
               {one.switch_id()}, {IsOpenSwitch(one)}, WithoutRecords(one));
}

absl::Status Store::PutSwitchRecord(const std::string& switch_id,
                                    int position,
                                    const v1::SwitchRecord& record) {
  return Write("keep a record of a switch",
               "INSERT OR REPLACE INTO mx_records VALUES (:t0, :n0, :b)", {switch_id}, {position},
               record.SerializeAsString());
}

absl::StatusOr<v1::MxSwitch> Store::FindSwitch(const std::string& id) {
  std::vector<v1::MxSwitch> found;
  if (!id.empty()) {
    MQ_RETURN_IF_ERROR(EachBlob("read a switch",
                                "SELECT body FROM mx_switches WHERE switch_id >= :k AND "
                                "switch_id < :k || '~' LIMIT 2",
                                id, [&](const std::string& bytes) {
                                  found.emplace_back();
                                  return Parse(bytes, "switch", &found.back());
                                }));
  }
  if (found.size() > 1) {
    return Error(
        absl::StatusCode::kInvalidArgument, "SWITCH_AMBIGUOUS",
        "'" + id + "' begins the ids of several switches; nothing was done; give more of it");
  }
  if (found.empty()) {
    return Error(absl::StatusCode::kNotFound, "SWITCH_NOT_FOUND",
                 "there is no switch " + id +
                     "; nothing was done; 'mailquench mx list --all' names those that there are");
  }
  MQ_RETURN_IF_ERROR(EachBlob("read a switch",
                              "SELECT body FROM mx_records WHERE switch_id = :k ORDER BY position",
                              found[0].switch_id(), [&](const std::string& bytes) {
                                return Parse(bytes, "record of a switch", found[0].add_records());
                              }));
  return found[0];
}

absl::StatusOr<std::vector<std::string>> Store::SwitchIds(bool include_ended) {
  std::vector<std::string> ids;
  MQ_RETURN_IF_ERROR(Guard("read its switches", [&]() -> absl::Status {
    soci::rowset<std::string> rows =
        (sql_->prepare << std::string("SELECT switch_id FROM mx_switches") +
                              (include_ended ? "" : " WHERE is_open = 1") +
                              " ORDER BY create_ms DESC, rowid DESC" +
                              (include_ended ? " LIMIT 1000" : ""));
    ids.assign(rows.begin(), rows.end());
    return absl::OkStatus();
  }));
  return ids;
}

}  // namespace mailquench::controller
