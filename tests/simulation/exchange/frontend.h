// The simulated MSExchangeFrontEndTransport: stateless; it hands everything to the transport of its
// own server.
#ifndef MAILQUENCH_TESTS_SIMULATION_EXCHANGE_FRONTEND_H_
#define MAILQUENCH_TESTS_SIMULATION_EXCHANGE_FRONTEND_H_

#include <atomic>
#include <memory>
#include <string>

#include "tests/simulation/exchange/listeners.h"
#include "tests/simulation/exchange/smtp_session.h"

namespace mailquench::simulation::exchange {

class Frontend final : public SmtpService {
 public:
  Frontend(const std::string& world, const std::string& server)
      : world_(world), server_(server), settings_(world, server) {}
  ~Frontend() override { Stop(); }
  void Start();
  void Stop();

  std::shared_ptr<const Settings> SettingsNow() override { return settings_.Now(); }
  const char* role() const override { return "FrontendTransport"; }
  const char* component() const override { return "FrontendTransport"; }
  std::string RefuseNow() override { return ""; }
  std::string Take(const Envelope& envelope) override;

 private:
  const std::string world_, server_;
  SettingsReader settings_;
  std::atomic<bool> ended_ = true;
  Listeners listeners_{*this};
};

}  // namespace mailquench::simulation::exchange

#endif  // MAILQUENCH_TESTS_SIMULATION_EXCHANGE_FRONTEND_H_
