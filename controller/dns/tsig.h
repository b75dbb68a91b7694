// Signs a DNS message with a shared key and proves a reply (TSIG, RFC 8945). Our own, on OpenSSL's
// HMAC: ldns has no hmac-sha384, takes the time from the system's clock alone and does not tell one
// failure from another. Thread-safe, no state.
#ifndef MAILQUENCH_CONTROLLER_DNS_TSIG_H_
#define MAILQUENCH_CONTROLLER_DNS_TSIG_H_

#include <cstdint>
#include <optional>
#include <string>

#include "absl/time/time.h"
#include "controller/dns/tsig_key.h"

namespace mailquench::controller::dns {

// How far two clocks may differ (RFC 8945 section 10).
inline constexpr absl::Duration kFudge = absl::Seconds(300);

struct SignedMessage {
  std::string wire;
  std::string mac;  // Raw; the reply's MAC covers it.
};
// `message` in wire format, without a TSIG record. `now` is the time it is signed with.
SignedMessage Sign(const std::string& message, const TsigKey& key, absl::Time now);

enum class Proof {
  kProven,     // Whole, by the key, to this request, in time.
  kNone,       // No TSIG record.
  kUnsigned,   // A TSIG record with no MAC: so does a server say BADKEY and BADSIG (5.3.2).
  kWrong,      // Another key, another algorithm, a shortened or a wrong MAC.
  kLate,       // The right MAC, made at a time too far from `now`.
  kMalformed,  // The message cannot be walked through, or TSIG is not its last record.
};

// Numbers of RFC 8945 section 3 in a TSIG record's error field.
inline constexpr std::uint16_t kBadSig = 16, kBadKey = 17, kBadTime = 18, kBadTrunc = 22;

struct Verified {
  Proof proof = Proof::kNone;
  std::uint16_t error = 0;                // To be believed as far as `proof` says.
  std::optional<absl::Time> server_time;  // Of BADTIME (RFC 8945 section 5.2.3).
};
// RFC 8945 section 5.3: of a reply to the request whose MAC is `request_mac`. Any bytes are
// allowed.
Verified Verify(const std::string& reply,
                const TsigKey& key,
                const std::string& request_mac,
                absl::Time now);

}  // namespace mailquench::controller::dns

#endif  // MAILQUENCH_CONTROLLER_DNS_TSIG_H_
