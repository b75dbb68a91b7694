// A controller's figures with something of everything.
#ifndef MAILQUENCH_TESTS_UNIT_METRICS_RIG_H_
#define MAILQUENCH_TESTS_UNIT_METRICS_RIG_H_

#include <map>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "controller/metrics/metrics.h"

namespace mailquench::controller {

class FakeClock final : public Clock {
 public:
  absl::Time Now() override { return now; }
  void Sleep(absl::Duration duration) override { now += duration; }
  absl::Time now = absl::FromUnixSeconds(1'700'000'000);
};

struct Rig {
  Rig();
  // The sources read what stands below at each scrape.
  MetricSources Sources();
  // Every family has a figure then.
  void CountSomething();

  // One that is online, with a heartbeat.
  v1::Host& AddHost(const std::string& id, const std::string& name);

  FakeClock clock;
  std::vector<v1::Host> hosts;
  std::vector<v1::Incident> incidents;
  std::vector<v1::Listing> listings;
  std::map<std::string, v1::BlacklistHealth> health;
  std::vector<v1::Escalation> escalations;
  v1::GetRulesResponse rules;
  absl::Status store;  // What each read of it gives.
  Metrics metrics{&clock, Sources()};

 private:
  template <class What>
  StoredFigure<What> Stored(const What* what) {
    return [this, what]() -> absl::StatusOr<What> {
      if (!store.ok()) return store;
      return *what;
    };
  }
  const std::int64_t undelivered_ = 2, given_up_ = 4, undone_ = 3;
  const bool paused_ = true;
};

google::protobuf::Timestamp Stamped(absl::Time time);

// "VALUE" of the line "SERIES VALUE"; "" where it is not there.
std::string ValueOf(const std::string& text, const std::string& series);

}  // namespace mailquench::controller

#endif  // MAILQUENCH_TESTS_UNIT_METRICS_RIG_H_
