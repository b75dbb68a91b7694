#include "agent/mail/exchange/isolation_record.h"

#include "absl/strings/str_cat.h"
#include "agent/os/files.h"
#include "common/status/error.h"
#include "nlohmann/json.hpp"

namespace mailquench::agent::exchange {
using nlohmann::json;

absl::StatusOr<IsolationRecord> ReadIsolation(const std::string& file) {
  MQ_ASSIGN_OR_RETURN(const std::string text, ReadFile(file));
  const json all = json::parse(text, nullptr, false);
  try {
    IsolationRecord record;
    record.command_id = all.at("command").get<std::string>();
    record.quarantine_id = all.at("quarantine").get<std::string>();
    record.began = absl::FromUnixMillis(all.at("began").get<std::int64_t>());
    record.stopped = all.at("stopped").get<std::vector<std::string>>();
    record.folders = all.at("folders").get<std::vector<std::pair<std::string, std::string>>>();
    record.stopping = all.at("stopping").get<bool>();
    record.may_hold_mail = all.at("may_hold_mail").get<bool>();
    return record;
  } catch (const json::exception&) {
    return Error(absl::StatusCode::kDataLoss, "BAD_RECORD",
                 absl::StrCat(file,
                              " is damaged; this host may be cut off from all others by the "
                              "firewall rules Mailquench-Isolation-*, and its queue may be in a "
                              "folder mailquench-isolated beside its place; put both right by "
                              "hand, then remove the file"));
  }
}

absl::Status WriteIsolation(const std::string& file, const IsolationRecord& record) {
  const json all = {{"command", record.command_id},
                    {"quarantine", record.quarantine_id},
                    {"began", absl::ToUnixMillis(record.began)},
                    {"stopped", record.stopped},
                    {"folders", record.folders},
                    {"stopping", record.stopping},
                    {"may_hold_mail", record.may_hold_mail}};
  return WriteFileAtomically(file, all.dump(1, ' ', false, json::error_handler_t::replace), 0600);
}

}  // namespace mailquench::agent::exchange
