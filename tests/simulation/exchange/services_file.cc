#include "tests/simulation/exchange/services_file.h"

#include "absl/time/time.h"
#include "agent/os/files.h"
#include "agent/os/lock.h"
#include "tests/simulation/exchange/settings.h"

namespace mailquench::simulation::exchange {

std::vector<ServiceNames> ServicesOf(bool edge) {
  if (edge)
    return {{"ADAM_MSExchange", {}},
            {"MSExchangeEdgeCredential", {"ADAM_MSExchange"}},
            {kTransportService, {"ADAM_MSExchange"}},
            {"MSExchangeTransportLogSearch", {}}};
  constexpr char kTopology[] = "MSExchangeADTopology";
  return {{kTopology, {}},
          {"FMS", {}},
          {kTransportService, {kTopology, "FMS"}},
          {kFrontendService, {kTopology}},
          {kDeliveryService, {kTopology}},
          {"MSExchangeSubmission", {kTopology}},
          {"MSExchangeTransportLogSearch", {kTopology}},
          {"MSExchangeHM", {}},
          {"MSExchangeHMRecovery", {}}};
}

std::string ServiceStateOf(const std::string& world,
                           const std::string& server,
                           const std::string& service) {
  const auto text = agent::ReadFile(SimFile(world, server, "services.json"));
  const Json json = text.ok() ? Json::parse(*text, nullptr, false) : Json();
  return json.is_object() ? TextIn(json, service) : "";
}

void SetServiceState(const std::string& world,
                     const std::string& server,
                     const std::string& service,
                     const std::string& state) {
  const std::string file = SimFile(world, server, "services.json");
  const auto lock =
      agent::FileLock::Acquire(SimFile(world, server, "services.lock"), absl::Seconds(30));
  const auto text = agent::ReadFile(file);
  Json json = text.ok() ? Json::parse(*text, nullptr, false) : Json::object();
  if (!json.is_object()) json = Json::object();
  json[service] = state;
  (void)agent::WriteFileAtomically(file, json.dump(1));
}

}  // namespace mailquench::simulation::exchange
