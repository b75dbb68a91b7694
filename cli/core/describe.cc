#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "cli/core/antivirus_text.h"
#include "cli/core/duration.h"
#include "cli/core/operation_text.h"
#include "cli/output/printer.h"
#include "common/operation/picture.h"
#include "common/text/harmless.h"

namespace mailquench::cli {
namespace {

std::string Messages(std::int64_t count) {
  return absl::StrCat(count, count == 1 ? " message" : " messages");
}

std::string SetAside(const v1::QueueQuarantineResult& result) {
  std::int64_t messages = 0;
  bool counted = true;
  std::string ids;
  for (const auto& one : result.quarantines()) {
    counted = counted && one.messages() >= 0;
    messages += one.messages();
    absl::StrAppend(&ids, ids.empty() ? "" : ", ", one.quarantine_id());
  }
  if (result.quarantines_size() == 0) return "nothing to set aside";
  return absl::StrCat(counted ? Messages(messages) : std::string("the whole queue"),
                      " set aside in ", ids,
                      result.notice().empty() ? "" : absl::StrCat("; WARN ", result.notice()));
}

std::string Moved(const v1::QuarantineMoveResult& move) {
  if (move.from_directory().empty())
    return absl::StrCat("in ", move.quarantine().directory(), " already");
  return absl::StrCat(move.files(), " files, ", move.bytes(), " bytes, moved to ",
                      move.quarantine().directory(), "; ", move.free_bytes(), " bytes free there");
}

std::string Change(const v1::ChangeResult& change, const std::string& what) {
  std::string out =
      change.settings_size() == 0
          ? absl::StrCat(what, ": nothing to change")
          : absl::StrCat(what, ": ", change.settings_size(),
                         change.settings_size() == 1 ? " setting" : " settings", " changed",
                         change.organisation().empty()
                             ? ""
                             : absl::StrCat(" for all of ", change.organisation()),
                         " (snapshot ", change.snapshot_id(), ")");
  for (const std::string& duty : change.duties()) absl::StrAppend(&out, "; a person owes: ", duty);
  return out;
}

std::string Probe(const v1::RelayProbeResult& probe) {
  std::string out;
  for (const auto& one : probe.listeners()) {
    absl::StrAppend(&out, out.empty() ? "" : ", ", one.target(), " ",
                    EnumWord(v1::RelayVerdict_Name(one.verdict()), "RELAY_VERDICT_"),
                    one.outside() ? " from outside" : " from inside");
    if (one.verdict() == v1::RELAY_VERDICT_OPEN) absl::StrAppend(&out, " (", one.reply(), ")");
  }
  return out.empty() ? "no listener asked" : out;
}

std::string Noted(const std::string& notice) {
  return notice.empty() ? "" : absl::StrCat("; ", notice);
}

std::string Survey(const v1::QueueSurveyResult& survey) {
  std::int64_t messages = 0, notifications = 0;
  std::string top, notices;
  bool partial = false;
  for (const auto& one : survey.instances()) {
    partial |= one.partial();
    messages += one.messages();
    notifications += one.held_notifications();
    if (top.empty()) top = WhoStandsOut(one.picture());
    notices += Noted(one.notice());
  }
  return absl::StrCat(
      partial ? "at least " : "", Messages(messages), " queued",
      notifications > 0 ? absl::StrCat(", ", notifications, " notifications held") : "", top,
      notices);
}

std::string Running(const v1::ServiceStatusResult& status) {
  std::string out;
  for (const auto& one : status.instances()) {
    absl::StrAppend(&out, out.empty() ? "" : ", ", one.name(),
                    one.running() ? " running" : " stopped");
  }
  return out;
}

std::string Clear(const v1::BlacklistClearResult& result) {
  if (result.listed_size() + result.unknown_size() > 0) return "";  // The error says it all.
  return absl::StrCat(absl::StrJoin(result.subjects(), ", "), " on none of ", result.lists(),
                      " lists");
}

std::string Fetched(const v1::DelistFetchResult& fetch) {
  std::string out = absl::StrCat("status ", fetch.http_status(), " from ", fetch.peer_address(),
                                 ", asked from ", fetch.from_address());
  if (!fetch.location().empty())
    absl::StrAppend(&out, "; points to ", fetch.location(), ", which was not followed");
  constexpr std::size_t kShown = 200;
  std::string body = fetch.body().substr(0, kShown);
  body.resize(body.size() - CutAtEnd(body));
  if (!body.empty())
    absl::StrAppend(&out, "; said: ", body, body.size() < fetch.body().size() ? " ..." : "");
  return out;
}

std::string Blockers(const v1::MailBlockersResult& result) {
  std::vector<std::string> parts;
  for (const auto& one : result.blockers()) {
    std::string part =
        absl::StrCat(one.name(), " ", one.deferred(), " deferred, ", one.rejected(), " rejected");
    if (one.addresses_size() > 0)
      absl::StrAppend(&part, ", names ", absl::StrJoin(one.addresses(), " "));
    if (!one.way_out().empty()) absl::StrAppend(&part, ", way out ", one.way_out());
    parts.push_back(part);
  }
  if (parts.empty()) parts.emplace_back("nobody known blocks this host");
  if (result.other() > 0)
    parts.push_back(absl::StrCat(result.other(), " other replies look like a block"));
  parts.push_back(
      absl::StrCat("of ", result.replies(), " refusals since ", HumanTime(result.since_time())));
  if (result.partial()) parts.push_back(absl::StrCat("WARN in part: ", result.partial_reason()));
  if (result.not_read_size() > 0)
    parts.push_back(absl::StrCat("not read: ", absl::StrJoin(result.not_read(), " ")));
  return absl::StrJoin(parts, "; ");
}

std::string DescribeResult(const v1::OperationResult& result) {
  switch (result.kind_case()) {
    case v1::OperationResult::kServiceStatus:
      return Running(result.service_status());
    case v1::OperationResult::kServiceStop:
      return absl::StrCat(result.service_stop().stopped_size(), " stopped until ",
                          HumanTime(result.service_stop().lease_end_time()));
    case v1::OperationResult::kServiceStart:
      return absl::StrCat(result.service_start().started_size(), " started");
    case v1::OperationResult::kQueueSurvey:
      return Survey(result.queue_survey());
    case v1::OperationResult::kQueueQuarantine:
      return SetAside(result.queue_quarantine());
    case v1::OperationResult::kQuarantineList:
      return absl::StrCat(result.quarantine_list().quarantines_size(), " quarantines");
    case v1::OperationResult::kQuarantineAnalyse:
      return absl::StrCat(Messages(result.quarantine_analyse().matching()), " match",
                          WhoStandsOut(result.quarantine_analyse().picture()),
                          Noted(result.quarantine_analyse().notice()));
    case v1::OperationResult::kQuarantineRelease:
      return absl::StrCat(Messages(result.quarantine_release().released()), " released, ",
                          result.quarantine_release().left(), " left",
                          result.quarantine_release().infected() > 0
                              ? absl::StrCat(", ", result.quarantine_release().infected(),
                                             " of them kept out by the antivirus")
                              : "",
                          Noted(result.quarantine_release().notice()));
    case v1::OperationResult::kQuarantineDiscard:
      return absl::StrCat(Messages(result.quarantine_discard().discarded()), " discarded, ",
                          result.quarantine_discard().left(), " left");
    case v1::OperationResult::kQuarantineMove:
      return Moved(result.quarantine_move());
    case v1::OperationResult::kRelayLock:
      return Change(result.relay_lock(), "relay locked");
    case v1::OperationResult::kNdrSilence:
      return Change(result.ndr_silence(), "notifications held");
    case v1::OperationResult::kSenderBlock:
      return Change(result.sender_block(), "sender blocked");
    case v1::OperationResult::kSenderUnblock:
      return Change(result.sender_unblock(), "sender unblocked");
    case v1::OperationResult::kShadowSuspend:
      return Change(result.shadow_suspend(), "copies of mail suspended");
    case v1::OperationResult::kEgressSet:
      return absl::StrCat(Change(result.egress_set(), "way out set"),
                          Noted(result.egress_set().notice()));
    case v1::OperationResult::kRestore:
      return absl::StrCat(result.restore().put_back(), " put back, ",
                          result.restore().kept_as_fix(), " kept as fix, ",
                          result.restore().needs_decision(), " need a decision");
    case v1::OperationResult::kRelayProbe:
      return Probe(result.relay_probe());
    case v1::OperationResult::kQueueWatch:
      return absl::StrCat(
          EnumWord(v1::WatchVerdict_Name(result.queue_watch().verdict()), "WATCH_VERDICT_"), " (",
          result.queue_watch().slope_per_minute(), " messages a minute)",
          result.queue_watch().behind_size() > 0
              ? WhoStandsOut(result.queue_watch().behind(0).picture())
              : "",
          result.queue_watch().silenced() > 0
              ? absl::StrCat(", ", result.queue_watch().silenced(), " notifications set aside")
              : "");
    case v1::OperationResult::kContain: {
      const auto& contain = result.contain();
      // Beside an error, or where the service stays stopped, some parts are missing.
      std::vector<std::string> parts;
      if (contain.has_evidence()) parts.push_back("before: " + Survey(contain.evidence()));
      if (contain.has_quarantine()) parts.push_back(SetAside(contain.quarantine()));
      if (contain.has_lock()) parts.push_back(Change(contain.lock(), "relay locked"));
      if (!contain.lock().notice().empty()) parts.push_back(contain.lock().notice());
      // Before the lock is made, or where it was not: what was told before the stop.
      if (!contain.has_lock()) {
        for (const std::string& warning : contain.warnings()) parts.push_back("WARN " + warning);
      }
      if (!contain.silence().organisation().empty())
        parts.push_back(Change(contain.silence(), "notifications held"));
      // Where a mail system cannot silence them, it says what it does instead.
      if (!contain.silence().notice().empty()) parts.push_back(contain.silence().notice());
      if (contain.ended_alone())
        parts.push_back("WARN its lease ended, and the agent did the rest alone");
      else if (contain.has_lease_end_time())
        parts.push_back(absl::StrCat("stopped under a lease until ",
                                     HumanTime(contain.lease_end_time()),
                                     ", which is renewed while the run goes on"));
      if (contain.has_probe()) parts.push_back(Probe(contain.probe()));
      return absl::StrJoin(parts, "; ");
    }
    case v1::OperationResult::kDelistFetch:
      return Fetched(result.delist_fetch());
    case v1::OperationResult::kBlacklistClear:
      return Clear(result.blacklist_clear());
    case v1::OperationResult::kMailBlockers:
      return Blockers(result.mail_blockers());
    case v1::OperationResult::kAntivirusStatus:
      return DescribeStatus(result.antivirus_status());
    case v1::OperationResult::kAntivirusUpdate:
      return DescribeUpdate(result.antivirus_update());
    case v1::OperationResult::kAntivirusScan:
      return DescribeScan(result.antivirus_scan());
    case v1::OperationResult::kQuarantineScan:
      return DescribeScan(result.quarantine_scan());
    default:
      return "";
  }
}

}  // namespace

std::string Describe(const v1::OperationReport& report) {
  std::string out = report.has_error() ? report.error().message() : "";
  const std::string result = report.has_result() ? DescribeResult(report.result()) : "";
  if (!result.empty()) absl::StrAppend(&out, out.empty() ? "" : " ", result);
  if (report.has_manual())
    absl::StrAppend(&out, out.empty() ? "" : "; ", "by hand, ", report.manual().confirmed_by(),
                    " saw: ", report.manual().seen());
  return out;
}

}  // namespace mailquench::cli
