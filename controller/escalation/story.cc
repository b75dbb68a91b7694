// What people are told of an escalation: on change only, since the same id is told once.
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "controller/escalation/engine.h"
#include "controller/store/times.h"

namespace mailquench::controller {
namespace {

// So many notices of one kind and incident are told in this time, and then one for the rest.
constexpr std::size_t kToldAlone = 5;
constexpr absl::Duration kWindow = absl::Minutes(10);

std::string Hosts(const v1::Escalation& escalation) {
  std::vector<std::string> names;
  for (const v1::EscalationHost& host : escalation.hosts()) {
    if (names.size() == 5 && escalation.hosts_size() > 6) {
      names.push_back(absl::StrCat(escalation.hosts_size() - 5, " more"));
      break;
    }
    names.push_back(host.name());
  }
  return names.empty() ? "no host of the fleet" : absl::StrJoin(names, ", ");
}

std::string What(const v1::Escalation& escalation) {
  const v1::PlanRunRequest& request = escalation.request();
  if (!request.playbook().empty()) return request.playbook();
  return request.has_operation() ? "one operation" : "nothing";
}

std::string Last(const v1::Escalation& escalation) {
  return escalation.timeline_size() == 0
             ? ""
             : escalation.timeline(escalation.timeline_size() - 1).text();
}

std::string Look(const v1::Escalation& escalation) {
  return "mailquench escalation show " + escalation.escalation_id();
}

}  // namespace

void Escalator::Tell(const v1::Escalation& escalation,
                     const std::string& kind,
                     const std::string& severity,
                     const std::string& text,
                     const std::string& next) {
  v1::Notice notice;
  // What is told of a run is told of each; the rest once. A page about an alert is not the page
  // about the failure that comes after it.
  const bool each =
      kind == "run-started" || kind == "run-failed" || kind == "contained" || kind == "run-ended";
  notice.set_notice_id(absl::StrCat("esc:", escalation.escalation_id(), ":", kind,
                                    each ? absl::StrCat(":", escalation.tries()) : "",
                                    kind == "page" && IsFinal(escalation.state()) ? ":end" : ""));
  notice.set_kind(kind);
  notice.set_severity(severity);
  notice.set_text(text);
  notice.set_next(next);
  StampTime(clock_->Now(), notice.mutable_time());
  notice.set_incident_id(escalation.incident_id());
  notice.set_escalation_id(escalation.escalation_id());
  if (escalation.run_ids_size() > 0)
    notice.set_run_id(escalation.run_ids(escalation.run_ids_size() - 1));
  for (const v1::EscalationHost& host : escalation.hosts()) notice.add_hosts(host.name());
  (*notice.mutable_fields())["rule"] = escalation.rule();
  (*notice.mutable_fields())["alerts"] = std::to_string(escalation.alert_count());
  if (const std::string id = CollectedIn(notice); !id.empty()) {
    notice.set_notice_id(id);
    notice.set_text(
        "more escalations of this incident have the same to say; for a while they are "
        "not told one by one");
    notice.set_next("mailquench escalation list --incident " + escalation.incident_id());
    notice.clear_hosts();
    notice.clear_fields();
  }
  const absl::Status told = notices_->Tell(notice);
  if (told.ok()) return;
  options_.log("escalation: " + std::string(told.message()));
  told_ = false;  // The next pass tells each state of late again, once.
}

std::string Escalator::CollectedIn(const v1::Notice& notice) {
  if (notice.incident_id().empty()) return "";
  const absl::Time now = clock_->Now();
  const std::lock_guard<std::mutex> lock(tell_mu_);
  for (auto one = tellings_.begin(); one != tellings_.end();)
    one = now - one->second.since < kWindow ? std::next(one) : tellings_.erase(one);
  const auto [telling, is_new] = tellings_.try_emplace(notice.incident_id() + ":" + notice.kind());
  if (is_new) telling->second.since = now;
  std::set<std::string>& ids = telling->second.notice_ids;
  if (ids.count(notice.notice_id()) > 0) return "";
  if (ids.size() < kToldAlone) {
    ids.insert(notice.notice_id());
    return "";
  }
  return absl::StrCat("esc:", telling->first, ":more:", absl::ToUnixMillis(telling->second.since));
}

void Escalator::TellWell(const v1::Escalation& e) {
  Tell(e, e.request().playbook() == "contain" ? "contained" : "run-ended", "info",
       absl::StrCat(What(e), " went well on ", Hosts(e)),
       "mailquench incident show " + e.incident_id());
}

void Escalator::TellState(const v1::Escalation& e) {
  const std::string rule = e.rule().empty() ? "a person" : "rule " + e.rule();
  if (e.opened_incident())
    Tell(e, "incident-opened", "warning",
         absl::StrCat(rule, ": ", e.alert_count(), e.alert_count() == 1 ? " alert" : " alerts",
                      " on ", Hosts(e), "; ", e.reasons_size() > 0 ? e.reasons(0) : ""),
         "mailquench incident show " + e.incident_id());
  if (e.wanted() > e.taken())
    Tell(
        e, "held", "warning",
        absl::StrCat(rule, " would do more, and was held back: ", absl::StrJoin(e.reasons(), "; ")),
        Look(e));
  switch (e.state()) {
    case v1::ESCALATION_STATE_PROPOSED:
      Tell(e, "proposal", "page",
           absl::StrCat(rule, " proposes ", What(e), " on ", Hosts(e), "; it waits for a person"),
           "mailquench escalation approve " + e.escalation_id());
      break;
    case v1::ESCALATION_STATE_RUNNING:
      Tell(e, "run-started", "info",
           absl::StrCat(rule, ": ", What(e), " runs on ", Hosts(e),
                        e.approved_by().empty() ? "" : ", approved by " + e.approved_by()),
           "mailquench run watch " + e.run_ids(e.run_ids_size() - 1));
      break;
    case v1::ESCALATION_STATE_VERIFYING:
      TellWell(e);
      break;
    case v1::ESCALATION_STATE_STARTING:
      if (e.tries() > 0)
        Tell(e, "run-failed", "warning", absl::StrCat(What(e), " on ", Hosts(e), ": ", Last(e)),
             Look(e));
      break;
    case v1::ESCALATION_STATE_RESOLVED:
      if (e.run_ids_size() > 0)
        Tell(e, "resolved", "info", absl::StrCat(Hosts(e), ": ", Last(e)),
             absl::StrCat("mailquench incident show ", e.incident_id(),
                          "   (release what was valid, restore what was changed)"));
      break;
    case v1::ESCALATION_STATE_EXPIRED:
      Tell(e, "proposal-expired", "page",
           absl::StrCat("nobody approved ", What(e), " on ", Hosts(e), " in time"), Look(e));
      break;
    default:
      break;
  }
  if (e.paged())
    Tell(e, "page", "page", absl::StrCat(rule, ", ", Hosts(e), ": ", Last(e)), Look(e));
}

}  // namespace mailquench::controller
