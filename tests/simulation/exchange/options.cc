#include "tests/simulation/exchange/options.h"

#include <chrono>
#include <thread>

#include "agent/os/files.h"
#include "tests/simulation/exchange/settings.h"

namespace mailquench::simulation::exchange {

TransportOptions ReadOptions(const std::string& world, const std::string& server) {
  TransportOptions out;
  const auto text = agent::ReadFile(SimFile(world, server, "transport-options.json"));
  const Json json = text.ok() ? Json::parse(*text, nullptr, false) : Json();
  if (!json.is_object()) return out;
  out.pickup_every_ms = json.value("pickup_every_ms", out.pickup_every_ms);
  out.retry_every_ms = json.value("retry_every_ms", out.retry_every_ms);
  out.delivery_ms = json.value("delivery_ms", out.delivery_ms);
  out.hold_submission = json.value("hold_submission", false);
  out.firewall_ignored = json.value("firewall_ignored", false);
  out.submission_medium = json.value("submission_medium", out.submission_medium);
  out.submission_high = json.value("submission_high", out.submission_high);
  out.min_free_bytes = json.value("min_free_bytes", out.min_free_bytes);
  out.control_address = json.value("control_address", out.control_address);
  out.stop_ms = json.value("stop_ms", 0);
  out.stop_never = json.value("stop_never", false);
  out.die_in_start = json.value("die_in_start", false);
  return out;
}

void Dawdle(const std::string& world,
            const std::string& server,
            const std::function<bool()>& go_on) {
  constexpr int kTickMs = 100;
  for (int waited = 0; go_on(); waited += kTickMs) {
    const TransportOptions options = ReadOptions(world, server);
    if (!options.stop_never && waited >= options.stop_ms) return;
    std::this_thread::sleep_for(std::chrono::milliseconds(kTickMs));
  }
}

}  // namespace mailquench::simulation::exchange
