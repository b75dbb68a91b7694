#include "cli/output/transcript.h"

#include <algorithm>
#include <set>
#include <string>

#include "absl/strings/str_cat.h"
#include "cli/core/duration.h"
#include "cli/core/operation_text.h"
#include "common/text/harmless.h"

namespace mailquench::cli {
namespace {
constexpr char kContain[] = "contain";

const std::string& NameOfHost(const v1::RunHost& host) {
  return host.name().empty() ? host.host_id() : host.name();
}

std::string StepName(const v1::Run& run, const v1::HostStep& step) {
  if (step.step() >= 0 && step.step() < run.playbook().steps_size()) {
    const auto& planned = run.playbook().steps(step.step());
    if (!planned.name().empty()) return planned.name();
    if (std::string name = NameOf(planned.operation()); !name.empty()) return name;
  }
  return step.report().operation().empty() ? absl::StrCat("step ", step.step() + 1)
                                           : step.report().operation();
}

// A step that is only for hosts of a group, on one that is in none.
bool LeftOut(const v1::Run& run, const v1::HostStep& step) {
  return step.step() >= 0 && step.step() < run.playbook().steps_size() &&
         run.playbook().steps(step.step()).only_grouped() && !step.sent() &&
         step.report().outcome() == v1::OUTCOME_UNCHANGED;
}

std::string WithNotice(const v1::HostStep& step) {
  const std::string said = Describe(step.report());
  return absl::StrCat(said, said.empty() || step.notice().empty() ? "" : "; ", step.notice());
}

Colour ColourOf(v1::Outcome outcome) {
  switch (outcome) {
    case v1::OUTCOME_SUCCEEDED:
    case v1::OUTCOME_UNCHANGED:
      return Colour::kGreen;
    case v1::OUTCOME_FAILED:
    case v1::OUTCOME_REFUSED:
    case v1::OUTCOME_TIMED_OUT:
      return Colour::kRed;
    default:
      return Colour::kYellow;
  }
}

}  // namespace

std::string OutcomeWord(v1::Outcome outcome) {
  return outcome == v1::OUTCOME_UNSPECIFIED ? "pending"
                                            : EnumWord(v1::Outcome_Name(outcome), "OUTCOME_");
}

std::vector<Line> Transcript::Update(const v1::RunEvent& event) {
  std::vector<Line> lines;
  const v1::Run& run = event.run();
  for (const v1::RunHost& host : run.hosts()) {
    for (const v1::HostStep& step : host.steps()) {
      const v1::Outcome outcome = step.report().outcome();
      std::string word, detail;
      if (outcome != v1::OUTCOME_UNSPECIFIED) {
        word = OutcomeWord(outcome);
        if (LeftOut(run, step)) continue;
        detail = WithNotice(step);
        if (step.report().has_start_time() && step.report().has_end_time()) {
          absl::StrAppend(
              &detail, detail.empty() ? "" : "; ",
              HumanSeconds(Seconds(step.report().start_time(), step.report().end_time())));
        }
      } else if (step.has_manual_since_time()) {
        word = "waiting";
        detail = "for a person";
      } else if (!step.sent() && !step.progress().empty()) {
        word = "waiting";
        detail = step.progress();
      } else if (step.sent()) {
        word = "running";
        detail = step.progress();
      } else {
        continue;
      }
      const Line line{Harmless(absl::StrCat(NameOfHost(host), "  ", StepName(run, step), "  ")),
                      word, detail.empty() ? "" : Harmless(absl::StrCat("  ", detail)),
                      ColourOf(outcome)};
      std::string& said = said_[{host.host_id(), step.step()}];
      if (said == line.Text()) continue;
      said = line.Text();
      lines.push_back(line);
    }
    // A host that no command ever reached has no step that could say so.
    if (host.outcome() == v1::OUTCOME_UNREACHABLE || host.outcome() == v1::OUTCOME_CANCELLED) {
      const bool told = std::any_of(host.steps().begin(), host.steps().end(), [](const auto& s) {
        return s.report().outcome() != v1::OUTCOME_UNSPECIFIED;
      });
      const std::string plain =
          Harmless(absl::StrCat(NameOfHost(host), "  -  ", OutcomeWord(host.outcome())));
      std::string& said = said_[{host.host_id(), -1}];
      if (!told && said != plain) {
        said = plain;
        lines.push_back({plain, "", ""});
      }
    }
  }
  // The controller's own words are for what no host line says (a wave begins, a gate stops).
  if (lines.empty() && !event.text().empty() && event.text() != last_text_) {
    lines.push_back({Harmless(absl::StrCat("-- ", event.text())), "", ""});
  }
  last_text_ = event.text();
  return lines;
}

std::string SummaryLine(const v1::Run& run) {
  std::map<v1::Outcome, int> counts;
  for (const v1::RunHost& host : run.hosts()) ++counts[host.outcome()];
  std::string out = absl::StrCat(run.hosts_size(), run.hosts_size() == 1 ? " host: " : " hosts: ");
  bool first = true;
  for (const auto& [outcome, count] : counts) {
    absl::StrAppend(&out, first ? "" : ", ", count, " ", OutcomeWord(outcome));
    first = false;
  }
  if (run.has_end_time()) {
    absl::StrAppend(&out, "; ", HumanSeconds(Seconds(run.start_time(), run.end_time())));
  }
  if (!run.stop_reason().empty()) {
    absl::StrAppend(&out, "; stopped: ", run.stop_reason());
  }
  return absl::StrCat(out, "; run ", run.run_id());
}

Table RunTable(const v1::Run& run) {
  Table table{{"HOST", "OUTCOME", "SECONDS", "DETAIL"}, {}};
  for (const v1::RunHost& host : run.hosts()) {
    std::string detail;
    double seconds = 0;
    for (const v1::HostStep& step : host.steps()) {
      if (LeftOut(run, step)) continue;
      std::string one = WithNotice(step);
      if (one.empty() && !step.sent()) one = step.progress();
      if (!one.empty()) absl::StrAppend(&detail, detail.empty() ? "" : " | ", one);
      if (step.report().has_start_time() && step.report().has_end_time()) {
        seconds += Seconds(step.report().start_time(), step.report().end_time());
      }
    }
    const std::string took = seconds == 0 ? std::string("-") : HumanSeconds(seconds);
    table.rows.push_back(
        {NameOfHost(host), OutcomeWord(host.outcome()), took, detail.empty() ? "-" : detail});
  }
  return table;
}

Table PlanTable(const v1::Plan& plan) {
  Table table{{"HOST", "WAVE", "ONLINE", "OPERATION", "WOULD"}, {}};
  for (const std::string& notice : plan.notices())
    table.rows.push_back({"-", "-", "-", "-", notice});
  for (const v1::PlannedHost& host : plan.hosts()) {
    const std::string name = host.name().empty() ? host.host_id() : host.name();
    const std::string wave = std::to_string(host.wave());
    const std::string online = !host.manual_platform().empty() ? "manual"
                               : host.online()                 ? "yes"
                                                               : "no";
    if (!host.refusal().empty()) {
      table.rows.push_back({name, wave, online, "-", absl::StrCat("refuse: ", host.refusal())});
    }
    // Of a contain once each: the parts of one that goes in lockstep repeat what they share.
    std::set<std::string> told;
    const auto tell = [&](const std::string& operation, const std::string& text) {
      if (operation != kContain || told.insert(text).second)
        table.rows.push_back({name, wave, online, operation, text});
    };
    for (const v1::OperationPlan& step : host.steps()) {
      if (!host.refusal().empty()) break;  // What would be done there otherwise.
      for (const std::string& text : step.steps()) tell(step.operation(), text);
      for (const std::string& text : step.warnings())
        tell(step.operation(), absl::StrCat("WARN ", text));
    }
    if (host.refusal().empty() && host.steps_size() == 0) {
      table.rows.push_back({name, wave, online, "-", "not asked"});
    }
  }
  return table;
}

}  // namespace mailquench::cli
