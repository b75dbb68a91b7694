// The rows of an answer, and what their cells say.
#ifndef MAILQUENCH_AGENT_MAIL_EXCHANGE_ROW_H_
#define MAILQUENCH_AGENT_MAIL_EXCHANGE_ROW_H_

#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/match.h"
#include "absl/time/time.h"
#include "agent/mail/exchange/shell.h"

namespace mailquench::agent::exchange {

// Empty where the cell is missing or null.
inline std::vector<std::string> Texts(const Row& row, const std::string& field) {
  const auto it = row.find(field);
  return it == row.end() || it->second.null ? std::vector<std::string>() : it->second.texts;
}
inline std::string Text(const Row& row, const std::string& field) {
  const std::vector<std::string> texts = Texts(row, field);
  return texts.empty() ? std::string() : texts.front();
}
inline bool IsTrue(const Row& row, const std::string& field) {
  return absl::EqualsIgnoreCase(Text(row, field), "True");
}

// "contoso.local/Configuration/Sites/Default-First-Site-Name", or the name alone.
inline std::string LastPart(const std::string& path) {
  return path.substr(path.rfind('/') == std::string::npos ? 0 : path.rfind('/') + 1);
}

// What one cmdlet answers, with these fields. Errors: those of Shell::Run().
inline absl::StatusOr<std::vector<Row>> Ask(Shell& shell,
                                            Cmdlet cmdlet,
                                            std::vector<std::string> fields,
                                            absl::Time deadline) {
  absl::StatusOr<Answer> answer =
      shell.Run({{std::move(cmdlet)}, std::move(fields), false}, deadline);
  if (!answer.ok()) return answer.status();
  return std::move(answer->rows);
}

}  // namespace mailquench::agent::exchange

#endif  // MAILQUENCH_AGENT_MAIL_EXCHANGE_ROW_H_
