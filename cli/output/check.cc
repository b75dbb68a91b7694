#include "cli/output/check.h"

#include <algorithm>
#include <ostream>
#include <tuple>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "cli/core/duration.h"
#include "cli/core/exit_code.h"
#include "cli/output/printer.h"
#include "common/status/error.h"

namespace mailquench::cli {
namespace {

std::string What(const v1::BlacklistAnswer& answer) {
  if (answer.verdict() == v1::BLACKLIST_VERDICT_LISTED ||
      answer.verdict() == v1::BLACKLIST_VERDICT_CLEAN)
    return absl::StrCat(absl::StrJoin(answer.meanings(), ", "),
                        answer.texts_size() > 0 && answer.meanings_size() > 0 ? ": " : "",
                        absl::StrJoin(answer.texts(), " "));
  return answer.reason();
}

int Rank(const v1::BlacklistAnswer& answer) {
  return answer.verdict() == v1::BLACKLIST_VERDICT_LISTED  ? 0
         : answer.verdict() == v1::BLACKLIST_VERDICT_CLEAN ? 2
                                                           : 1;
}

std::string Lists(std::size_t count) {
  return absl::StrCat(count, count == 1 ? " list" : " lists");
}

}  // namespace

std::string VerdictWord(v1::BlacklistVerdict verdict) {
  return EnumWord(v1::BlacklistVerdict_Name(verdict), "BLACKLIST_VERDICT_");
}

void CheckOutput::Add(const v1::BlacklistAnswer& answer) {
  Tally& tally = tallies_[answer.subject()];
  if (answer.verdict() == v1::BLACKLIST_VERDICT_CLEAN) {
    ++tally.clean;
  } else if (answer.verdict() == v1::BLACKLIST_VERDICT_LISTED) {
    for (const std::string& component : answer.components())
      (answer.alert() ? tally.findings : tally.silent_findings)
          .insert(absl::StrCat(answer.list_operator(), " ", component));
  } else {
    ++tally.others[answer.verdict()];
  }
  if (session_->flags.output == "jsonl") {
    v1::BlacklistCheckEvent event;
    *event.mutable_answer() = answer;
    if (const auto line = ToJsonLine(event); line.ok()) *session_->env.out << *line << "\n";
    return;
  }
  if (all_ || answer.verdict() != v1::BLACKLIST_VERDICT_CLEAN || session_->flags.output != "table")
    *result_.add_answers() = answer;
}

void CheckOutput::Progress(std::int64_t asked, std::int64_t count) {
  if (!session_->env.err_is_terminal || session_->env.plain || (asked % 50 != 0 && asked != count))
    return;
  progress_shown_ = true;
  if (asked == 0) {
    *session_->env.err << "\rtesting " << count << " lists" << std::flush;
    return;
  }
  *session_->env.err << "\rasked " << asked << " of " << count << std::flush;
}

// Half of the lists that were asked: a few that are clean among many that say nothing prove
// nothing.
bool CheckOutput::Enough(const Tally& tally) {
  int others = 0;
  for (const auto& [verdict, count] : tally.others) others += count;
  return tally.clean > 0 && tally.clean >= others;
}

std::string CheckOutput::Sentence(const std::string& subject, const Tally& tally) const {
  std::string text =
      absl::StrCat(subject, ": ",
                   tally.findings.empty() ? (Enough(tally)     ? "not listed"
                                             : tally.clean > 0 ? "not listed on those that answered"
                                                               : "not known")
                                          : "LISTED on " + Lists(tally.findings.size()) + " (" +
                                                absl::StrJoin(tally.findings, ", ") + ")");
  if (!tally.silent_findings.empty())
    absl::StrAppend(&text, ", and on ", Lists(tally.silent_findings.size()),
                    " that tell nothing alone (", absl::StrJoin(tally.silent_findings, ", "), ")");
  absl::StrAppend(&text, "; clean on ", tally.clean);
  for (const auto& [verdict, count] : tally.others)
    absl::StrAppend(&text, ", ", VerdictWord(verdict), " ", count);
  return text;
}

absl::StatusOr<int> CheckOutput::Finish(const v1::BlacklistCheckDone& done) {
  if (progress_shown_) *session_->env.err << "\r\033[K" << std::flush;
  std::ostream& out = *session_->env.out;
  for (const std::string& subject : done.subjects()) tallies_[subject];
  *result_.mutable_done() = done;
  std::stable_sort(result_.mutable_answers()->begin(), result_.mutable_answers()->end(),
                   [](const v1::BlacklistAnswer& a, const v1::BlacklistAnswer& b) {
                     return std::make_tuple(a.subject(), Rank(a), a.tier(), a.zone()) <
                            std::make_tuple(b.subject(), Rank(b), b.tier(), b.zone());
                   });
  if (session_->flags.output == "jsonl") {
    v1::BlacklistCheckEvent event;
    *event.mutable_done() = done;
    MQ_ASSIGN_OR_RETURN(const std::string line, ToJsonLine(event));
    out << line << "\n";
  } else if (session_->flags.output != "table") {
    MQ_RETURN_IF_ERROR(Print(session_->flags.output, result_, Table(), out));
  } else {
    Table table{{"SUBJECT", "VERDICT", "LIST", "SAYS"}, {}};
    // A list that says nothing says so once, and not for each address.
    using Nothing = std::tuple<std::string, int, std::string>;
    std::map<Nothing, int> same;
    for (const v1::BlacklistAnswer& one : result_.answers()) {
      if (Rank(one) == 1) ++same[{one.zone(), one.verdict(), one.reason()}];
    }
    std::set<Nothing> shown;
    for (const v1::BlacklistAnswer& one : result_.answers()) {
      const Nothing key = {one.zone(), one.verdict(), one.reason()};
      const bool many = Rank(one) == 1 && same[key] > 1;
      if (many && !shown.insert(key).second) continue;
      table.rows.push_back(
          {many ? absl::StrCat("(", same[key], ")") : one.subject(),
           one.verdict() == v1::BLACKLIST_VERDICT_LISTED ? "LISTED" : VerdictWord(one.verdict()),
           one.zone(), What(one)});
    }
    if (!table.rows.empty()) out << Render(table) << "\n";
    for (const auto& identity : done.identities()) {
      for (const std::string& fault : identity.faults()) out << "note: " << fault << "\n";
    }
    for (const auto& [subject, tally] : tallies_) out << Sentence(subject, tally) << "\n";
    for (const std::string& one : done.skipped()) out << "not asked: " << one << "\n";
  }
  if (!done.resolver_fault().empty())
    session_->Tell(absl::StrCat(done.resolver_fault(),
                                "; it was not asked. What it would have said is not known."));
  bool listed = false, unknown = done.skipped_size() > 0;
  for (const auto& [subject, tally] : tallies_) {
    listed |= !tally.findings.empty();
    unknown |= !Enough(tally);
  }
  return listed ? kExitSomeFailed : unknown ? kExitSomeUnknown : kExitOk;
}

}  // namespace mailquench::cli
