#include "controller/mx/switch_text.h"

#include <algorithm>
#include <map>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "controller/mx/preflight.h"
#include "controller/mx/record_way.h"
#include "controller/mx/watch_record.h"
#include "controller/mx/zone_servers.h"
#include "controller/store/times.h"
#include "nlohmann/json.hpp"

namespace mailquench::controller::mx {
namespace {

std::string Lines(const v1::RecordSet& set) {
  if (set.values().empty()) return "  (no such record)\n";
  std::string text;
  for (const std::string& value : set.values())
    absl::StrAppend(&text, "  ", set.name(), ".  ", set.ttl(), "  IN  ", set.type(), "  ", value,
                    "\n");
  return text;
}

nlohmann::json SetJson(const v1::RecordSet& set) {
  return {{"values", std::vector<std::string>(set.values().begin(), set.values().end())},
          {"ttl", set.ttl()}};
}

// The first server or resolver that holds it up.
std::string Laggard(const v1::MxSwitch& value, int* more) {
  std::string first;
  for (const v1::SwitchRecord& record : value.records()) {
    const bool watched = record.state() == v1::RECORD_STATE_APPLIED ||
                         (record.state() == v1::RECORD_STATE_REVERTED && !record.has_seen_time());
    if (!watched) continue;
    if (record.servers().empty() && !record.error().empty() && first.empty())
      first = record.error();
    for (const v1::ServerHas& server : record.servers()) {
      if (server.standing() == "current" || !IsAsked(record.servers(), server)) continue;
      if (first.empty())
        first = server.sentence();
      else if (server.sentence() != first)
        ++*more;
    }
  }
  return first;
}

// Resolvers that keep the old record though its TTL is over.
std::string Stubborn(const v1::MxSwitch& value, absl::Time now) {
  for (const v1::SwitchRecord& record : value.records()) {
    if (record.state() != v1::RECORD_STATE_SEEN || TimeOf(record.expire_time()) > now) continue;
    for (const v1::ResolverHas& one : record.resolvers()) {
      if (one.standing() == "old") return one.sentence();
    }
  }
  return "";
}

std::string Counted(const v1::MxSwitch& value) {
  int seen = 0, all = 0, requested = 0;
  for (const v1::SwitchRecord& record : value.records()) {
    ++all;
    seen += record.state() == v1::RECORD_STATE_SEEN || record.state() == v1::RECORD_STATE_UNCHANGED;
    requested += record.state() == v1::RECORD_STATE_REQUESTED;
  }
  return absl::StrCat(
      seen, " of ", all, " records are at every name server",
      requested > 0 ? absl::StrCat(", ", requested, " wait for whoever has the zone") : "");
}

// What could not be sent yet, and why.
std::string Retried(const v1::MxSwitch& value) {
  for (const v1::SwitchRecord& record : value.records()) {
    if (record.state() == v1::RECORD_STATE_SENDING && !record.error().empty())
      return absl::StrCat("; ", NameText(record), ": ", record.error());
  }
  return "";
}

// What a person has to decide on the way back.
std::string Decisions(const v1::MxSwitch& value) {
  std::vector<std::string> ids;
  for (const v1::Check& check : value.checks()) {
    if (check.state() == v1::CHECK_STATE_FAILED && absl::StartsWith(check.check_id(), kRecordCheck))
      ids.push_back(check.check_id());
  }
  if (ids.empty()) return "";
  return absl::StrCat("; decide about ", ids[0],
                      ids.size() > 1 ? absl::StrCat(" (and ", ids.size() - 1, " more)") : "",
                      ": mend it and revert again, or waive it, which leaves it as it is");
}

std::string LeftText(const v1::MxSwitch& value) {
  std::vector<std::string> left;
  for (const v1::SwitchRecord& record : value.records()) {
    const bool theirs = record.state() == v1::RECORD_STATE_CONFLICT && !record.backwards();
    if (theirs || (!IsBack(record) && IsLeft(value, record))) left.push_back(NameText(record));
  }
  left.erase(std::unique(left.begin(), left.end()), left.end());
  return absl::StrJoin(left, ", ");
}

std::string Watching(const v1::MxSwitch& value, absl::Time now) {
  std::string text = Counted(value);
  int more = 0;
  if (const std::string laggard = Laggard(value, &more); !laggard.empty())
    absl::StrAppend(&text, "; ", laggard, more > 0 ? absl::StrCat(" (and ", more, " more)") : "");
  if (value.has_done_time()) {
    const absl::Time done = TimeOf(value.done_time());
    if (done > now)
      absl::StrAppend(&text, "; done at ", TimeText(done), ", in ",
                      absl::FormatDuration(absl::Ceil(done - now, absl::Seconds(1))));
  }
  return text;
}

}  // namespace

std::string TimeText(absl::Time time) {
  return absl::FormatTime("%Y-%m-%dT%H:%M:%SZ", time, absl::UTCTimeZone());
}

std::string SetText(const v1::RecordSet& set) {
  if (set.values().empty()) return "nothing";
  return absl::StrCat(absl::StrJoin(set.values(), ", "), " (TTL ", set.ttl(), ")");
}

std::string NameText(const v1::SwitchRecord& record) {
  return absl::StrCat(record.before().type(), " of ", record.before().name());
}

std::string SwitchSentence(const v1::MxSwitch& value, absl::Time now) {
  switch (value.state()) {
    case v1::SWITCH_STATE_PLANNED: {
      const std::vector<v1::Check> checks(value.checks().begin(), value.checks().end());
      const std::string failed = FailedText(checks);
      return failed.empty() ? absl::StrCat("planned: ", value.records_size(), " records")
                            : absl::StrCat("planned, and held up by ", failed);
    }
    case v1::SWITCH_STATE_LOWERING:
      return absl::StrCat("TTLs are lowered, and the old ones waited out: ", Watching(value, now),
                          Retried(value));
    case v1::SWITCH_STATE_SWITCHING:
      return absl::StrCat("records are changed: ", Counted(value), Retried(value));
    case v1::SWITCH_STATE_WATCHING:
      return Watching(value, now);
    case v1::SWITCH_STATE_DONE: {
      const std::string stubborn = Stubborn(value, now);
      return absl::StrCat("done: every name server has the new records and the old TTLs are over",
                          stubborn.empty() ? "" : "; ", stubborn);
    }
    case v1::SWITCH_STATE_REVERTING: {
      int more = 0;
      const std::string laggard = Laggard(value, &more);
      return absl::StrCat("the former records are put back", Retried(value),
                          laggard.empty() ? "" : "; ", laggard, Decisions(value));
    }
    case v1::SWITCH_STATE_REVERTED: {
      const std::string left = LeftText(value);
      return absl::StrCat(
          "reverted: every name server has the former records",
          left.empty() ? "" : absl::StrCat(", but these were left as they are: ", left));
    }
    case v1::SWITCH_STATE_STUCK: {
      const bool back = GoesBack(value);
      for (const v1::SwitchRecord& record : value.records()) {
        const bool broken = record.state() == v1::RECORD_STATE_FAILED ||
                            record.state() == v1::RECORD_STATE_CONFLICT;
        if (!broken || (back && (!record.backwards() || IsLeft(value, record)))) continue;
        return back ? absl::StrCat("stuck on the way back at ", NameText(record), ": ",
                                   record.error(), "; all others are back", Decisions(value))
                    : absl::StrCat("stuck at ", NameText(record), ": ", record.error(),
                                   "; start it again once that is mended, or revert it");
      }
      return "stuck";
    }
    case v1::SWITCH_STATE_ABANDONED:
      return "never begun";
    default:
      return "";
  }
}

std::vector<std::string> RequestTexts(const Options& options,
                                      const v1::MxSwitch& value,
                                      bool backwards,
                                      const std::set<int>& positions) {
  std::map<std::string, std::string> by_contact;
  std::set<std::string> whole;  // Of these the record itself goes, with its TTL.
  for (const int i : positions) {
    if (value.records(i).purpose() != "ttl") whole.insert(NameText(value.records(i)));
  }
  for (const int i : positions) {
    const v1::SwitchRecord& record = value.records(i);
    if (record.via() != v1::SWITCH_VIA_REQUEST) continue;
    if (backwards && record.purpose() == "ttl" && whole.count(NameText(record)) > 0) continue;
    const Zone* const zone = ConfiguredZone(options, record.before().name());
    const std::string contact =
        zone != nullptr && !zone->contact.empty()
            ? zone->contact
            : absl::StrCat("whoever has the zone ",
                           record.zone().empty() ? record.before().name() : record.zone(),
                           record.purpose() == "ptr" ? " (the provider of the address)" : "");
    const v1::RecordSet& from = backwards ? record.after() : record.before();
    const v1::RecordSet& to = backwards ? record.before() : record.after();
    absl::StrAppend(&by_contact[contact], "Zone ", record.zone(), ", ", record.before().type(),
                    " of ", record.before().name(), "\n",
                    record.open_request()
                        ? "We asked you to make it the following; please do so no more, and undo "
                          "it where that is done:\n"
                        : "It is now:\n",
                    Lines(from), record.open_request() ? "It shall be:\n" : "Please make it:\n",
                    Lines(to), backwards ? "" : "To go back, should we ask for it:\n",
                    backwards ? "" : Lines(record.before()), "\n");
  }
  std::vector<std::string> texts;
  for (const auto& [contact, body] : by_contact)
    texts.push_back(
        absl::StrCat("To: ", contact, "\nSubject: ",
                     backwards ? "please undo this change of DNS records" : "change of DNS records",
                     " (", value.switch_id(), ")\n\n", body,
                     "Please change these records and nothing else, keep the TTLs as "
                     "written, and tell us when it is done.\n"));
  return texts;
}

std::string HookInput(const std::string& switch_id,
                      const v1::SwitchRecord& record,
                      const v1::RecordSet& from,
                      const v1::RecordSet& to) {
  const nlohmann::json input = {{"switch", switch_id},
                                {"zone", record.zone()},
                                {"name", record.before().name()},
                                {"type", record.before().type()},
                                {"purpose", record.purpose()},
                                {"revert", record.backwards()},
                                {"before", SetJson(from)},
                                {"after", SetJson(to)}};
  return input.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

}  // namespace mailquench::controller::mx
