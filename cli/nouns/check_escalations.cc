// check escalations, check notices.
#include <cstdint>
#include <memory>
#include <set>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "cli/core/duration.h"
#include "cli/nouns/check.h"
#include "cli/output/escalation.h"
#include "cli/tree.h"
#include "common/operation/duration.h"
#include "common/status/error.h"
#include "mailquench/v1/escalation.grpc.pb.h"
#include "mailquench/v1/incidents.grpc.pb.h"

namespace mailquench::cli {
namespace {

using Stub = v1::Escalations::Stub;

constexpr int kLimit = 500;
constexpr int kMostNotices = 2000;
// What failed is a finding for so long where nothing else ends it.
constexpr absl::Duration kFresh = absl::Hours(24);
constexpr char kGivenUpWithin[] = "24h";

bool Within(const google::protobuf::Timestamp& time, absl::Duration window) {
  return absl::Now() - absl::FromUnixSeconds(time.seconds()) <= window;
}

// A failure stands until the incident that it belongs to is closed.
absl::StatusOr<std::vector<v1::Escalation>> StandingFailures(
    Session* session, const v1::ListEscalationsResponse& all) {
  MQ_ASSIGN_OR_RETURN(
      const v1::ListIncidentsResponse incidents,
      session->Call(&v1::Incidents::Stub::ListIncidents, v1::ListIncidentsRequest()));
  std::set<std::string> open;
  for (const v1::Incident& one : incidents.incidents()) open.insert(one.incident_id());
  std::vector<v1::Escalation> failed;
  for (const v1::Escalation& one : all.escalations()) {
    if (one.state() != v1::ESCALATION_STATE_FAILED) continue;
    if (one.incident_id().empty() ? Within(one.end_time(), kFresh)
                                  : open.count(one.incident_id()) > 0)
      failed.push_back(one);
  }
  return failed;
}

absl::StatusOr<PluginResult> Escalations(Session* session, const Thresholds& thresholds) {
  v1::ListEscalationsRequest request;
  request.set_limit(kLimit);
  MQ_ASSIGN_OR_RETURN(const v1::ListEscalationsResponse all,
                      session->Call(&Stub::ListEscalations, request));
  // Those that are open are asked for by themselves: after a busy week one that waits may be older
  // than the newest that the other list has.
  request.set_open_only(true);
  MQ_ASSIGN_OR_RETURN(const v1::ListEscalationsResponse open,
                      session->Call(&Stub::ListEscalations, request));
  MQ_ASSIGN_OR_RETURN(const std::vector<v1::Escalation> failed, StandingFailures(session, all));
  MQ_ASSIGN_OR_RETURN(const v1::GetRulesResponse rules,
                      session->Call(&Stub::GetRules, v1::GetRulesRequest()));
  PluginResult result;
  std::size_t waiting = 0;
  for (const v1::Escalation& one : failed)
    result.details.push_back(absl::StrCat(one.escalation_id(), " failed: ", TitleOf(one)));
  for (const v1::Escalation& one : open.escalations()) {
    if (one.state() != v1::ESCALATION_STATE_PROPOSED) continue;
    ++waiting;
    result.details.push_back(absl::StrCat(one.escalation_id(), " waits for approval until ",
                                          HumanTime(one.expire_time()), ": ", TitleOf(one)));
  }
  result.state = thresholds.Of(static_cast<double>(waiting));
  if (rules.paused()) {
    result.state = Worse(result.state, PluginState::kWarning);
    result.details.push_back(absl::StrCat("paused by ", rules.paused_by(), ": ",
                                          rules.pause_reason(),
                                          "; `mailquench escalation resume` ends it"));
  }
  if (!failed.empty()) result.state = PluginState::kCritical;
  result.text = absl::StrCat(Counted(waiting, "proposal waits", "proposals wait"), ", ",
                             failed.size(), " failed, ", open.escalations_size(), " open",
                             rules.paused() ? "; paused: nothing starts by itself" : "");
  result.figures.push_back(MakeFigure("waiting", static_cast<std::int64_t>(waiting), thresholds));
  result.figures.push_back(MakeFigure("failed", static_cast<std::int64_t>(failed.size()), {}));
  result.figures.push_back(MakeFigure("open", open.escalations_size(), {}));
  result.figures.push_back(MakeFigure("runs_left", rules.runs_left(), {}));
  return result;
}

// A delivery that a channel did not take, for the details.
std::string Untaken(const v1::Notice& notice, const v1::NoticeDelivery& one) {
  return absl::StrCat(
      notice.kind(), " ", HumanTime(notice.time()), " to ", one.channel(),
      one.given_up() ? absl::StrCat(" was given up at ", HumanTime(one.deliver_time()), " after ")
                     : std::string(" failed "),
      Counted(static_cast<std::size_t>(one.tries()), "try", "tries"), ": ", one.error());
}

absl::StatusOr<PluginResult> Notices(Session* session,
                                     const std::string& within,
                                     const Thresholds& thresholds) {
  MQ_ASSIGN_OR_RETURN(const absl::Duration window, ParseDuration(within));
  v1::ListNoticesRequest request;
  request.set_limit(kMostNotices);
  // By themselves: after a bad day those that were given up are many, and older than what waits.
  request.set_given_up_only(true);
  MQ_ASSIGN_OR_RETURN(const v1::ListNoticesResponse lost_ones,
                      session->Call(&Stub::ListNotices, request));
  request.set_given_up_only(false);
  request.set_undelivered_only(true);
  MQ_ASSIGN_OR_RETURN(const v1::ListNoticesResponse all,
                      session->Call(&Stub::ListNotices, request));
  PluginResult result;
  std::set<std::string> late, lost;
  for (const v1::NoticeRecord& record : lost_ones.notices()) {
    for (const v1::NoticeDelivery& one : record.deliveries()) {
      // By when it was given up, which may be days after what it tells of.
      if (!one.given_up() || !Within(one.deliver_time(), window)) continue;
      lost.insert(record.notice().notice_id());
      result.details.push_back(Untaken(record.notice(), one));
    }
  }
  for (const v1::NoticeRecord& record : all.notices()) {
    for (const v1::NoticeDelivery& one : record.deliveries()) {
      // One that was never tried is on its way.
      if (one.delivered() || one.given_up() || one.tries() == 0) continue;
      late.insert(record.notice().notice_id());
      result.details.push_back(Untaken(record.notice(), one));
    }
  }
  std::set<std::string> either = late;
  either.insert(lost.begin(), lost.end());
  result.state = thresholds.Of(static_cast<double>(either.size()));
  if (!lost.empty()) result.state = PluginState::kCritical;
  result.text = absl::StrCat(Counted(late.size(), "notice", "notices"), " not delivered yet, ",
                             lost.size(), " given up within ", within);
  // What is older than the newest so many may be one of them.
  if (lost_ones.notices_size() >= kMostNotices || all.notices_size() >= kMostNotices) {
    result.state = Worse(result.state, PluginState::kWarning);
    absl::StrAppend(&result.text, "; there may be more: only the newest ", kMostNotices,
                    " were looked at");
  }
  result.figures.push_back(
      MakeFigure("undelivered", static_cast<std::int64_t>(either.size()), thresholds));
  result.figures.push_back(MakeFigure("given_up", static_cast<std::int64_t>(lost.size()), {}));
  return result;
}

}  // namespace

void AddEscalationChecks(CLI::App* noun, Session* session) {
  CheckFlags any;
  any.warning = "0";
  AddCheckVerb(noun, session, "escalations",
               "Proposals that wait for a person, escalations that failed (CRITICAL until their "
               "incident is closed, without one for a day), a pause (WARNING)",
               {"mailquench check escalations", "mailquench check escalations -w 0 -c 3"},
               "number of proposals that wait", any,
               [=](const Thresholds& thresholds) { return Escalations(session, thresholds); });
  auto within = std::make_shared<std::string>(kGivenUpWithin);
  CLI::App* notices = AddCheckVerb(
      noun, session, "notices",
      "Notices that a channel did not take; one that was given up is CRITICAL for a day",
      {"mailquench check notices", "mailquench check notices -w 0 -c 10 --given-up-within 72h"},
      "number of undelivered notices", any, [=](const Thresholds& thresholds) {
        return Notices(session, within->empty() ? kGivenUpWithin : *within, thresholds);
      });
  notices
      ->add_option("--given-up-within", *within,
                   "CRITICAL when one was given up no longer ago than this; 24h if not given")
      ->type_name("DURATION");
}

}  // namespace mailquench::cli
