// One SPF record in parts (RFC 7208 sections 4.5, 4.6, 5, 6 and 12). Thread-safe, no state.
#ifndef MAILQUENCH_CONTROLLER_MX_SPF_RECORD_H_
#define MAILQUENCH_CONTROLLER_MX_SPF_RECORD_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace mailquench::controller::mx {

struct SpfTerm {
  char qualifier = '+';
  std::string mechanism;  // "all", "include", "a", "mx", "ptr", "ip4", "ip6", "exists"
  std::string domain;     // As written, macros included; of ip4 and ip6 the address. May be empty.
  int prefix4 = 32;
  int prefix6 = 128;
  std::string text;  // The whole term.
};
struct SpfRecord {
  std::vector<SpfTerm> terms;
  std::string redirect;  // The modifier's domain; empty: none.
};

// Whether a TXT record is one of SPF, version 1.
bool IsSpf(const std::string& text);
// INVALID_ARGUMENT/BAD_SPF: one clause, which names the term.
absl::StatusOr<SpfRecord> ParseSpf(const std::string& text);

// The record with `old` as ip4 or ip6 replaced by `wanted`, or with `wanted` added before the first
// term that would decide without it. The addresses are texts; `old` may be empty. The same text
// where nothing is to be changed.
std::string SpfWith(const std::string& record, const std::string& old, const std::string& wanted);

}  // namespace mailquench::controller::mx

#endif  // MAILQUENCH_CONTROLLER_MX_SPF_RECORD_H_
