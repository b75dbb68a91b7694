#include "tests/unit/metrics/rig.h"

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace mailquench::controller {

google::protobuf::Timestamp Stamped(absl::Time time) {
  google::protobuf::Timestamp stamp;
  stamp.set_seconds(absl::ToUnixSeconds(time));
  return stamp;
}

std::string ValueOf(const std::string& text, const std::string& series) {
  for (const absl::string_view line : absl::StrSplit(text, '\n')) {
    if (absl::StartsWith(line, series + " ")) return std::string(line.substr(series.size() + 1));
  }
  return "";
}

Rig::Rig() {
  v1::Host& host = AddHost("id-1", "mx1.example.org");
  host.mutable_hello()->set_platform("postfix");
  host.mutable_hello()->set_platform_version("3.7.6");
  host.mutable_hello()->set_agent_version("0.1.0");
  v1::Heartbeat& beat = *host.mutable_heartbeat();
  beat.set_queued_messages(1200);
  beat.set_mail_service(v1::MAIL_SERVICE_STATE_RUNNING);
  beat.set_queue_free_bytes(1 << 30);
  beat.set_agent_resident_bytes(23'000'000);
  beat.set_agent_cpu_seconds(1.5);
  beat.add_drifted("- main.cf:mynetworks");
  beat.add_leases();

  v1::Incident& incident = incidents.emplace_back();
  incident.set_state(v1::INCIDENT_STATE_CONTAINED);
  *incident.mutable_open_time() = Stamped(clock.now - absl::Hours(3));
  *incident.mutable_contain_time() = Stamped(clock.now - absl::Hours(2));
  incident.add_obligations()->set_state(v1::Obligation::STATE_OUTSTANDING);
  incident.add_obligations()->set_state(v1::Obligation::STATE_RESTORED);
  v1::Cause& cause = *incident.add_causes();
  cause.set_kind("open_relay");
  cause.set_host_id("id-1");

  v1::Listing& listing = listings.emplace_back();
  listing.set_list_operator("spamhaus");
  listing.set_state(v1::LISTING_STATE_CAUSE_OPEN);
  listing.set_alert(true);
  listing.add_host_ids("id-1");

  health["zen.spamhaus.org"].set_state(v1::LIST_HEALTH_STATE_WELL);
  escalations.emplace_back().set_state(v1::ESCALATION_STATE_PROPOSED);
}

v1::Host& Rig::AddHost(const std::string& id, const std::string& name) {
  v1::Host& host = hosts.emplace_back();
  host.set_host_id(id);
  host.set_name(name);
  host.set_state(v1::HOST_STATE_ACTIVE);
  host.set_online(true);
  *host.mutable_last_seen_time() = Stamped(clock.now);
  host.mutable_heartbeat()->set_queued_messages(0);
  return host;
}

MetricSources Rig::Sources() {
  MetricSources sources;
  sources.hosts = [this] { return hosts; };
  sources.incidents = Stored(&incidents);
  sources.listings = Stored(&listings);
  sources.list_health = Stored(&health);
  sources.escalations = Stored(&escalations);
  sources.endpoint_results = [] {
    return std::map<std::string, std::int64_t>{{"taken", 5}, {"bad", 0}};
  };
  sources.undelivered_notices = Stored(&undelivered_);
  sources.given_up_notices = Stored(&given_up_);
  sources.undone_alerts = Stored(&undone_);
  sources.paused = Stored(&paused_);
  sources.rules = Stored(&rules);
  sources.playbooks = {"contain", "restore"};
  sources.store_bytes = [] { return 4096; };
  return sources;
}

void Rig::CountSomething() {
  for (int i = 0; i < 4; ++i) {
    v1::Heartbeat beat;
    *beat.mutable_time() = Stamped(clock.now);
    beat.set_queued_messages(1000 + i * 300);
    metrics.Beat("id-1", beat);
    if (i < 3) clock.now += absl::Seconds(30);
  }
  metrics.StepReported("contain", v1::OUTCOME_SUCCEEDED);
  metrics.StepReported("contain", v1::OUTCOME_TIMED_OUT);
  v1::Run run;
  run.mutable_playbook()->set_name("contain");
  run.set_state(v1::RUN_STATE_SUCCEEDED);
  *run.mutable_start_time() = Stamped(clock.now - absl::Seconds(42));
  *run.mutable_end_time() = Stamped(clock.now);
  metrics.RunEnded(run);
  metrics.Contained(absl::Seconds(20));
  metrics.Escalated("flood", v1::ESCALATION_ACTION_START);
  metrics.StoreWrite(absl::Milliseconds(3));
}

}  // namespace mailquench::controller
