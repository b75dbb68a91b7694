// The data of records between their presentation format and what a switch needs of it. Thread-safe,
// no state.
#ifndef MAILQUENCH_CONTROLLER_MX_VALUES_H_
#define MAILQUENCH_CONTROLLER_MX_VALUES_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace mailquench::controller::mx {

// Lower case, with no final dot.
std::string Plain(const std::string& name);
// A domain or host name of letters, digits, hyphens and underscores, at most 253 of them; plain.
// INVALID_ARGUMENT/BAD_DOMAIN.
absl::StatusOr<std::string> CheckedName(const std::string& name);
bool IsInside(const std::string& name, const std::string& zone);  // Or is it.

// An address in its shortest form and its bytes in network order. INVALID_ARGUMENT/BAD_ADDRESS.
struct Address {
  std::string text;
  std::string bytes;
  bool is6() const { return bytes.size() == 16; }
  const char* type() const { return is6() ? "AAAA" : "A"; }
};
absl::StatusOr<Address> ParseAddress(const std::string& text);
// Whether the first `prefix` bits are the same; false of different families.
bool SameNetwork(const Address& a, const Address& b, int prefix);
// "1.2.0.192.in-addr.arpa"
std::string ReverseName(const Address& address);

struct MxValue {
  std::uint32_t preference = 0;
  std::string host;  // Plain; empty: "." of a null MX (RFC 7505).
};
std::optional<MxValue> ParseMx(const std::string& value);
// The strings of a TXT record joined, without quotes and escapes (RFC 7208 section 3.3).
std::string TxtText(const std::string& value);
// The other way, in strings of at most 255 bytes.
std::string TxtValue(const std::string& text);

}  // namespace mailquench::controller::mx

#endif  // MAILQUENCH_CONTROLLER_MX_VALUES_H_
