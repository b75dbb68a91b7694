#include "common/blacklist/subject.h"

#include <algorithm>
#include <cstring>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "common/os/socket.h"
#include "common/status/error.h"

namespace mailquench::blacklist {
namespace {

absl::Status Bad(const std::string& text, const std::string& why) {
  return Error(absl::StatusCode::kInvalidArgument, "BAD_SUBJECT",
               absl::StrCat("'", text, "' is no address and no domain: ", why));
}

absl::Status CheckDomain(const std::string& domain, const std::string& text) {
  if (domain.size() > 253) return Bad(text, "it is longer than 253 characters");
  const std::vector<std::string> labels = absl::StrSplit(domain, '.');
  if (labels.size() < 2) return Bad(text, "a domain has a dot in it");
  for (const std::string& label : labels) {
    if (label.empty() || label.size() > 63)
      return Bad(text, "between its dots are 1 to 63 characters");
    if (!std::all_of(label.begin(), label.end(), [](unsigned char c) {
          return absl::ascii_isalnum(c) || c == '-' || c == '_';
        }))
      return Bad(text, "a domain has letters, digits and '-' (others in their xn-- form)");
  }
  // "192.0.2": half an address, never a domain (RFC 3696: no top-level domain is all digits).
  if (std::all_of(labels.back().begin(), labels.back().end(),
                  [](unsigned char c) { return absl::ascii_isdigit(c); }))
    return Bad(text, "it ends in a number, but is no whole address");
  return absl::OkStatus();
}

// Of 4 or 16 bytes in network order.
std::string Reversed(const std::string& bytes) {
  std::vector<std::string> parts;
  for (auto byte = bytes.rbegin(); byte != bytes.rend(); ++byte) {
    const auto value = static_cast<unsigned char>(*byte);
    if (bytes.size() == 4) {
      parts.push_back(absl::StrCat(static_cast<int>(value)));
      continue;
    }
    parts.push_back(absl::StrCat(absl::Hex(value & 0xf)));
    parts.push_back(absl::StrCat(absl::Hex(value >> 4)));
  }
  return absl::StrJoin(parts, ".");
}

struct Block {
  std::uint32_t base;
  int bits;
};
// Documentation blocks are not here: nobody sends mail from them but tests.
constexpr Block kPrivate4[] = {
    {0x00000000, 8},  {0x0a000000, 8},  {0x64400000, 10}, {0x7f000000, 8},
    {0xa9fe0000, 16}, {0xac100000, 12}, {0xc0a80000, 16}, {0xe0000000, 3},
};

}  // namespace

absl::StatusOr<Subject> Subject::Parse(const std::string& text) {
  Subject subject;
  std::string bare = text;
  if (bare.size() > 2 && bare.front() == '[' && bare.back() == ']')
    bare = bare.substr(1, bare.size() - 2);
  unsigned char bytes[16];
  char shown[INET6_ADDRSTRLEN];
  if (inet_pton(AF_INET6, bare.c_str(), bytes) == 1) {
    static constexpr unsigned char kMapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    if (std::memcmp(bytes, kMapped, sizeof kMapped) == 0) {
      std::memmove(bytes, bytes + 12, 4);
    } else {
      subject.kind_ = Kind::kIp6;
      subject.bytes_.assign(reinterpret_cast<const char*>(bytes), 16);
      subject.text_ = inet_ntop(AF_INET6, bytes, shown, sizeof shown);
      return subject;
    }
  } else if (inet_pton(AF_INET, bare.c_str(), bytes) != 1) {
    subject.text_ = absl::AsciiStrToLower(text);
    if (!subject.text_.empty() && subject.text_.back() == '.') subject.text_.pop_back();
    MQ_RETURN_IF_ERROR(CheckDomain(subject.text_, text));
    return subject;
  }
  subject.kind_ = Kind::kIp4;
  subject.bytes_.assign(reinterpret_cast<const char*>(bytes), 4);
  subject.text_ = inet_ntop(AF_INET, bytes, shown, sizeof shown);
  return subject;
}

std::string Subject::Label() const {
  return kind_ == Kind::kDomain ? text_ : Reversed(bytes_);
}

absl::StatusOr<std::string> ReverseLabel(const std::string& address) {
  char bytes[16];
  if (inet_pton(AF_INET, address.c_str(), bytes) == 1) return Reversed(std::string(bytes, 4));
  if (inet_pton(AF_INET6, address.c_str(), bytes) == 1) return Reversed(std::string(bytes, 16));
  return absl::InvalidArgumentError(absl::StrCat("'", address, "' is no address"));
}

bool Covers(const List& list, const Subject& subject) {
  switch (subject.kind()) {
    case Subject::Kind::kIp4:
      return list.ip4;
    case Subject::Kind::kIp6:
      return list.ip6;
    case Subject::Kind::kDomain:
      return list.domain;
  }
  return false;
}

absl::StatusOr<std::string> QueryName(const List& list,
                                      const Subject& subject,
                                      const std::string& key) {
  if (!Covers(list, subject))
    return Error(
        absl::StatusCode::kFailedPrecondition, "NOT_COVERED",
        absl::StrCat(list.zone, " knows nothing of ", subject.text(), "; it was not asked"));
  if (list.key_first && key.empty())
    return Error(
        absl::StatusCode::kFailedPrecondition, "KEY_MISSING",
        absl::StrCat(list.zone, " is asked with the key of an account, and none is given"));
  const std::string name =
      absl::StrCat(subject.Label(), ".", list.key_first ? key + "." : "", list.zone);
  if (name.size() > 253)
    return Error(absl::StatusCode::kFailedPrecondition, "NAME_TOO_LONG",
                 absl::StrCat(subject.text(), " is too long to be asked at ", list.zone));
  return name;
}

bool IsPrivate(const Subject& subject) {
  unsigned char bytes[16];
  if (subject.kind() == Subject::Kind::kIp4 &&
      inet_pton(AF_INET, subject.text().c_str(), bytes) == 1) {
    const std::uint32_t address = static_cast<std::uint32_t>(bytes[0]) << 24 |
                                  static_cast<std::uint32_t>(bytes[1]) << 16 |
                                  static_cast<std::uint32_t>(bytes[2]) << 8 | bytes[3];
    return std::any_of(std::begin(kPrivate4), std::end(kPrivate4), [&](const Block& block) {
      return (address ^ block.base) >> (32 - block.bits) == 0;
    });
  }
  if (subject.kind() == Subject::Kind::kIp6 &&
      inet_pton(AF_INET6, subject.text().c_str(), bytes) == 1)
    return (bytes[0] & 0xe0) != 0x20;  // Outside 2000::/3, the global unicast space.
  return false;
}

}  // namespace mailquench::blacklist
