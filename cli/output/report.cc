#include "cli/output/report.h"

#include <cstdint>
#include <map>

#include "absl/strings/str_cat.h"
#include "cli/core/duration.h"
#include "cli/output/printer.h"
#include "cli/output/transcript.h"
#include "common/text/harmless.h"

namespace mailquench::cli {
namespace {

// The two forms that a report has, piece by piece.
class Writer {
 public:
  explicit Writer(bool html) : html_(html) {}

  void Heading(int level, const std::string& text) {
    if (html_) {
      absl::StrAppend(&out_, "<h", level, ">", Safe(text), "</h", level, ">\n");
    } else {
      absl::StrAppend(&out_, out_.empty() ? "" : "\n", std::string(level, '#'), " ", Safe(text),
                      "\n\n");
    }
  }
  void Paragraph(const std::string& text) {
    html_ ? absl::StrAppend(&out_, "<p>", Safe(text), "</p>\n")
          : absl::StrAppend(&out_, Safe(text), "\n\n");
  }
  void Grid(const std::vector<std::string>& header,
            const std::vector<std::vector<std::string>>& rows,
            const std::string& otherwise) {
    if (rows.empty()) return Paragraph(otherwise);
    if (html_) out_ += "<table>\n";
    Row(header, "th");
    if (!html_) {
      for (std::size_t i = 0; i < header.size(); ++i) out_ += "|---";
      out_ += "|\n";
    }
    for (const auto& row : rows) Row(row, "td");
    out_ += html_ ? "</table>\n" : "\n";
  }
  std::string Finish(const std::string& title) && {
    if (!html_) return std::move(out_);
    return absl::StrCat(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>", Safe(title),
        "</title><style>body{font:16px/1.5 sans-serif;max-width:60em;margin:2em auto}"
        "table{border-collapse:collapse}th,td{border:1px solid #bbb;padding:.25em .6em;"
        "text-align:left;vertical-align:top}</style></head><body>\n",
        out_, "</body></html>\n");
  }

 private:
  void Row(const std::vector<std::string>& cells, const char* tag) {
    if (html_) out_ += "<tr>";
    for (const auto& cell : cells) {
      html_ ? absl::StrAppend(&out_, "<", tag, ">", Safe(cell), "</", tag, ">")
            : absl::StrAppend(&out_, "| ", Safe(cell), " ");
    }
    out_ += html_ ? "</tr>\n" : "|\n";
  }
  // Subjects and addresses are chosen by the abuser; none of them may become markup.
  std::string Safe(const std::string& text) const {
    std::string out;
    for (const char c : Harmless(text)) {
      switch (c) {
        case '<':
          out += "&lt;";
          break;
        case '>':
          out += "&gt;";
          break;
        case '&':
          out += "&amp;";
          break;
        case '"':
          out += html_ ? "&quot;" : "\"";
          break;
        case '|':
          out += html_ ? "|" : "\\|";
          break;
        case '[':
        case ']':
        case '`':
        case '*':
          if (!html_) out += '\\';
          out += c;
          break;
        default:
          out += c;
      }
    }
    return out;
  }

  const bool html_;
  std::string out_;
};

struct Totals {
  std::int64_t set_aside = 0, released = 0, discarded = 0;
  bool uncounted = false;
};

void Count(const v1::QueueQuarantineResult& result, Totals* totals) {
  for (const auto& one : result.quarantines()) {
    if (one.messages() < 0) {
      totals->uncounted = true;
    } else {
      totals->set_aside += one.messages();
    }
  }
}

Totals CountAll(const std::vector<v1::Run>& runs) {
  Totals totals;
  for (const auto& run : runs) {
    for (const auto& host : run.hosts()) {
      for (const auto& step : host.steps()) {
        const auto& result = step.report().result();
        Count(result.queue_quarantine(), &totals);
        Count(result.contain().quarantine(), &totals);
        totals.released += result.quarantine_release().released();
        totals.discarded += result.quarantine_discard().discarded();
      }
    }
  }
  return totals;
}

std::string StateWord(v1::Obligation::State state) {
  return EnumWord(v1::Obligation::State_Name(state), "STATE_");
}

}  // namespace

std::string IncidentReport(const v1::Incident& incident,
                           const std::vector<v1::Run>& runs,
                           const std::string& format) {
  Writer out(format == "html");
  const std::string title =
      absl::StrCat("Incident ", incident.incident_id(), ": ", incident.title());
  out.Heading(1, title);

  out.Heading(2, "What happened");
  const Totals totals = CountAll(runs);
  std::map<std::string, std::string> hosts;  // Name -> what was done last, and how it ended.
  for (const auto& run : runs) {
    for (const auto& host : run.hosts()) {
      hosts[host.name().empty() ? host.host_id() : host.name()] =
          absl::StrCat(run.playbook().name(), ": ", OutcomeWord(host.outcome()));
    }
  }
  std::string contained = "It is not contained yet.";
  if (incident.has_time_to_contain()) {
    contained = absl::StrCat("It was contained after ",
                             HumanSeconds(Seconds(incident.time_to_contain())), ".");
  } else if (incident.has_contain_time()) {
    contained =
        absl::StrCat("It was contained after ",
                     HumanSeconds(Seconds(incident.open_time(), incident.contain_time())), ".");
  }
  out.Paragraph(absl::StrCat(
      "Opened ", HumanTime(incident.open_time()), " by ", incident.opened_by(), "; now ",
      EnumWord(v1::IncidentState_Name(incident.state()), "INCIDENT_STATE_"), ". ", contained, " ",
      hosts.size(), hosts.size() == 1 ? " host was" : " hosts were", " acted on."));
  std::vector<std::vector<std::string>> rows;
  for (const auto& cause : incident.causes()) {
    rows.push_back({cause.kind(), cause.value(), cause.resolved() ? "yes" : "no", cause.how()});
  }
  out.Grid({"Cause", "Who or what", "Resolved", "How"}, rows, "No cause has been recorded.");

  out.Heading(2, "Mail");
  out.Paragraph(
      absl::StrCat(totals.set_aside, " messages were set aside",
                   totals.uncounted ? " and counted (some quarantines are not counted)" : "", ", ",
                   totals.released, " were given back, ", totals.discarded, " were deleted."));

  out.Heading(2, "Hosts");
  rows.clear();
  for (const auto& [name, last] : hosts) rows.push_back({name, last});
  out.Grid({"Host", "Last run"}, rows, "No host was acted on.");

  out.Heading(2, "Settings");
  rows.clear();
  for (const auto& one : incident.obligations()) {
    std::string keys;
    for (const auto& setting : one.settings()) {
      absl::StrAppend(&keys, keys.empty() ? "" : ", ", setting.key());
    }
    if (!one.duty().empty()) keys = one.duty();
    rows.push_back({one.host_name(), one.operation(), keys, StateWord(one.state()), one.reason()});
  }
  out.Grid({"Host", "Changed by", "Settings", "State", "Reason"}, rows, "No setting was changed.");

  out.Heading(2, "Timeline");
  rows.clear();
  for (const auto& entry : incident.timeline()) {
    rows.push_back({HumanTime(entry.time()), entry.actor(), entry.text()});
  }
  out.Grid({"Time", "Who", "What"}, rows, "Nothing was recorded.");

  out.Heading(2, "Open points");
  rows.clear();
  for (const auto& cause : incident.causes()) {
    if (!cause.resolved()) {
      rows.push_back({absl::StrCat("Cause ", cause.kind(), " ", cause.value()), "not resolved"});
    }
  }
  for (const auto& one : incident.obligations()) {
    if (one.state() == v1::Obligation::STATE_OUTSTANDING) {
      rows.push_back(!one.duty().empty() ? std::vector<std::string>{one.duty(), "not done yet"}
                     : one.organisation().empty()
                         ? std::vector<std::string>{absl::StrCat("Settings of ", one.host_name()),
                                                    "not put back yet"}
                         : std::vector<std::string>{
                               absl::StrCat("Settings of the organisation ", one.organisation(),
                                            ", recorded by ", one.host_name()),
                               "not put back yet"});
    }
  }
  for (const auto& run : runs) {
    for (const auto& host : run.hosts()) {
      if (host.outcome() == v1::OUTCOME_UNREACHABLE || host.outcome() == v1::OUTCOME_UNKNOWN) {
        rows.push_back({absl::StrCat("Host ", host.name(), " in run ", run.run_id()),
                        OutcomeWord(host.outcome())});
      }
    }
  }
  if (totals.uncounted || totals.set_aside > totals.released + totals.discarded) {
    rows.push_back({"Mail that is set aside", "neither given back nor deleted in full"});
  }
  out.Grid({"What", "State"}, rows, "None.");
  return std::move(out).Finish(title);
}

}  // namespace mailquench::cli
