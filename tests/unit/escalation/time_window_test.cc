// Windows of local time: midnight, summer time, single days.
#include "controller/escalation/rules.h"
#include "gtest/gtest.h"

namespace mailquench::controller {
namespace {

absl::TimeZone Zone(const std::string& name) {
  absl::TimeZone zone;
  EXPECT_TRUE(absl::LoadTimeZone(name, &zone)) << name << ": is tzdata installed?";
  return zone;
}

absl::Time At(const std::string& text) {
  absl::Time time;
  std::string error;
  EXPECT_TRUE(absl::ParseTime(absl::RFC3339_full, text, &time, &error)) << text << error;
  return time;
}

TimeWindow Window(std::vector<int> days, int from, int to, const std::string& zone) {
  TimeWindow window;
  window.days = std::move(days);
  window.from_minute = from;
  window.to_minute = to;
  window.zone = Zone(zone);
  return window;
}

struct Case {
  const char* time;
  bool inside;
};

void Check(const TimeWindow& window, const std::vector<Case>& cases) {
  for (const Case& one : cases) EXPECT_EQ(window.Contains(At(one.time)), one.inside) << one.time;
}

TEST(TimeWindow, OnADay) {
  // 2026-03-03 was a Tuesday.
  Check(Window({2}, 8 * 60, 11 * 60 + 30, "Europe/Berlin"),
        {
            {"2026-03-03T07:59:59+01:00", false},
            {"2026-03-03T08:00:00+01:00", true},
            {"2026-03-03T11:29:59+01:00", true},
            {"2026-03-03T11:30:00+01:00", false},
            {"2026-03-03T08:00:00Z", true},
            {"2026-03-03T11:00:00Z", false},
            {"2026-03-04T09:00:00+01:00", false},
        });
}

// The day is the one on which it begins.
TEST(TimeWindow, AcrossMidnight) {
  Check(Window({1}, 22 * 60, 6 * 60, "Europe/Berlin"), {
                                                           {"2026-03-02T21:59:59+01:00", false},
                                                           {"2026-03-02T22:00:00+01:00", true},
                                                           {"2026-03-03T00:00:00+01:00", true},
                                                           {"2026-03-03T05:59:59+01:00", true},
                                                           {"2026-03-03T06:00:00+01:00", false},
                                                           {"2026-03-03T22:30:00+01:00", false},
                                                           {"2026-03-02T03:00:00+01:00", false},
                                                       });
  // Sunday's ends on Monday.
  Check(Window({7}, 22 * 60, 6 * 60, "UTC"),
        {{"2026-03-02T05:00:00Z", true}, {"2026-03-01T05:00:00Z", false}});
}

TEST(TimeWindow, WholeDays) {
  Check(Window({6, 7}, 0, 0, "America/New_York"), {
                                                      {"2026-03-06T23:59:59-05:00", false},
                                                      {"2026-03-07T00:00:00-05:00", true},
                                                      {"2026-03-08T23:59:59-04:00", true},
                                                      {"2026-03-09T00:00:00-04:00", false},
                                                  });
  Check(Window({}, 0, 24 * 60, "UTC"), {{"2026-03-06T00:00:00Z", true}});
  Check(Window({5}, 12 * 60, 24 * 60, "UTC"), {
                                                  {"2026-03-06T11:59:00Z", false},
                                                  {"2026-03-06T23:59:59Z", true},
                                                  {"2026-03-07T00:00:00Z", false},
                                              });
  // Whole, and from noon to noon.
  Check(Window({5}, 12 * 60, 12 * 60, "UTC"), {
                                                  {"2026-03-06T11:59:00Z", false},
                                                  {"2026-03-07T11:59:00Z", true},
                                                  {"2026-03-07T12:00:00Z", false},
                                              });
}

// 2026-03-29 at 02:00 the clocks of Berlin go to 03:00: the night has seven hours.
TEST(TimeWindow, ANightThatIsShorter) {
  Check(Window({6}, 22 * 60, 6 * 60, "Europe/Berlin"), {
                                                           {"2026-03-28T20:59:59Z", false},
                                                           {"2026-03-28T21:00:00Z", true},
                                                           {"2026-03-29T03:59:59Z", true},
                                                           {"2026-03-29T04:00:00Z", false},
                                                       });
  // 02:30 is skipped: it begins with what comes instead.
  Check(Window({7}, 2 * 60 + 30, 4 * 60, "Europe/Berlin"), {
                                                               {"2026-03-29T00:59:59Z", false},
                                                               {"2026-03-29T01:00:00Z", true},
                                                               {"2026-03-29T01:59:59Z", true},
                                                               {"2026-03-29T02:00:00Z", false},
                                                           });
  // All of it is skipped.
  Check(Window({7}, 2 * 60 + 10, 2 * 60 + 50, "Europe/Berlin"), {
                                                                    {"2026-03-29T00:30:00Z", false},
                                                                    {"2026-03-29T01:00:00Z", false},
                                                                    {"2026-03-29T01:30:00Z", false},
                                                                });
}

// 2026-10-25 at 03:00 they go back to 02:00: 02:30 comes twice.
TEST(TimeWindow, ANightThatIsLonger) {
  Check(Window({7}, 2 * 60 + 30, 3 * 60, "Europe/Berlin"), {
                                                               {"2026-10-25T00:29:59Z", false},
                                                               {"2026-10-25T00:30:00Z", true},
                                                               {"2026-10-25T01:15:00Z", true},
                                                               {"2026-10-25T01:59:59Z", true},
                                                               {"2026-10-25T02:00:00Z", false},
                                                           });
  // It ends with the later of the two.
  Check(Window({7}, 60, 2 * 60 + 30, "Europe/Berlin"), {
                                                           {"2026-10-24T22:59:59Z", false},
                                                           {"2026-10-24T23:00:00Z", true},
                                                           {"2026-10-25T00:45:00Z", true},
                                                           {"2026-10-25T01:29:59Z", true},
                                                           {"2026-10-25T01:30:00Z", false},
                                                       });
}

// Where summer time begins at midnight the day begins at 01:00 (Santiago, 2026-09-06).
TEST(TimeWindow, ADayWithoutMidnight) {
  Check(Window({7}, 0, 0, "America/Santiago"), {
                                                   {"2026-09-06T03:59:59Z", false},
                                                   {"2026-09-06T04:00:00Z", true},
                                                   {"2026-09-07T02:59:59Z", true},
                                                   {"2026-09-07T03:00:00Z", false},
                                               });
}

TEST(TimeWindow, Once) {
  TimeWindow window;
  window.once = true;
  window.begin = At("2026-03-03T08:00:00+01:00");
  window.end = At("2026-03-03T10:00:00+01:00");
  Check(window, {
                    {"2026-03-03T06:59:59Z", false},
                    {"2026-03-03T07:00:00Z", true},
                    {"2026-03-03T08:59:59Z", true},
                    {"2026-03-03T09:00:00Z", false},
                });
}

}  // namespace
}  // namespace mailquench::controller
