// Whether a moment is in a window that is written in local time.
#include <algorithm>

#include "absl/time/civil_time.h"
#include "controller/escalation/rules.h"

namespace mailquench::controller {
namespace {

// When the clocks of `zone` show this minute of `day`. A time that is skipped is the moment of the
// change; one that comes twice is the first, or where `late` is set the last.
absl::Time At(const absl::TimeZone& zone, absl::CivilDay day, int minute, bool late) {
  const absl::TimeZone::TimeInfo info =
      zone.At(absl::CivilSecond(day.year(), day.month(), day.day(), 0, minute, 0));
  if (info.kind == absl::TimeZone::TimeInfo::SKIPPED) return info.trans;
  return late ? info.post : info.pre;
}

// 1 Monday .. 7 Sunday.
int DayOfWeek(absl::CivilDay day) {
  return static_cast<int>(absl::GetWeekday(day)) + 1;
}

}  // namespace

bool TimeWindow::Contains(absl::Time time) const {
  if (once) return begin <= time && time < end;
  const absl::CivilDay today(zone.At(time).cs);
  // It has begun today, or yesterday and ends today.
  for (const absl::CivilDay day : {today - 1, today}) {
    if (!days.empty() && std::find(days.begin(), days.end(), DayOfWeek(day)) == days.end())
      continue;
    const absl::CivilDay last = to_minute <= from_minute ? day + 1 : day;
    if (At(zone, day, from_minute, false) <= time && time < At(zone, last, to_minute, true))
      return true;
  }
  return false;
}

}  // namespace mailquench::controller
