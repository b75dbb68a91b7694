#include "controller/mx/values.h"

#include <arpa/inet.h>

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "common/blacklist/subject.h"
#include "common/status/error.h"
#include "common/text/harmless.h"

namespace mailquench::controller::mx {

std::string Plain(const std::string& name) {
  std::string plain = absl::AsciiStrToLower(name);
  if (!plain.empty() && plain.back() == '.') plain.pop_back();
  return plain;
}

absl::StatusOr<std::string> CheckedName(const std::string& name) {
  const std::string plain = Plain(name);
  bool good = !plain.empty() && plain.size() <= 253 && absl::StrContains(plain, '.');
  for (const absl::string_view label : absl::StrSplit(plain, '.')) {
    good = good && !label.empty() && label.size() <= 63 &&
           std::all_of(label.begin(), label.end(),
                       [](char c) { return absl::ascii_isalnum(c) || c == '-' || c == '_'; });
  }
  if (good && !ParseAddress(plain).ok()) return plain;
  return Error(absl::StatusCode::kInvalidArgument, "BAD_DOMAIN",
               absl::StrCat("'", Harmless(name.substr(0, 300)),
                            "' is no domain name, such as example.org (one with other letters is "
                            "written as DNS has it, xn--...); nothing was done"));
}

bool IsInside(const std::string& name, const std::string& zone) {
  return absl::EndsWith(name, zone) &&
         (name.size() == zone.size() || name[name.size() - zone.size() - 1] == '.');
}

absl::StatusOr<Address> ParseAddress(const std::string& text) {
  Address address;
  const auto subject = blacklist::Subject::Parse(text);
  if (subject.ok() && subject->kind() != blacklist::Subject::Kind::kDomain) {
    address.text = subject->text();
    const bool six = subject->kind() == blacklist::Subject::Kind::kIp6;
    address.bytes.resize(six ? 16 : 4);
    if (inet_pton(six ? AF_INET6 : AF_INET, address.text.c_str(), address.bytes.data()) == 1)
      return address;
  }
  return Error(absl::StatusCode::kInvalidArgument, "BAD_ADDRESS",
               absl::StrCat("'", Harmless(text.substr(0, 100)),
                            "' is no address, such as 192.0.2.1 or 2001:db8::1; nothing was done"));
}

bool SameNetwork(const Address& a, const Address& b, int prefix) {
  if (a.bytes.size() != b.bytes.size()) return false;
  for (std::size_t i = 0; i < a.bytes.size() && prefix > 0; ++i, prefix -= 8) {
    const unsigned mask = prefix >= 8 ? 0xff : (0xff << (8 - prefix)) & 0xff;
    if (((static_cast<unsigned char>(a.bytes[i]) ^ static_cast<unsigned char>(b.bytes[i])) &
         mask) != 0)
      return false;
  }
  return true;
}

std::string ReverseName(const Address& address) {
  const auto label = blacklist::ReverseLabel(address.text);
  return absl::StrCat(label.ok() ? *label : "", address.is6() ? ".ip6.arpa" : ".in-addr.arpa");
}

std::optional<MxValue> ParseMx(const std::string& value) {
  const std::vector<std::string> parts =
      absl::StrSplit(value, absl::ByAnyChar(" \t"), absl::SkipEmpty());
  MxValue mx;
  if (parts.size() != 2 || !absl::SimpleAtoi(parts[0], &mx.preference) || mx.preference > 65535)
    return std::nullopt;
  mx.host = Plain(parts[1]);
  return mx;
}

std::string TxtText(const std::string& value) {
  std::string text;
  bool quoted = false;
  for (std::size_t i = 0; i < value.size(); ++i) {
    const char c = value[i];
    if (c == '"') {
      quoted = !quoted;
    } else if (c == '\\' && i + 1 < value.size()) {
      int number = 0;
      if (i + 3 < value.size() && absl::ascii_isdigit(value[i + 1]) &&
          absl::SimpleAtoi(value.substr(i + 1, 3), &number) && number < 256) {
        text += static_cast<char>(number);
        i += 3;
      } else {
        text += value[++i];
      }
    } else if (quoted || !absl::ascii_isspace(c)) {
      text += c;
    }
  }
  return text;
}

std::string TxtValue(const std::string& text) {
  std::string value;
  for (std::size_t at = 0; at == 0 || at < text.size(); at += 255) {
    absl::StrAppend(&value, at == 0 ? "\"" : " \"");
    for (const char c : text.substr(at, 255)) {
      const unsigned char byte = static_cast<unsigned char>(c);
      if (c == '"' || c == '\\') {
        value += '\\';
        value += c;
      } else if (byte < 32 || byte > 126) {
        absl::StrAppend(&value, "\\", absl::Dec(byte, absl::kZeroPad3));
      } else {
        value += c;
      }
    }
    value += '"';
  }
  return value;
}

}  // namespace mailquench::controller::mx
