// What every mail system keeps, whatever it is. The same cases run on a real Postfix, on the
// SMTP service and on Exchange's stand-in.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "common/status/error.h"
#include "tests/contract/mail_host.h"
#include "tests/contract/send_mail.h"

namespace mailquench::contract {
namespace {
using agent::CallContext;
using agent::MailSystem;
using agent::SettingsChange;

CallContext Context(const std::string& id) {
  CallContext context;
  context.command_id = id;
  context.deadline = absl::Now() + absl::Seconds(120);
  return context;
}

class MailSystemContract : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string why;
    host_ = MakeMailHost(&why);
    if (host_ == nullptr) GTEST_SKIP() << why;
  }
  MailSystem& mail() { return host_->mail(); }

  void Start() {
    const auto started = mail().Start({}, Context("start"));
    ASSERT_TRUE(started.ok()) << started.status() << host_->Log();
  }
  void Stop() {
    const auto stopped = mail().Stop({}, Context("stop"));
    ASSERT_TRUE(stopped.ok()) << stopped.status() << host_->Log();
  }
  void Send(const std::string& sender, int messages) {
    for (int i = 0; i < messages; ++i) {
      const std::string reply = SendMail(host_->target(), sender, "somebody@elsewhere.test",
                                         absl::StrCat(sender.substr(0, sender.find('@')), "-", i));
      ASSERT_EQ("250", reply.substr(0, 3)) << reply << host_->Log();
    }
  }
  // Three of spam@evil.test and two of good@host.test, queued; the service stopped.
  void FillAndStop() {
    Start();
    Send("spam@evil.test", 3);
    Send("good@host.test", 2);
    Stop();
  }
  std::int64_t Queued() { return mail().CountQueued({}).value_or(-1); }
  std::string Sweep(const std::string& id) {
    v1::QueueQuarantine request;
    request.set_reason("attack");
    const auto swept = mail().Quarantine(request, Context(id));
    EXPECT_TRUE(swept.ok()) << swept.status();
    return swept.ok() && swept->quarantines_size() == 1 ? swept->quarantines(0).quarantine_id()
                                                        : "";
  }
  // The five messages of FillAndStop(), set aside where each of them can be read.
  std::string SetAside(const std::string& id) {
    FillAndStop();
    if (host_->ReadsAtRest()) return Sweep(id);
    Start();
    v1::QueueQuarantine request;
    request.mutable_filter();  // All.
    const auto taken = mail().Quarantine(request, Context(id));
    EXPECT_TRUE(taken.ok()) << taken.status() << host_->Log();
    return taken.ok() && taken->quarantines_size() == 1 ? taken->quarantines(0).quarantine_id()
                                                        : "";
  }
  std::int64_t Matching(const std::string& quarantine, const std::string& sender) {
    v1::QuarantineAnalyse request;
    request.set_quarantine_id(quarantine);
    if (!sender.empty()) request.mutable_filter()->add_senders(sender);
    const auto picture = mail().Analyse(request, Context("analyse"));
    EXPECT_TRUE(picture.ok()) << picture.status();
    return picture.ok() ? picture->matching() : -1;
  }
  v1::RelayVerdict Probe() {
    const auto probe = mail().Probe({}, Context("probe"));
    EXPECT_TRUE(probe.ok()) << probe.status();
    if (!probe.ok()) return v1::RELAY_VERDICT_UNSPECIFIED;
    int asked = 0;  // Each listener once.
    v1::RelayVerdict verdict = v1::RELAY_VERDICT_UNSPECIFIED;
    for (const v1::ListenerProbe& one : probe->listeners()) {
      if (one.target() != host_->target()) continue;
      ++asked;
      verdict = one.verdict();
    }
    return asked == 1 ? verdict : v1::RELAY_VERDICT_UNSPECIFIED;
  }
  static v1::RelayLock Closed() {
    v1::RelayLock lock;
    lock.set_mode(v1::RELAY_MODE_CLOSED);
    return lock;
  }
  // The settings of the lock, as recorded.
  std::vector<v1::Setting> Lock() {
    const auto change = mail().PlanRelayLock(Closed());
    EXPECT_TRUE(change.ok()) << change.status();
    if (!change.ok()) return {};
    EXPECT_FALSE(change->files.empty());
    const absl::Status applied = mail().Apply(*change, Context("lock"));
    EXPECT_TRUE(applied.ok()) << applied << host_->Log();
    return {change->result.settings().begin(), change->result.settings().end()};
  }

  std::unique_ptr<MailHost> host_;
};

TEST_F(MailSystemContract, SaysOfEveryOperationWhetherItHasIt) {
  const auto inventory = mail().Inspect();
  ASSERT_TRUE(inventory.ok()) << inventory.status();
  EXPECT_FALSE(inventory->platform.empty());
  std::vector<std::string> named;
  for (const v1::Capability& one : inventory->capabilities) {
    named.push_back(one.operation());
    EXPECT_TRUE(one.available() || !one.reason().empty())
        << one.operation() << " is absent without a reason";
  }
  for (const char* wanted : {"service.stop", "service.start", "queue.survey", "queue.quarantine",
                             "quarantine.release", "relay.lock", "ndr.silence", "sender.block",
                             "restore", "relay.probe", "queue.watch", "contain", "egress.set"})
    EXPECT_THAT(named, ::testing::Contains(std::string(wanted)));
}

TEST_F(MailSystemContract, StopsAndStartsAndIsAskedTwice) {
  const auto status = mail().Status({});
  ASSERT_TRUE(status.ok()) << status.status();
  ASSERT_EQ(1, status->instances_size());
  EXPECT_EQ(host_->instance(), status->instances(0).name());
  EXPECT_FALSE(status->instances(0).running());
  const auto started = mail().Start({}, Context("a"));
  ASSERT_TRUE(started.ok()) << started.status() << host_->Log();
  EXPECT_EQ(1, started->started_size());
  const auto again = mail().Start({}, Context("b"));
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ(1, again->already_running_size());
  EXPECT_TRUE(mail().Status({})->instances(0).running());
  const auto glance = mail().Glance();
  ASSERT_TRUE(glance.ok()) << glance.status();
  EXPECT_TRUE(glance->running);
  EXPECT_EQ(1U, glance->queue_directories.size());
  const auto stopped = mail().Stop({}, Context("c"));
  ASSERT_TRUE(stopped.ok()) << stopped.status();
  EXPECT_EQ(1, stopped->stopped_size());
  const auto twice = mail().Stop({}, Context("d"));
  ASSERT_TRUE(twice.ok()) << twice.status();
  EXPECT_EQ(1, twice->already_stopped_size());
  EXPECT_FALSE(mail().Status({})->instances(0).running());
  EXPECT_FALSE(mail().Glance()->running);
}

TEST_F(MailSystemContract, AnInstanceThatIsNotThereIsNamedAndNothingIsTouched) {
  FillAndStop();
  v1::QueueQuarantine request;
  request.add_instances("nobody");
  for (const absl::Status& status :
       {mail().Status({"nobody"}).status(), mail().Stop({"nobody"}, Context("a")).status(),
        mail().Start({"nobody"}, Context("b")).status(),
        mail().Quarantine(request, Context("c")).status()}) {
    EXPECT_EQ("UNKNOWN_INSTANCE", ReasonOf(status)) << status;
    EXPECT_THAT(std::string(status.message()), ::testing::HasSubstr("nobody"));
  }
  EXPECT_EQ(5, Queued());
}

TEST_F(MailSystemContract, CountsAndTellsWhoIsBehindTheQueue) {
  FillAndStop();
  EXPECT_EQ(5, Queued());
  const auto survey = mail().Survey({}, Context("survey"));
  ASSERT_TRUE(survey.ok()) << survey.status();
  ASSERT_EQ(1, survey->instances_size());
  const v1::InstanceSurvey& one = survey->instances(0);
  EXPECT_EQ(5, one.messages());
  EXPECT_FALSE(one.running());
  EXPECT_FALSE(one.partial());
  ASSERT_GE(one.picture().senders_size(), 2);
  EXPECT_EQ("spam@evil.test", one.picture().senders(0).value());
  EXPECT_EQ(3, one.picture().senders(0).messages());
  ASSERT_GE(one.picture().recipient_domains_size(), 1);
  EXPECT_EQ("elsewhere.test", one.picture().recipient_domains(0).value());
  EXPECT_GT(one.bytes(), 0);
}

TEST_F(MailSystemContract, AWholeSweepIsRefusedWhileTheServiceRuns) {
  Start();
  Send("spam@evil.test", 1);
  const auto swept = mail().Quarantine({}, Context("sweep"));
  EXPECT_EQ("SERVICE_RUNNING", ReasonOf(swept.status())) << swept.status();
  EXPECT_EQ(1, Queued());
}

TEST_F(MailSystemContract, AWholeSweepSetsAllAsideAndARepeatOfItChangesNothing) {
  FillAndStop();
  const std::string id = Sweep("c1");
  ASSERT_NE("", id);
  EXPECT_EQ(0, Queued());
  EXPECT_EQ(5, Matching(id, ""));
  EXPECT_EQ(id, Sweep("c1"));  // As after a crash.
  EXPECT_EQ(5, Matching(id, ""));
  const auto list = mail().ListQuarantines();
  ASSERT_TRUE(list.ok()) << list.status();
  ASSERT_EQ(1, list->quarantines_size());
  EXPECT_EQ("attack", list->quarantines(0).reason());
  EXPECT_FALSE(list->quarantines(0).selective());
  Start();  // With its empty queue.
  Send("good@host.test", 1);
  EXPECT_EQ(1, Queued());
}

TEST_F(MailSystemContract, ASelectiveSweepTakesWhatMatchesAndLeavesTheRest) {
  FillAndStop();
  if (!host_->ReadsAtRest()) Start();
  v1::QueueQuarantine request;
  request.mutable_filter()->add_senders("spam@evil.test");
  const auto preview = mail().PreviewQuarantine(request, Context("preview"));
  ASSERT_TRUE(preview.ok()) << preview.status();
  EXPECT_EQ(3, preview->matching());
  EXPECT_EQ(5, Queued());
  const auto taken = mail().Quarantine(request, Context("c1"));
  ASSERT_TRUE(taken.ok()) << taken.status();
  ASSERT_EQ(1, taken->quarantines_size());
  EXPECT_TRUE(taken->quarantines(0).selective());
  EXPECT_EQ(2, Queued());
  EXPECT_EQ(3, Matching(taken->quarantines(0).quarantine_id(), ""));
}

TEST_F(MailSystemContract, ReleaseGivesBackWhatMatchesAndOnlyOnce) {
  const std::string id = SetAside("c1");
  if (host_->ReleasesStopped()) Stop();
  if (!host_->ReleasesStopped()) Start();
  v1::QuarantineRelease request;
  request.set_quarantine_id(id);
  request.mutable_filter()->add_senders("good@host.test");
  const auto released = mail().Release(request, Context("r1"));
  ASSERT_TRUE(released.ok()) << released.status() << host_->Log();
  EXPECT_EQ(2, released->released());
  EXPECT_EQ(3, released->left());
  EXPECT_EQ(2, Queued());
  const auto again = mail().Release(request, Context("r2"));
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ(0, again->released());
  EXPECT_EQ(2, Queued());
  EXPECT_EQ(3, Matching(id, "spam@evil.test"));
}

TEST_F(MailSystemContract, DiscardDeletesWhatMatches) {
  const std::string id = SetAside("c1");
  v1::QuarantineDiscard request;
  request.set_quarantine_id(id);
  request.mutable_filter()->add_senders("spam@evil.test");
  const auto discarded = mail().Discard(request, Context("d1"));
  ASSERT_TRUE(discarded.ok()) << discarded.status();
  EXPECT_EQ(3, discarded->discarded());
  EXPECT_EQ(2, discarded->left());
  EXPECT_EQ(2, Matching(id, ""));
}

TEST_F(MailSystemContract, AQuarantineThatIsNotThereIsNotFound) {
  for (const std::string id : {"none-0123456789abcdef", "../../../etc", "..", "", "C:\\Windows"}) {
    v1::QuarantineAnalyse analyse;
    analyse.set_quarantine_id(id);
    v1::QuarantineRelease release;
    release.set_quarantine_id(id);
    v1::QuarantineDiscard discard;
    discard.set_quarantine_id(id);
    EXPECT_EQ(absl::StatusCode::kNotFound, mail().Analyse(analyse, Context("a")).status().code())
        << id;
    EXPECT_EQ(absl::StatusCode::kNotFound, mail().Release(release, Context("b")).status().code())
        << id;
    EXPECT_EQ(absl::StatusCode::kNotFound, mail().Discard(discard, Context("c")).status().code())
        << id;
  }
}

TEST_F(MailSystemContract, ALockClosesAnOpenRelayAndARestoreGivesEveryByteBack) {
  const std::string before = host_->SettingsBytes();
  Start();
  EXPECT_EQ(v1::RELAY_VERDICT_OPEN, Probe());
  const std::vector<v1::Setting> settings = Lock();
  EXPECT_TRUE(std::any_of(settings.begin(), settings.end(),
                          [](const v1::Setting& one) { return one.opened_relay(); }));
  EXPECT_TRUE(mail().VerifyLocked(Closed()).ok()) << mail().VerifyLocked(Closed());
  EXPECT_EQ(v1::RELAY_VERDICT_CLOSED, Probe());
  EXPECT_NE(before, host_->SettingsBytes());
  const auto second = mail().PlanRelayLock(Closed());
  ASSERT_TRUE(second.ok()) << second.status();
  EXPECT_TRUE(second->files.empty()) << "what is locked already is no change";

  // What opened the relay is shown and decided by a person, never put back by itself.
  const auto undecided = mail().PlanRestore(settings, {}, {});
  ASSERT_TRUE(undecided.ok()) << undecided.status();
  EXPECT_GT(undecided->result.needs_decision(), 0);
  std::vector<v1::RestoreDecision> decisions;
  for (const v1::Setting& setting : settings) {
    if (!setting.opened_relay()) continue;
    v1::RestoreDecision& decision = decisions.emplace_back();
    decision.set_instance(setting.instance());
    decision.set_key(setting.key());
    decision.set_choice(v1::RESTORE_CHOICE_PUT_BACK);
    decision.set_reason("a test");
  }
  const auto plan = mail().PlanRestore(settings, decisions, {});
  ASSERT_TRUE(plan.ok()) << plan.status();
  EXPECT_EQ(0, plan->result.needs_decision());
  EXPECT_TRUE(plan->result.byte_for_byte());
  const absl::Status restored = mail().Apply(plan->change, Context("restore"));
  ASSERT_TRUE(restored.ok()) << restored << host_->Log();
  EXPECT_EQ(before, host_->SettingsBytes());
  EXPECT_EQ(v1::RELAY_VERDICT_OPEN, Probe());
}

TEST_F(MailSystemContract, ASettingThatSomebodyChangedIsDriftAndIsNotOverwritten) {
  const std::vector<v1::Setting> settings = Lock();
  auto drifted = mail().Drifted(settings);
  ASSERT_TRUE(drifted.ok()) << drifted.status();
  EXPECT_TRUE(drifted->empty());
  host_->Meddle();
  drifted = mail().Drifted(settings);
  ASSERT_TRUE(drifted.ok()) << drifted.status();
  EXPECT_EQ(1U, drifted->size());
  const auto plan = mail().PlanRestore(settings, {}, {});
  ASSERT_TRUE(plan.ok()) << plan.status();
  EXPECT_GT(plan->result.needs_decision(), 0);
}

TEST_F(MailSystemContract, TheWayOutIsSetOnceAndARestoreGivesEveryByteBack) {
  const std::string before = host_->SettingsBytes();
  v1::EgressSet request;
  EXPECT_EQ("NOTHING_NAMED", ReasonOf(mail().PlanEgress(request).status()));
  request.set_helo_name("no name");
  EXPECT_EQ("BAD_HELO_NAME", ReasonOf(mail().PlanEgress(request).status()));
  request.set_helo_name("out.example.org");
  request.set_smarthost("relay.example.net");
  request.add_instances("nobody");
  EXPECT_EQ("UNKNOWN_INSTANCE", ReasonOf(mail().PlanEgress(request).status()));
  request.clear_instances();
  Start();
  const auto change = mail().PlanEgress(request);
  ASSERT_TRUE(change.ok()) << change.status();
  EXPECT_FALSE(change->result.notice().empty());
  ASSERT_FALSE(change->files.empty());
  EXPECT_EQ(before, host_->SettingsBytes()) << "a plan wrote something";
  const absl::Status applied = mail().Apply(*change, Context("egress"));
  ASSERT_TRUE(applied.ok()) << applied << host_->Log();
  EXPECT_NE(before, host_->SettingsBytes());
  EXPECT_TRUE(mail().Apply(*change, Context("egress")).ok()) << "as after a crash";
  const auto again = mail().PlanEgress(request);
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_TRUE(again->files.empty());
  const std::vector<v1::Setting> settings(change->result.settings().begin(),
                                          change->result.settings().end());
  const auto drifted = mail().Drifted(settings);
  ASSERT_TRUE(drifted.ok()) << drifted.status();
  EXPECT_TRUE(drifted->empty());
  const auto plan = mail().PlanRestore(settings, {}, {});
  ASSERT_TRUE(plan.ok()) << plan.status();
  EXPECT_EQ(0, plan->result.needs_decision());
  const absl::Status restored = mail().Apply(plan->change, Context("restore"));
  ASSERT_TRUE(restored.ok()) << restored << host_->Log();
  EXPECT_EQ(before, host_->SettingsBytes());
}

TEST_F(MailSystemContract, AChangeOverSomebodyElsesIsAborted) {
  const auto change = mail().PlanRelayLock(Closed());
  ASSERT_TRUE(change.ok()) << change.status();
  host_->Meddle();
  const std::string meddled = host_->SettingsBytes();
  const absl::Status applied = mail().Apply(*change, Context("lock"));
  EXPECT_EQ("CHANGED_MEANWHILE", ReasonOf(applied)) << applied;
  EXPECT_EQ(meddled, host_->SettingsBytes());
}

}  // namespace
}  // namespace mailquench::contract
