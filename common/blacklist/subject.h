// What is looked up: an address or a mail domain, and the name under which a list knows it.
#ifndef MAILQUENCH_COMMON_BLACKLIST_SUBJECT_H_
#define MAILQUENCH_COMMON_BLACKLIST_SUBJECT_H_

#include <string>

#include "absl/status/statusor.h"
#include "common/blacklist/catalogue.h"

namespace mailquench::blacklist {

class Subject {
 public:
  enum class Kind { kIp4, kIp6, kDomain };

  // "192.0.2.1", "2001:db8::1", "[2001:db8::1]", "example.org". An IPv4-mapped IPv6 address is the
  // IPv4 one. Error: kInvalidArgument/BAD_SUBJECT.
  static absl::StatusOr<Subject> Parse(const std::string& text);

  Kind kind() const { return kind_; }
  const std::string& text() const { return text_; }  // In its shortest form, lower case.
  bool operator==(const Subject&) const = default;

  // The name without the zone: "1.2.0.192", 32 nibbles, or the domain (RFC 5782 sections 2.1, 2.4).
  std::string Label() const;

 private:
  Kind kind_ = Kind::kDomain;
  std::string text_;
  std::string bytes_;  // Of an address, network byte order.
};

// The address reversed as it is written, an IPv4-mapped one too: "2.0.0.127", or 32 nibbles. Error:
// kInvalidArgument (no address).
absl::StatusOr<std::string> ReverseLabel(const std::string& address);

// Private, loopback, link-local, shared and multicast addresses, which no list can know (RFC 6890;
// blocks for documentation and benchmarks are let through: nobody but tests has them).
bool IsPrivate(const Subject& subject);

// Whether the list knows such subjects: an address list asked for a domain answers nonsense.
bool Covers(const List& list, const Subject& subject);

// The name to ask, type A. `key`: of a private zone, without dots around it. Errors:
// kFailedPrecondition/KEY_MISSING (a private zone without its key), /NOT_COVERED, /NAME_TOO_LONG
// (RFC 1035: 253 characters).
absl::StatusOr<std::string> QueryName(const List& list,
                                      const Subject& subject,
                                      const std::string& key = "");

}  // namespace mailquench::blacklist

#endif  // MAILQUENCH_COMMON_BLACKLIST_SUBJECT_H_
