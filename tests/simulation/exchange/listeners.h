// The listeners of one role, which follow the receive connectors while they change.
#ifndef MAILQUENCH_TESTS_SIMULATION_EXCHANGE_LISTENERS_H_
#define MAILQUENCH_TESTS_SIMULATION_EXCHANGE_LISTENERS_H_

#include <atomic>
#include <map>
#include <string>
#include <thread>
#include <utility>

#include "common/os/socket.h"
#include "tests/simulation/common/acceptor.h"
#include "tests/simulation/exchange/smtp_session.h"

namespace mailquench::simulation::exchange {

class Listeners {
 public:
  explicit Listeners(SmtpService& service) : service_(service) {}
  ~Listeners() { Stop(); }
  void Start();  // It listens where it can when this returns.
  void Stop();   // Ends the dialogues, too.

 private:
  void Follow();
  SmtpService& service_;
  std::atomic<bool> ended_ = true;
  std::map<std::pair<std::string, int>, os::Socket> sockets_;
  Acceptor acceptor_{ended_,
                     [this](os::Socket socket) { Converse(service_, std::move(socket), ended_); }};
  std::thread thread_;
};

}  // namespace mailquench::simulation::exchange

#endif  // MAILQUENCH_TESTS_SIMULATION_EXCHANGE_LISTENERS_H_
