#include "common/operation/duration.h"

#include <cstddef>
#include <cstdint>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "common/status/error.h"

namespace mailquench {
namespace {

constexpr absl::Duration kMost = absl::Seconds(std::int64_t{315'576'000'000});

// Takes one number and its unit from the front. Abseil reads the number; it knows no days, because
// a day of the calendar may have another length than 24 hours, and no "min".
bool TakeOne(absl::string_view* text, absl::Duration* total) {
  std::size_t digits = 0;
  while (digits < text->size() &&
         (absl::ascii_isdigit((*text)[digits]) || (*text)[digits] == '.')) {
    ++digits;
  }
  std::size_t end = digits;
  while (end < text->size() && absl::ascii_isalpha((*text)[end])) ++end;
  const absl::string_view unit = text->substr(digits, end - digits);
  if (digits == 0 || unit.empty()) return false;
  const bool days = unit == "d";
  absl::Duration one;
  if (!absl::ParseDuration(absl::StrCat(text->substr(0, digits), days            ? "h"
                                                                 : unit == "min" ? "m"
                                                                                 : unit),
                           &one)) {
    return false;
  }
  *total += days ? 24 * one : one;
  text->remove_prefix(end);
  return true;
}

}  // namespace

absl::StatusOr<absl::Duration> ParseDuration(absl::string_view text) {
  absl::string_view rest = text;
  const bool minus = absl::ConsumePrefix(&rest, "-");
  if (!minus) absl::ConsumePrefix(&rest, "+");
  absl::Duration total;
  bool good = !rest.empty();
  if (rest == "0") rest = "";
  while (good && !rest.empty()) good = TakeOne(&rest, &total);
  if (!good || total > kMost || (minus && total > absl::ZeroDuration())) {
    return Error(absl::StatusCode::kInvalidArgument, "BAD_DURATION",
                 absl::StrCat("'", text, "' is no duration; write it like 90s, 15m, 1h30m or 2d."));
  }
  return total;
}

google::protobuf::Duration ToProtoDuration(absl::Duration duration) {
  google::protobuf::Duration out;
  out.set_seconds(absl::ToInt64Seconds(duration));
  out.set_nanos(
      static_cast<std::int32_t>(absl::ToInt64Nanoseconds(duration - absl::Seconds(out.seconds()))));
  return out;
}

}  // namespace mailquench
