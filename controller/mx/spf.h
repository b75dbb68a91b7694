// Whether a domain lets an address send (SPF, RFC 7208, check_host), and what its record costs.
#ifndef MAILQUENCH_CONTROLLER_MX_SPF_H_
#define MAILQUENCH_CONTROLLER_MX_SPF_H_

#include <string>

#include "controller/mx/lookups.h"

namespace mailquench::controller::mx {

// RFC 7208 section 2.6.
enum class SpfResult {
  kNone,
  kNeutral,
  kPass,
  kFail,
  kSoftFail,
  kTempError,
  kPermError,
};
const char* SpfResultName(SpfResult result);  // "pass"

inline constexpr int kSpfLookups = 10;  // Section 4.6.4.
inline constexpr int kSpfVoid = 2;

struct SpfQuestion {
  std::string address;
  std::string domain;
  std::string sender;  // Empty: postmaster at the domain.
  std::string helo;
};
struct SpfAnswer {
  SpfResult result = SpfResult::kNone;
  std::string record;  // Of the domain itself; empty: none.
  std::string term;    // That decided, of the domain's own record: "mx", "redirect=...".
  int lookups = 0;     // Terms that cost questions.
  int void_lookups = 0;
  std::string problem;  // One clause, of an error.
};

// Blocks for its look-ups. Thread-safe.
SpfAnswer CheckSpf(Lookups* lookups, const SpfQuestion& question);
// What the record costs where nothing in it matches: the worst case of any sender. Counts on beyond
// the limits, as far as 100. The result is kNone (no record), kTempError, kPermError or kNeutral
// (it is well).
SpfAnswer CountSpf(Lookups* lookups, const std::string& domain);

}  // namespace mailquench::controller::mx

#endif  // MAILQUENCH_CONTROLLER_MX_SPF_H_
