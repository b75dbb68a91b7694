// sim/services.json of a server: what whoever plays the service manager says of each service.
#ifndef MAILQUENCH_TESTS_SIMULATION_EXCHANGE_SERVICES_FILE_H_
#define MAILQUENCH_TESTS_SIMULATION_EXCHANGE_SERVICES_FILE_H_

#include <string>
#include <vector>

namespace mailquench::simulation::exchange {

struct ServiceNames {
  std::string name;
  std::vector<std::string> depends_on;
};
// Of a Mailbox or an Edge server (exchange.md A1).
std::vector<ServiceNames> ServicesOf(bool edge);

constexpr char kTransportService[] = "MSExchangeTransport";
constexpr char kDeliveryService[] = "MSExchangeDelivery";
constexpr char kFrontendService[] = "MSExchangeFrontEndTransport";

// "" where nobody has said anything of it yet.
std::string ServiceStateOf(const std::string& world,
                           const std::string& server,
                           const std::string& service);
// "Running", "Stopped", "StopPending", "StartPending". Several processes may write.
void SetServiceState(const std::string& world,
                     const std::string& server,
                     const std::string& service,
                     const std::string& state);

}  // namespace mailquench::simulation::exchange

#endif  // MAILQUENCH_TESTS_SIMULATION_EXCHANGE_SERVICES_FILE_H_
