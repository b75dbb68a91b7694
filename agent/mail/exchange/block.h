// How Mailquench marks what it blocks with, so that nobody else's rule or entry is ever removed.
#ifndef MAILQUENCH_AGENT_MAIL_EXCHANGE_BLOCK_H_
#define MAILQUENCH_AGENT_MAIL_EXCHANGE_BLOCK_H_

#include <optional>
#include <string>

#include "absl/strings/string_view.h"
#include "agent/mail/exchange/shell.h"

namespace mailquench::agent::exchange {

struct Block {
  enum class Kind { kAccount, kClient };
  Kind kind = Kind::kAccount;
  std::string who;  // An SMTP address; a range as IpRange::Text() has it.

  bool operator==(const Block&) const = default;
};

// "Mailquench block anna@contoso.test". A rule's name has 64 characters at most: a longer one is
// cut and told apart by a hash.
std::string RuleName(const Block& block);
// What a comment says of it, "Mailquench block: account anna@contoso.test", and back.
std::string Comment(const Block& block);
std::optional<Block> BlockFromComment(absl::string_view comment);

// A rule's value as a setting: "Enabled Mailquench block: account ...".
std::string RuleValue(absl::string_view state, absl::string_view comment);
// The call that makes the rule of that value; nullopt where it is none of ours.
std::optional<Cmdlet> NewRule(const std::string& name, absl::string_view value);

}  // namespace mailquench::agent::exchange

#endif  // MAILQUENCH_AGENT_MAIL_EXCHANGE_BLOCK_H_
