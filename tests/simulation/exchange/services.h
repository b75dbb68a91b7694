// The services of one simulated server under a service manager within this process, with Managed
// Availability, which starts what stays stopped.
#ifndef MAILQUENCH_TESTS_SIMULATION_EXCHANGE_SERVICES_H_
#define MAILQUENCH_TESTS_SIMULATION_EXCHANGE_SERVICES_H_

#include <atomic>
#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "agent/os/service_manager.h"
#include "tests/simulation/exchange/frontend.h"
#include "tests/simulation/exchange/services_file.h"
#include "tests/simulation/exchange/transport.h"

namespace mailquench::simulation::exchange {

// Bad days of a stop and a start are in sim/transport-options.json; see options.h.
class Services final : public agent::ServiceManager {
 public:
  // All run but the transport and the front end. Managed Availability starts one of these two that
  // has been stopped for longer than `recovers_after`, while its component is active.
  Services(std::string world, std::string server, absl::Duration recovers_after = absl::Seconds(1));
  ~Services() override;

  absl::StatusOr<agent::ServiceInfo> Query(const std::string& name) override;
  absl::StatusOr<std::vector<std::string>> RunningDependents(const std::string& name) override;
  absl::Status Stop(const std::string& name,
                    absl::Time deadline,
                    const agent::ServiceProgress& progress) override;
  absl::Status Start(const std::string& name,
                     absl::Time deadline,
                     const agent::ServiceProgress& progress) override;

  // After so many more stops of the transport somebody starts it again at once.
  std::atomic<int> comes_back = 0;
  // How often Managed Availability has started something.
  int recoveries() const { return recoveries_; }
  const Transport& transport() const { return transport_; }

 private:
  struct Service {
    std::vector<std::string> depends_on;
    agent::ServiceState state = agent::ServiceState::kRunning;
    absl::Time since = absl::InfinitePast();
    std::uint32_t exit_code = 0, checkpoint = 0;
    int ends = 0;  // How often it has ended.
    std::thread stopping;
  };
  // Of these, those without a lock want mu_ held.
  agent::ServiceInfo InfoOf(const Service& service) const;
  void Set(const std::string& name, agent::ServiceState state);
  std::vector<std::string> DependentsOf(const std::string& name) const;
  absl::Status StartNow(const std::string& name);  // Takes work_mu_ and mu_.
  void StopNow(const std::string& name);           // On a thread of its own.
  void Watch();
  // Until it has ended once more than `ends`.
  absl::Status Wait(const std::string& name,
                    int ends,
                    absl::Time deadline,
                    const char* reason,
                    const agent::ServiceProgress& progress);

  const std::string world_, server_;
  const absl::Duration recovers_after_;
  SettingsReader settings_;
  Transport transport_;
  Frontend frontend_;
  std::atomic<bool> ended_ = false;
  std::atomic<int> recoveries_ = 0;
  std::mutex work_mu_;  // One start at a time.
  std::mutex mu_;
  std::condition_variable changed_;
  std::map<std::string, Service> services_;  // Guarded by mu_.
  std::thread watching_;
};

}  // namespace mailquench::simulation::exchange

#endif  // MAILQUENCH_TESTS_SIMULATION_EXCHANGE_SERVICES_H_
