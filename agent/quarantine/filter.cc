#include "agent/quarantine/filter.h"

#include <algorithm>
#include <cstring>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "common/os/socket.h"
#include "common/status/error.h"

namespace mailquench::agent {
namespace {

// Fills `out` and says how many leading bits are not the address's own (96 for IPv4). -1: no
// address.
int ParseAddress(std::string text, std::array<std::uint8_t, 16>& out) {
  if (text.size() > 2 && text.front() == '[' && text.back() == ']')
    text = text.substr(1, text.size() - 2);
  if (absl::StartsWithIgnoreCase(text, "ipv6:")) text = text.substr(5);
  if (inet_pton(AF_INET6, text.c_str(), out.data()) == 1) return 0;
  out.fill(0);
  out[10] = out[11] = 0xff;
  return inet_pton(AF_INET, text.c_str(), out.data() + 12) == 1 ? 96 : -1;
}

bool SamePrefix(const std::array<std::uint8_t, 16>& a,
                const std::array<std::uint8_t, 16>& b,
                int bits) {
  const int whole = bits / 8;
  if (std::memcmp(a.data(), b.data(), static_cast<std::size_t>(whole)) != 0) return false;
  const int rest = bits % 8;
  if (rest == 0) return true;
  const auto at = static_cast<std::size_t>(whole);
  return ((a[at] ^ b[at]) >> (8 - rest)) == 0;
}

std::vector<std::string> Lowered(const google::protobuf::RepeatedPtrField<std::string>& values) {
  std::vector<std::string> out;
  for (const std::string& value : values) out.push_back(absl::AsciiStrToLower(value));
  return out;
}

bool SenderMatches(const std::string& sender, const std::string& pattern) {
  if (pattern == "<>") return sender.empty();
  if (!sender.empty() && pattern.front() == '@') {
    const std::size_t at = sender.rfind('@');
    return at != std::string::npos && sender.compare(at, std::string::npos, pattern) == 0;
  }
  return sender == pattern;
}

template <typename Values, typename Predicate>
bool NoneOrAny(const Values& values, Predicate predicate) {
  return values.empty() || std::any_of(values.begin(), values.end(), predicate);
}

absl::Status BadFilter(const std::string& what) {
  return Error(
      absl::StatusCode::kInvalidArgument, "BAD_FILTER",
      absl::StrCat("the message filter ", what, "; nothing was touched, correct it and ask again"));
}

}  // namespace

absl::StatusOr<AddressBlock> AddressBlock::Parse(const std::string& text) {
  const auto bad = [&text](const std::string& why) {
    return Error(absl::StatusCode::kInvalidArgument, "BAD_ADDRESS",
                 absl::StrCat("'", text, "' is no address and no CIDR block (", why,
                              "); nothing was touched, correct it and ask again"));
  };
  AddressBlock block;
  const std::size_t slash = text.find('/');
  const int first = ParseAddress(text.substr(0, slash), block.bytes_);
  if (first < 0) return bad("not an IPv4 or IPv6 address");
  if (slash == std::string::npos) return block;
  int bits = 0;
  const std::string length = text.substr(slash + 1);
  if (length.empty() || !std::all_of(length.begin(), length.end(), absl::ascii_isdigit) ||
      !absl::SimpleAtoi(length, &bits) || bits > 128 - first)
    return bad("the prefix length is out of range");
  block.bits_ = first + bits;
  for (int bit = block.bits_; bit < 128; ++bit) {
    if ((block.bytes_[static_cast<std::size_t>(bit / 8)] >> (7 - bit % 8)) & 1)
      return bad("bits are set behind the prefix");
  }
  return block;
}

bool AddressBlock::Contains(const std::string& address) const {
  std::array<std::uint8_t, 16> bytes{};
  return ParseAddress(address, bytes) >= 0 && SamePrefix(bytes, bytes_, bits_);
}

absl::StatusOr<Filter> Filter::Make(const v1::MessageFilter& filter) {
  Filter out;
  out.senders_ = Lowered(filter.senders());
  out.accounts_ = {filter.accounts().begin(), filter.accounts().end()};
  out.domains_ = Lowered(filter.recipient_domains());
  out.subjects_ = Lowered(filter.subjects());
  for (std::string& domain : out.domains_) {
    if (!domain.empty() && domain.front() == '@') domain.erase(0, 1);
  }
  for (const auto* values : {&out.senders_, &out.accounts_, &out.domains_, &out.subjects_}) {
    for (const std::string& value : *values)
      if (value.empty()) return BadFilter("has an empty value (the null sender is written <>)");
  }
  for (const std::string& client : filter.clients()) {
    MQ_ASSIGN_OR_RETURN(AddressBlock block, AddressBlock::Parse(client));
    out.clients_.push_back(block);
  }
  if (filter.has_min_age()) {
    out.min_age_ =
        absl::Seconds(filter.min_age().seconds()) + absl::Nanoseconds(filter.min_age().nanos());
  }
  out.min_bytes_ = filter.min_bytes();
  if (out.min_age_ < absl::ZeroDuration() || out.min_bytes_ < 0)
    return BadFilter("has a negative age or size");
  if (filter.has_except()) {
    if (filter.except().has_except()) return BadFilter("has an 'except' inside an 'except'");
    MQ_ASSIGN_OR_RETURN(Filter except, Make(filter.except()));
    // An exception that matches everything would turn "all" into "none" without saying so.
    if (except.everything_) return BadFilter("has an empty 'except'");
    out.except_ = std::make_shared<const Filter>(std::move(except));
  }
  out.everything_ = out.senders_.empty() && out.accounts_.empty() && out.domains_.empty() &&
                    out.subjects_.empty() && out.clients_.empty() &&
                    out.min_age_ == absl::ZeroDuration() && out.min_bytes_ == 0 && !out.except_;
  return out;
}

bool Filter::Matches(const MessageFacts& message, absl::Time now) const {
  if (everything_) return true;
  if (!MatchesConditions(message, now)) return false;
  return !except_ || !except_->MatchesConditions(message, now);
}

bool Filter::MatchesConditions(const MessageFacts& message, absl::Time now) const {
  if (message.bytes < min_bytes_) return false;
  if (min_age_ > absl::ZeroDuration() && now - message.arrival < min_age_) return false;
  const std::string sender = senders_.empty() ? "" : absl::AsciiStrToLower(message.sender);
  if (!NoneOrAny(senders_, [&](const auto& p) {
        return SenderMatches(sender, p) && !message.sender_unknown;
      }))
    return false;
  if (!NoneOrAny(accounts_, [&](const auto& p) { return p == message.account; })) return false;
  if (!NoneOrAny(clients_, [&](const auto& p) { return p.Contains(message.client); })) return false;
  if (!NoneOrAny(domains_, [&](const auto& p) {
        const auto& domains = message.recipient_domains;
        return std::find(domains.begin(), domains.end(), p) != domains.end();
      }))
    return false;
  const std::string subject = subjects_.empty() ? "" : absl::AsciiStrToLower(message.subject);
  return NoneOrAny(subjects_, [&](const auto& p) { return subject.find(p) != std::string::npos; });
}

}  // namespace mailquench::agent
