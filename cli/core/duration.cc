#include "cli/core/duration.h"

#include <cctype>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <ctime>

#include "absl/strings/str_cat.h"
#include "common/status/error.h"

namespace mailquench::cli {

absl::StatusOr<std::chrono::milliseconds> ParseDuration(const std::string& text) {
  std::int64_t total = 0;
  std::size_t at = 0;
  bool good = !text.empty();
  while (good && at < text.size()) {
    const std::size_t digits = at;
    std::int64_t number = 0;
    while (at < text.size() && std::isdigit(static_cast<unsigned char>(text[at])) != 0 &&
           number < 1'000'000'000) {
      number = number * 10 + (text[at++] - '0');
    }
    const std::size_t letters = at;
    while (at < text.size() && std::isalpha(static_cast<unsigned char>(text[at])) != 0) ++at;
    const std::string unit = text.substr(letters, at - letters);
    std::int64_t scale = 0;
    if (unit == "ms") scale = 1;
    if (unit == "s") scale = 1000;
    if (unit == "m" || unit == "min") scale = 60'000;
    if (unit == "h") scale = 3'600'000;
    if (unit == "d") scale = 86'400'000;
    good = letters > digits && scale != 0;
    total += number * scale;
  }
  if (!good) {
    return Error(absl::StatusCode::kInvalidArgument, "BAD_DURATION",
                 absl::StrCat("'", text, "' is no duration; write it like 90s, 15m, 1h30m or 2d."));
  }
  return std::chrono::milliseconds(total);
}

google::protobuf::Duration ToProtoDuration(std::chrono::milliseconds duration) {
  google::protobuf::Duration out;
  out.set_seconds(duration.count() / 1000);
  out.set_nanos(static_cast<int>(duration.count() % 1000) * 1'000'000);
  return out;
}

double Seconds(const google::protobuf::Duration& duration) {
  return static_cast<double>(duration.seconds()) + duration.nanos() / 1e9;
}

double Seconds(const google::protobuf::Timestamp& from, const google::protobuf::Timestamp& to) {
  return static_cast<double>(to.seconds() - from.seconds()) + (to.nanos() - from.nanos()) / 1e9;
}

std::string HumanSeconds(double seconds) {
  char text[48];
  const auto whole = static_cast<std::int64_t>(std::llround(seconds));
  if (seconds < 60) {
    std::snprintf(text, sizeof text, seconds < 0.1 ? "%.3f s" : "%.1f s", seconds);
  } else if (whole < 3600) {
    std::snprintf(text, sizeof text, "%d min %d s", static_cast<int>(whole / 60),
                  static_cast<int>(whole % 60));
  } else {
    std::snprintf(text, sizeof text, "%lld h %d min", static_cast<long long>(whole / 3600),
                  static_cast<int>(whole % 3600 / 60));
  }
  return text;
}

std::string HumanTime(const google::protobuf::Timestamp& time) {
  if (time.seconds() == 0 && time.nanos() == 0) return "-";
  const std::time_t seconds = time.seconds();
  std::tm parts{};
  gmtime_r(&seconds, &parts);
  char text[32];
  std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts);
  return text;
}

}  // namespace mailquench::cli
