// DNS messages: a question is written here; an answer is read by c-ares.
#ifndef MAILQUENCH_COMMON_BLACKLIST_RESOLVER_CODEC_H_
#define MAILQUENCH_COMMON_BLACKLIST_RESOLVER_CODEC_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>

#include "common/blacklist/resolver.h"
#include "common/blacklist/udp_random.h"

namespace mailquench::blacklist {

constexpr std::size_t kHeader = 12;
constexpr std::size_t kOpt = 11;  // Bytes of our OPT record, the last of a question.

// One question as it goes over the wire.
struct Packet {
  std::array<std::uint8_t, kHeader + 255 + 4 + kOpt> bytes{};
  std::size_t size = 0;
  std::size_t question_end = 0;  // Of the name, the type and the class, which begin at kHeader.

  void SetId(std::uint16_t id);
  bool HasOpt() const { return size > question_end; }
  void DropOpt();
};

// With an OPT record (EDNS, answers of at most 1232 bytes over UDP) and, where `random` is given,
// letters of random case. The id is 0. False: `name` is no DNS name.
bool WriteQuestion(const std::string& name, RecordType type, Random* random, Packet& packet);

std::uint16_t IdOf(const std::uint8_t* message);  // Of at least 2 bytes.

// A response with exactly one question that is, byte for byte, the one in `asked`.
bool Answers(const std::uint8_t* message, std::size_t size, const Packet& asked);

// Of a message for which Answers() is true.
bool IsTruncated(const std::uint8_t* message);
bool IsFormErr(const std::uint8_t* message);

// Reads a message for which Answers() is true into `reply`; what cannot be read is kMalformed.
void ReadReply(const std::uint8_t* message, std::size_t size, RecordType type, Reply& reply);

}  // namespace mailquench::blacklist

#endif  // MAILQUENCH_COMMON_BLACKLIST_RESOLVER_CODEC_H_
