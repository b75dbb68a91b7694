// An agent of an Exchange host within a test: its own executor, journal and mail system, the real
// PowerShell engine, and one simulated server. As agent/app/run_command.cc, without the wire.
#ifndef MAILQUENCH_TESTS_E2E_EXCHANGE_AGENT_H_
#define MAILQUENCH_TESTS_E2E_EXCHANGE_AGENT_H_

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <thread>

#include "absl/time/clock.h"
#include "agent/app/agent.h"
#include "agent/app/worker.h"
#include "agent/mail/exchange/exchange_mail_system.h"
#include "controller/fleet/link.h"
#include "nlohmann/json.hpp"
#include "tests/simulation/exchange/services.h"

namespace mailquench::fleet {

// Real time, and what a test adds to it: no lease is waited for.
class AheadClock final : public Clock {
 public:
  absl::Time Now() override { return absl::Now() + absl::Milliseconds(ahead_ms.load()); }
  void Sleep(absl::Duration duration) override { absl::SleepFor(duration); }
  std::atomic<std::int64_t> ahead_ms = 0;
};

class ExchangeAgent {
 public:
  // Says something to the controller; false where it is not there.
  using Tell = std::function<bool(const std::function<void(controller::AgentEvents&)>&)>;

  // `world`/servers/`server` is there. Nothing is started but the thread of the leases.
  // `call_wait`: of one call of the shell, so that a hang costs no more.
  ExchangeAgent(
      std::string world, std::string server, std::string fqdn, absl::Duration call_wait, Tell tell);
  ~ExchangeAgent();
  ExchangeAgent(const ExchangeAgent&) = delete;
  ExchangeAgent& operator=(const ExchangeAgent&) = delete;

  const std::string& id() const { return id_; }
  const std::string& server() const { return server_; }
  const std::string& world() const { return world_; }

  // Of the link: from the controller, never blocks; and what follows an accepted hello.
  void Receive(const v1::ControllerMessage& message);
  v1::Hello Hello();
  void SendUnreported();

  // How its server is.
  void StartServices();
  bool Runs();
  nlohmann::json Sim(const std::string& name) const;  // sim/NAME; null where it is not there.
  nlohmann::json Messages() const;  // Of all its queues, copies of others' mail among them.
  int Queued() const;               // Without the copies.
  int Copies() const;
  int Resubmitted() const;  // Copies that it took over, since its transport runs.
  int Quarantines();
  bool Swept();  // At the end of a lease, by itself.
  int Calls(const std::string& cmdlet) const;
  void SetFaults(const nlohmann::json& faults) const;
  std::string Submit(const std::string& subject) const;  // "" or why it was not taken.

  void Jump(absl::Duration by) { clock_.ahead_ms += absl::ToInt64Milliseconds(by); }
  agent::Journal& journal() { return *agent_.journal; }
  std::string Alarm() { return agent_.executor->Alarm(); }

  std::unique_ptr<simulation::exchange::Services> services;

 private:
  void Take(const v1::Command& command);
  void Report(const v1::OperationReport& report);
  void Tick();
  v1::Heartbeat Beat();
  agent::ProgressFn Progress();

  const std::string world_, server_, id_;
  const Tell tell_;
  AheadClock clock_;
  std::unique_ptr<agent::exchange::Shell> shell_;
  agent::Agent agent_;
  std::mutex mu_;
  std::set<std::string> queued_;  // Guarded by mu_. Commands that wait for a worker.
  std::atomic<bool> ending_ = false;
  std::atomic<bool> ticking_ = false;
  agent::Worker inbox_{1}, observers_{2}, changes_{1};
  std::thread tick_;
};

}  // namespace mailquench::fleet

#endif  // MAILQUENCH_TESTS_E2E_EXCHANGE_AGENT_H_
