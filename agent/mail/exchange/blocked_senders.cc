#include "agent/mail/exchange/blocked_senders.h"

#include <optional>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "agent/mail/exchange/block.h"
#include "agent/mail/exchange/row.h"
#include "common/status/error.h"

namespace mailquench::agent::exchange {
namespace {

// Of an address (RFC 5322, atext), with the dot and the sign between local part and domain.
bool IsOfAddress(char c) {
  return absl::ascii_isalnum(static_cast<unsigned char>(c)) ||
         absl::StrContains("!#$%&'*+-/=?^_`{|}~.@", c);
}

bool NamesIt(absl::string_view text, absl::string_view address) {
  for (std::size_t at = text.find(address); at != absl::string_view::npos;
       at = text.find(address, at + 1)) {
    const std::size_t end = at + address.size();
    if ((at == 0 || !IsOfAddress(text[at - 1])) && (end == text.size() || !IsOfAddress(text[end])))
      return true;
  }
  return false;
}

bool NamesASender(absl::string_view field) {
  for (const absl::string_view name : {"from:", "sender:", "reply-to:", "x-sender:"}) {
    if (absl::StartsWith(field, name)) return true;
  }
  return false;
}

// The fields that name a sender (X-Sender that of the envelope, in a file of Replay), in lower
// case, a line each however they were folded.
std::string SenderFields(absl::string_view content) {
  std::string out;
  bool wanted = false;
  while (!content.empty()) {
    const std::size_t end = content.find('\n');
    absl::string_view line = content.substr(0, end);
    content = end == absl::string_view::npos ? absl::string_view() : content.substr(end + 1);
    absl::ConsumeSuffix(&line, "\r");
    if (line.empty()) break;
    const bool folded = line[0] == ' ' || line[0] == '\t';
    const std::string lower = absl::AsciiStrToLower(line);
    if (!folded) wanted = NamesASender(lower);
    if (wanted) absl::StrAppend(&out, folded ? " " : "\n", lower);
  }
  return out;
}
}  // namespace

BlockedSenders::BlockedSenders(std::vector<std::string> accounts, std::vector<IpRange> clients)
    : accounts_(std::move(accounts)), clients_(std::move(clients)) {
  for (std::string& one : accounts_) absl::AsciiStrToLower(&one);
}

absl::StatusOr<BlockedSenders> BlockedSenders::Read(Shell& shell, Role role, absl::Time deadline) {
  if (role == Role::kEdge) return BlockedSenders();
  const absl::StatusOr<Answer> answer =
      shell.Run({{{"Get-TransportRule", {}}}, {"Name", "State", "Comments"}, false}, deadline);
  if (absl::IsPermissionDenied(answer.status())) return BlockedSenders();
  MQ_RETURN_IF_ERROR(answer.status());
  std::vector<std::string> accounts;
  std::vector<IpRange> clients;
  for (const Row& row : answer->rows) {
    const std::optional<Block> block = BlockFromComment(Text(row, "Comments"));
    if (!block.has_value() || !absl::EqualsIgnoreCase(Text(row, "State"), "Enabled")) continue;
    if (block->kind == Block::Kind::kAccount) {
      accounts.push_back(block->who);
    } else if (const std::optional<IpRange> range = ParseRange(block->who); range.has_value()) {
      clients.push_back(*range);
    }
  }
  return BlockedSenders(std::move(accounts), std::move(clients));
}

std::vector<std::string> BlockedSenders::Names() const {
  std::vector<std::string> names = accounts_;
  for (const IpRange& one : clients_) names.push_back(one.Text());
  return names;
}

absl::Status BlockedSenders::Check(absl::string_view sender,
                                   const std::string& client,
                                   absl::string_view content) const {
  const auto blocked = [](const std::string& who) {
    return Error(absl::StatusCode::kFailedPrecondition, "SENDER_BLOCKED",
                 absl::StrCat(who,
                              " is blocked, so the rule of that block would reject what goes back "
                              "of its mail; those messages stay in the quarantine; unblock it, "
                              "then repeat"));
  };
  const std::optional<IpRange> address = client.empty() ? std::nullopt : ParseRange(client);
  for (const IpRange& one : clients_) {
    if (address.has_value() && one.Contains(*address)) return blocked(one.Text());
  }
  if (accounts_.empty()) return absl::OkStatus();
  const std::string fields =
      absl::StrCat(absl::AsciiStrToLower(sender), "\n", SenderFields(content));
  for (const std::string& one : accounts_) {
    if (NamesIt(fields, one)) return blocked(one);
  }
  return absl::OkStatus();
}

}  // namespace mailquench::agent::exchange
