#include "controller/mx/spf_record.h"

#include <algorithm>
#include <set>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "common/status/error.h"
#include "common/text/harmless.h"
#include "controller/mx/spf_macro.h"
#include "controller/mx/values.h"

namespace mailquench::controller::mx {
namespace {

absl::Status BadTerm(const std::string& term, const std::string& why) {
  return Error(absl::StatusCode::kInvalidArgument, "BAD_SPF",
               absl::StrCat("its term '", Harmless(term.substr(0, 100)), "' ", why));
}

// The length at the end of `text` after `slash`, which is taken off. No leading zeros (section 12).
bool TakePrefix(std::string& text, const std::string& slash, int most, int* prefix) {
  const std::size_t at = text.rfind(slash);
  if (at == std::string::npos) return true;
  const std::string digits = text.substr(at + slash.size());
  if (digits.empty() || digits.size() > 3 ||
      !std::all_of(digits.begin(), digits.end(), absl::ascii_isdigit))
    return false;
  if ((digits.size() > 1 && digits[0] == '0') || !absl::SimpleAtoi(digits, prefix) ||
      *prefix > most)
    return false;
  text.resize(at);
  return true;
}

absl::Status ReadAddressTerm(SpfTerm* term) {
  const bool six = term->mechanism == "ip6";
  if (!TakePrefix(term->domain, "/", six ? 128 : 32, six ? &term->prefix6 : &term->prefix4))
    return BadTerm(term->text, "has no good prefix length");
  const auto address = ParseAddress(term->domain);
  // A mapped address of ip6 is no IPv4 address here.
  if (!address.ok() || (address->is6() != six && !(six && absl::StrContains(term->domain, ':'))))
    return BadTerm(term->text, "has no good address");
  return absl::OkStatus();
}

absl::Status ReadMechanism(SpfTerm* term, bool has_argument) {
  const std::string& name = term->mechanism;
  static const std::set<std::string>* const known =
      new std::set<std::string>{"all", "include", "a", "mx", "ptr", "ip4", "ip6", "exists"};
  if (known->count(name) == 0) return BadTerm(term->text, "is no mechanism that SPF has");
  if (name == "all") {
    return has_argument || !term->domain.empty() ? BadTerm(term->text, "takes no argument")
                                                 : absl::OkStatus();
  }
  const bool needs = name == "include" || name == "exists" || name == "ip4" || name == "ip6";
  if ((needs || has_argument) && term->domain.empty())
    return BadTerm(term->text, "lacks its argument");
  if (name == "ip4" || name == "ip6") return ReadAddressTerm(term);
  return term->domain.empty() ? absl::OkStatus() : CheckMacros(term->domain);
}

absl::Status ReadTerm(const std::string& text, SpfRecord* record) {
  SpfTerm term;
  term.text = text;
  std::string rest = text;
  const bool qualified = absl::StrContains("+-?~", rest[0]);
  if (qualified) {
    term.qualifier = rest[0];
    rest.erase(0, 1);
  }
  const std::size_t end = rest.find_first_of(":/=");
  term.mechanism = absl::AsciiStrToLower(rest.substr(0, end));
  const char mark = end == std::string::npos ? '\0' : rest[end];
  std::string argument = end == std::string::npos ? "" : rest.substr(end);
  const bool is_address = term.mechanism == "ip4" || term.mechanism == "ip6";
  if (!is_address && (term.mechanism == "a" || term.mechanism == "mx")) {
    // "//" first: its "/" would be taken for the other one.
    if (!TakePrefix(argument, "//", 128, &term.prefix6) ||
        !TakePrefix(argument, "/", 32, &term.prefix4))
      return BadTerm(text, "has no good prefix length");
  }
  if (!argument.empty() && argument[0] == '/') return BadTerm(text, "takes no prefix length");
  const bool has_argument = !argument.empty();
  term.domain = has_argument ? argument.substr(1) : "";
  if (mark == '=') return BadTerm(text, "is no modifier that may stand there");
  MQ_RETURN_IF_ERROR(ReadMechanism(&term, has_argument));
  record->terms.push_back(std::move(term));
  return absl::OkStatus();
}

// Section 6: name=macro-string. What is not known is passed over.
bool IsModifier(const std::string& text) {
  const std::size_t equals = text.find('=');
  if (equals == std::string::npos || equals == 0 || !absl::ascii_isalpha(text[0])) return false;
  return std::all_of(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(equals), [](char c) {
    return absl::ascii_isalnum(c) || c == '-' || c == '_' || c == '.';
  });
}

absl::Status ReadModifier(const std::string& text, std::set<std::string>* seen, SpfRecord* record) {
  const std::size_t equals = text.find('=');
  const std::string name = absl::AsciiStrToLower(text.substr(0, equals));
  if (name != "redirect" && name != "exp") return absl::OkStatus();
  if (!seen->insert(name).second) return BadTerm(text, "is there twice");
  const std::string domain = text.substr(equals + 1);
  if (domain.empty()) return BadTerm(text, "lacks its domain");
  if (name == "redirect") {
    MQ_RETURN_IF_ERROR(CheckMacros(domain));
    record->redirect = domain;
  }
  return absl::OkStatus();
}

}  // namespace

bool IsSpf(const std::string& text) {
  return absl::StartsWithIgnoreCase(text, "v=spf1") && (text.size() == 6 || text[6] == ' ');
}

absl::StatusOr<SpfRecord> ParseSpf(const std::string& text) {
  SpfRecord record;
  std::set<std::string> seen;
  const std::vector<std::string> words = absl::StrSplit(text, ' ', absl::SkipEmpty());
  for (std::size_t i = 1; i < words.size(); ++i) {
    MQ_RETURN_IF_ERROR(IsModifier(words[i]) ? ReadModifier(words[i], &seen, &record)
                                            : ReadTerm(words[i], &record));
  }
  return record;
}

std::string SpfWith(const std::string& record, const std::string& old, const std::string& wanted) {
  std::vector<std::string> words = absl::StrSplit(record, ' ', absl::SkipEmpty());
  if (words.empty()) return record;
  const std::string added = absl::StrCat(absl::StrContains(wanted, ':') ? "ip6:" : "ip4:", wanted);
  const auto names = [](std::string word, const std::string& address) {
    if (address.empty()) return false;
    word = absl::AsciiStrToLower(word);
    if (absl::StartsWith(word, "+")) word.erase(0, 1);
    if (!absl::StartsWith(word, "ip4:") && !absl::StartsWith(word, "ip6:")) return false;
    const std::string whole = absl::StartsWith(word, "ip4:") ? "/32" : "/128";
    std::string value = word.substr(4);
    if (absl::EndsWith(value, whole)) value.resize(value.size() - whole.size());
    const auto parsed = ParseAddress(value);
    return parsed.ok() && parsed->text == address;
  };
  const bool there = std::any_of(words.begin(), words.end(),
                                 [&](const std::string& word) { return names(word, wanted); });
  std::vector<std::string> out = {words[0]};
  bool done = there, replaced = false;
  for (std::size_t i = 1; i < words.size(); ++i) {
    if (!names(words[i], old)) {
      out.push_back(words[i]);
      continue;
    }
    replaced = true;
    if (!done) out.push_back(added);
    done = true;
  }
  // First of all, since an earlier term could refuse it; it costs no look-up there.
  if (!done) out.insert(out.begin() + 1, added);
  return there && !replaced ? record : absl::StrJoin(out, " ");
}

}  // namespace mailquench::controller::mx
