#include "controller/metrics/host_families.h"

#include <google/protobuf/util/time_util.h>

#include <map>
#include <set>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"

namespace mailquench::controller {
namespace {

using google::protobuf::util::TimeUtil;

double UnixSeconds(const google::protobuf::Timestamp& time) {
  return static_cast<double>(TimeUtil::TimestampToMilliseconds(time)) / 1e3;
}

// The value of the label `host` of each: its name. Should two have the same, the second one's has
// its id too: a series that comes twice would cost the whole scrape.
std::map<std::string, std::string> LabelsOf(const std::vector<v1::Host>& hosts) {
  std::map<std::string, std::string> labels;
  std::set<std::string> taken;
  for (const v1::Host& host : hosts) {
    if (host.state() == v1::HOST_STATE_EVICTED || host.state() == v1::HOST_STATE_BANNED) continue;
    std::string label = LabelValue(host.name());
    if (taken.count(label) != 0) label = LabelValue(absl::StrCat(host.host_id(), " ", label));
    if (taken.insert(label).second) labels[host.host_id()] = label;
  }
  return labels;
}

// From a heartbeat and the beats before it.
class BeatFamilies {
 public:
  void Add(const std::string& name,
           const v1::Host& host,
           const QueueSlopes& slopes,
           absl::Time now) {
    const v1::Heartbeat& beat = host.heartbeat();
    const MetricLabels labels = {{"host", name}};
    alarm_.Add(labels, beat.alarm() ? 1 : 0);
    drifted_.Add(labels, beat.drifted_size());
    leases_.Add(labels, beat.leases_size());
    if (!host.online()) return;
    if (beat.queued_messages() >= 0)
      queue_.Add(labels, static_cast<double>(beat.queued_messages()));
    if (const auto slope = slopes.Slope(host.host_id(), now); slope.has_value())
      growth_.Add(labels, *slope);
    if (const auto offset = slopes.ClockOffset(host.host_id()); offset.has_value())
      clock_.Add(labels, absl::ToDoubleSeconds(*offset));
    if (beat.mail_service() != v1::MAIL_SERVICE_STATE_UNSPECIFIED)
      running_.Add(labels, beat.mail_service() == v1::MAIL_SERVICE_STATE_RUNNING ? 1 : 0);
    if (beat.has_queue_free_bytes())
      free_.Add(labels, static_cast<double>(beat.queue_free_bytes()));
    if (beat.agent_resident_bytes() <= 0) return;
    memory_.Add(labels, static_cast<double>(beat.agent_resident_bytes()));
    cpu_.Add(labels, beat.agent_cpu_seconds());
  }
  void MoveTo(Families* out) {
    for (Family* one : {&queue_, &growth_, &running_, &free_, &alarm_, &drifted_, &leases_, &clock_,
                        &memory_, &cpu_})
      one->MoveTo(out);
  }

 private:
  Family queue_ =
      GaugeFamily("mailquench_host_queue_messages", "Messages in all queues of the host.");
  Family growth_ = GaugeFamily("mailquench_host_queue_growth_messages_per_second",
                               "Slope of the queue over the last three minutes of heartbeats.");
  Family running_ = GaugeFamily("mailquench_host_mail_service_running",
                                "Whether every instance of the mail service runs.");
  Family free_ = GaugeFamily("mailquench_host_queue_free_bytes",
                             "Free space of the file system that the queue is on.");
  Family alarm_ = GaugeFamily("mailquench_host_alarm",
                              "Whether the agent has raised an alarm: a person must look.");
  Family drifted_ = GaugeFamily("mailquench_host_drifted_settings",
                                "Settings that somebody has changed since Mailquench set them.");
  Family leases_ =
      GaugeFamily("mailquench_host_held_leases", "Leases under which the mail service is stopped.");
  Family clock_ = GaugeFamily("mailquench_host_clock_offset_seconds",
                              "The host's clock less the controller's, at its last heartbeat.");
  Family memory_ =
      GaugeFamily("mailquench_host_agent_resident_memory_bytes", "Resident memory of the agent.");
  Family cpu_ = CounterFamily("mailquench_host_agent_cpu_seconds_total",
                              "User and system time of the agent's process.");
};

void AddRelays(const std::map<std::string, std::string>& names,
               const std::vector<v1::Incident>& incidents,
               Families* out) {
  std::set<std::string> open;
  for (const v1::Incident& incident : incidents) {
    for (const v1::Cause& cause : incident.causes()) {
      if (cause.kind() == "open_relay" && !cause.resolved()) open.insert(cause.host_id());
    }
  }
  Family family =
      GaugeFamily("mailquench_host_open_relay",
                  "Whether an open incident has an unresolved open relay of the host as a cause.");
  for (const auto& [id, name] : names) family.Add({{"host", name}}, open.count(id) != 0 ? 1 : 0);
  family.MoveTo(out);
}

void AddListed(const std::map<std::string, std::string>& names,
               const std::vector<v1::Listing>& listings,
               Families* out) {
  std::map<std::pair<std::string, std::string>, std::pair<int, int>> counts;  // Of alarm, others.
  for (const v1::Listing& listing : listings) {
    if (listing.state() == v1::LISTING_STATE_CLEARED) continue;
    for (const std::string& id : listing.host_ids()) {
      const auto name = names.find(id);
      if (name == names.end()) continue;
      auto& [alerting, others] = counts[{name->second, LabelValue(listing.list_operator())}];
      ++(listing.alert() ? alerting : others);
    }
  }
  Family family = GaugeFamily("mailquench_host_listings",
                              "Blacklistings of the host that are not cleared; alert says whether "
                              "one there alarms by itself.");
  for (const auto& [key, count] : counts) {
    const MetricLabels labels = {{"host", key.first}, {"list_operator", key.second}};
    const auto add = [&](const char* alert, int n) {
      if (n == 0) return;
      MetricLabels all = labels;
      all.emplace_back("alert", alert);
      family.Add(all, n);
    };
    add("true", count.first);
    add("false", count.second);
  }
  family.MoveTo(out);
}
}  // namespace

void AddHostFamilies(const std::vector<v1::Host>& hosts,
                     const std::vector<v1::Incident>* incidents,
                     const std::vector<v1::Listing>* listings,
                     const QueueSlopes& slopes,
                     absl::Time now,
                     Families* out) {
  const std::map<std::string, std::string> names = LabelsOf(hosts);
  Family info = GaugeFamily("mailquench_host_info", "What the host says of itself.");
  Family online = GaugeFamily("mailquench_host_online", "Whether the agent's stream is there.");
  Family seen =
      GaugeFamily("mailquench_host_last_seen_timestamp_seconds", "When the agent was heard last.");
  Family count = GaugeFamily("mailquench_hosts", "Hosts by presence.");
  BeatFamilies beats;
  std::map<std::string, int> presence = {{"online", 0}, {"offline", 0}, {"manual", 0}};
  for (const v1::Host& host : hosts) {
    const auto found = names.find(host.host_id());
    if (found == names.end()) continue;
    const std::string& name = found->second;
    const v1::Hello& hello = host.hello();
    info.Add({{"host", name},
              {"host_id", host.host_id()},
              {"platform", host.has_manual() ? host.manual().platform() : hello.platform()},
              {"platform_version", hello.platform_version()},
              {"agent_version", hello.agent_version()}},
             1);
    ++presence[host.has_manual() ? "manual" : host.online() ? "online" : "offline"];
    if (host.has_manual()) continue;  // Nobody is on a stream.
    online.Add({{"host", name}}, host.online() ? 1 : 0);
    if (host.has_last_seen_time()) seen.Add({{"host", name}}, UnixSeconds(host.last_seen_time()));
    if (host.has_heartbeat()) beats.Add(name, host, slopes, now);
  }
  for (const auto& [word, n] : presence) count.Add({{"presence", word}}, n);
  for (Family* one : {&count, &info, &online, &seen}) one->MoveTo(out);
  beats.MoveTo(out);
  if (incidents != nullptr) AddRelays(names, *incidents, out);
  if (listings != nullptr) AddListed(names, *listings, out);
}

}  // namespace mailquench::controller
