#include "controller/mx/spf_macro.h"

#include <algorithm>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "common/status/error.h"
#include "common/text/harmless.h"
#include "controller/mx/values.h"

namespace mailquench::controller::mx {
namespace {

constexpr char kMacroLetters[] = "slodiphv";

absl::Status BadMacro(const std::string& spec, const std::string& why) {
  return Error(absl::StatusCode::kInvalidArgument, "BAD_SPF",
               absl::StrCat("'", Harmless(spec.substr(0, 100)), "' ", why));
}

// Section 7.4: dotted, of IPv6 one nibble a label.
std::string DottedAddress(const std::string& text) {
  const auto address = ParseAddress(text);
  if (!address.ok()) return "unknown";
  if (!address->is6()) return address->text;
  std::vector<std::string> nibbles;
  for (const char c : address->bytes) {
    const unsigned char byte = static_cast<unsigned char>(c);
    nibbles.push_back(absl::StrCat(absl::Hex(byte >> 4)));
    nibbles.push_back(absl::StrCat(absl::Hex(byte & 15)));
  }
  return absl::StrJoin(nibbles, ".");
}

std::string LetterValue(char letter, const SpfMacros& macros) {
  const std::size_t at = macros.sender.rfind('@');
  const std::string local = at == std::string::npos ? "postmaster" : macros.sender.substr(0, at);
  const std::string domain = at == std::string::npos ? macros.sender : macros.sender.substr(at + 1);
  switch (letter) {
    case 's':
      return absl::StrCat(local.empty() ? "postmaster" : local, "@", domain);
    case 'l':
      return local.empty() ? "postmaster" : local;
    case 'o':
      return domain;
    case 'd':
      return macros.domain;
    case 'i':
      return DottedAddress(macros.address);
    case 'h':
      return macros.helo;
    case 'v':
      return absl::StrContains(macros.address, ':') ? "ip6" : "in-addr";
    default:
      return "unknown";
  }
}

std::string Escaped(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (absl::ascii_isalnum(c) || absl::StrContains("-._~", c)) {
      out += c;
    } else {
      absl::StrAppend(&out, "%", absl::Hex(static_cast<unsigned char>(c), absl::kZeroPad2));
    }
  }
  return out;
}

// What stands between "%{" and "}".
struct Macro {
  char letter = 0;
  bool escape = false;
  int keep = 0;  // Labels from the right; 0: all.
  bool reverse = false;
  std::string delimiters = ".";
};

absl::StatusOr<Macro> ReadMacro(const std::string& spec, const std::string& body) {
  Macro macro;
  if (body.empty()) return BadMacro(spec, "has an empty macro");
  macro.letter = absl::ascii_tolower(body[0]);
  macro.escape = absl::ascii_isupper(body[0]);
  if (!absl::StrContains(kMacroLetters, macro.letter))
    return BadMacro(spec, "has a macro that SPF does not have there");
  std::size_t at = 1;
  while (at < body.size() && absl::ascii_isdigit(body[at])) ++at;
  if (at > 1 &&
      (at > 4 || !absl::SimpleAtoi(body.substr(1, at - 1), &macro.keep) || macro.keep == 0))
    return BadMacro(spec, "has a macro with a number that is none");
  if (at < body.size() && absl::ascii_tolower(body[at]) == 'r') {
    macro.reverse = true;
    ++at;
  }
  if (at < body.size()) macro.delimiters = body.substr(at);
  if (macro.delimiters.find_first_not_of(".-+,/_=") != std::string::npos)
    return BadMacro(spec, "has a macro with a delimiter that is none");
  return macro;
}

std::string ValueOf(const Macro& macro, const SpfMacros& macros) {
  std::vector<std::string> parts =
      absl::StrSplit(LetterValue(macro.letter, macros), absl::ByAnyChar(macro.delimiters));
  if (macro.reverse) std::reverse(parts.begin(), parts.end());
  if (macro.keep > 0 && parts.size() > static_cast<std::size_t>(macro.keep))
    parts.erase(parts.begin(), parts.end() - macro.keep);
  const std::string value = absl::StrJoin(parts, ".");
  return macro.escape ? Escaped(value) : value;
}

// Section 7.1, domain-end: a last label that is no number, or a macro.
bool EndsWell(const std::string& spec) {
  std::string text = spec;
  if (absl::EndsWith(text, "}")) return true;
  for (const char* one : {"%%", "%_", "%-"}) {
    if (absl::EndsWith(text, one)) return true;
  }
  if (absl::EndsWith(text, ".")) text.pop_back();
  const std::size_t dot = text.rfind('.');
  if (dot == std::string::npos) return false;
  const std::string label = text.substr(dot + 1);
  return !label.empty() && label.front() != '-' && label.back() != '-' &&
         std::all_of(label.begin(), label.end(),
                     [](char c) { return absl::ascii_isalnum(c) || c == '-'; }) &&
         !std::all_of(label.begin(), label.end(), absl::ascii_isdigit);
}

absl::StatusOr<std::string> Walk(const std::string& spec, const SpfMacros& macros) {
  std::string out;
  for (std::size_t i = 0; i < spec.size(); ++i) {
    if (spec[i] != '%') {
      if (spec[i] < 33 || spec[i] > 126) return BadMacro(spec, "has a character that is not ASCII");
      out += spec[i];
      continue;
    }
    const char next = i + 1 < spec.size() ? spec[i + 1] : '\0';
    if (next == '%' || next == '_' || next == '-') {
      out += next == '%' ? "%" : next == '_' ? " " : "%20";
      ++i;
      continue;
    }
    const std::size_t end = spec.find('}', i);
    if (next != '{' || end == std::string::npos) return BadMacro(spec, "has a '%' without a macro");
    MQ_ASSIGN_OR_RETURN(const Macro macro, ReadMacro(spec, spec.substr(i + 2, end - i - 2)));
    out += ValueOf(macro, macros);
    i = end;
  }
  return out;
}

}  // namespace

bool HasMacros(const std::string& spec) {
  return absl::StrContains(spec, '%');
}

absl::Status CheckMacros(const std::string& spec) {
  if (!EndsWell(spec)) return BadMacro(spec, "is no domain name");
  return Walk(spec, {"192.0.2.1", "a@example.org", "example.org", "example.org"}).status();
}

absl::StatusOr<std::string> ExpandMacros(const std::string& spec, const SpfMacros& macros) {
  MQ_ASSIGN_OR_RETURN(std::string out, Walk(spec, macros));
  if (absl::EndsWith(out, ".")) out.pop_back();
  while (out.size() > 253) {
    const std::size_t dot = out.find('.');
    if (dot == std::string::npos) return BadMacro(spec, "becomes a name that is too long");
    out.erase(0, dot + 1);
  }
  return out;
}

}  // namespace mailquench::controller::mx
