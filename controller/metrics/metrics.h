// The controller's figures in Prometheus' text format, the agents' among them.
#ifndef MAILQUENCH_CONTROLLER_METRICS_METRICS_H_
#define MAILQUENCH_CONTROLLER_METRICS_METRICS_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/clock/clock.h"
#include "mailquench/v1/agent_link.pb.h"
#include "mailquench/v1/blacklist.pb.h"
#include "mailquench/v1/escalation.pb.h"
#include "mailquench/v1/fleet.pb.h"
#include "mailquench/v1/incidents.pb.h"
#include "mailquench/v1/runs.pb.h"

namespace mailquench::controller {

template <class What>
using StoredFigure = std::function<absl::StatusOr<What>()>;

// What is read at each scrape. Functions that are empty leave their families out, as those that
// fail do: what cannot be read is neither 0 nor gone. Each is called from the scraping thread and
// must be quick.
struct MetricSources {
  std::function<std::vector<v1::Host>()> hosts;
  StoredFigure<std::vector<v1::Incident>> incidents;                      // Those that are open.
  StoredFigure<std::vector<v1::Listing>> listings;                        // Not cleared.
  StoredFigure<std::map<std::string, v1::BlacklistHealth>> list_health;   // By zone.
  StoredFigure<std::vector<v1::Escalation>> escalations;                  // Those that are open.
  std::function<std::map<std::string, std::int64_t>()> endpoint_results;  // AlertEndpoint.
  StoredFigure<std::int64_t> undelivered_notices;
  StoredFigure<std::int64_t> given_up_notices;  // Within the last 24 hours.
  StoredFigure<std::int64_t> undone_alerts;
  StoredFigure<bool> paused;
  StoredFigure<v1::GetRulesResponse> rules;
  std::function<std::int64_t()> store_bytes;
  std::vector<std::string> playbooks;  // Their runs are counted from 0 on.
};

// Thread-safe.
class Metrics {
 public:
  Metrics(Clock* clock, MetricSources sources);
  ~Metrics();

  // Events, which only counters and histograms see. Quick, from any thread.
  void StepReported(const std::string& operation, v1::Outcome outcome);
  void RunEnded(const v1::Run& run);
  void Contained(absl::Duration time_to_contain);
  void Beat(const std::string& host_id, const v1::Heartbeat& heartbeat);  // For the slope.
  void Escalated(const std::string& rule, v1::EscalationAction taken);
  void StoreWrite(absl::Duration took);

  // The slope of a host's queue, messages a minute over the last beats of three minutes. None: not
  // known yet, as after a restart, or not any more.
  std::optional<double> QueueGrowth(const std::string& host_id);

  // What GET /metrics answers; text/plain; version=0.0.4.
  std::string Text();

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace mailquench::controller

#endif  // MAILQUENCH_CONTROLLER_METRICS_METRICS_H_
