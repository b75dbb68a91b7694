#include "agent/mail/exchange/reply_log.h"

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "agent/mail/exchange/tracking_log.h"
#include "common/status/error.h"

namespace mailquench::agent::exchange {
namespace {
// The value of "{NAME=value}"; "" where there is none.
std::string Part(const std::string& text, const std::string& name) {
  const std::size_t begin = text.find("{" + name + "=");
  if (begin == std::string::npos) return "";
  const std::size_t value = begin + name.size() + 2;
  const std::size_t end = text.find('}', value);
  return text.substr(value, end == std::string::npos ? end : end - value);
}

bool IsReply(const std::string& text) {
  return text.size() > 3 && (text[0] == '4' || text[0] == '5') &&
         absl::ascii_isdigit(static_cast<unsigned char>(text[1])) &&
         absl::ascii_isdigit(static_cast<unsigned char>(text[2])) &&
         (text[3] == ' ' || text[3] == '-');
}
}  // namespace

absl::StatusOr<ReadLog> ReadReplies(const std::string& tracking,
                                    absl::Time since,
                                    const ReplyVisitor& visit,
                                    const CallContext& context) {
  ReadLog out;
  v1::MailLogFile& file = out.files.emplace_back();
  file.set_path(tracking);
  const absl::Status read = ReadTracking(
      tracking, since, context, [&](const TrackedEvent& event) -> absl::StatusOr<bool> {
        const auto text = [&event](const char* column) {
          const auto found = event.find(column);
          return found == event.end() ? std::string() : found->second;
        };
        file.set_lines(file.lines() + 1);
        const std::string id = text("event-id");
        absl::Time time;
        if ((id != "DEFER" && id != "FAIL") || text("source") != "SMTP" ||
            !absl::ParseTime(absl::RFC3339_full, text("date-time"), &time, nullptr) || time < since)
          return true;
        const std::string status = text("recipient-status");
        const std::string last_error = Part(status, "LED");
        const std::string server = Part(status, "FQDN"), address = Part(status, "IP");
        // One for each recipient where no last error stands for all of them.
        const std::vector<std::string> replies = absl::StrSplit(status, ';');
        for (const std::string& said :
             last_error.empty() ? replies : std::vector<std::string>{last_error}) {
          if (!IsReply(said)) continue;
          const std::string host = text("server-hostname"), ip = text("server-ip");
          visit({time, server.empty() ? host : server, address.empty() ? ip : address, said,
                 id == "FAIL"});
        }
        return true;
      });
  if (absl::IsNotFound(read))
    return Error(absl::StatusCode::kFailedPrecondition, "NO_MAIL_LOG",
                 absl::StrCat("there is no message tracking log in ", tracking,
                              "; nothing was read; switch it on with Set-TransportService"));
  if (absl::IsDeadlineExceeded(read))
    out.partial_reason = "the time ended";
  else
    MQ_RETURN_IF_ERROR(read);
  return out;
}

}  // namespace mailquench::agent::exchange
