#include "controller/blacklist/clear.h"

#include <algorithm>
#include <map>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/clock.h"
#include "common/status/error.h"

namespace mailquench::controller {
namespace {

absl::Status Look(BlacklistWatch* watch,
                  Listings* listings,
                  const std::string& host_id,
                  v1::BlacklistClearResult* result) {
  result->Clear();
  v1::BlacklistCheckRequest request;
  request.add_hosts(host_id);
  std::map<std::string, int> clean;
  std::string fault;
  MQ_RETURN_IF_ERROR(watch->Check(request, [&](const v1::BlacklistCheckEvent& event) {
    const v1::BlacklistAnswer& answer = event.answer();
    if (event.has_answer() && answer.verdict() == v1::BLACKLIST_VERDICT_CLEAN)
      ++clean[answer.subject()];
    if (event.has_answer() && answer.verdict() == v1::BLACKLIST_VERDICT_LISTED && answer.alert())
      result->add_listed(absl::StrCat(answer.subject(), " on ", answer.zone(),
                                      answer.meanings_size() > 0 ? ": " : "",
                                      absl::StrJoin(answer.meanings(), ", ")));
    if (!event.has_done()) return;
    for (const std::string& one : event.done().subjects()) result->add_subjects(one);
    for (const std::string& one : event.done().skipped()) result->add_unknown(one);
    result->set_lists(event.done().lists());
    fault = event.done().resolver_fault();
  }));
  for (const std::string& subject : result->subjects()) {
    if (clean[subject] == 0) result->add_unknown(subject);
  }
  if (result->lists() == 0 && !fault.empty())
    return Error(absl::StatusCode::kUnavailable, "NOT_KNOWN",
                 absl::StrCat(fault,
                              "; whether the host is listed is not known; mend the resolver "
                              "and ask again"));
  v1::ListListingsRequest open;
  open.set_host(host_id);
  MQ_ASSIGN_OR_RETURN(const std::vector<v1::Listing> all, listings->List(open));
  for (const v1::Listing& one : all) {
    // An address that the host has given up is no matter of this proof.
    if (std::find(result->subjects().begin(), result->subjects().end(), one.subject()) ==
        result->subjects().end())
      continue;
    const bool said = std::any_of(
        result->listed().begin(), result->listed().end(),
        [&](const std::string& text) { return text.rfind(one.subject() + " on ", 0) == 0; });
    if (one.alert() && !said)
      result->add_listed(absl::StrCat(one.subject(), " on ", one.zones(0), ": not cleared yet"));
  }
  return absl::OkStatus();
}

absl::Status Judge(const v1::BlacklistClearResult& result) {
  if (result.listed_size() > 0)
    return Error(absl::StatusCode::kFailedPrecondition, "STILL_LISTED",
                 absl::StrCat(absl::StrJoin(result.listed(), "; "),
                              "; nothing was changed; `mailquench delist list` shows the way out"));
  if (result.unknown_size() > 0)
    return Error(absl::StatusCode::kUnavailable, "NOT_KNOWN",
                 absl::StrCat("no list that is believed has said anything of ",
                              absl::StrJoin(result.unknown(), ", "),
                              "; `mailquench blacklist status` shows why"));
  return absl::OkStatus();
}

}  // namespace

absl::Duration ClearWait(const v1::Command& command) {
  const auto& wait = command.operation().blacklist_clear().wait();
  const absl::Duration wanted = absl::Seconds(wait.seconds()) + absl::Nanoseconds(wait.nanos());
  // The step's own time holds, too: less some seconds, for the last look.
  const absl::Duration most = absl::Seconds(command.timeout().seconds()) - absl::Seconds(20);
  return std::max(absl::ZeroDuration(), command.has_timeout() ? std::min(wanted, most) : wanted);
}

std::optional<v1::OperationReport> ClearOfLists(BlacklistWatch* watch,
                                                Listings* listings,
                                                const v1::Command& command,
                                                bool last) {
  v1::OperationReport report;
  report.set_command_id(command.command_id());
  report.set_operation("blacklist.clear");
  report.mutable_start_time()->set_seconds(absl::ToUnixSeconds(absl::Now()));
  absl::Status status =
      Look(watch, listings, command.host_id(), report.mutable_result()->mutable_blacklist_clear());
  if (status.ok()) status = Judge(report.result().blacklist_clear());
  if (!status.ok() && !last) return std::nullopt;
  report.mutable_end_time()->set_seconds(absl::ToUnixSeconds(absl::Now()));
  report.set_outcome(status.ok() ? v1::OUTCOME_SUCCEEDED : v1::OUTCOME_FAILED);
  if (!status.ok()) *report.mutable_error() = ToProto(status);
  return report;
}

}  // namespace mailquench::controller
