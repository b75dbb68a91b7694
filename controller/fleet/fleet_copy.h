// The fleet of one moment, as many look at it without a copy of their own.
#ifndef MAILQUENCH_CONTROLLER_FLEET_FLEET_COPY_H_
#define MAILQUENCH_CONTROLLER_FLEET_FLEET_COPY_H_

#include <atomic>
#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "mailquench/v1/fleet.pb.h"

namespace mailquench::controller {

// By name, without what each host can do (hello.capabilities). Never null, and never changed while
// anybody has it.
using FleetCopy = std::shared_ptr<const std::vector<v1::Host>>;

// Keeps one and renews in it what has changed: to copy a large fleet for each look takes longer
// than what is looked for. Not thread-safe, but what it gives out is.
class FleetCopies {
 public:
  // This host is not as it was, or is new.
  void Changed(const std::string& host_id) { stale_.insert(host_id); }
  // Of a host as it is now, which must be there.
  using Find = std::function<v1::Host*(const std::string& host_id)>;
  using Online = std::function<bool(const v1::Host&)>;
  FleetCopy Now(const Find& find, const Online& online);

 private:
  struct Kept {
    std::vector<v1::Host> hosts;
    std::weak_ptr<const std::vector<v1::Host>> given;
    std::atomic<bool> out{false};  // Somebody has it: it is not to be changed.
  };
  void Renew(const Find& find, const Online& online);
  void Rebuild(const Find& find, const Online& online);

  std::shared_ptr<Kept> kept_;
  std::map<std::string, std::size_t> places_;  // In what is kept, by id.
  std::set<std::string> stale_;
};

}  // namespace mailquench::controller

#endif  // MAILQUENCH_CONTROLLER_FLEET_FLEET_COPY_H_
