// check escalations, check notices.
#include <algorithm>
#include <cstdint>
#include <set>
#include <utility>

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
constexpr int kMostOpen = 10000;  // The most that a controller gives at once.
constexpr int kFewest = 40;
// What failed or was given up is a finding for so long where nothing else ends it.
constexpr std::int64_t kFreshSeconds = std::int64_t{24} * 3600;

bool Fresh(const google::protobuf::Timestamp& time) {
  return absl::ToUnixSeconds(absl::Now()) - time.seconds() <= kFreshSeconds;
}

struct Listed {
  std::vector<v1::Escalation> all;  // Newest first.
  bool more = false;                // There may be older ones.
};

// As many as fit into one answer.
absl::StatusOr<Listed> List(Session* session, v1::ListEscalationsRequest request) {
  while (true) {
    auto answer = session->Call(&Stub::ListEscalations, request);
    if (answer.ok()) {
      Listed listed;
      listed.more = answer->escalations_size() >= request.limit();
      listed.all.assign(answer->escalations().begin(), answer->escalations().end());
      return listed;
    }
    if (!absl::IsResourceExhausted(answer.status()) || request.limit() <= kFewest)
      return answer.status();
    request.set_limit(std::max(kFewest, request.limit() / 4));
  }
}

// A failure stands until the incident that it belongs to is closed.
absl::StatusOr<Listed> StandingFailures(Session* session) {
  v1::ListEscalationsRequest request;
  request.set_limit(kLimit);
  MQ_ASSIGN_OR_RETURN(Listed listed, List(session, request));
  MQ_ASSIGN_OR_RETURN(
      const v1::ListIncidentsResponse incidents,
      session->Call(&v1::Incidents::Stub::ListIncidents, v1::ListIncidentsRequest()));
  std::set<std::string> open;
  for (const v1::Incident& one : incidents.incidents()) open.insert(one.incident_id());
  Listed failed;
  if (listed.more) {
    // After a busy week the failure may be older than the newest that there are.
    const std::int64_t oldest = listed.all.back().create_time().seconds();
    failed.more = Fresh(listed.all.back().create_time());
    for (const v1::Incident& one : incidents.incidents()) {
      if (one.open_time().seconds() > oldest) continue;
      request.set_incident_id(one.incident_id());
      MQ_ASSIGN_OR_RETURN(const Listed of_it, List(session, request));
      failed.more |= of_it.more;
      listed.all.insert(listed.all.end(), of_it.all.begin(), of_it.all.end());
    }
  }
  std::set<std::string> seen;
  for (v1::Escalation& one : listed.all) {
    if (one.state() != v1::ESCALATION_STATE_FAILED || !seen.insert(one.escalation_id()).second)
      continue;
    if (one.incident_id().empty() ? Fresh(one.end_time()) : open.count(one.incident_id()) > 0)
      failed.all.push_back(std::move(one));
  }
  return failed;
}

void JudgeRules(const v1::GetRulesResponse& rules, PluginResult* result) {
  if (rules.paused()) {
    result->state = Worse(result->state, PluginState::kWarning);
    result->text += "; paused: nothing starts by itself";
    result->details.push_back(absl::StrCat("paused by ", rules.paused_by(), ": ",
                                           rules.pause_reason(),
                                           "; `mailquench escalation resume` ends it"));
  }
  if (!rules.load_error().empty()) {
    result->state = PluginState::kCritical;
    result->text = absl::StrCat("the rules could not be taken; ", result->text);
    result->details.insert(
        result->details.begin(),
        absl::StrCat("the rules could not be taken: ", rules.load_error(),
                     "; mend the file, then `mailquench escalation rules reload`"));
  }
}

absl::StatusOr<PluginResult> Escalations(Session* session, const Thresholds& thresholds) {
  MQ_ASSIGN_OR_RETURN(const Listed failed, StandingFailures(session));
  v1::ListEscalationsRequest request;
  request.set_limit(kMostOpen);
  request.set_open_only(true);
  MQ_ASSIGN_OR_RETURN(const Listed open, List(session, request));
  MQ_ASSIGN_OR_RETURN(const v1::GetRulesResponse rules,
                      session->Call(&Stub::GetRules, v1::GetRulesRequest()));
  PluginResult result;
  std::size_t waiting = 0;
  for (const v1::Escalation& one : failed.all)
    result.details.push_back(absl::StrCat(one.escalation_id(), " failed: ", TitleOf(one)));
  for (const v1::Escalation& one : open.all) {
    if (one.state() != v1::ESCALATION_STATE_PROPOSED) continue;
    ++waiting;
    result.details.push_back(absl::StrCat(one.escalation_id(), " waits for approval until ",
                                          HumanTime(one.expire_time()), ": ", TitleOf(one)));
  }
  result.state = thresholds.Of(static_cast<double>(waiting));
  result.text = absl::StrCat(Counted(waiting, "proposal waits", "proposals wait"), ", ",
                             failed.all.size(), " failed, ", open.all.size(), " open");
  if (open.more || failed.more) {
    result.state = Worse(result.state, PluginState::kWarning);
    result.text += "; there may be more: only the newest were looked at";
  }
  if (!failed.all.empty()) result.state = PluginState::kCritical;
  JudgeRules(rules, &result);
  result.figures.push_back(MakeFigure("waiting", static_cast<std::int64_t>(waiting), thresholds));
  result.figures.push_back(MakeFigure("failed", static_cast<std::int64_t>(failed.all.size()), {}));
  result.figures.push_back(MakeFigure("open", static_cast<std::int64_t>(open.all.size()), {}));
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
               "incident is closed, without one for a day), rules that could not be taken "
               "(CRITICAL), a pause (WARNING)",
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
