#include "agent/mail/exchange/export_message.h"

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "agent/quarantine/top_k.h"
#include "common/status/error.h"

namespace mailquench::agent::exchange {

absl::StatusOr<std::string> ExportMessage(Shell& shell,
                                          const std::string& identity,
                                          absl::Time deadline) {
  // In pieces of bytes, each a cell in Base64: who takes the first alone has a broken message.
  MQ_ASSIGN_OR_RETURN(
      Answer answer,
      shell.Run(
          {{{"Export-Message", {{"Identity", identity}, {"Confirm", false}}}}, {"FileData"}, false},
          deadline));
  std::string content;
  bool whole = true;
  for (Row& row : answer.rows) {
    std::string piece;
    whole &= absl::Base64Unescape(row["FileData"].text(), &piece);
    content += piece;
  }
  const std::size_t colon = content.find(':');
  const std::size_t line = content.find('\n');
  if (whole && line != std::string::npos && colon != std::string::npos && colon < line)
    return content;
  return Error(absl::StatusCode::kDataLoss, "BAD_EXPORT",
               absl::StrCat("message ", Printable(identity), " was exported as ", content.size(),
                            " bytes that are no message; it stays in its queue; look at it with "
                            "Export-Message"));
}

}  // namespace mailquench::agent::exchange
