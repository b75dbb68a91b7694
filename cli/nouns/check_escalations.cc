// check escalations, check notices.
#include <cstdint>
#include <set>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "cli/core/duration.h"
#include "cli/nouns/check.h"
#include "cli/output/escalation.h"
#include "cli/tree.h"
#include "common/status/error.h"
#include "mailquench/v1/escalation.grpc.pb.h"
#include "mailquench/v1/incidents.grpc.pb.h"

namespace mailquench::cli {
namespace {

using Stub = v1::Escalations::Stub;

constexpr int kLimit = 500;
// What failed or was given up is a finding for so long where nothing else ends it.
constexpr std::int64_t kFreshSeconds = std::int64_t{24} * 3600;

bool Fresh(const google::protobuf::Timestamp& time) {
  return absl::ToUnixSeconds(absl::Now()) - time.seconds() <= kFreshSeconds;
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
    if (one.incident_id().empty() ? Fresh(one.end_time()) : open.count(one.incident_id()) > 0)
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

absl::StatusOr<PluginResult> Notices(Session* session, const Thresholds& thresholds) {
  v1::ListNoticesRequest request;
  request.set_undelivered_only(true);
  request.set_limit(kLimit);
  MQ_ASSIGN_OR_RETURN(const v1::ListNoticesResponse all,
                      session->Call(&Stub::ListNotices, request));
  PluginResult result;
  std::size_t late = 0, lost = 0;
  for (const v1::NoticeRecord& record : all.notices()) {
    bool is_late = false, is_lost = false;
    for (const v1::NoticeDelivery& one : record.deliveries()) {
      if (one.delivered()) continue;
      // One that was never tried is on its way.
      const bool given_up = one.given_up() && Fresh(record.notice().time());
      if (!given_up && (one.given_up() || one.tries() == 0)) continue;
      (given_up ? is_lost : is_late) = true;
      result.details.push_back(absl::StrCat(
          record.notice().kind(), " ", HumanTime(record.notice().time()), " to ", one.channel(),
          given_up ? " was given up after " : " failed ",
          Counted(static_cast<std::size_t>(one.tries()), "try", "tries"), ": ", one.error()));
    }
    late += is_late ? 1 : 0;
    lost += is_lost ? 1 : 0;
  }
  result.state = thresholds.Of(static_cast<double>(late + lost));
  if (lost > 0) result.state = PluginState::kCritical;
  result.text = absl::StrCat(Counted(late, "notice", "notices"), " not delivered yet, ", lost,
                             " given up within a day");
  result.figures.push_back(
      MakeFigure("undelivered", static_cast<std::int64_t>(late + lost), thresholds));
  result.figures.push_back(MakeFigure("given_up", static_cast<std::int64_t>(lost), {}));
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
  AddCheckVerb(noun, session, "notices",
               "Notices that a channel did not take; one that was given up within a day is "
               "CRITICAL",
               {"mailquench check notices", "mailquench check notices -w 0 -c 10"},
               "number of undelivered notices", any,
               [=](const Thresholds& thresholds) { return Notices(session, thresholds); });
}

}  // namespace mailquench::cli
