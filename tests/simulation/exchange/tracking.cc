#include "tests/simulation/exchange/tracking.h"

#include <filesystem>
#include <fstream>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/time/clock.h"
#include "agent/os/files.h"

namespace mailquench::simulation::exchange {
namespace {

constexpr char kFields[] =
    "date-time,client-ip,client-hostname,server-ip,server-hostname,source-context,connector-id,"
    "source,event-id,internal-message-id,message-id,network-message-id,recipient-address,"
    "recipient-status,total-bytes,recipient-count,related-recipient-address,reference,"
    "message-subject,sender-address,return-path,message-info,directionality,tenant-id,"
    "original-client-ip,original-server-ip,custom-data";

std::string Cell(const std::string& text) {
  if (text.find_first_of(",\"\r\n") == std::string::npos) return text;
  return absl::StrCat("\"", absl::StrReplaceAll(text, {{"\"", "\"\""}, {"\r", " "}, {"\n", " "}}),
                      "\"");
}

}  // namespace

void Tracking::Write(const Settings& settings,
                     const std::string& source,
                     const std::string& event,
                     const Item& item,
                     const std::string& status) {
  const auto service = settings.Server().find("transport_service");
  const Json none = Json::object();
  const Json& told = service != settings.Server().end() && service->is_object() ? *service : none;
  if (!BoolIn(told, "MessageTrackingLogEnabled", true)) return;
  std::string folder = TextIn(told, "MessageTrackingLogPath");
  if (!std::filesystem::path(folder).is_absolute())
    folder = ServerFolder(world_, server_) + "/TransportRoles/Logs/MessageTracking";
  const absl::Time now = absl::Now();
  const std::string stamp = absl::FormatTime("%Y-%m-%dT%H:%M:%E3SZ", now, absl::UTCTimeZone());
  const std::string file = absl::StrCat(
      folder, "/MSGTRK", absl::FormatTime("%Y%m%d", now, absl::UTCTimeZone()), "-1.log");
  const bool received = event == "RECEIVE";
  const std::string count = std::to_string(item.recipients.size());
  std::vector<std::string> statuses;
  if (!status.empty()) statuses.assign(item.recipients.size(), status);
  const std::vector<std::string> cells = {stamp,
                                          received ? item.client_ip : "127.0.0.1",
                                          "",
                                          "127.0.0.1",
                                          settings.Fqdn(),
                                          "",
                                          item.connector,
                                          source,
                                          event,
                                          std::to_string(item.number),
                                          item.message_id,
                                          item.network_id,
                                          absl::StrJoin(item.recipients, ";"),
                                          absl::StrJoin(statuses, ";"),
                                          std::to_string(item.content->size()),
                                          count,
                                          "",
                                          "",
                                          item.subject,
                                          item.sender.empty() ? "<>" : item.sender,
                                          item.sender.empty() ? "<>" : item.sender,
                                          "",
                                          "Originating",
                                          "",
                                          item.client_ip,
                                          "",
                                          ""};
  std::string line;
  for (const std::string& one : cells) absl::StrAppend(&line, line.empty() ? "" : ",", Cell(one));
  line += "\r\n";
  const std::lock_guard<std::mutex> lock(mu_);
  (void)agent::MakeDirectories(folder, 0755);
  std::error_code error;
  if (!std::filesystem::exists(file, error)) {
    line = absl::StrCat("\xEF\xBB\xBF#Software: Microsoft Exchange Server\r\n#Version: ",
                        TextIn(settings.Server(), "build", "15.2.1544.4"),
                        "\r\n#Log-type: Message Tracking Log\r\n#Date: ", stamp,
                        "\r\n#Fields: ", kFields, "\r\n", line);
  }
  std::ofstream(std::filesystem::u8path(file), std::ios::app | std::ios::binary) << line;
}

}  // namespace mailquench::simulation::exchange
