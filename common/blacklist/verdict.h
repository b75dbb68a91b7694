// What an answer of a list means. Only LISTED alarms; only CLEAN of a list that is well is clean.
#ifndef MAILQUENCH_COMMON_BLACKLIST_VERDICT_H_
#define MAILQUENCH_COMMON_BLACKLIST_VERDICT_H_

#include <cstdint>
#include <string>
#include <vector>

#include "common/blacklist/catalogue.h"

namespace mailquench::blacklist {

enum class Verdict {
  kListed,
  kClean,
  kBlocked,    // The list does not answer us: why, and what to do.
  kError,      // No answer, or one that the list does not document.
  kUntrusted,  // The list failed its health test.
  kRewritten,  // An answer outside 127/8: a captive resolver, or a parked domain.
};

const char* VerdictName(Verdict verdict);  // "LISTED"

enum class Rcode {
  kNoError,
  kNxDomain,
  kServFail,
  kRefused,
  kFormErr,
  kNotImplemented,
  kMalformed,
  kTimeout
};

const char* RcodeName(Rcode rcode);  // "SERVFAIL"

struct Answer {
  Rcode rcode = Rcode::kTimeout;
  std::vector<std::uint32_t> addresses;  // All A records, host byte order.
};

struct Meaning {
  std::uint32_t address = 0;
  std::string is;         // Empty where the list does not say.
  std::string component;  // Empty as `is`.
  bool good = false;
};

struct Finding {
  Verdict verdict = Verdict::kError;
  std::vector<Meaning> meanings;  // Of every address, whatever the verdict.
  Why why = Why::kRefused;        // Of kBlocked.
  std::string reason;             // Of all but kListed and kClean: one clause.
};

// Never kUntrusted: that is for whoever knows the list's health.
Finding Judge(const List& list, const Answer& answer);

std::string AddressText(std::uint32_t address);

}  // namespace mailquench::blacklist

#endif  // MAILQUENCH_COMMON_BLACKLIST_VERDICT_H_
