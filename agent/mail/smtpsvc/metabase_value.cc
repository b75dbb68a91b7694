#include "agent/mail/smtpsvc/metabase_value.h"

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "agent/mail/smtpsvc/utf16.h"
#include "common/status/error.h"
#include "nlohmann/json.hpp"

namespace mailquench::agent::smtpsvc {
namespace {
using Json = nlohmann::json;
using Type = MetabaseValue::Type;

constexpr std::pair<Property, const char*> kNames[] = {
    {Property::kServerCommand, "ServerCommand"},
    {Property::kServerState, "ServerState"},
    {Property::kServerComment, "ServerComment"},
    {Property::kServerBindings, "ServerBindings"},
    {Property::kServerAutoStart, "ServerAutoStart"},
    {Property::kAuthFlags, "AuthFlags"},
    {Property::kIpSecurity, "IPSecurity"},
    {Property::kQueueDirectory, "QueueDirectory"},
    {Property::kPickupDirectory, "PickupDirectory"},
    {Property::kDropDirectory, "DropDirectory"},
    {Property::kDefaultDomain, "DefaultDomain"},
    {Property::kFullyQualifiedDomainName, "FullyQualifiedDomainName"},
    {Property::kSmartHostType, "SmartHostType"},
    {Property::kSmartHost, "SmartHost"},
    {Property::kBadMailDirectory, "BadMailDirectory"},
    {Property::kRelayIpList, "RelayIpList"},
    {Property::kRouteAction, "RouteAction"},
    {Property::kRelayForAuth, "RelayForAuth"},
};
constexpr std::pair<Type, const char*> kTypes[] = {{Type::kDword, "dword"},
                                                   {Type::kString, "string"},
                                                   {Type::kBinary, "binary"},
                                                   {Type::kExpandString, "expand-string"},
                                                   {Type::kMultiString, "multi-string"}};

absl::Status BadText() {
  return Error(absl::StatusCode::kDataLoss, "BAD_SETTING_TEXT",
               "the record of a setting of the metabase cannot be read; the setting was left as it "
               "is, look at it in IIS' own console");
}

std::string NameOf(Type type) {
  for (const auto& [known, name] : kTypes) {
    if (known == type) return name;
  }
  return absl::StrCat("type-", static_cast<std::uint32_t>(type));
}

std::string Quoted(const std::vector<std::string>& texts) {
  return Json(texts).dump(-1, ' ', false, Json::error_handler_t::replace);
}

// The plain form, where reading it again gives the very same value.
std::string PlainData(const MetabaseValue& value) {
  std::string plain;
  std::optional<MetabaseValue> again;
  if (const auto number = AsDword(value)) {
    plain = absl::StrCat(*number);
    again = MakeDword(*number);
  } else if (const auto text = AsString(value)) {
    plain = Json(*text).dump(-1, ' ', false, Json::error_handler_t::replace);
    again = MakeString(*text);
  } else if (const auto texts = AsMultiString(value)) {
    plain = Quoted(*texts);
    again = MakeMultiString(*texts);
  }
  return again.has_value() && again->bytes == value.bytes ? plain : "";
}

bool TakeWord(std::string& rest, std::string& word) {
  const std::size_t space = rest.find(' ');
  word = rest.substr(0, space);
  rest = space == std::string::npos ? "" : rest.substr(space + 1);
  return !word.empty();
}

bool TakeNumber(std::string& rest, const char* key, std::uint32_t& number) {
  std::string word;
  const std::string start = absl::StrCat(key, "=");
  return TakeWord(rest, word) && word.compare(0, start.size(), start) == 0 &&
         absl::SimpleAtoi(word.substr(start.size()), &number);
}

bool IsHex(const std::string& text) {
  if (text.size() % 2 != 0) return false;
  for (const char c : text) {
    if (!absl::ascii_isxdigit(static_cast<unsigned char>(c))) return false;
  }
  return true;
}

absl::StatusOr<AnyValue> ValueFrom(Type type, bool as_hex, std::string rest) {
  MetabaseValue value;
  if (!TakeNumber(rest, "attr", value.attributes) || !TakeNumber(rest, "ut", value.user_type))
    return BadText();
  const auto finish = [&](MetabaseValue made) -> absl::StatusOr<AnyValue> {
    made.type = type;
    made.attributes = value.attributes;
    made.user_type = value.user_type;
    return made;
  };
  if (as_hex || type == Type::kBinary) {
    if (!IsHex(rest)) return BadText();
    value.bytes = absl::HexStringToBytes(rest);
    return finish(value);
  }
  if (type == Type::kDword) {
    std::uint32_t number = 0;
    if (!absl::SimpleAtoi(rest, &number)) return BadText();
    return finish(MakeDword(number));
  }
  const Json json = Json::parse(rest, nullptr, /*allow_exceptions=*/false);
  if (type != Type::kMultiString) {
    if (!json.is_string()) return BadText();
    return finish(MakeString(json.get<std::string>()));
  }
  if (!json.is_array()) return BadText();
  std::vector<std::string> texts;
  for (const Json& one : json) {
    if (!one.is_string()) return BadText();
    texts.push_back(one.get<std::string>());
  }
  return finish(MakeMultiString(texts));
}

// Takes "KEY=[...]" from the front; the lists are JSON and hold no bracket outside a string.
bool TakeList(std::string& rest, const char* key, std::vector<std::string>& out) {
  const std::string start = absl::StrCat(key, "=");
  if (rest.compare(0, start.size(), start) != 0) return false;
  bool quoted = false;
  std::size_t end = start.size();
  for (; end < rest.size(); ++end) {
    if (rest[end] == '\\' && quoted)
      ++end;
    else if (rest[end] == '"')
      quoted = !quoted;
    else if (rest[end] == ']' && !quoted)
      break;
  }
  if (end >= rest.size()) return false;
  const Json json = Json::parse(rest.substr(start.size(), end + 1 - start.size()), nullptr, false);
  if (!json.is_array()) return false;
  for (const Json& one : json) {
    if (!one.is_string()) return false;
    out.push_back(one.get<std::string>());
  }
  rest = rest.substr(std::min(rest.size(), end + 2));
  return true;
}

absl::StatusOr<AnyValue> IpSecurityFrom(std::string rest) {
  IpSecurity value;
  std::string word;
  if (!TakeWord(rest, word)) return BadText();
  if (word != "grant-by-default=yes" && word != "grant-by-default=no") return BadText();
  value.grant_by_default = word == "grant-by-default=yes";
  if (!TakeList(rest, "grant", value.ip_grant) || !TakeList(rest, "deny", value.ip_deny) ||
      !TakeList(rest, "domain-grant", value.domain_grant) ||
      !TakeList(rest, "domain-deny", value.domain_deny) || !rest.empty())
    return BadText();
  return value;
}

}  // namespace

std::string ToText(const MetabaseValue& value) {
  const std::string head = absl::StrCat("attr=", value.attributes, " ut=", value.user_type, " ");
  const std::string plain = PlainData(value);
  const std::string name = NameOf(value.type);
  if (!plain.empty()) return absl::StrCat(name, " ", head, plain);
  return absl::StrCat(name, value.type == Type::kBinary ? " " : "-bytes ", head,
                      absl::BytesToHexString(value.bytes));
}

std::string ToText(const IpSecurity& value) {
  return absl::StrCat("ip-security grant-by-default=", value.grant_by_default ? "yes" : "no",
                      " grant=", Quoted(value.ip_grant), " deny=", Quoted(value.ip_deny),
                      " domain-grant=", Quoted(value.domain_grant),
                      " domain-deny=", Quoted(value.domain_deny));
}

absl::StatusOr<AnyValue> FromText(const std::string& text) {
  std::string rest = text, name;
  if (!TakeWord(rest, name)) return BadText();
  if (name == "ip-security") return IpSecurityFrom(rest);
  for (const auto& [type, known] : kTypes) {
    if (name == known) return ValueFrom(type, false, rest);
    if (name == absl::StrCat(known, "-bytes")) return ValueFrom(type, true, rest);
  }
  std::uint32_t number = 0;
  const std::string prefix = "type-", suffix = "-bytes";
  if (name.size() > prefix.size() + suffix.size() && name.compare(0, prefix.size(), prefix) == 0 &&
      absl::SimpleAtoi(name.substr(prefix.size(), name.size() - prefix.size() - suffix.size()),
                       &number))
    return ValueFrom(static_cast<Type>(number), true, rest);
  return BadText();
}

std::string PropertyName(Property property) {
  for (const auto& [known, name] : kNames) {
    if (known == property) return name;
  }
  return absl::StrCat(static_cast<std::uint32_t>(property));
}

std::optional<Property> PropertyByName(const std::string& name) {
  for (const auto& [property, known] : kNames) {
    if (name == known) return property;
  }
  return std::nullopt;
}

MetabaseValue MakeDword(std::uint32_t number, std::uint32_t attributes, std::uint32_t user_type) {
  MetabaseValue value{Type::kDword, attributes, user_type, ""};
  for (int shift = 0; shift < 32; shift += 8)
    value.bytes.push_back(static_cast<char>((number >> shift) & 0xff));
  return value;
}

MetabaseValue MakeString(const std::string& text) {
  return {Type::kString, 1, 1, Utf16FromUtf8(text).value_or("") + std::string(2, '\0')};
}

MetabaseValue MakeMultiString(const std::vector<std::string>& texts) {
  MetabaseValue value{Type::kMultiString, 1, 1, ""};
  for (const std::string& text : texts) value.bytes += MakeString(text).bytes;
  value.bytes += std::string(2, '\0');
  return value;
}

std::optional<std::uint32_t> AsDword(const MetabaseValue& value) {
  if (value.type != Type::kDword || value.bytes.size() != 4) return std::nullopt;
  std::uint32_t number = 0;
  for (std::size_t i = 0; i < 4; ++i)
    number |= static_cast<std::uint32_t>(static_cast<unsigned char>(value.bytes[i])) << (8 * i);
  return number;
}

std::optional<std::string> AsString(const MetabaseValue& value) {
  if (value.type != Type::kString && value.type != Type::kExpandString) return std::nullopt;
  std::optional<std::string> text = Utf8FromUtf16(value.bytes);
  if (text.has_value()) text = text->substr(0, text->find('\0'));
  return text;
}

std::optional<std::vector<std::string>> AsMultiString(const MetabaseValue& value) {
  if (value.type != Type::kMultiString) return std::nullopt;
  const std::optional<std::string> all = Utf8FromUtf16(value.bytes);
  if (!all.has_value()) return std::nullopt;
  std::vector<std::string> texts;
  for (std::size_t at = 0; at < all->size() && (*all)[at] != '\0';) {
    std::size_t end = all->find('\0', at);
    if (end == std::string::npos) end = all->size();
    texts.push_back(all->substr(at, end - at));
    at = end + 1;
  }
  return texts;
}

}  // namespace mailquench::agent::smtpsvc
