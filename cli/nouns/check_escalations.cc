// check escalations, check notices.
#include <algorithm>
#include <cstdint>
#include <memory>
#include <set>
#include <string>
#include <utility>

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
constexpr int kMostOpen = 10000;  // The most that a controller gives at once.
constexpr int kFewest = 40;
constexpr int kMostNotices = 2000;
// What failed is a finding for so long where nothing else ends it.
constexpr absl::Duration kFresh = absl::Hours(24);
constexpr char kGivenUpWithin[] = "24h";

bool Within(const google::protobuf::Timestamp& time, absl::Duration window) {
  return absl::Now() - absl::FromUnixSeconds(time.seconds()) <= window;
}

struct Listed {
  std::vector<v1::Escalation> all;  // Newest first.
  bool more = false;                // There may be older ones.
};

// As many as fit into one answer.
absl::StatusOr<Listed> ListNewest(Session* session, v1::ListEscalationsRequest request) {
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
  MQ_ASSIGN_OR_RETURN(Listed listed, ListNewest(session, request));
  MQ_ASSIGN_OR_RETURN(
      const v1::ListIncidentsResponse incidents,
      session->Call(&v1::Incidents::Stub::ListIncidents, v1::ListIncidentsRequest()));
  std::set<std::string> open;
  for (const v1::Incident& one : incidents.incidents()) open.insert(one.incident_id());
  Listed failed;
  if (listed.more) {
    // After a busy week the failure may be older than the newest that there are.
    const std::int64_t oldest = listed.all.back().create_time().seconds();
    failed.more = Within(listed.all.back().create_time(), kFresh);
    for (const v1::Incident& one : incidents.incidents()) {
      if (one.open_time().seconds() > oldest) continue;
      request.set_incident_id(one.incident_id());
      MQ_ASSIGN_OR_RETURN(const Listed of_it, ListNewest(session, request));
      failed.more |= of_it.more;
      listed.all.insert(listed.all.end(), of_it.all.begin(), of_it.all.end());
    }
  }
  std::set<std::string> seen;
  for (v1::Escalation& one : listed.all) {
    if (one.state() != v1::ESCALATION_STATE_FAILED || !seen.insert(one.escalation_id()).second)
      continue;
    if (one.incident_id().empty() ? Within(one.end_time(), kFresh)
                                  : open.count(one.incident_id()) > 0)
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
  MQ_ASSIGN_OR_RETURN(const Listed open, ListNewest(session, request));
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

// A delivery that a channel did not take, for the details.
std::string Untaken(const v1::Notice& notice, const v1::NoticeDelivery& one) {
  return absl::StrCat(
      notice.kind(), " ", HumanTime(notice.time()), " to ", one.channel(),
      one.given_up() ? absl::StrCat(" was given up at ", HumanTime(one.give_up_time()), " after ")
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
      if (!one.given_up() || !Within(one.give_up_time(), window)) continue;
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
               "incident is closed, without one for a day), rules that could not be taken "
               "(CRITICAL), a pause (WARNING)",
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
