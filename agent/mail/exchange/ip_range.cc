#include "agent/mail/exchange/ip_range.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "agent/quarantine/top_k.h"
#include "common/os/socket.h"
#include "common/status/error.h"

namespace mailquench::agent::exchange {
namespace {
constexpr std::array<std::uint8_t, 12> kMapped = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

bool Mapped(const IpRange::Address& address) {
  return std::equal(kMapped.begin(), kMapped.end(), address.begin());
}

std::optional<IpRange::Address> ParseOne(const std::string& text) {
  IpRange::Address out{};
  if (inet_pton(AF_INET6, text.c_str(), out.data()) == 1) return out;
  std::copy(kMapped.begin(), kMapped.end(), out.begin());
  if (inet_pton(AF_INET, text.c_str(), out.data() + kMapped.size()) == 1) return out;
  return std::nullopt;
}

std::string OneText(const IpRange::Address& address) {
  char shown[INET6_ADDRSTRLEN] = {};
  const bool v4 = Mapped(address);
  inet_ntop(v4 ? AF_INET : AF_INET6, address.data() + (v4 ? kMapped.size() : 0), shown,
            sizeof shown);
  return shown;
}

// How many bits at the end a range leaves open, at least.
int OpenBits(const IpRange& range) {
  for (int bit = 0; bit < 128; ++bit) {
    const int mask = 0x80 >> (bit % 8);
    if ((range.first[bit / 8] & mask) != (range.last[bit / 8] & mask)) return 128 - bit;
  }
  return 0;
}
}  // namespace

bool IpRange::IsV4() const {
  return Mapped(first) && Mapped(last);
}

bool IpRange::HoldsStrangers() const {
  // A range that is no block: its count is above half of the block around it, or it is small.
  const int bits = OpenBits(*this);
  const int most = IsV4() ? 24 : 96;
  if (bits <= most) return false;
  if (bits > most + 1) return true;
  IpRange half = *this;  // 2^most + 1 addresses from the first on reach the last?
  for (int at = 15 - most / 8;; --at) {
    if (++half.first[at] != 0 || at == 0) break;
  }
  return half.first <= last;
}

std::string IpRange::Text() const {
  return IsOne() ? OneText(first) : absl::StrCat(OneText(first), "-", OneText(last));
}

std::optional<IpRange> ParseRange(const std::string& spaced) {
  const std::string text(absl::StripAsciiWhitespace(spaced));
  const std::size_t dash = text.find('-');
  if (dash != std::string::npos) {
    const auto first = ParseOne(std::string(absl::StripAsciiWhitespace(text.substr(0, dash))));
    const auto last = ParseOne(std::string(absl::StripAsciiWhitespace(text.substr(dash + 1))));
    if (!first.has_value() || !last.has_value() || *last < *first ||
        Mapped(*first) != Mapped(*last))
      return std::nullopt;
    return IpRange{*first, *last};
  }
  const std::size_t slash = text.find('/');
  const auto address = ParseOne(text.substr(0, slash));
  if (!address.has_value()) return std::nullopt;
  IpRange range{*address, *address};
  if (slash == std::string::npos) return range;
  int prefix = 0;
  const int width = Mapped(*address) ? 32 : 128;
  if (!absl::SimpleAtoi(text.substr(slash + 1), &prefix) || prefix < 0 || prefix > width)
    return std::nullopt;
  for (int bit = 128 - width + prefix; bit < 128; ++bit) {
    const auto mask = static_cast<std::uint8_t>(0x80 >> (bit % 8));
    range.first[bit / 8] &= static_cast<std::uint8_t>(~mask);
    range.last[bit / 8] |= mask;
  }
  return range;
}

absl::StatusOr<IpRange> ParseClient(const std::string& text) {
  const std::optional<IpRange> range = ParseRange(text);
  const std::size_t slash = text.find('/');
  const bool loose = range.has_value() && slash != std::string::npos &&
                     ParseRange(text.substr(0, slash))->first != range->first;
  if (range.has_value() && !loose && !range->HoldsStrangers()) return *range;
  return Error(absl::StatusCode::kInvalidArgument, "BAD_CLIENT",
               absl::StrCat("'", Printable(text),
                            "' is no address, no range FIRST-LAST and no block ADDRESS/BITS, has "
                            "bits behind its prefix, or is so wide that it is strangers; nothing "
                            "was changed; name an address or a narrower block"));
}

}  // namespace mailquench::agent::exchange
