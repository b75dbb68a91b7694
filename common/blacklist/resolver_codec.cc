#include "common/blacklist/resolver_codec.h"

#include <ares.h>

#include <algorithm>
#include <cstring>

#include "absl/strings/ascii.h"
#include "common/os/socket.h"

namespace mailquench::blacklist {
namespace {

constexpr std::size_t kMostTexts = 16;
constexpr std::size_t kLongestText = 4096;
constexpr std::size_t kMostNames = 16;
constexpr int kMostAddresses = 64;
constexpr std::size_t kLongestName = 255;
constexpr std::uint16_t kUdpSize = 1232;  // Passes any path unfragmented (DNS flag day 2020).

// RFC 1035, sections 3.2.2, 3.2.4 and 4.1.1; RFC 3596; RFC 6891.
enum Type : std::uint16_t {
  kTypeA = 1,
  kTypeNs = 2,
  kTypeSoa = 6,
  kTypePtr = 12,
  kTypeTxt = 16,
  kTypeAaaa = 28,
  kTypeOpt = 41
};
constexpr std::uint16_t kClassIn = 1;
enum WireCode : std::uint8_t {
  kNoError = 0,
  kFormErr = 1,
  kServFail = 2,
  kNxDomain = 3,
  kNotImplemented = 4,
  kRefused = 5
};

std::uint16_t Number16(const std::uint8_t* at) {
  return static_cast<std::uint16_t>(at[0] << 8 | at[1]);
}

void Put16(std::uint8_t* at, std::uint16_t number) {
  at[0] = static_cast<std::uint8_t>(number >> 8);
  at[1] = static_cast<std::uint8_t>(number);
}

std::uint16_t TypeNumber(RecordType type) {
  switch (type) {
    case RecordType::kA:
      return kTypeA;
    case RecordType::kAaaa:
      return kTypeAaaa;
    case RecordType::kTxt:
      return kTypeTxt;
    case RecordType::kPtr:
      return kTypePtr;
    case RecordType::kNs:
      return kTypeNs;
    case RecordType::kSoa:
      return kTypeSoa;
  }
  return kTypeA;
}

// One byte of a name at `at`, which moves on; "\." and "\046" are a dot that separates nothing.
// -1: no such escape.
int NameByte(const std::string& name, std::size_t& at) {
  if (name[at] != '\\') return static_cast<std::uint8_t>(name[at++]);
  if (++at == name.size()) return -1;
  if (!absl::ascii_isdigit(name[at])) return static_cast<std::uint8_t>(name[at++]);
  int number = 0;
  for (int digit = 0; digit < 3; ++digit, ++at) {
    if (at == name.size() || !absl::ascii_isdigit(name[at])) return -1;
    number = number * 10 + (name[at] - '0');
  }
  return number > 255 ? -1 : number;
}

// Returns the bytes written, 0: no DNS name.
std::size_t WriteName(const std::string& name, Random* random, std::uint8_t* out) {
  out[0] = 0;
  if (name == ".") return 1;
  if (name.empty()) return 0;
  std::size_t label = 0, end = 1;  // Where the label's length is; where the next byte goes.
  for (std::size_t at = 0; at < name.size();) {
    const bool dot = name[at] == '.';
    if (dot) {
      ++at;
      if (end == label + 1) return 0;
    } else {
      int byte = NameByte(name, at);
      if (byte < 0 || end - label > 63 || end + 1 >= kLongestName) return 0;
      if (random != nullptr && absl::ascii_isalpha(static_cast<unsigned char>(byte)) &&
          random->Bit())
        byte ^= 0x20;
      out[end++] = static_cast<std::uint8_t>(byte);
    }
    out[label] = static_cast<std::uint8_t>(end - label - 1);
    if (dot) label = end++;
  }
  // Without a final dot the length of the root label is still to be written.
  if (end > label + 1) label = end++;
  out[label] = 0;
  return end;
}

Rcode FromWire(int rcode) {
  switch (rcode) {
    case kNoError:
      return Rcode::kNoError;
    case kNxDomain:
      return Rcode::kNxDomain;
    case kServFail:
      return Rcode::kServFail;
    case kFormErr:
      return Rcode::kFormErr;
    case kNotImplemented:
      return Rcode::kNotImplemented;
    case kRefused:
      return Rcode::kRefused;
    default:
      return Rcode::kMalformed;
  }
}

// What c-ares makes of an answer without error: no data is an answer too.
bool Read(int parsed, Reply& reply) {
  if (parsed == ARES_SUCCESS) return true;
  reply.answer.rcode = parsed == ARES_ENODATA ? Rcode::kNoError : Rcode::kMalformed;
  return false;
}

void ReadAddresses(const std::uint8_t* message, int size, Reply& reply) {
  ares_addrttl records[kMostAddresses];
  int count = kMostAddresses;
  if (!Read(ares_parse_a_reply(message, size, nullptr, records, &count), reply)) return;
  for (int i = 0; i < count; ++i) reply.answer.addresses.push_back(ntohl(records[i].ipaddr.s_addr));
}

void ReadAddresses6(const std::uint8_t* message, int size, Reply& reply) {
  ares_addr6ttl records[kMostAddresses];
  int count = kMostAddresses;
  if (!Read(ares_parse_aaaa_reply(message, size, nullptr, records, &count), reply)) return;
  for (int i = 0; i < count; ++i) {
    char text[INET6_ADDRSTRLEN];
    if (::inet_ntop(AF_INET6, &records[i].ip6addr, text, sizeof text) != nullptr)
      reply.addresses6.emplace_back(text);
  }
}

void ReadTexts(const std::uint8_t* message, int size, Reply& reply) {
  ares_txt_ext* texts = nullptr;
  if (!Read(ares_parse_txt_reply_ext(message, size, &texts), reply)) return;
  for (const ares_txt_ext* one = texts; one != nullptr; one = one->next) {
    if (one->record_start != 0 || reply.texts.empty()) {
      if (reply.texts.size() == kMostTexts) break;
      reply.texts.emplace_back();
    }
    std::string& text = reply.texts.back();
    text.append(reinterpret_cast<const char*>(one->txt),
                std::min(one->length, kLongestText - std::min(text.size(), kLongestText)));
  }
  ares_free_data(texts);
}

void AddName(const char* name, Reply& reply) {
  if (name == nullptr || reply.names.size() == kMostNames) return;
  std::string lower = absl::AsciiStrToLower(name);
  if (!lower.empty() && lower.back() == '.') lower.pop_back();
  reply.names.push_back(std::move(lower));
}

void ReadNames(const std::uint8_t* message, int size, RecordType type, Reply& reply) {
  hostent* host = nullptr;
  const std::uint8_t no_address[4] = {};  // c-ares copies it into what it returns.
  const int parsed = type == RecordType::kNs
                         ? ares_parse_ns_reply(message, size, &host)
                         : ares_parse_ptr_reply(message, size, no_address, 4, AF_INET, &host);
  if (!Read(parsed, reply)) return;
  for (char** one = host->h_aliases; one != nullptr && *one != nullptr; ++one) AddName(*one, reply);
  ares_free_hostent(host);
}

void ReadSoa(const std::uint8_t* message, int size, Reply& reply) {
  ares_soa_reply* soa = nullptr;
  if (!Read(ares_parse_soa_reply(message, size, &soa), reply)) return;
  AddName(soa->nsname, reply);
  reply.serial = soa->serial;
  ares_free_data(soa);
}

// Where the name at `at` ends; 0: beyond the message.
std::size_t SkipName(const std::uint8_t* message, std::size_t size, std::size_t at) {
  while (at < size) {
    const std::uint8_t length = message[at];
    if (length >= 0xc0) return at + 2 <= size ? at + 2 : 0;
    if (length >= 0x40) return 0;
    at += 1u + length;
    if (length == 0) return at <= size ? at : 0;
  }
  return 0;
}

// The smallest TTL of the answers of a type: c-ares has it for addresses only.
std::uint32_t SmallestTtl(const std::uint8_t* message, std::size_t size, std::uint16_t type) {
  std::size_t at = SkipName(message, size, kHeader);
  if (at == 0) return 0;
  at += 4;
  bool any = false;
  std::uint32_t smallest = 0;
  for (int left = Number16(message + 6); left > 0; --left) {
    at = SkipName(message, size, at);
    if (at == 0 || at + 10 > size) break;
    if (Number16(message + at) == type) {
      std::uint32_t ttl =
          static_cast<std::uint32_t>(Number16(message + at + 4)) << 16 | Number16(message + at + 6);
      if (ttl > 0x7fffffff) ttl = 0;  // RFC 2181, section 8.
      smallest = any ? std::min(smallest, ttl) : ttl;
      any = true;
    }
    at += 10u + Number16(message + at + 8);
  }
  return smallest;
}

}  // namespace

void Packet::SetId(std::uint16_t id) {
  Put16(bytes.data(), id);
}

void Packet::DropOpt() {
  size = question_end;
  Put16(&bytes[10], 0);
}

bool WriteQuestion(const std::string& name, RecordType type, Random* random, Packet& packet) {
  std::uint8_t* out = packet.bytes.data();
  std::memset(out, 0, kHeader);
  const std::size_t length = WriteName(name, random, out + kHeader);
  if (length == 0) return false;
  out[2] = 0x01;       // RD
  Put16(out + 4, 1);   // QDCOUNT
  Put16(out + 10, 1);  // ARCOUNT
  std::uint8_t* end = out + kHeader + length;
  Put16(end, TypeNumber(type));
  Put16(end + 2, kClassIn);
  end += 4;
  packet.question_end = static_cast<std::size_t>(end - out);
  std::memset(end, 0, kOpt);  // The root's name; extended rcode, version and flags 0; no options.
  Put16(end + 1, kTypeOpt);
  Put16(end + 3, kUdpSize);
  packet.size = packet.question_end + kOpt;
  return true;
}

std::uint16_t IdOf(const std::uint8_t* message) {
  return Number16(message);
}

bool Answers(const std::uint8_t* message, std::size_t size, const Packet& asked) {
  return size >= asked.question_end && (message[2] & 0x80) != 0 &&  // QR
         (message[2] & 0x78) == 0 &&                                // The opcode of a query.
         Number16(message + 4) == 1 &&
         std::memcmp(message + kHeader, &asked.bytes[kHeader], asked.question_end - kHeader) == 0;
}

bool IsTruncated(const std::uint8_t* message) {
  return (message[2] & 0x02) != 0;
}

bool IsFormErr(const std::uint8_t* message) {
  return (message[3] & 0x0f) == kFormErr;
}

void ReadReply(const std::uint8_t* message, std::size_t size, RecordType type, Reply& reply) {
  reply.answer.rcode = FromWire(message[3] & 0x0f);
  // Without an answer section there is nothing to read; c-ares calls an SOA that is not there
  // malformed.
  if (reply.answer.rcode != Rcode::kNoError || Number16(message + 6) == 0) return;
  const int length = static_cast<int>(size);
  switch (type) {
    case RecordType::kA:
      ReadAddresses(message, length, reply);
      break;
    case RecordType::kAaaa:
      ReadAddresses6(message, length, reply);
      break;
    case RecordType::kTxt:
      ReadTexts(message, length, reply);
      break;
    case RecordType::kPtr:
    case RecordType::kNs:
      ReadNames(message, length, type, reply);
      break;
    case RecordType::kSoa:
      ReadSoa(message, length, reply);
      break;
  }
  if (reply.answer.rcode == Rcode::kNoError)
    reply.ttl = SmallestTtl(message, size, TypeNumber(type));
}

}  // namespace mailquench::blacklist
