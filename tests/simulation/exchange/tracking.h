// The message tracking log of a simulated transport. Its fields are those of Exchange 2013 to SE;
// the file's first lines name them.
#ifndef MAILQUENCH_TESTS_SIMULATION_EXCHANGE_TRACKING_H_
#define MAILQUENCH_TESTS_SIMULATION_EXCHANGE_TRACKING_H_

#include <mutex>
#include <string>
#include <vector>

#include "tests/simulation/exchange/item.h"
#include "tests/simulation/exchange/settings.h"

namespace mailquench::simulation::exchange {

// Of one service of one server. Thread-safe.
class Tracking {
 public:
  Tracking(std::string world, std::string server)
      : world_(std::move(world)), server_(std::move(server)) {}
  // `source`: SMTP, STOREDRIVER, DSN, AGENT ...; `event`: RECEIVE, SEND, DELIVER, DSN, FAIL ...
  void Write(const Settings& settings,
             const std::string& source,
             const std::string& event,
             const Item& item,
             const std::string& status = "");

 private:
  const std::string world_, server_;
  std::mutex mu_;
};

}  // namespace mailquench::simulation::exchange

#endif  // MAILQUENCH_TESTS_SIMULATION_EXCHANGE_TRACKING_H_
