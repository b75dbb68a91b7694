// Quiet hours and windows of bulk mail in escalation.yaml.
#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "common/status/error.h"
#include "controller/escalation/rules_reader.h"
#include "controller/fleet/selectors.h"

namespace mailquench::controller {
namespace {

// 1 Monday .. 7 Sunday of "mon", "Monday"; 0: none.
int DayNumber(absl::string_view text) {
  const std::string day = absl::AsciiStrToLower(text);
  const std::vector<std::string> names = {"monday", "tuesday",  "wednesday", "thursday",
                                          "friday", "saturday", "sunday"};
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (day == names[i] || day == names[i].substr(0, 3)) return static_cast<int>(i) + 1;
  }
  return 0;
}

// "mon", or as Alertmanager has it "monday:friday".
bool ReadDays(const std::string& text, std::vector<int>* days) {
  const std::vector<std::string> ends = absl::StrSplit(text, ':');
  const int first = DayNumber(ends.front()), last = DayNumber(ends.back());
  if (ends.size() > 2 || first == 0 || last < first) return false;
  for (int day = first; day <= last; ++day) {
    if (std::find(days->begin(), days->end(), day) == days->end()) days->push_back(day);
  }
  return true;
}

absl::Status ReadMinute(const RulesMap& map, const std::string& key, int most, int* minute) {
  std::string text;
  MQ_RETURN_IF_ERROR(map.Text(key, &text));
  int hours = 0, minutes = 0;
  const bool digits = text.size() == 5 && text[2] == ':' && text.find_first_of("+- ") == text.npos;
  if (!digits || !absl::SimpleAtoi(text.substr(0, 2), &hours) ||
      !absl::SimpleAtoi(text.substr(3), &minutes) || minutes > 59 || hours * 60 + minutes > most)
    return map.Fault(key, "is a time of the day such as '22:00'");
  *minute = hours * 60 + minutes;
  return absl::OkStatus();
}

absl::Status ReadMoment(const RulesMap& map, const std::string& key, absl::Time* time) {
  std::string text, error;
  MQ_RETURN_IF_ERROR(map.Text(key, &text));
  if (!absl::ParseTime(absl::RFC3339_full, text, time, &error) || text.find("inf") != text.npos)
    return map.Fault(key, "is a time with its offset, such as 2026-03-01T08:00:00+01:00");
  return absl::OkStatus();
}

absl::Status ReadZone(const RulesMap& map, TimeWindow* window) {
  std::string name = "UTC";
  MQ_RETURN_IF_ERROR(map.Text("time_zone", &name));
  // It becomes the path of a file.
  const bool plain =
      absl::ascii_isalpha(static_cast<unsigned char>(name[0])) && name.find("..") == name.npos &&
      std::all_of(name.begin(), name.end(), [](unsigned char c) {
        return absl::ascii_isalnum(c) || c == '/' || c == '_' || c == '-' || c == '+';
      });
  if (!plain || !absl::LoadTimeZone(name, &window->zone))
    return map.Fault("time_zone", absl::StrCat("'", name, "' is not known on this machine; one is ",
                                               "named like Europe/Berlin (Debian's tzdata)"));
  return absl::OkStatus();
}

absl::Status ReadOnce(const RulesMap& map, TimeWindow* window) {
  for (const char* key : {"days", "from", "to", "time_zone"}) {
    if (map.Has(key))
      return map.Fault(key, "does not go with 'begin' and 'end', which are one time only");
  }
  window->once = true;
  MQ_RETURN_IF_ERROR(ReadMoment(map, "begin", &window->begin));
  MQ_RETURN_IF_ERROR(ReadMoment(map, "end", &window->end));
  return window->begin < window->end ? absl::OkStatus() : map.Fault("end", "is after 'begin'");
}

}  // namespace

absl::Status ReadWindow(const RulesMap& map, bool with_hosts, TimeWindow* window) {
  std::set<std::string> keys = {"name", "days", "from", "to", "time_zone", "begin", "end"};
  if (with_hosts) keys.insert("hosts");
  MQ_RETURN_IF_ERROR(map.Keys(keys));
  MQ_RETURN_IF_ERROR(map.Text("name", &window->name));
  if (!IsRuleName(window->name))
    return map.Fault("name", "is needed: 1 to 64 letters, digits, '.', '-', '_'");
  MQ_RETURN_IF_ERROR(map.Text("hosts", &window->selector));
  const absl::StatusOr<Selector> selector = Selector::Parse(window->selector);
  if (!selector.ok())
    return map.Fault("hosts", "is wrong: " + std::string(selector.status().message()));
  if (map.Has("begin") || map.Has("end")) return ReadOnce(map, window);

  MQ_RETURN_IF_ERROR(map.Each("days", [&](const YAML::Node& day) {
    if (day.IsScalar() && ReadDays(day.Scalar(), &window->days)) return absl::OkStatus();
    return RulesFault(map.file(), day, "a day is mon, tue, wed, thu, fri, sat, sun or mon:fri");
  }));
  if (map.Has("days") && window->days.empty()) return map.Fault("days", "names no day");
  if (map.Has("from") != map.Has("to"))
    return map.Fault(map.Has("from") ? "from" : "to", "goes with the other of 'from' and 'to'");
  if (!map.Has("from") && !map.Has("days"))
    return map.Fault("name", "has no times with it: 'from' and 'to', 'days', or 'begin' and 'end'");
  if (map.Has("from")) {
    MQ_RETURN_IF_ERROR(ReadMinute(map, "from", 24 * 60 - 1, &window->from_minute));
    MQ_RETURN_IF_ERROR(ReadMinute(map, "to", 24 * 60, &window->to_minute));
  }
  return ReadZone(map, window);
}

}  // namespace mailquench::controller
