// Makes worlds for tests: tests/exchange_sim/README.md says what is in one.
#ifndef MAILQUENCH_TESTS_SIMULATION_EXCHANGE_WORLD_H_
#define MAILQUENCH_TESTS_SIMULATION_EXCHANGE_WORLD_H_

#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "nlohmann/json.hpp"

namespace mailquench::simulation::exchange {

struct ServerPlan {
  std::string name = "EX1";
  int frontend_port = 0;  // "Default Frontend"; on an Edge server its only connector.
  int hub_port = 0;       // "Default", HubTransport. Not of an Edge server.
  int client_port = 0;    // "Client Frontend", with BasicAuth and without TLS; 0: none.
  std::string version = "EX2019", build = "15.2.1544.4";
  bool edge = false;
  std::string site = "Default-First-Site-Name";
  std::string dag;
};

struct WorldPlan {
  std::vector<ServerPlan> servers;
  std::string domain = "contoso.test";
  std::vector<std::string> mailboxes = {"anna@contoso.test"};  // Password: "secret".
  // "Default Frontend" has an entry with Accept-Any-Recipient for everybody.
  bool open_relay = false;
  // Numeric "ADDRESS:PORT" of the send connector "Internet"; empty: it has none, and asks a DNS
  // that never answers.
  std::string smart_host;
  std::string heartbeat = "00:00:00.2";     // ShadowHeartbeatFrequency
  std::string resubmit_after = "03:00:00";  // ShadowResubmitTimeSpan
};

// The organisation, the folders of its servers, and options for fast tests: Pickup each 100 ms,
// retries each 200 ms.
absl::Status WriteWorld(const std::string& world, const WorldPlan& plan);
nlohmann::json MakeOrganisation(const WorldPlan& plan);

// Read-modify-write of organisation.json under its lock.
absl::Status ChangeOrganisation(const std::string& world,
                                const std::function<void(nlohmann::json&)>& change);
absl::Status WriteTransportOptions(const std::string& world,
                                   const std::string& server,
                                   const nlohmann::json& options);

}  // namespace mailquench::simulation::exchange

#endif  // MAILQUENCH_TESTS_SIMULATION_EXCHANGE_WORLD_H_
