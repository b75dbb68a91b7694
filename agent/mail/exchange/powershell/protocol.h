// The lines that go to bootstrap.ps1 and come from it. Pure functions.
#ifndef MAILQUENCH_AGENT_MAIL_EXCHANGE_POWERSHELL_PROTOCOL_H_
#define MAILQUENCH_AGENT_MAIL_EXCHANGE_POWERSHELL_PROTOCOL_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "agent/mail/exchange/shell.h"

namespace mailquench::agent::exchange {

// One record of the error stream.
struct Fault {
  std::string message;
  std::string id;        // FullyQualifiedErrorId
  std::string category;  // "ObjectNotFound"
  std::string reason;    // The exception's short name, also of one at the other side of remoting.
  std::string type;      // The exception as it is on this side.
};

struct Reply {
  std::int64_t id = 0;
  bool opened = true;  // False: the endpoint or the snap-ins could not be had, nothing was run.
  bool lost = false;   // The session is of no more use.
  std::vector<Row> rows;
  std::vector<std::string> warnings;
  std::vector<Fault> faults;
};

// One line, ASCII, with its line break. `text` and the fields are UTF-8.
std::string RequestLine(std::int64_t id, const std::string& text, const Pipeline& pipeline);

// What follows the mark in a line of the child. Nothing where it is not what bootstrap.ps1 says.
std::optional<ShellFacts> ParseFacts(absl::string_view json);
// Of an answer to another request than `id` the id alone is read: its rows have other fields.
std::optional<Reply> ParseReply(absl::string_view json,
                                std::int64_t id,
                                const std::vector<std::string>& fields);

}  // namespace mailquench::agent::exchange

#endif  // MAILQUENCH_AGENT_MAIL_EXCHANGE_POWERSHELL_PROTOCOL_H_
