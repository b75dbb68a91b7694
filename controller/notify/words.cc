#include "controller/notify/words.h"

#include <functional>
#include <map>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/time.h"
#include "common/text/harmless.h"
#include "controller/notify/kinds.h"
#include "controller/store/times.h"

namespace mailquench::controller {
namespace {
constexpr std::size_t kMaxSubject = 200;
constexpr std::size_t kMaxBody = std::size_t{100} * 1000;
constexpr int kHostsInSubject = 3;
constexpr int kHostsInBody = 100;
constexpr char kOneField[] = "fields.";

std::string Hosts(const v1::Notice& notice, int most) {
  std::string text;
  for (int i = 0; i < notice.hosts_size() && i < most; ++i)
    absl::StrAppend(&text, text.empty() ? "" : ", ", notice.hosts(i));
  if (notice.hosts_size() > most)
    absl::StrAppend(&text, " and ", notice.hosts_size() - most, " more");
  return text;
}

std::string AllFields(const v1::Notice& notice) {
  const std::map<std::string, std::string> sorted(notice.fields().begin(), notice.fields().end());
  return absl::StrJoin(sorted, "\n", absl::PairFormatter(": "));
}

std::string Title(const v1::Notice& notice) {
  const NoticeKind* const kind = FindNoticeKind(notice.kind());
  return kind != nullptr ? kind->title : notice.kind();
}

using Getter = std::function<std::string(const v1::Notice&)>;

const std::map<std::string, Getter>& Getters() {
  static const auto* const getters = new std::map<std::string, Getter>{
      {"id", [](const v1::Notice& n) { return n.notice_id(); }},
      {"kind", [](const v1::Notice& n) { return n.kind(); }},
      {"title", Title},
      {"severity", [](const v1::Notice& n) { return n.severity(); }},
      {"text", [](const v1::Notice& n) { return n.text(); }},
      {"next", [](const v1::Notice& n) { return n.next(); }},
      {"time", TimeOfNotice},
      {"incident_id", [](const v1::Notice& n) { return n.incident_id(); }},
      {"escalation_id", [](const v1::Notice& n) { return n.escalation_id(); }},
      {"run_id", [](const v1::Notice& n) { return n.run_id(); }},
      {"hosts", [](const v1::Notice& n) { return Hosts(n, kHostsInBody); }},
      {"host_count", [](const v1::Notice& n) { return absl::StrCat(n.hosts_size()); }},
      {"fields", AllFields}};
  return *getters;
}

// Calls `plain` with what stands outside of fields and `field` with the name of each. "" or what is
// wrong.
std::string Walk(const std::string& text,
                 const std::function<void(absl::string_view)>& plain,
                 const std::function<bool(const std::string&)>& field) {
  std::size_t at = 0;
  while (at < text.size()) {
    const std::size_t open = text.find("{{", at);
    plain(absl::string_view(text).substr(at, open == std::string::npos ? open : open - at));
    if (open == std::string::npos) return "";
    const std::size_t close = text.find("}}", open);
    if (close == std::string::npos) return "a {{ has no }}";
    const std::string name(
        absl::StripAsciiWhitespace(absl::string_view(text).substr(open + 2, close - open - 2)));
    if (!field(name)) {
      std::string known;
      for (const auto& [one, getter] : Getters())
        absl::StrAppend(&known, known.empty() ? "" : ", ", one);
      return absl::StrCat("there is no field {{", name, "}}; known are ", known,
                          " and fields.NAME");
    }
    at = close + 2;
  }
  return "";
}

// "Hosts:     mx1", left out where there is nothing to say.
void Line(std::string& body, const char* label, const std::string& value) {
  if (!value.empty()) absl::StrAppend(&body, label, value, "\n");
}

std::string OwnBody(const v1::Notice& notice) {
  std::string body = absl::StrCat(notice.text(), "\n");
  if (!notice.next().empty())
    absl::StrAppend(&body, "\nWhat to do now:\n    ", notice.next(), "\n");
  absl::StrAppend(&body, "\n");
  Line(body, "Hosts:      ", Hosts(notice, kHostsInBody));
  Line(body, "Time:       ", TimeOfNotice(notice));
  Line(body, "Incident:   ", notice.incident_id());
  Line(body, "Escalation: ", notice.escalation_id());
  Line(body, "Run:        ", notice.run_id());
  if (notice.fields_size() > 0) absl::StrAppend(&body, "\n", AllFields(notice), "\n");
  absl::StrAppend(&body, "\n-- \nMailquench, notice ", notice.notice_id(), " (", notice.kind(),
                  ", ", notice.severity(), ")\n");
  return body;
}

std::string OwnSubject(const v1::Notice& notice) {
  const std::string hosts = Hosts(notice, kHostsInSubject);
  return absl::StrCat("[mailquench ", notice.severity(), "] ", Title(notice),
                      hosts.empty() ? "" : absl::StrCat(": ", hosts));
}
}  // namespace

std::string TimeOfNotice(const v1::Notice& notice) {
  return absl::FormatTime("%Y-%m-%d%ET%H:%M:%SZ", TimeOf(notice.time()), absl::UTCTimeZone());
}

std::string CutTo(const std::string& text, std::size_t bytes) {
  if (text.size() <= bytes) return text;
  const std::string cut = text.substr(0, bytes);
  return cut.substr(0, cut.size() - CutAtEnd(cut));
}

std::string FaultOfTemplate(const std::string& text) {
  return Walk(
      text, [](absl::string_view) {},
      [](const std::string& name) {
        return Getters().count(name) > 0 ||
               (absl::StartsWith(name, kOneField) && name.size() > sizeof kOneField - 1);
      });
}

std::string FillTemplate(const std::string& text, const v1::Notice& notice) {
  std::string filled;
  Walk(
      text, [&](absl::string_view plain) { absl::StrAppend(&filled, plain); },
      [&](const std::string& name) {
        const auto getter = Getters().find(name);
        if (getter != Getters().end()) {
          filled += getter->second(notice);
        } else if (absl::StartsWith(name, kOneField)) {
          const auto field = notice.fields().find(name.substr(sizeof kOneField - 1));
          if (field != notice.fields().end()) filled += field->second;
        }
        return true;
      });
  return filled;
}

std::string SubjectOf(const std::string& text, const v1::Notice& notice) {
  return CutTo(Harmless(text.empty() ? OwnSubject(notice) : FillTemplate(text, notice)),
               kMaxSubject);
}

std::string BodyOf(const std::string& text, const v1::Notice& notice) {
  return CutTo(HarmlessLines(text.empty() ? OwnBody(notice) : FillTemplate(text, notice)),
               kMaxBody);
}

}  // namespace mailquench::controller
