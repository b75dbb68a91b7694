// A MessageFilter made ready for many messages.
#ifndef MAILQUENCH_AGENT_QUARANTINE_FILTER_H_
#define MAILQUENCH_AGENT_QUARANTINE_FILTER_H_

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "agent/quarantine/message_facts.h"
#include "mailquench/v1/operations.pb.h"

namespace mailquench::agent {

// An IP address or block. IPv4 is kept as its mapped IPv6 form, so that "::ffff:192.0.2.1" is
// 192.0.2.1.
class AddressBlock {
 public:
  // "192.0.2.1", "192.0.2.0/24", "2001:db8::/32"; brackets and a Postfix "IPv6:" prefix are
  // accepted. Host bits must be zero. Error: kInvalidArgument/BAD_ADDRESS.
  static absl::StatusOr<AddressBlock> Parse(const std::string& text);
  // False as well where `address` is no address.
  bool Contains(const std::string& address) const;

 private:
  std::array<std::uint8_t, 16> bytes_{};
  int bits_ = 128;
};

// Immutable after Make(); safe for concurrent reading.
class Filter {
 public:
  // Error: kInvalidArgument with BAD_ADDRESS or BAD_FILTER.
  static absl::StatusOr<Filter> Make(const v1::MessageFilter& filter);
  // `now` is what min_age is measured against.
  bool Matches(const MessageFacts& message, absl::Time now) const;
  bool MatchesEverything() const { return everything_; }

 private:
  bool MatchesConditions(const MessageFacts& message, absl::Time now) const;

  bool everything_ = true;
  std::vector<std::string> senders_, accounts_, domains_,
      subjects_;  // Lower case but for accounts.
  std::vector<AddressBlock> clients_;
  absl::Duration min_age_;
  std::int64_t min_bytes_ = 0;
  std::shared_ptr<const Filter> except_;
};

}  // namespace mailquench::agent

#endif  // MAILQUENCH_AGENT_QUARANTINE_FILTER_H_
