// One question to one DNS server: the records of a name and a type, as that server has them. For
// the .cc files of this room. Thread-safe, no state.
#ifndef MAILQUENCH_CONTROLLER_DNS_QUERY_H_
#define MAILQUENCH_CONTROLLER_DNS_QUERY_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "controller/dns/exchange.h"
#include "controller/dns/tsig_key.h"

namespace mailquench::controller::dns {

struct Question {
  std::string name;
  std::string type;
  bool recursion = false;        // Asks a resolver to find out.
  const TsigKey* key = nullptr;  // With a key only a proven answer counts.
  absl::Time now;                // That it is signed with.
};

struct Answer {
  int rcode = 0;
  bool authoritative = false;
  std::vector<std::string> values;  // Canonical, sorted; of the very name and type alone.
  std::uint32_t ttl = 0;            // Seconds, the smallest.
  std::string alias;                // Where the name is an alias: for what.
  std::uint32_t serial = 0;         // Of a type SOA.
};

// Errors: INVALID_ARGUMENT / BAD_NAME, BAD_TYPE; UNAVAILABLE / DNS_NO_ANSWER;
// UNAUTHENTICATED / DNS_UNPROVEN_REPLY. An answer may still be a refusal: see rcode.
absl::StatusOr<Answer> Ask(const Endpoint& server,
                           const Question& question,
                           const Patience& patience);

// The values as Answer::values has them: canonical, sorted, each once.
// INVALID_ARGUMENT / BAD_NAME, BAD_TYPE, BAD_VALUE.
absl::StatusOr<std::vector<std::string>> Canonical(const std::string& name,
                                                   const std::string& type,
                                                   const std::vector<std::string>& values);

}  // namespace mailquench::controller::dns

#endif  // MAILQUENCH_CONTROLLER_DNS_QUERY_H_
