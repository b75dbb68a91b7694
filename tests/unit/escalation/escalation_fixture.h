// A whole core with rules, three edge hosts that take mail in, and no threads: a test calls Work().
#ifndef MAILQUENCH_TESTS_UNIT_ESCALATION_ESCALATION_FIXTURE_H_
#define MAILQUENCH_TESTS_UNIT_ESCALATION_ESCALATION_FIXTURE_H_

#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <functional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "controller/escalation/alerts.h"
#include "controller/escalation/engine.h"
#include "controller/notify/notices.h"
#include "controller/store/times.h"
#include "tests/unit/controller/core_fixture.h"

namespace mailquench::controller {

class EscalationTest : public CoreTest {
 protected:
  static constexpr const char* kRules = R"(
rules:
  - name: flood
    match: ['alertname="Flood"']
    hosts: {label: instance}
    action: start
    run: {playbook: contain}
    cooldown: 10m
    verify: 15m
    retry_after: 5m
  - name: maybe
    match: ['alertname="Maybe"']
    hosts: {label: instance}
    action: propose
    run: {playbook: contain}
  - name: note
    match: ['alertname="Note"']
    hosts: {label: instance}
    action: record
budget: {runs: 3, hosts: 5, per: 1h}
approval: {expires: 30m, other_person: true}
)";

  void SetUp() override {
    CoreTest::SetUp();
    BeatAll();
  }
  void TearDown() override {
    unsetenv("MAILQUENCH_FAULT");
    CoreTest::TearDown();
  }
  void Configure(CoreOptions* options) override {
    options->escalation_file = folder_ + "/escalation.yaml";
    WriteRules(rules_);
    options->silence_length = absl::Minutes(10);
  }
  void WriteRules(const std::string& text) { std::ofstream(folder_ + "/escalation.yaml") << text; }
  void BeatAll() {
    for (const char* id : {"a", "b", "c"}) {
      v1::Heartbeat beat;
      StampTime(clock_.now_, beat.mutable_time());
      beat.set_queued_messages(5);
      beat.set_mail_service(v1::MAIL_SERVICE_STATE_RUNNING);
      core_->events().OnHeartbeat(id, beat);
    }
  }
  // As a controller that was killed and started again.
  void Restart() {
    core_.reset();
    OpenCore();
    ASSERT_TRUE(core_->Resume().ok());
    for (const char* id : {"a", "b", "c"}) Connect(id);
    BeatAll();
  }
  // The controller is killed (SIGKILL) at this fault point while it does `work`; then it is started
  // again, and nothing has been done yet.
  void DieAt(const std::string& point, const std::function<void()>& work) {
    core_.reset();
    const pid_t child = fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      setenv("MAILQUENCH_FAULT", (point + "=kill").c_str(), 1);
      OpenCore();
      core_->Resume().IgnoreError();
      for (const char* id : {"a", "b", "c"}) Connect(id);
      BeatAll();
      work();
      _exit(0);
    }
    int status = 0;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) << point << " was not passed";
    Restart();
  }
  v1::Alert Alert(const std::string& name, const std::string& instance) {
    v1::Alert alert;
    alert.set_status(v1::ALERT_STATUS_FIRING);
    alert.set_receiver("mq");
    alert.set_group_key("{}:{alertname=\"" + name + "\"}");
    (*alert.mutable_labels())["alertname"] = name;
    (*alert.mutable_labels())["instance"] = instance;
    StampTime(clock_.now_, alert.mutable_start_time());
    EXPECT_TRUE(Complete("am", clock_.now_, &alert).ok());
    return alert;
  }
  static v1::Alert Ended(v1::Alert alert) {
    alert.set_status(v1::ALERT_STATUS_RESOLVED);
    return alert;
  }
  AlertInbox::Taken Take(const std::vector<v1::Alert>& alerts) {
    const auto taken = core_->escalations().Take(alerts);
    EXPECT_TRUE(taken.ok()) << taken.status();
    return taken.value_or(AlertInbox::Taken());
  }
  void Raise(const std::vector<v1::Alert>& alerts) {
    Take(alerts);
    core_->escalations().Work();
  }
  void Pass(absl::Duration time) {
    clock_.now_ += time;
    BeatAll();
    core_->Tick();
    core_->escalations().Work();
  }
  std::vector<v1::Escalation> All() {
    const auto all = core_->escalations().List({});
    EXPECT_TRUE(all.ok()) << all.status();
    return {all->escalations().begin(), all->escalations().end()};
  }
  v1::Escalation Only() {
    const auto all = All();
    EXPECT_EQ(all.size(), 1u);
    return all.empty() ? v1::Escalation() : all.front();
  }
  std::vector<std::string> Notices() {
    v1::ListNoticesRequest request;
    request.set_limit(1000);
    const auto all = core_->notices().List(request);
    EXPECT_TRUE(all.ok()) << all.status();
    std::vector<std::string> kinds;
    for (const v1::NoticeRecord& one : all->notices()) kinds.push_back(one.notice().kind());
    return kinds;
  }
  std::vector<v1::Run> Runs() {
    const auto all = core_->ListRuns({});
    return {all->runs().begin(), all->runs().end()};
  }
  // The agents do what they are told; the last step says `watch`.
  void RunToItsEnd(v1::WatchVerdict watch = v1::WATCH_VERDICT_QUIET) {
    for (int i = 0; i < 20; ++i) {
      AnswerAll(watch);
      core_->Tick();
    }
    core_->escalations().Work();
  }
  void FailAll() {
    for (; answered_ < link_.sent.size(); ++answered_) {
      const auto [host, message] = link_.sent[answered_];
      if (message.has_command())
        core_->events().OnReport(host, Report(message.command(), v1::OUTCOME_FAILED));
    }
    core_->Tick();
    core_->escalations().Work();
  }

  std::string rules_ = kRules;
};

}  // namespace mailquench::controller

#endif  // MAILQUENCH_TESTS_UNIT_ESCALATION_ESCALATION_FIXTURE_H_
