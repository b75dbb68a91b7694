// Which host an alert means, by what monitoring calls it.
#ifndef MAILQUENCH_CONTROLLER_ESCALATION_HOST_INDEX_H_
#define MAILQUENCH_CONTROLLER_ESCALATION_HOST_INDEX_H_

#include <map>
#include <string>
#include <unordered_map>
#include <vector>

#include "mailquench/v1/fleet.pb.h"

namespace mailquench::controller {

// `hosts` outlives it.
class HostIndex {
 public:
  explicit HostIndex(const std::vector<v1::Host>& hosts);
  // All hosts of the fleet that go by it: HostNamed (decide.h) demands one.
  std::vector<const v1::Host*> Find(const std::string& value) const;
  const v1::Host* ById(const std::string& host_id) const;
  // Those that are of the fleet, in the order of their names, with their labels for a Selector.
  struct Entry {
    const v1::Host* host;
    std::map<std::string, std::string> labels;
  };
  const std::vector<Entry>& all() const { return all_; }

 private:
  std::vector<Entry> all_;
  std::unordered_map<std::string, const v1::Host*> by_id_;
  std::unordered_map<std::string, std::vector<const v1::Host*>> by_name_;
  std::unordered_map<std::string, std::vector<const v1::Host*>> by_address_;
};

}  // namespace mailquench::controller

#endif  // MAILQUENCH_CONTROLLER_ESCALATION_HOST_INDEX_H_
