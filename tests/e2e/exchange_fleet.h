// A fleet of Exchange hosts whole: the controller's core over its store, a link within the process,
// and agents of simulated servers that share worlds. A test kills the controller and brings it
// back.
#ifndef MAILQUENCH_TESTS_E2E_EXCHANGE_FLEET_H_
#define MAILQUENCH_TESTS_E2E_EXCHANGE_FLEET_H_

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <shared_mutex>
#include <string>
#include <vector>

#include "controller/app/core.h"
#include "tests/e2e/exchange_agent.h"

namespace mailquench::fleet {

// Both ends of the stream. Thread-safe.
class FleetWire final : public controller::FleetLink {
 public:
  bool IsOnline(const std::string& host) override;
  bool Send(const std::string& host, const v1::ControllerMessage& message) override;
  void Disconnect(const std::string& host, const std::string& reason) override;

  bool Tell(const std::string& host, const std::function<void(controller::AgentEvents&)>& say);
  void Add(const std::string& host, ExchangeAgent* agent);
  void SetOnline(const std::string& host, bool online);
  // Null: it is gone. When this returns nobody is within an event.
  void SetController(controller::AgentEvents* events);
  // What it says yes to does not leave, as where a stream's queue is full.
  void Hold(std::function<bool(const v1::Command&)> held);

 private:
  std::shared_mutex controller_mu_;            // Shared by those who are within an event.
  controller::AgentEvents* events_ = nullptr;  // Guarded by controller_mu_.
  std::mutex mu_;
  std::function<bool(const v1::Command&)> held_;            // Guarded by mu_.
  std::map<std::string, ExchangeAgent*> agents_;            // Guarded by mu_.
  std::map<std::string, std::unique_ptr<std::mutex>> one_;  // One event at a time of each host.
  std::set<std::string> online_;                            // Guarded by mu_.
};

struct ServerWish {
  std::string name;  // "EX1"; of two worlds, too, each once. The host is called "ex1".
  std::string dag = "DAG1";
};

class ExchangeFleet : public ::testing::Test {
 protected:
  void SetUp() override;
  void TearDown() override;

  // An organisation with its servers, all of which run, and agents that are connected.
  // `open_relay`: strangers relay over each server. `few_connectors`: those that mail cannot do
  // without, since each costs a host a dozen calls of its shell.
  void Add(const std::string& organisation,
           const std::vector<ServerWish>& servers,
           bool open_relay = false,
           bool few_connectors = false);
  ExchangeAgent& At(const std::string& host) { return *agents_.at(host); }
  std::vector<ExchangeAgent*> All();
  std::string Target(const std::string& host) const { return targets_.at(host); }
  // "250 ..." where a stranger may relay over the host; what he sends is spam.
  std::string Relay(const std::string& host, const std::string& subject);
  nlohmann::json Organisation(const std::string& name) const;
  // What operations may change, in an order of its own: what the directory does not keep is sorted.
  nlohmann::json Settings(const std::string& organisation) const;

  void OpenController();
  void KillController();  // As by kill -9: nothing is written on the way out.
  void Connect(const std::string& host);
  void Cut(const std::string& host) { wire_.SetOnline(host, false); }

  using Parameters = std::map<std::string, std::string>;
  // Of all hosts, or of those that are named. `what`: a playbook's name.
  std::string Start(const std::string& playbook,
                    const std::vector<std::string>& hosts = {},
                    const Parameters& parameters = {},
                    const std::string& incident = "");
  std::string StartOne(const std::string& operation,
                       const std::string& arguments,
                       const std::vector<std::string>& hosts = {},
                       const std::string& incident = "");
  v1::Run Get(const std::string& run);
  v1::Run Ended(const std::string& run);  // Waits for it.
  v1::Incident IncidentOf(const v1::Run& run);
  static v1::RunHost HostIn(const v1::Run& run, const std::string& name);
  static std::string Said(const v1::HostStep& step);
  static std::string Told(const v1::Run& run);  // All of it in words, for a failure's message.

  // Contained: runs, nothing queued, locked, set aside once, and nothing holds Managed
  // Availability.
  void ExpectContained(const std::string& host);
  // After several heartbeats of shadow redundancy.
  void ExpectNothingResubmitted();
  // False after five minutes, so that a busy machine fails nothing.
  static bool Until(const std::function<bool()>& what);

  std::string folder_;
  FleetWire wire_;
  SystemClock clock_;
  std::unique_ptr<controller::Core> core_;
  std::map<std::string, std::unique_ptr<ExchangeAgent>> agents_;  // By host.
  std::map<std::string, std::string> targets_;
  int worlds_ = 0;
  absl::Duration call_wait_ = absl::Seconds(20);  // Of agents that are added from now on.
};

}  // namespace mailquench::fleet

#endif  // MAILQUENCH_TESTS_E2E_EXCHANGE_FLEET_H_
