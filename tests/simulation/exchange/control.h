// The control port of a transport: one request and one answer a line, JSON.
#ifndef MAILQUENCH_TESTS_SIMULATION_EXCHANGE_CONTROL_H_
#define MAILQUENCH_TESTS_SIMULATION_EXCHANGE_CONTROL_H_

#include <atomic>
#include <functional>
#include <optional>
#include <string>
#include <thread>
#include <utility>

#include "nlohmann/json.hpp"
#include "tests/simulation/common/acceptor.h"

namespace mailquench::simulation::exchange {

class ControlPort {
 public:
  using Answer = std::function<nlohmann::json(const nlohmann::json& request)>;
  explicit ControlPort(Answer answer) : answer_(std::move(answer)) {}
  ~ControlPort() { Stop(); }
  // The numeric address it listens on; "" where it cannot.
  std::string Start(const std::string& address);
  void Stop();

 private:
  void Serve(os::Socket socket);
  const Answer answer_;
  std::atomic<bool> ended_ = true;
  os::Socket listener_;
  Acceptor acceptor_{ended_, [this](os::Socket socket) { Serve(std::move(socket)); }};
  std::thread thread_;
};

// Asks the transport of a server. nullopt: none runs there, or none answers.
std::optional<nlohmann::json> AskTransport(const std::string& world,
                                           const std::string& server,
                                           const nlohmann::json& request,
                                           const std::atomic<bool>& ended);

}  // namespace mailquench::simulation::exchange

#endif  // MAILQUENCH_TESTS_SIMULATION_EXCHANGE_CONTROL_H_
