#include "agent/mail/postfix/reply_line.h"

#include <string.h>

#include <algorithm>
#include <array>
#include <string>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/strip.h"

namespace mailquench::agent::postfix {
namespace {
constexpr std::array<const char*, 12> kMonths = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                 "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
constexpr absl::Duration kClockSkew = absl::Hours(24);
constexpr int kLeapCycle = 8;  // Years between two 29ths of February, at most.

bool Has(absl::string_view text, absl::string_view what) {
  return memmem(text.data(), text.size(), what.data(), what.size()) != nullptr;
}

bool TwoDigits(absl::string_view text, std::size_t at, int* out) {
  const auto digit = [&](std::size_t i) { return text[i] == ' ' ? 0 : text[i] - '0'; };
  if (!absl::ascii_isdigit(text[at + 1]) || (text[at] != ' ' && !absl::ascii_isdigit(text[at])))
    return false;
  *out = digit(at) * 10 + digit(at + 1);
  return true;
}

// "<...>" of an address in which a quoted local part may hold anything: whoever sends mail writes
// it, and must not write the rest of the line.
bool SkipAddress(absl::string_view* text) {
  if (!absl::ConsumePrefix(text, "<")) return false;
  bool quoted = false;
  for (std::size_t i = 0; i < text->size(); ++i) {
    const char c = (*text)[i];
    if (quoted && c == '\\') {
      ++i;
    } else if (c == '"') {
      quoted = !quoted;
    } else if (c == '>' && !quoted) {
      text->remove_prefix(i + 1);
      return true;
    }
  }
  return false;
}

// Up to `end`, which is stepped over.
bool TakeUntil(absl::string_view* text, absl::string_view end, absl::string_view* taken) {
  const std::size_t at = text->find(end);
  if (at == absl::string_view::npos) return false;
  *taken = text->substr(0, at);
  text->remove_prefix(at + end.size());
  return true;
}

// "host NAME[ADDRESS] said: 550 ..." and "host NAME[ADDRESS] refused to talk to me: 554 ...".
bool ParseWords(absl::string_view words, DeliveryReply* reply) {
  absl::ConsumePrefix(&words, "delivery temporarily suspended: ");
  if (!absl::ConsumePrefix(&words, "host ")) return false;
  if (!TakeUntil(&words, "[", &reply->server) || !TakeUntil(&words, "]", &reply->address) ||
      reply->server.find(' ') != absl::string_view::npos)
    return false;
  if (!absl::ConsumePrefix(&words, " said: ") &&
      !absl::ConsumePrefix(&words, " refused to talk to me: "))
    return false;
  reply->text = words;
  return words.size() >= 3 && (words[0] == '4' || words[0] == '5') &&
         absl::ascii_isdigit(words[1]) && absl::ascii_isdigit(words[2]) &&
         (words.size() == 3 || !absl::ascii_isdigit(words[3]));
}
}  // namespace

bool ParseLogTime(absl::string_view line,
                  absl::Time latest,
                  const absl::TimeZone& zone,
                  absl::Time* time,
                  absl::string_view* rest) {
  if (line.size() < 16) return false;
  if (absl::ascii_isdigit(line[0])) {
    const std::size_t space = line.find(' ');
    if (space == absl::string_view::npos || space > 40 ||
        !absl::ParseTime(absl::RFC3339_full, line.substr(0, space), time, nullptr))
      return false;
    *rest = line.substr(space + 1);
    return true;
  }
  const auto* const month = std::find_if(
      kMonths.begin(), kMonths.end(), [&](const char* name) { return line.substr(0, 3) == name; });
  int day = 0, hour = 0, minute = 0, second = 0;
  if (month == kMonths.end() || line[3] != ' ' || !TwoDigits(line, 4, &day) || line[6] != ' ' ||
      !TwoDigits(line, 7, &hour) || line[9] != ':' || !TwoDigits(line, 10, &minute) ||
      line[12] != ':' || !TwoDigits(line, 13, &second) || line[15] != ' ')
    return false;
  const int number = static_cast<int>(month - kMonths.begin()) + 1;
  const absl::CivilYear newest(absl::ToCivilYear(latest + kClockSkew, zone));
  for (int back = 0; back <= kLeapCycle; ++back) {
    const absl::CivilSecond civil((newest - back).year(), number, day, hour, minute, second);
    if (civil.day() != day) continue;  // No 29th of February in that year.
    *time = absl::FromCivil(civil, zone);
    if (*time > latest + kClockSkew) continue;
    *rest = line.substr(16);
    return true;
  }
  return false;
}

bool MayBeReply(absl::string_view line) {
  return (Has(line, "/smtp[") || Has(line, "/error[")) &&
         (Has(line, "] said: ") || Has(line, "] refused to talk to me: "));
}

bool ParseReply(absl::string_view rest, DeliveryReply* reply) {
  absl::string_view host, tag, id, skipped;
  if (!TakeUntil(&rest, " ", &host) || !TakeUntil(&rest, "]: ", &tag) ||
      !TakeUntil(&rest, ": ", &id))
    return false;
  const absl::string_view program = tag.substr(0, tag.find('['));
  if (tag.find(' ') != absl::string_view::npos ||
      (!absl::EndsWith(program, "/smtp") && !absl::EndsWith(program, "/error")) || id.empty() ||
      !std::all_of(id.begin(), id.end(), absl::ascii_isalnum))
    return false;
  if (absl::StartsWith(rest, "host ")) {  // Another server is tried next.
    if (!ParseWords(rest, reply)) return false;
    reply->rejected = reply->text[0] == '5';
    return true;
  }
  if (!absl::ConsumePrefix(&rest, "to=") || !SkipAddress(&rest)) return false;
  if (absl::ConsumePrefix(&rest, ", orig_to=") && !SkipAddress(&rest)) return false;
  absl::string_view status;
  if (!absl::ConsumePrefix(&rest, ", relay=") || !TakeUntil(&rest, ", dsn=", &skipped) ||
      !TakeUntil(&rest, ", status=", &skipped) || !TakeUntil(&rest, " (", &status))
    return false;
  if (status != "deferred" && status != "bounced") return false;
  reply->rejected = status == "bounced";
  absl::ConsumeSuffix(&rest, ")");
  return ParseWords(rest, reply);
}

}  // namespace mailquench::agent::postfix
