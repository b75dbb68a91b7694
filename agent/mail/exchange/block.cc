#include "agent/mail/exchange/block.h"

#include <cstdint>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace mailquench::agent::exchange {
namespace {
constexpr std::size_t kMaxRuleName = 64;
constexpr char kNameStart[] = "Mailquench block ";
constexpr char kAccountStart[] = "Mailquench block: account ";
constexpr char kClientStart[] = "Mailquench block: client ";

// FNV-1a: the same on every host and in every version, which std::hash is not.
std::uint32_t Hash(absl::string_view text) {
  std::uint32_t hash = 2166136261U;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 16777619U;
  return hash;
}
}  // namespace

std::string RuleName(const Block& block) {
  std::string name = absl::StrCat(kNameStart, block.who);
  if (name.size() <= kMaxRuleName) return name;
  std::size_t keep = kMaxRuleName - 9;
  while ((static_cast<unsigned char>(name[keep]) & 0xc0) == 0x80) --keep;  // No half character.
  return absl::StrCat(name.substr(0, keep), "~",
                      absl::Hex(Hash(absl::AsciiStrToLower(block.who)), absl::kZeroPad8));
}

std::string Comment(const Block& block) {
  return absl::StrCat(block.kind == Block::Kind::kAccount ? kAccountStart : kClientStart,
                      block.who);
}

std::optional<Block> BlockFromComment(absl::string_view comment) {
  for (const auto kind : {Block::Kind::kAccount, Block::Kind::kClient}) {
    const absl::string_view start = kind == Block::Kind::kAccount ? kAccountStart : kClientStart;
    if (absl::StartsWith(comment, start) && comment.size() > start.size())
      return Block{kind, std::string(comment.substr(start.size()))};
  }
  return std::nullopt;
}

std::string RuleValue(absl::string_view state, absl::string_view comment) {
  return absl::StrCat(state, " ", comment);
}

std::optional<Cmdlet> NewRule(const std::string& name, absl::string_view value) {
  const std::size_t space = value.find(' ');
  if (space == absl::string_view::npos) return std::nullopt;
  const std::optional<Block> block = BlockFromComment(value.substr(space + 1));
  if (!block.has_value()) return std::nullopt;
  Cmdlet rule{"New-TransportRule", {{"Name", name}, {"Comments", Comment(*block)}}};
  if (block->kind == Block::Kind::kAccount) {
    rule.parameters.emplace_back("From", std::vector<std::string>{block->who});
    // Who is inside has logged in; a stranger who writes that address into a header has not, and a
    // notification to him would go outside.
    rule.parameters.emplace_back("FromScope", "InOrganization");
    rule.parameters.emplace_back("SenderAddressLocation", "HeaderOrEnvelope");
  } else {
    rule.parameters.emplace_back("SenderIpRanges", std::vector<std::string>{block->who});
  }
  rule.parameters.emplace_back("RejectMessageReasonText",
                               "Sending is blocked because of abuse; ask your help desk.");
  rule.parameters.emplace_back("RejectMessageEnhancedStatusCode", "5.7.1");
  rule.parameters.emplace_back("Priority", std::int64_t{0});
  rule.parameters.emplace_back("Enabled", absl::StartsWith(value, "Enabled "));
  rule.parameters.emplace_back("Confirm", false);
  return rule;
}

}  // namespace mailquench::agent::exchange
