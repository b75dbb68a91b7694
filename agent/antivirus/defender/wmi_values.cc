#include "agent/antivirus/defender/wmi_values.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/time/civil_time.h"

namespace mailquench::agent::defender {
namespace {
constexpr std::size_t kCimTimeSize = 25;
constexpr int kFirstYear = 1980;

// Digits alone; -1 for what is none.
int Digits(absl::string_view text) {
  int number = -1;
  if (!std::all_of(text.begin(), text.end(), absl::ascii_isdigit) ||
      !absl::SimpleAtoi(text, &number))
    return -1;
  return number;
}
}  // namespace

const std::vector<std::string>& TextsOf(const WmiRow& row, const std::string& name) {
  static const auto* const none = new std::vector<std::string>();
  const auto found = row.find(name);
  return found == row.end() ? *none : found->second;
}

std::string TextOf(const WmiRow& row, const std::string& name) {
  const std::vector<std::string>& texts = TextsOf(row, name);
  return texts.empty() ? "" : texts.front();
}

std::optional<bool> FlagOf(const WmiRow& row, const std::string& name) {
  const std::string text = TextOf(row, name);
  if (absl::EqualsIgnoreCase(text, "true")) return true;
  if (absl::EqualsIgnoreCase(text, "false")) return false;
  return std::nullopt;
}

std::optional<std::uint32_t> NumberOf(const WmiRow& row, const std::string& name) {
  std::int64_t number = 0;
  if (!absl::SimpleAtoi(TextOf(row, name), &number) || number < INT32_MIN || number > UINT32_MAX)
    return std::nullopt;
  return static_cast<std::uint32_t>(number);
}

std::optional<absl::Time> CimTime(absl::string_view text) {
  if (text.size() != kCimTimeSize || text[14] != '.' || (text[21] != '+' && text[21] != '-'))
    return std::nullopt;
  const int year = Digits(text.substr(0, 4));
  const int month = Digits(text.substr(4, 2));
  const int day = Digits(text.substr(6, 2));
  const int hour = Digits(text.substr(8, 2));
  const int minute = Digits(text.substr(10, 2));
  const int second = Digits(text.substr(12, 2));
  const int micros = Digits(text.substr(15, 6));
  const int offset = Digits(text.substr(22, 3));
  if (year < kFirstYear || month < 0 || day < 0 || hour < 0 || minute < 0 || second < 0 ||
      micros < 0 || offset < 0)
    return std::nullopt;
  const absl::CivilSecond civil(year, month, day, hour, minute, second);
  // A 31st of February becomes another day.
  if (civil.month() != month || civil.day() != day || civil.hour() != hour ||
      civil.minute() != minute || civil.second() != second)
    return std::nullopt;
  const absl::Duration east = absl::Minutes(text[21] == '+' ? offset : -offset);
  return absl::FromCivil(civil, absl::UTCTimeZone()) + absl::Microseconds(micros) - east;
}

std::optional<absl::Time> TimeOf(const WmiRow& row, const std::string& name) {
  return CimTime(TextOf(row, name));
}

}  // namespace mailquench::agent::defender
