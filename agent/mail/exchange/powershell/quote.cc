#include "agent/mail/exchange/powershell/quote.h"

#include <cstddef>
#include <cstdint>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/status/error.h"

namespace mailquench::agent::exchange {
namespace {

// Bytes of the character at the head of `text`; 0 where it is not well-formed (RFC 3629, section
// 4).
std::size_t CharacterSize(absl::string_view text) {
  const auto byte = [&](std::size_t i) {
    return i < text.size() ? static_cast<unsigned char>(text[i]) : 0U;
  };
  const unsigned first = byte(0);
  if (first < 0x80) return 1;
  const std::size_t size = first >= 0xC2 && first < 0xE0   ? 2
                           : first >= 0xE0 && first < 0xF0 ? 3
                           : first >= 0xF0 && first < 0xF5 ? 4
                                                           : 0;
  for (std::size_t i = 1; i < size; ++i) {
    if ((byte(i) & 0xC0U) != 0x80) return 0;
  }
  const unsigned second = byte(1);
  if ((first == 0xE0 && second < 0xA0) || (first == 0xED && second > 0x9F) ||
      (first == 0xF0 && second < 0x90) || (first == 0xF4 && second > 0x8F))
    return 0;
  return size;
}

bool IsSingleQuote(absl::string_view character) {
  return character == "'" || character == "\xE2\x80\x98" || character == "\xE2\x80\x99" ||
         character == "\xE2\x80\x9A" || character == "\xE2\x80\x9B";
}

struct Quoter {
  absl::StatusOr<std::string> operator()(Switch) const { return std::string(); }
  absl::StatusOr<std::string> operator()(Null) const { return std::string(" $null"); }
  // With a colon: a switch takes it in no other way.
  absl::StatusOr<std::string> operator()(bool value) const {
    return std::string(value ? ":$true" : ":$false");
  }
  absl::StatusOr<std::string> operator()(std::int64_t value) const {
    return absl::StrCat(" ", value);
  }
  absl::StatusOr<std::string> operator()(const std::string& value) const {
    MQ_ASSIGN_OR_RETURN(const std::string quoted, QuoteText(value));
    return absl::StrCat(" ", quoted);
  }
  absl::StatusOr<std::string> operator()(const std::vector<std::string>& values) const {
    std::vector<std::string> quoted;
    for (const std::string& value : values) {
      MQ_ASSIGN_OR_RETURN(std::string one, QuoteText(value));
      quoted.push_back(std::move(one));
    }
    return absl::StrCat(" @(", absl::StrJoin(quoted, ","), ")");
  }
};
}  // namespace

bool IsSendable(absl::string_view text) {
  while (!text.empty()) {
    const std::size_t size = text.front() == '\0' ? 0 : CharacterSize(text);
    if (size == 0) return false;
    text.remove_prefix(size);
  }
  return true;
}

absl::StatusOr<std::string> QuoteText(absl::string_view text) {
  if (!IsSendable(text))
    return Error(absl::StatusCode::kInvalidArgument, "BAD_COMMAND",
                 "a value for PowerShell has a NUL or is not UTF-8; nothing was sent");
  std::string out = "'";
  while (!text.empty()) {
    const std::size_t size = CharacterSize(text);
    const absl::string_view character = text.substr(0, size);
    absl::StrAppend(&out, character, IsSingleQuote(character) ? character : "");
    text.remove_prefix(size);
  }
  return out + "'";
}

absl::StatusOr<std::string> QuoteArgument(const Value& value) {
  return std::visit(Quoter{}, value);
}

}  // namespace mailquench::agent::exchange
