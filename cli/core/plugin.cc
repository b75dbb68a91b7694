#include "cli/core/plugin.h"

#include <algorithm>
#include <cstddef>
#include <limits>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "common/status/error.h"
#include "common/text/harmless.h"

namespace mailquench::cli {
namespace {

// 8 KiB is what Nagios reads, 4 KiB what older ones and NRPE do.
constexpr std::size_t kTextBytes = 500;
constexpr std::size_t kDetailBytes = 160;
constexpr std::size_t kDetails = 15;

int Rank(PluginState state) {
  switch (state) {
    case PluginState::kCritical:
      return 3;
    case PluginState::kWarning:
      return 2;
    case PluginState::kUnknown:
      return 1;
    case PluginState::kOk:
      break;
  }
  return 0;
}

absl::Status BadRange(const std::string& text, const std::string& why) {
  return Error(
      absl::StatusCode::kInvalidArgument, "BAD_RANGE",
      absl::StrCat("'", text, "' is no range (", why, "); write 10, 10:, ~:10, 10:20 or @10:20."));
}

// Digits, a sign and a point: what performance data may hold, so no exponent, "inf" or "nan".
bool ReadNumber(const std::string& text, double* out) {
  return !text.empty() && text.find_first_not_of("-.0123456789") == std::string::npos &&
         absl::SimpleAtod(text, out);
}

std::string Plain(const std::string& text, std::size_t max_bytes) {
  std::string out = absl::StrReplaceAll(Harmless(text), {{"|", "/"}});
  if (out.size() <= max_bytes) return out;
  out.resize(max_bytes);
  out.resize(out.size() - CutAtEnd(out));
  return absl::StrCat(out, " ...");
}

std::string TextOf(const Figure& figure) {
  std::string out = absl::StrCat(
      "'", absl::StrReplaceAll(Plain(figure.label, kDetailBytes), {{"'", "''"}, {"=", "_"}}),
      "'=", figure.value, figure.unit, ";", figure.warning, ";", figure.critical, ";", figure.min,
      ";", figure.max);
  out.erase(out.find_last_not_of(';') + 1);
  return out;
}

}  // namespace

PluginState Worse(PluginState a, PluginState b) {
  return Rank(a) >= Rank(b) ? a : b;
}

std::string WordOf(PluginState state) {
  switch (state) {
    case PluginState::kOk:
      return "OK";
    case PluginState::kWarning:
      return "WARNING";
    case PluginState::kCritical:
      return "CRITICAL";
    case PluginState::kUnknown:
      break;
  }
  return "UNKNOWN";
}

absl::StatusOr<Range> Range::Parse(const std::string& text) {
  Range range;
  range.text_ = text;
  range.inside_ = !text.empty() && text[0] == '@';
  const std::string limits = range.inside_ ? text.substr(1) : text;
  if (limits.empty()) return BadRange(text, "it is empty");
  const auto colon = limits.find(':');
  const std::string start = colon == std::string::npos ? "" : limits.substr(0, colon);
  const std::string end = colon == std::string::npos ? limits : limits.substr(colon + 1);
  constexpr double kForEver = std::numeric_limits<double>::infinity();
  if (start == "~") {
    range.start_ = -kForEver;
  } else if (!start.empty() && !ReadNumber(start, &range.start_)) {
    return BadRange(text, absl::StrCat("'", start, "' is no number"));
  }
  if (end.empty()) {
    range.end_ = kForEver;
  } else if (!ReadNumber(end, &range.end_)) {
    return BadRange(text, absl::StrCat("'", end, "' is no number"));
  }
  if (range.start_ > range.end_) return BadRange(text, "it ends before it begins");
  return range;
}

bool Range::Alerts(double value) const {
  const bool in = value >= start_ && value <= end_;
  return in == inside_;
}

PluginState Thresholds::Of(double value) const {
  if (critical.has_value() && critical->Alerts(value)) return PluginState::kCritical;
  if (warning.has_value() && warning->Alerts(value)) return PluginState::kWarning;
  return PluginState::kOk;
}

absl::StatusOr<Thresholds> Thresholds::Parse(const std::string& warning,
                                             const std::string& critical) {
  Thresholds out;
  if (!warning.empty()) {
    MQ_ASSIGN_OR_RETURN(out.warning, Range::Parse(warning));
  }
  if (!critical.empty()) {
    MQ_ASSIGN_OR_RETURN(out.critical, Range::Parse(critical));
  }
  return out;
}

Figure MakeFigure(const std::string& label, std::int64_t value, const Thresholds& thresholds) {
  Figure figure;
  figure.label = label;
  figure.value = value;
  if (thresholds.warning.has_value()) figure.warning = thresholds.warning->text();
  if (thresholds.critical.has_value()) figure.critical = thresholds.critical->text();
  return figure;
}

std::string Render(const std::string& service, const PluginResult& result) {
  std::string out =
      absl::StrCat(service, " ", WordOf(result.state), " - ", Plain(result.text, kTextBytes));
  std::string figures;
  for (const Figure& figure : result.figures) absl::StrAppend(&figures, " ", TextOf(figure));
  if (!figures.empty()) absl::StrAppend(&out, " |", figures);
  out += '\n';
  const std::size_t shown = std::min(result.details.size(), kDetails);
  for (std::size_t i = 0; i < shown; ++i)
    absl::StrAppend(&out, Plain(result.details[i], kDetailBytes), "\n");
  if (result.details.size() > shown)
    absl::StrAppend(&out, "and ", result.details.size() - shown, " more\n");
  return out;
}

}  // namespace mailquench::cli
