#include "agent/mail/smtpsvc/ip_block.h"

#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "common/status/error.h"

namespace mailquench::agent::smtpsvc {
namespace {
constexpr int kNarrowest = 8;

std::uint32_t MaskOf(int prefix) {
  return prefix == 0 ? 0 : 0xffffffffU << (32 - prefix);
}

std::optional<std::uint32_t> Address(absl::string_view text) {
  const std::vector<std::string> parts = absl::StrSplit(absl::StripAsciiWhitespace(text), '.');
  if (parts.size() != 4) return std::nullopt;
  std::uint32_t address = 0;
  for (const std::string& part : parts) {
    std::uint32_t byte = 0;
    if (part.empty() || part.size() > 3 ||
        !absl::ascii_isdigit(static_cast<unsigned char>(part[0])) ||
        !absl::SimpleAtoi(part, &byte) || byte > 255)
      return std::nullopt;
    address = (address << 8) | byte;
  }
  return address;
}

std::string Dotted(std::uint32_t address) {
  return absl::StrCat(address >> 24, ".", (address >> 16) & 255, ".", (address >> 8) & 255, ".",
                      address & 255);
}

absl::Status BadClient(const std::string& text, const char* why) {
  return Error(absl::StatusCode::kInvalidArgument, "BAD_CLIENT",
               absl::StrCat("'", absl::CHexEscape(text.substr(0, 80)), "' ", why,
                            "; nothing was changed; name it as 192.0.2.1 or 192.0.2.0/24"));
}
}  // namespace

bool IpBlock::Contains(const IpBlock& other) const {
  return other.prefix >= prefix && (other.address & MaskOf(prefix)) == address;
}

std::string IpBlock::ForIis() const {
  return absl::StrCat(Dotted(address), ", ", Dotted(MaskOf(prefix)));
}

std::string IpBlock::ForUser() const {
  return prefix == 32 ? Dotted(address) : absl::StrCat(Dotted(address), "/", prefix);
}

std::optional<IpBlock> ParseIisBlock(const std::string& text) {
  const std::vector<std::string> parts = absl::StrSplit(text, ',');
  if (parts.empty() || parts.size() > 2) return std::nullopt;
  const std::optional<std::uint32_t> address = Address(parts[0]);
  const std::optional<std::uint32_t> mask =
      parts.size() == 2 ? Address(parts[1]) : std::optional<std::uint32_t>(0xffffffffU);
  if (!address.has_value() || !mask.has_value()) return std::nullopt;
  for (int prefix = 0; prefix <= 32; ++prefix) {
    if (MaskOf(prefix) == *mask) return IpBlock{*address & *mask, prefix};
  }
  return std::nullopt;
}

absl::StatusOr<IpBlock> ParseClient(const std::string& text) {
  if (text.find(':') != std::string::npos)
    return BadClient(text, "is no IPv4 address, and the lists of IIS' SMTP service hold no other");
  const std::size_t slash = text.find('/');
  const std::optional<std::uint32_t> address = Address(text.substr(0, slash));
  int prefix = 32;
  if (!address.has_value() ||
      (slash != std::string::npos && !absl::SimpleAtoi(text.substr(slash + 1), &prefix)) ||
      prefix < 0 || prefix > 32)
    return BadClient(text, "is no IPv4 address and no block of them");
  if ((*address & ~MaskOf(prefix)) != 0) return BadClient(text, "has bits behind its prefix");
  const IpBlock block{*address, prefix};
  if (HoldsStrangers(block)) return BadClient(text, "is so wide that it is everybody");
  return block;
}

bool HoldsStrangers(const IpBlock& block) {
  return block.prefix < kNarrowest;
}

}  // namespace mailquench::agent::smtpsvc
