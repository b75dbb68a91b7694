// sim/transport-options.json of a server: how its transport behaves, and its bad days.
#ifndef MAILQUENCH_TESTS_SIMULATION_EXCHANGE_OPTIONS_H_
#define MAILQUENCH_TESTS_SIMULATION_EXCHANGE_OPTIONS_H_

#include <cstdint>
#include <functional>
#include <string>

namespace mailquench::simulation::exchange {

struct TransportOptions {
  int pickup_every_ms = 5000;
  int retry_every_ms = 60000;
  int delivery_ms = 0;            // So long each message is in delivery at least.
  bool hold_submission = false;   // The categoriser does nothing.
  bool firewall_ignored = false;  // Rules of the firewall stop nothing (its profile is off).
  // Back pressure: more than so many in Submission, fewer free bytes than that.
  std::int64_t submission_medium = 9999, submission_high = 15000, min_free_bytes = 0;
  std::string control_address = "127.0.0.1";  // Where servers are hosts of a network, their own.
  // Of a stop: takes so long; never ends. Of a start: ends at once.
  int stop_ms = 0;
  bool stop_never = false, die_in_start = false;
};

// The file as it is now; defaults for what it does not say.
TransportOptions ReadOptions(const std::string& world, const std::string& server);

// What a stop is told to lose time with. `go_on` is asked ten times a second; false ends it.
void Dawdle(const std::string& world,
            const std::string& server,
            const std::function<bool()>& go_on);

}  // namespace mailquench::simulation::exchange

#endif  // MAILQUENCH_TESTS_SIMULATION_EXCHANGE_OPTIONS_H_
