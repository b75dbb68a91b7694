// ldns' objects with owners, and the little of them that this room needs. For its .cc files alone.
// Bytes on the wire are std::string. Thread-safe, no state.
#ifndef MAILQUENCH_CONTROLLER_DNS_MESSAGE_H_
#define MAILQUENCH_CONTROLLER_DNS_MESSAGE_H_

// Without stdbool.h before it, ldns makes macros of bool and true.
// clang-format off
#include <stdbool.h>
#include <ldns/ldns.h>
// clang-format on

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/statusor.h"

namespace mailquench::controller::dns {

inline constexpr std::size_t kHeader = 12;
inline constexpr std::size_t kLongestMessage = 65535;

template <auto kFree>
struct LdnsFree {
  template <typename T>
  void operator()(T* object) const {
    kFree(object);
  }
};
using PacketPtr = std::unique_ptr<ldns_pkt, LdnsFree<ldns_pkt_free>>;
using RecordPtr = std::unique_ptr<ldns_rr, LdnsFree<ldns_rr_free>>;
using NamePtr = std::unique_ptr<ldns_rdf, LdnsFree<ldns_rdf_deep_free>>;

// Always absolute, in lower case, with or without the final dot. INVALID_ARGUMENT / BAD_NAME.
absl::StatusOr<NamePtr> ParseName(const std::string& text);
std::string WireName(const ldns_rdf* name);
std::string NameText(const ldns_rdf* name);  // With no final dot; "." is the root.
// Of the name at `*at` of a message, compressed or not; null where there is none. Moves `*at`.
NamePtr ReadName(const std::string& message, std::size_t* at);

// "A", "MX", "TYPE65400". INVALID_ARGUMENT / BAD_TYPE: unknown, or of no data (ANY, OPT, TSIG).
absl::StatusOr<ldns_rr_type> ParseType(const std::string& text);
std::string TypeText(ldns_rr_type type);
std::string RcodeText(int rcode);  // "REFUSED"

// `value` in presentation format, its names absolute. INVALID_ARGUMENT / BAD_VALUE, also for what
// ldns would read as something else: an unquoted ';', an open quote, a number too large.
absl::StatusOr<RecordPtr> ParseRecord(const std::string& name,
                                      ldns_rr_type type,
                                      std::uint32_t ttl,
                                      const std::string& value);
// With no data.
RecordPtr EmptyRecord(const ldns_rdf* name, ldns_rr_type type, ldns_rr_class its_class);
// The data in canonical presentation (RFC 4034 section 6.2): equal texts are equal data.
std::string ValueText(const ldns_rr* record);

// With a random id and one record in its first section.
PacketPtr NewPacket(ldns_pkt_opcode opcode, const ldns_rdf* name, ldns_rr_type type);
void Push(ldns_pkt* packet, ldns_pkt_section section, RecordPtr record);
// INVALID_ARGUMENT / UPDATE_TOO_LARGE where no message can hold it.
absl::StatusOr<std::string> ToWire(const ldns_pkt* packet);
PacketPtr FromWire(const std::string& wire);  // Null where it is no message.

struct Header {
  std::uint16_t id = 0;
  bool reply = false;
  int opcode = 0;
  bool authoritative = false;
  bool truncated = false;
  int rcode = 0;
};
std::optional<Header> ReadHeader(const std::string& wire);
// Whether the message is a reply to `request`, as far as the header says.
bool AnswersTo(const std::string& reply, const std::string& request);

}  // namespace mailquench::controller::dns

#endif  // MAILQUENCH_CONTROLLER_DNS_MESSAGE_H_
