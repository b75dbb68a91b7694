#include "controller/metrics/metrics.h"

#include <google/protobuf/util/time_util.h>
#include <prometheus/counter.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

#include <algorithm>
#include <mutex>
#include <set>
#include <utility>

#include "common/operation/names.h"
#include "controller/metrics/family.h"
#include "controller/metrics/host_families.h"
#include "controller/metrics/process_families.h"
#include "controller/metrics/queue_slopes.h"
#include "controller/metrics/state_families.h"

namespace mailquench::controller {
namespace {

using google::protobuf::util::TimeUtil;

constexpr std::size_t kMostNames = 100;  // Of operations, playbooks, rules, results.

// Upper bounds in seconds.
const std::vector<double> kRunBounds = {1, 5, 15, 30, 60, 120, 300, 600, 1800, 3600, 14400, 86400};
const std::vector<double> kContainBounds = {5, 15, 30, 60, 120, 300, 600, 1800, 3600, 14400};
const std::vector<double> kWriteBounds = {0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025,
                                          0.05,   0.1,   0.25,   0.5,   1,    5};

prometheus::Family<prometheus::Counter>& CounterIn(prometheus::Registry& registry,
                                                   const char* name,
                                                   const char* help) {
  return prometheus::BuildCounter().Name(name).Help(help).Register(registry);
}
prometheus::Histogram& HistogramIn(prometheus::Registry& registry,
                                   const char* name,
                                   const char* help,
                                   const std::vector<double>& bounds) {
  return prometheus::BuildHistogram().Name(name).Help(help).Register(registry).Add({}, bounds);
}
}  // namespace

class Metrics::Impl {
 public:
  Impl(Clock* clock, MetricSources sources) : clock_(clock), sources_(std::move(sources)) {
    // increase() does not see the first step of a series that was not there before.
    for (const std::string& operation : AllOperationNames()) {
      for (const v1::Outcome outcome :
           {v1::OUTCOME_SUCCEEDED, v1::OUTCOME_FAILED, v1::OUTCOME_TIMED_OUT, v1::OUTCOME_UNKNOWN})
        operations_.Add(
            {{"operation", Fit(operation_names_, operation)}, {"outcome", OutcomeName(outcome)}});
    }
  }

  void StepReported(const std::string& operation, v1::Outcome outcome) {
    Count(operations_,
          {{"operation", Fit(operation_names_, operation)}, {"outcome", OutcomeName(outcome)}});
  }
  void RunEnded(const v1::Run& run) {
    Count(runs_, {{"playbook", Fit(playbook_names_, run.playbook().name())},
                  {"state", EnumWord(v1::RunState_Name(run.state()), "RUN_STATE_")}});
    if (!run.has_start_time() || !run.has_end_time()) return;
    const auto took = TimeUtil::DurationToMilliseconds(run.end_time() - run.start_time());
    run_duration_.Observe(std::max(0.0, static_cast<double>(took) / 1e3));
  }
  void Contained(absl::Duration took) { contain_.Observe(Seconds(took)); }
  void Escalated(const std::string& rule, v1::EscalationAction taken) {
    Count(escalations_,
          {{"rule", Fit(rule_names_, rule)},
           {"taken", EnumWord(v1::EscalationAction_Name(taken), "ESCALATION_ACTION_")}});
  }
  void StoreWrite(absl::Duration took) { store_write_.Observe(Seconds(took)); }
  void Beat(const std::string& host_id, const v1::Heartbeat& beat) {
    heartbeats_.Increment();
    slopes_.Add(host_id, absl::FromUnixMicros(TimeUtil::TimestampToMicroseconds(beat.time())),
                beat.queued_messages(), clock_->Now());
  }
  double QueueGrowth(const std::string& host_id) {
    return slopes_.Slope(host_id, clock_->Now()).value_or(0) * 60;
  }

  std::string Text() {
    Families all;
    Family build = GaugeFamily("mailquench_build_info", "The controller's version.");
    build.Add({{"version", MAILQUENCH_VERSION}}, 1);
    build.MoveTo(&all);
    AddFleet(&all);
    if (sources_.list_health) AddHealthFamilies(sources_.list_health(), &all);
    if (sources_.escalations) AddEscalationFamilies(sources_.escalations(), &all);
    AddResults(&all);
    AddNumber(sources_.undone_alerts, "mailquench_alerts_undone",
              "Alerts that were taken and that no rule has looked at yet.", &all);
    AddNumber(sources_.undelivered_notices, "mailquench_notices_undelivered",
              "Notices to people that some channel has not taken yet.", &all);
    AddNumber(sources_.given_up_notices, "mailquench_notices_given_up",
              "Notices that a channel gave up within the last 24 hours: people were not told.",
              &all);
    AddNumber(sources_.paused, "mailquench_automation_paused",
              "Whether a person has paused what starts by itself.", &all);
    AddNumber(sources_.store_bytes, "mailquench_store_bytes", "Size of the store's files.", &all);
    for (prometheus::MetricFamily& counted : registry_.Collect()) {
      if (!counted.metric.empty()) all.push_back(std::move(counted));
    }
    AddProcessFamilies(&all);
    return prometheus::TextSerializer().Serialize(all);
  }

 private:
  static double Seconds(absl::Duration took) { return std::max(0.0, absl::ToDoubleSeconds(took)); }
  // Of a name that a person gave: harmless, and not one of too many.
  std::string Fit(BoundedValues& values, const std::string& name) {
    const std::lock_guard<std::mutex> lock(mu_);
    return values.Fit(LabelValue(name));
  }
  static void Count(prometheus::Family<prometheus::Counter>& family,
                    const prometheus::Labels& labels) {
    family.Add(labels).Increment();  // The one that is there, if it is.
  }

  void AddFleet(Families* all) {
    const absl::Time now = clock_->Now();
    std::vector<v1::Incident> incidents;
    std::vector<v1::Listing> listings;
    if (sources_.incidents) incidents = sources_.incidents();
    if (sources_.listings) listings = sources_.listings();
    if (sources_.hosts) {
      const std::vector<v1::Host> hosts = sources_.hosts();
      std::set<std::string> ids;
      for (const v1::Host& host : hosts) ids.insert(host.host_id());
      slopes_.Keep([&](const std::string& id) { return ids.count(id) != 0; });
      AddHostFamilies(hosts, incidents, listings, slopes_, now, all);
    }
    if (sources_.incidents) AddIncidentFamilies(incidents, now, all);
    if (sources_.listings) AddListingFamilies(listings, all);
  }
  void AddResults(Families* all) {
    if (!sources_.endpoint_results) return;
    Family family = CounterFamily("mailquench_alert_requests_total",
                                  "Requests to the alert endpoint, by what they were answered.");
    BoundedValues results(kMostNames);
    std::map<std::string, double> sums = {
        {"taken", 0}, {"bad", 0}, {"unauthorized", 0}, {"limited", 0}, {"failed", 0}};
    for (const auto& [result, count] : sources_.endpoint_results())
      sums[results.Fit(LabelValue(result))] += static_cast<double>(count);
    for (const auto& [result, count] : sums) family.Add({{"result", result}}, count);
    family.MoveTo(all);
  }
  template <class Source>
  static void AddNumber(const Source& source, const char* name, const char* help, Families* all) {
    if (!source) return;
    Family family = GaugeFamily(name, help);
    family.Add({}, static_cast<double>(source()));
    family.MoveTo(all);
  }

  Clock* const clock_;
  const MetricSources sources_;
  QueueSlopes slopes_;
  std::mutex mu_;
  BoundedValues operation_names_{kMostNames};  // Guarded by mu_, as those below.
  BoundedValues playbook_names_{kMostNames};
  BoundedValues rule_names_{kMostNames};

  prometheus::Registry registry_;
  prometheus::Family<prometheus::Counter>& operations_ = CounterIn(
      registry_, "mailquench_operations_total", "Operations that hosts have ended, by outcome.");
  prometheus::Family<prometheus::Counter>& runs_ =
      CounterIn(registry_, "mailquench_runs_total", "Runs that have ended, by how.");
  prometheus::Family<prometheus::Counter>& escalations_ =
      CounterIn(registry_,
                "mailquench_escalations_total",
                "Escalations, by rule and by what the guards let it do.");
  prometheus::Counter& heartbeats_ =
      CounterIn(registry_, "mailquench_heartbeats_total", "Heartbeats that agents have sent.")
          .Add({});
  prometheus::Histogram& run_duration_ =
      HistogramIn(registry_, "mailquench_run_duration_seconds", "How long runs took.", kRunBounds);
  prometheus::Histogram& contain_ = HistogramIn(registry_,
                                                "mailquench_time_to_contain_seconds",
                                                "From an incident's opening to its containment.",
                                                kContainBounds);
  prometheus::Histogram& store_write_ = HistogramIn(registry_,
                                                    "mailquench_store_write_duration_seconds",
                                                    "How long commits to the store took.",
                                                    kWriteBounds);
};

Metrics::Metrics(Clock* clock, MetricSources sources)
    : impl_(std::make_unique<Impl>(clock, std::move(sources))) {}
Metrics::~Metrics() = default;

void Metrics::StepReported(const std::string& operation, v1::Outcome outcome) {
  impl_->StepReported(operation, outcome);
}
void Metrics::RunEnded(const v1::Run& run) {
  impl_->RunEnded(run);
}
void Metrics::Contained(absl::Duration time_to_contain) {
  impl_->Contained(time_to_contain);
}
void Metrics::Beat(const std::string& host_id, const v1::Heartbeat& heartbeat) {
  impl_->Beat(host_id, heartbeat);
}
void Metrics::Escalated(const std::string& rule, v1::EscalationAction taken) {
  impl_->Escalated(rule, taken);
}
void Metrics::StoreWrite(absl::Duration took) {
  impl_->StoreWrite(took);
}
double Metrics::QueueGrowth(const std::string& host_id) {
  return impl_->QueueGrowth(host_id);
}
std::string Metrics::Text() {
  return impl_->Text();
}

}  // namespace mailquench::controller
