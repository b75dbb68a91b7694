#include "tests/simulation/common/smtp_client.h"

#include <optional>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace mailquench::simulation {
namespace {

std::string Stuffed(const std::string& content) {
  std::string out;
  for (absl::string_view line : absl::StrSplit(content, "\r\n")) {
    if (absl::StartsWith(line, ".")) out.push_back('.');
    absl::StrAppend(&out, line, "\r\n");
  }
  return out;
}

}  // namespace

std::string Ask(LineSocket& peer, const std::string& command) {
  if (!command.empty() && !peer.Write(command + "\r\n")) return "";
  while (const std::optional<std::string> line = peer.ReadLine()) {
    if (line->size() < 4 || (*line)[3] != '-') return *line;
  }
  return "";
}

bool IsGood(const std::string& reply) {
  return !reply.empty() && reply[0] == '2';
}

std::string Hand(LineSocket& peer,
                 const std::string& sender,
                 const std::vector<std::string>& recipients,
                 const std::string& content) {
  std::string reply = Ask(peer, absl::StrCat("MAIL FROM:<", sender, ">"));
  for (const std::string& one : recipients) {
    if (IsGood(reply)) reply = Ask(peer, absl::StrCat("RCPT TO:<", one, ">"));
  }
  if (IsGood(reply)) reply = Ask(peer, "DATA");
  if (!reply.empty() && reply[0] == '3') reply = Ask(peer, absl::StrCat(Stuffed(content), "."));
  if (!IsGood(reply)) (void)Ask(peer, "RSET");
  return reply;
}

}  // namespace mailquench::simulation
