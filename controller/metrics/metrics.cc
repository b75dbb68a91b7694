#include "controller/metrics/metrics.h"

#include <google/protobuf/util/time_util.h>
#include <prometheus/counter.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

#include <algorithm>
#include <mutex>
#include <optional>
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
      for (int outcome = v1::OUTCOME_SUCCEEDED; outcome <= v1::Outcome_MAX; ++outcome)
        operations_.Add({{"operation", Fit(operation_names_, operation)},
                         {"outcome", OutcomeName(static_cast<v1::Outcome>(outcome))}});
    }
    for (const std::string& playbook : sources_.playbooks) {
      for (int state = v1::RUN_STATE_SUCCEEDED; state <= v1::RunState_MAX; ++state)
        runs_.Add({{"playbook", Fit(playbook_names_, playbook)},
                   {"state", RunWord(static_cast<v1::RunState>(state))}});
    }
  }

  void StepReported(const std::string& operation, v1::Outcome outcome) {
    Count(operations_,
          {{"operation", Fit(operation_names_, operation)}, {"outcome", OutcomeName(outcome)}});
  }
  void RunEnded(const v1::Run& run) {
    Count(runs_, {{"playbook", Fit(playbook_names_, run.playbook().name())},
                  {"state", RunWord(run.state())}});
    if (!run.has_start_time() || !run.has_end_time()) return;
    const auto took = TimeUtil::DurationToMilliseconds(run.end_time() - run.start_time());
    run_duration_.Observe(std::max(0.0, static_cast<double>(took) / 1e3));
  }
  void Contained(absl::Duration took) { contain_.Observe(Seconds(took)); }
  void Escalated(const std::string& rule, v1::EscalationAction taken) {
    Count(escalations_, {{"rule", Fit(rule_names_, rule)}, {"taken", ActionWord(taken)}});
  }
  void StoreWrite(absl::Duration took) { store_write_.Observe(Seconds(took)); }
  void Beat(const std::string& host_id, const v1::Heartbeat& beat) {
    heartbeats_.Increment();
    slopes_.Add(host_id, absl::FromUnixMicros(TimeUtil::TimestampToMicroseconds(beat.time())),
                beat.queued_messages(), clock_->Now());
  }
  std::optional<double> QueueGrowth(const std::string& host_id) {
    const std::optional<double> slope = slopes_.Slope(host_id, clock_->Now());
    if (!slope.has_value()) return std::nullopt;
    return *slope * 60;
  }

  std::string Text() {
    Families all;
    Family build = GaugeFamily("mailquench_build_info", "The controller's version.");
    build.Add({{"version", MAILQUENCH_VERSION}}, 1);
    build.MoveTo(&all);
    StoreReads reads;
    AddFleet(&reads, &all);
    if (const auto health = reads.Get(sources_.list_health)) AddHealthFamilies(*health, &all);
    if (const auto open = reads.Get(sources_.escalations)) AddEscalationFamilies(*open, &all);
    if (const auto rules = reads.Get(sources_.rules)) AddRules(*rules, &all);
    AddResults(&all);
    AddNumber(reads.Get(sources_.undone_alerts), "mailquench_alerts_undone",
              "Alerts that were taken and that no rule has looked at yet.", &all);
    AddNumber(reads.Get(sources_.undelivered_notices), "mailquench_notices_undelivered",
              "Notices to people that some channel has not taken yet.", &all);
    AddNumber(reads.Get(sources_.given_up_notices), "mailquench_notices_given_up",
              "Notices that a channel gave up within the last 24 hours: people were not told.",
              &all);
    AddNumber(reads.Get(sources_.paused), "mailquench_automation_paused",
              "Whether a person has paused what starts by itself.", &all);
    AddNumber(reads.WentWell(), "mailquench_store_readable",
              "Whether all that this scrape shows of the store could be read.", &all);
    if (sources_.store_bytes)
      AddNumber(std::optional(sources_.store_bytes()), "mailquench_store_bytes",
                "Size of the store's files.", &all);
    for (prometheus::MetricFamily& counted : registry_.Collect()) {
      if (!counted.metric.empty()) all.push_back(std::move(counted));
    }
    AddProcessFamilies(&all);
    return prometheus::TextSerializer().Serialize(all);
  }

 private:
  // What one scrape reads of the store.
  class StoreReads {
   public:
    // None: it is not asked for, or could not be read.
    template <class What>
    std::optional<What> Get(const StoredFigure<What>& source) {
      if (!source) return std::nullopt;
      absl::StatusOr<What> read = source();
      well_ = well_.value_or(true) && read.ok();
      if (!read.ok()) return std::nullopt;
      return *std::move(read);
    }
    std::optional<bool> WentWell() const { return well_; }  // None: nothing was asked for.

   private:
    std::optional<bool> well_;
  };

  static std::string RunWord(v1::RunState state) {
    return EnumWord(v1::RunState_Name(state), "RUN_STATE_");
  }
  static std::string ActionWord(v1::EscalationAction action) {
    return EnumWord(v1::EscalationAction_Name(action), "ESCALATION_ACTION_");
  }
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

  void AddFleet(StoreReads* reads, Families* all) {
    const absl::Time now = clock_->Now();
    const auto incidents = reads->Get(sources_.incidents);
    const auto listings = reads->Get(sources_.listings);
    if (sources_.hosts) {
      const std::vector<v1::Host> hosts = sources_.hosts();
      std::set<std::string> ids;
      for (const v1::Host& host : hosts) ids.insert(host.host_id());
      slopes_.Keep([&](const std::string& id) { return ids.count(id) != 0; });
      AddHostFamilies(hosts, incidents.has_value() ? &*incidents : nullptr,
                      listings.has_value() ? &*listings : nullptr, slopes_, now, all);
    }
    if (incidents.has_value()) AddIncidentFamilies(*incidents, now, all);
    if (listings.has_value()) AddListingFamilies(*listings, all);
  }
  void AddRules(const v1::GetRulesResponse& rules, Families* all) {
    for (const v1::RuleSummary& rule : rules.rules()) {
      for (int taken = v1::ESCALATION_ACTION_RECORD; taken <= v1::EscalationAction_MAX; ++taken)
        escalations_.Add({{"rule", Fit(rule_names_, rule.name())},
                          {"taken", ActionWord(static_cast<v1::EscalationAction>(taken))}});
    }
    AddNumber(std::optional(rules.load_error().empty()), "mailquench_escalation_rules_loaded",
              "Whether the file of rules could be taken.", all);
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
  template <class Number>
  static void AddNumber(const std::optional<Number>& number,
                        const char* name,
                        const char* help,
                        Families* all) {
    if (!number.has_value()) return;
    Family family = GaugeFamily(name, help);
    family.Add({}, static_cast<double>(*number));
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
std::optional<double> Metrics::QueueGrowth(const std::string& host_id) {
  return impl_->QueueGrowth(host_id);
}
std::string Metrics::Text() {
  return impl_->Text();
}

}  // namespace mailquench::controller
