// A simulated server whose services are processes of their own, so that they go on when what tests
// them is killed, and a smart host that keeps what it is given.
#ifndef MAILQUENCH_TESTS_UNIT_EXCHANGE_HOST_ISOLATION_HOST_H_
#define MAILQUENCH_TESTS_UNIT_EXCHANGE_HOST_ISOLATION_HOST_H_

#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "agent/os/service_manager.h"
#include "common/os/socket.h"
#include "tests/contract/exchange_server.h"
#include "tests/simulation/common/acceptor.h"

namespace mailquench::agent::exchange {

class SmartHost {
 public:
  SmartHost();
  ~SmartHost();
  int port() const { return port_; }
  // Refuses everybody at the banner.
  std::atomic<bool> busy = true;
  std::vector<std::string> Subjects();  // Of what it was given, sorted.

 private:
  void Serve(os::Socket socket);
  std::atomic<bool> ended_ = false;
  int port_ = 0;
  std::mutex mu_;
  std::vector<std::string> subjects_;  // Guarded by mu_.
  os::Socket listener_;
  simulation::Acceptor acceptor_{ended_, [this](os::Socket socket) { Serve(std::move(socket)); }};
  std::thread thread_;
};

// Of one server of a world, by pid files and services.json alone: a process that takes over sees
// what another began.
class ProcessServices final : public ServiceManager {
 public:
  ProcessServices(std::string world, std::string server)
      : world_(std::move(world)), server_(std::move(server)) {}
  ~ProcessServices() override;

  absl::StatusOr<ServiceInfo> Query(const std::string& name) override;
  absl::StatusOr<std::vector<std::string>> RunningDependents(const std::string& /*name*/) override {
    return std::vector<std::string>();
  }
  absl::Status Stop(const std::string& name, absl::Time, const ServiceProgress&) override;
  absl::Status Start(const std::string& name, absl::Time, const ServiceProgress&) override;

 private:
  std::string PidFile(const std::string& name) const;
  int PidOf(const std::string& name) const;  // 0: it does not run.
  const std::string world_, server_;
};

}  // namespace mailquench::agent::exchange

#endif  // MAILQUENCH_TESTS_UNIT_EXCHANGE_HOST_ISOLATION_HOST_H_
