// A small fleet, the built-in playbooks and alerts, as the tests of rules need them.
#ifndef MAILQUENCH_TESTS_UNIT_ESCALATION_FLEET_FIXTURE_H_
#define MAILQUENCH_TESTS_UNIT_ESCALATION_FLEET_FIXTURE_H_

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "controller/escalation/decide.h"
#include "controller/runs/planner.h"
#include "controller/runs/playbooks.h"
#include "controller/store/times.h"
#include "gmock/gmock.h"

namespace mailquench::controller {

inline absl::Time TestNow() {
  return absl::FromCivil(absl::CivilSecond(2026, 3, 4, 12, 0, 0), absl::UTCTimeZone());
}

inline v1::Host MakeHost(const std::string& name, std::map<std::string, std::string> labels = {}) {
  v1::Host host;
  host.set_host_id("id-" + name);
  host.set_name(name);
  host.mutable_labels()->insert(labels.begin(), labels.end());
  host.set_state(v1::HOST_STATE_ACTIVE);
  host.set_online(true);
  host.mutable_heartbeat()->set_mail_service(v1::MAIL_SERVICE_STATE_RUNNING);
  return host;
}

inline v1::Alert MakeAlert(const std::string& name,
                           const std::string& instance,
                           std::map<std::string, std::string> labels = {}) {
  v1::Alert alert;
  labels.emplace("alertname", name);
  if (!instance.empty()) labels.emplace("instance", instance);
  alert.mutable_labels()->insert(labels.begin(), labels.end());
  alert.set_status(v1::ALERT_STATUS_FIRING);
  alert.set_fingerprint(name + "@" + instance);
  alert.set_alert_key("key-" + alert.fingerprint());
  StampTime(TestNow() - absl::Minutes(1), alert.mutable_start_time());
  return alert;
}

inline v1::Escalation MakeEscalation(const std::string& id,
                                     const std::string& rule,
                                     v1::EscalationState state,
                                     const std::vector<std::string>& hosts,
                                     absl::Duration ago = absl::Minutes(10)) {
  v1::Escalation escalation;
  escalation.set_escalation_id(id);
  escalation.set_rule(rule);
  escalation.set_state(state);
  escalation.set_wanted(v1::ESCALATION_ACTION_START);
  escalation.set_taken(v1::ESCALATION_ACTION_START);
  escalation.mutable_request()->set_playbook("contain");
  for (const std::string& name : hosts) {
    escalation.add_hosts()->set_host_id("id-" + name);
    escalation.mutable_hosts()->rbegin()->set_name(name);
  }
  StampTime(TestNow() - ago, escalation.mutable_create_time());
  if (state != v1::ESCALATION_STATE_RECORDED && state != v1::ESCALATION_STATE_PROPOSED &&
      state != v1::ESCALATION_STATE_STARTING) {
    escalation.set_tries(1);
    StampTime(TestNow() - ago, escalation.mutable_start_time());
  }
  if (state >= v1::ESCALATION_STATE_RESOLVED)
    StampTime(TestNow() - ago / 2, escalation.mutable_end_time());
  return escalation;
}

// The same as the controller's: built-in playbooks, and single operations.
inline absl::StatusOr<std::vector<v1::Operation>> BuiltInOperations(
    const v1::PlanRunRequest& request) {
  static const auto* const kPlaybooks = new std::map<std::string, v1::Playbook>(*LoadPlaybooks(""));
  absl::StatusOr<v1::Playbook> playbook = ResolvePlaybook(*kPlaybooks, request);
  if (!playbook.ok()) return playbook.status();
  std::vector<v1::Operation> operations;
  for (const v1::PlaybookStep& step : playbook->steps()) operations.push_back(step.operation());
  return operations;
}

class DecideTest : public testing::Test {
 protected:
  DecideTest() {
    facts_.now = TestNow();
    facts_.hosts = fleet_;
    facts_.operations = BuiltInOperations;
    for (const char* name : {"mx1", "mx2", "mx3", "mx4"})
      fleet_->push_back(MakeHost(name, {{"role", "edge"}, {"site", "fra"}}));
    Use("");
  }

  // A rule that contains, and what else the file says.
  void Use(const std::string& more, const std::string& of_rule = "") {
    Load(
        absl::StrCat("rules:\n- {name: flood, match: [alertname=Flood], hosts: {label: instance}, ",
                     "action: start, run: {playbook: contain}", of_rule, "}\n", more));
  }
  void Load(const std::string& text) {
    absl::StatusOr<Rules> rules = ParseRules("e.yaml", text);
    ASSERT_TRUE(rules.ok()) << rules.status();
    rules_ = *std::move(rules);
  }

  std::vector<Decision> All(const std::vector<v1::Alert>& alerts) {
    return Decide(rules_, alerts, facts_);
  }
  Decision One(const std::vector<v1::Alert>& alerts) {
    std::vector<Decision> decisions = All(alerts);
    EXPECT_EQ(decisions.size(), 1U);
    return decisions.empty() ? Decision() : decisions.front();
  }
  Decision OnMx1() { return One({MakeAlert("Flood", "mx1:9100")}); }
  v1::Host* Host(const std::string& name) {
    for (v1::Host& host : *fleet_) {
      if (host.name() == name) return &host;
    }
    return nullptr;
  }

  static std::string Why(const Decision& decision) {
    std::string all;
    for (const std::string& reason : decision.reasons) absl::StrAppend(&all, reason, "\n");
    return all;
  }
  static std::vector<std::string> HostsOf(const Decision& decision) {
    std::vector<std::string> names;
    for (const v1::EscalationHost& host : decision.hosts) names.push_back(host.name());
    return names;
  }

  std::shared_ptr<std::vector<v1::Host>> fleet_ = std::make_shared<std::vector<v1::Host>>();
  DecisionFacts facts_;
  Rules rules_;
};

inline constexpr auto kRecord = v1::ESCALATION_ACTION_RECORD;
inline constexpr auto kPropose = v1::ESCALATION_ACTION_PROPOSE;
inline constexpr auto kStart = v1::ESCALATION_ACTION_START;

}  // namespace mailquench::controller

#endif  // MAILQUENCH_TESTS_UNIT_ESCALATION_FLEET_FIXTURE_H_
