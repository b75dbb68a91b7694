// What a scrape says.
#include "controller/metrics/metrics.h"

#include <gmock/gmock.h>

#include <atomic>
#include <thread>

#include "absl/strings/str_cat.h"
#include "tests/unit/metrics/rig.h"

namespace mailquench::controller {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

TEST(Metrics, SaysWhatIsKnownOfAHost) {
  Rig rig;
  rig.CountSomething();
  const std::string text = rig.metrics.Text();
  const auto of = [&](const std::string& name) {
    return ValueOf(text, absl::StrCat("mailquench_host_", name, "{host=\"mx1.example.org\"}"));
  };
  EXPECT_EQ(of("online"), "1");
  EXPECT_EQ(of("queue_messages"), "1200");
  EXPECT_EQ(of("queue_growth_messages_per_second"), "10");
  EXPECT_DOUBLE_EQ(rig.metrics.QueueGrowth("id-1").value_or(0), 600);
  EXPECT_EQ(of("mail_service_running"), "1");
  EXPECT_EQ(of("alarm"), "0");
  EXPECT_EQ(of("drifted_settings"), "1");
  EXPECT_EQ(of("held_leases"), "1");
  EXPECT_EQ(of("queue_free_bytes"), "1073741824");
  EXPECT_EQ(of("agent_cpu_seconds_total"), "1.5");
  EXPECT_EQ(of("open_relay"), "1");
  EXPECT_EQ(of("last_seen_timestamp_seconds"), "1700000000");
  EXPECT_THAT(text, HasSubstr("mailquench_host_info{host=\"mx1.example.org\",host_id=\"id-1\","
                              "platform=\"postfix\",platform_version=\"3.7.6\","
                              "agent_version=\"0.1.0\"} 1\n"));
  EXPECT_EQ(ValueOf(text,
                    "mailquench_host_listings{host=\"mx1.example.org\",list_operator="
                    "\"spamhaus\",alert=\"true\"}"),
            "1");
}

TEST(Metrics, WhatIsNotKnownIsLeftOut) {
  Rig rig;
  v1::Host& host = rig.AddHost("id-2", "mx2");
  host.mutable_heartbeat()->set_queued_messages(-1);
  const std::string text = rig.metrics.Text();
  for (const char* name : {"queue_messages", "queue_growth_messages_per_second", "queue_free_bytes",
                           "mail_service_running", "agent_resident_memory_bytes"})
    EXPECT_EQ(ValueOf(text, absl::StrCat("mailquench_host_", name, "{host=\"mx2\"}")), "") << name;
  EXPECT_EQ(ValueOf(text, "mailquench_host_online{host=\"mx2\"}"), "1");
}

TEST(Metrics, AHostThatIsOfflineKeepsItsAlarmAndNoCounts) {
  Rig rig;
  rig.hosts[0].set_online(false);
  rig.hosts[0].mutable_heartbeat()->set_alarm(true);
  const std::string text = rig.metrics.Text();
  EXPECT_EQ(ValueOf(text, "mailquench_host_online{host=\"mx1.example.org\"}"), "0");
  EXPECT_EQ(ValueOf(text, "mailquench_host_alarm{host=\"mx1.example.org\"}"), "1");
  EXPECT_THAT(text, Not(HasSubstr("mailquench_host_queue_messages{")));
  EXPECT_EQ(ValueOf(text, "mailquench_hosts{presence=\"offline\"}"), "1");
}

TEST(Metrics, HostsThatAreGoneDisappear) {
  Rig rig;
  rig.CountSomething();
  rig.AddHost("id-2", "evicted").set_state(v1::HOST_STATE_EVICTED);
  rig.AddHost("id-3", "banned").set_state(v1::HOST_STATE_BANNED);
  const std::string before = rig.metrics.Text();
  EXPECT_THAT(before, Not(HasSubstr("evicted")));
  EXPECT_THAT(before, Not(HasSubstr("banned")));
  rig.hosts.clear();
  EXPECT_THAT(rig.metrics.Text(), Not(HasSubstr("mx1.example.org")));
  EXPECT_FALSE(rig.metrics.QueueGrowth("id-1").has_value()) << "not known, which is not 0";
}

TEST(Metrics, AManualHostHasNoPresence) {
  Rig rig;
  v1::Host& host = rig.AddHost("id-2", "old");
  host.mutable_manual()->set_platform("exchange-2003");
  host.clear_heartbeat();
  const std::string text = rig.metrics.Text();
  EXPECT_THAT(text, HasSubstr("host=\"old\",host_id=\"id-2\",platform=\"exchange-2003\""));
  EXPECT_EQ(ValueOf(text, "mailquench_host_online{host=\"old\"}"), "");
  EXPECT_EQ(ValueOf(text, "mailquench_hosts{presence=\"manual\"}"), "1");
}

TEST(Metrics, HostileNamesAreHarmlessAndStayDistinct) {
  Rig rig;
  const std::string hostile = "mx\"} 1\n\\evil \xff\x1b[31m\xe2\x80\xae";
  rig.AddHost("id-2", hostile);
  rig.AddHost("id-3", hostile);
  rig.AddHost("id-4", std::string(5000, 'a'));
  rig.AddHost("id-5", std::string(5000, 'a') + "b");
  const std::string text = rig.metrics.Text();
  EXPECT_THAT(text, Not(HasSubstr("\x1b")));
  EXPECT_THAT(text, Not(HasSubstr("\xff")));
  EXPECT_THAT(text, Not(HasSubstr(std::string(129, 'a'))));
  EXPECT_THAT(text, HasSubstr("mailquench_host_online{host=\"mx\\\"} 1 \\\\evil"));
  EXPECT_THAT(text, HasSubstr("mailquench_host_online{host=\"id-3 mx"));
  EXPECT_EQ(ValueOf(text, "mailquench_hosts{presence=\"online\"}"), "5");
}

TEST(Metrics, CountsWhatEnds) {
  Rig rig;
  rig.CountSomething();
  const std::string text = rig.metrics.Text();
  EXPECT_EQ(
      ValueOf(text, "mailquench_operations_total{operation=\"contain\",outcome=\"succeeded\"}"),
      "1");
  EXPECT_EQ(
      ValueOf(text, "mailquench_operations_total{operation=\"contain\",outcome=\"timed_out\"}"),
      "1");
  EXPECT_EQ(ValueOf(text, "mailquench_runs_total{playbook=\"contain\",state=\"succeeded\"}"), "1");
  EXPECT_EQ(ValueOf(text, "mailquench_run_duration_seconds_bucket{le=\"30\"}"), "0");
  EXPECT_EQ(ValueOf(text, "mailquench_run_duration_seconds_bucket{le=\"60\"}"), "1");
  EXPECT_EQ(ValueOf(text, "mailquench_time_to_contain_seconds_sum"), "20");
  EXPECT_EQ(ValueOf(text, "mailquench_escalations_total{rule=\"flood\",taken=\"start\"}"), "1");
  EXPECT_EQ(ValueOf(text, "mailquench_store_write_duration_seconds_count"), "1");
  EXPECT_EQ(ValueOf(text, "mailquench_heartbeats_total"), "4");
}

TEST(Metrics, SaysWhatGoesOn) {
  Rig rig;
  rig.incidents.emplace_back().set_state(v1::INCIDENT_STATE_OPEN);
  rig.health["dead.example"].set_state(v1::LIST_HEALTH_STATE_SILENT);
  rig.health["new.example"];
  const std::string text = rig.metrics.Text();
  EXPECT_EQ(ValueOf(text, "mailquench_incidents{state=\"contained\"}"), "1");
  EXPECT_EQ(ValueOf(text, "mailquench_incidents{state=\"open\"}"), "1");
  EXPECT_EQ(ValueOf(text, "mailquench_incidents{state=\"refilling\"}"), "0");
  EXPECT_EQ(ValueOf(text, "mailquench_obligations_outstanding"), "1");
  EXPECT_EQ(ValueOf(text, "mailquench_obligation_oldest_age_seconds"), "7200");
  EXPECT_EQ(ValueOf(text, "mailquench_listings{list_operator=\"spamhaus\",state=\"cause_open\"}"),
            "1");
  EXPECT_EQ(ValueOf(text, "mailquench_blacklist_healthy{zone=\"zen.spamhaus.org\"}"), "1");
  EXPECT_EQ(ValueOf(text, "mailquench_blacklist_healthy{zone=\"dead.example\"}"), "0");
  EXPECT_EQ(ValueOf(text, "mailquench_blacklist_healthy{zone=\"new.example\"}"), "");
  EXPECT_EQ(ValueOf(text, "mailquench_escalations{state=\"proposed\"}"), "1");
  EXPECT_EQ(ValueOf(text, "mailquench_escalations{state=\"running\"}"), "0");
  EXPECT_EQ(ValueOf(text, "mailquench_alert_requests_total{result=\"taken\"}"), "5");
  EXPECT_EQ(ValueOf(text, "mailquench_alerts_undone"), "3");
  EXPECT_EQ(ValueOf(text, "mailquench_notices_undelivered"), "2");
  EXPECT_EQ(ValueOf(text, "mailquench_notices_given_up"), "4");
  EXPECT_EQ(ValueOf(text, "mailquench_automation_paused"), "1");
  EXPECT_EQ(ValueOf(text, "mailquench_store_bytes"), "4096");
}

// An alert of Prometheus would end with its series' value 0, and nobody has cleared anything.
TEST(Metrics, WhatTheStoreDoesNotGiveIsLeftOutAndSaid) {
  Rig rig;
  EXPECT_EQ(ValueOf(rig.metrics.Text(), "mailquench_store_readable"), "1");
  rig.store = absl::InternalError("the disk is gone");
  const std::string text = rig.metrics.Text();
  EXPECT_EQ(ValueOf(text, "mailquench_store_readable"), "0");
  for (const char* name : {"mailquench_incidents", "mailquench_obligation", "mailquench_listings",
                           "mailquench_host_listings", "mailquench_host_open_relay",
                           "mailquench_escalations{", "mailquench_blacklist_healthy",
                           "mailquench_alerts_undone", "mailquench_notices_undelivered",
                           "mailquench_automation_paused", "mailquench_escalation_rules_loaded"})
    EXPECT_THAT(text, Not(HasSubstr(absl::StrCat("\n", name)))) << name;
  EXPECT_EQ(ValueOf(text, "mailquench_host_online{host=\"mx1.example.org\"}"), "1")
      << "it is not of the store";
}

TEST(Metrics, SaysWhetherTheRulesCouldBeTaken) {
  Rig rig;
  EXPECT_EQ(ValueOf(rig.metrics.Text(), "mailquench_escalation_rules_loaded"), "1");
  rig.rules.set_load_error("escalation.yaml:3:1: no such key");
  EXPECT_EQ(ValueOf(rig.metrics.Text(), "mailquench_escalation_rules_loaded"), "0");
}

// increase() does not see the first step of a series that is born with it.
TEST(Metrics, WhatMayBeCountedIsThereWithZero) {
  Rig rig;
  rig.rules.add_rules()->set_name("queue-flood");
  const std::string text = rig.metrics.Text();
  for (const char* outcome : {"succeeded", "failed", "timed_out", "unreachable", "unknown"})
    EXPECT_EQ(
        ValueOf(text, absl::StrCat("mailquench_operations_total{operation=\"contain\",outcome=\"",
                                   outcome, "\"}")),
        "0")
        << outcome;
  EXPECT_EQ(ValueOf(text, "mailquench_runs_total{playbook=\"restore\",state=\"failed\"}"), "0");
  EXPECT_EQ(ValueOf(text, "mailquench_escalations_total{rule=\"queue-flood\",taken=\"start\"}"),
            "0");
  EXPECT_EQ(ValueOf(text, "mailquench_alert_requests_total{result=\"failed\"}"), "0");
}

TEST(Metrics, SaysWhatTheProcessUses) {
  Rig rig;
  const std::string text = rig.metrics.Text();
  const auto number = [&](const char* name) { return std::atof(ValueOf(text, name).c_str()); };
  EXPECT_GT(number("process_resident_memory_bytes"), 1e6);
  EXPECT_GT(number("process_open_fds"), 2);
  EXPECT_NE(ValueOf(text, "process_cpu_seconds_total"), "");
  const double began = absl::ToUnixSeconds(absl::Now()) - number("process_start_time_seconds");
  EXPECT_GT(began, -2);
  EXPECT_LT(began, 3600);
}

TEST(Metrics, NamesThatPeopleGiveDoNotGrowWithoutBound) {
  Rig rig;
  for (int i = 0; i < 1000; ++i)
    rig.metrics.Escalated(absl::StrCat("rule", i), v1::ESCALATION_ACTION_RECORD);
  const std::string text = rig.metrics.Text();
  EXPECT_EQ(ValueOf(text, "mailquench_escalations_total{rule=\"other\",taken=\"record\"}"), "900");
  EXPECT_THAT(text, Not(HasSubstr("rule100\"")));
}

TEST(Metrics, SourcesThatAreNotThereLeaveTheirFamiliesOut) {
  FakeClock clock;
  Metrics metrics(&clock, {});
  const std::string text = metrics.Text();
  EXPECT_THAT(text, HasSubstr("mailquench_build_info{version="));
  EXPECT_THAT(text, Not(HasSubstr("mailquench_host")));
  EXPECT_THAT(text, Not(HasSubstr("mailquench_incidents")));
}

TEST(Metrics, AThousandHostsAreScrapedQuickly) {
  Rig rig;
  const v1::Host like = rig.hosts[0];
  for (int i = 0; i < 1000; ++i) {
    v1::Host& host = rig.hosts.emplace_back(like);
    host.set_host_id(absl::StrCat("host-", i));
    host.set_name(absl::StrCat("mx", i, ".example.org"));
    v1::Heartbeat beat;
    for (int second = 0; second < 180; second += 30) {
      *beat.mutable_time() = Stamped(rig.clock.now + absl::Seconds(second));
      beat.set_queued_messages(second);
      rig.metrics.Beat(host.host_id(), beat);
    }
  }
  absl::Duration best = absl::InfiniteDuration();
  std::string text;
  for (int i = 0; i < 5; ++i) {
    const absl::Time began = absl::Now();
    text = rig.metrics.Text();
    best = std::min(best, absl::Now() - began);
  }
  RecordProperty("milliseconds", absl::StrCat(absl::ToInt64Milliseconds(best)));
  EXPECT_THAT(text, HasSubstr("mailquench_host_queue_messages{host=\"mx999.example.org\"}"));
  // Builds without optimisation and with sanitizers on a busy machine; the bar itself is 100 ms.
  EXPECT_LT(best, absl::Seconds(2)) << absl::FormatDuration(best);
  std::printf("1,000 hosts: %s, %zu bytes\n", absl::FormatDuration(best).c_str(), text.size());
}

TEST(Metrics, IsCountedAndScrapedFromSeveralThreads) {
  Rig rig;
  std::atomic<bool> over = false;
  std::thread scraper([&] {
    while (!over) rig.metrics.Text();
  });
  std::vector<std::thread> counters;
  for (int t = 0; t < 4; ++t) {
    counters.emplace_back([&, t] {
      v1::Heartbeat beat;
      for (int i = 0; i < 200; ++i) {
        *beat.mutable_time() = Stamped(absl::FromUnixSeconds(i));
        rig.metrics.Beat("id-1", beat);
        rig.metrics.StepReported(absl::StrCat("op", t), v1::OUTCOME_SUCCEEDED);
        rig.metrics.StoreWrite(absl::Milliseconds(1));
        rig.metrics.QueueGrowth("id-1");
      }
    });
  }
  for (std::thread& one : counters) one.join();
  over = true;
  scraper.join();
  const std::string text = rig.metrics.Text();
  EXPECT_EQ(ValueOf(text, "mailquench_operations_total{operation=\"op3\",outcome=\"succeeded\"}"),
            "200");
  EXPECT_EQ(ValueOf(text, "mailquench_heartbeats_total"), "800");
}

}  // namespace
}  // namespace mailquench::controller
