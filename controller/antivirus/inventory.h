// The inventory: the machines that there should be, and which of them are hosts of the fleet.
#ifndef MAILQUENCH_CONTROLLER_ANTIVIRUS_INVENTORY_H_
#define MAILQUENCH_CONTROLLER_ANTIVIRUS_INVENTORY_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "mailquench/v1/antivirus.pb.h"
#include "mailquench/v1/fleet.pb.h"

namespace mailquench::controller {

inline constexpr int kMostMachines = 200'000;

// kInvalidArgument/BAD_INVENTORY, naming the machine: no name, a name twice, one that is no host
// name, another kind than "server", "workstation" or none, too many.
absl::Status CheckInventory(const v1::ImportInventoryRequest& request);

// For each machine its host, by place in `hosts`; -1: it is none of them. Names count without case;
// a short name is the host of that first label where there is one such host alone.
std::vector<int> MatchInventory(const v1::Inventory& inventory,
                                const std::vector<const v1::Host*>& hosts);

}  // namespace mailquench::controller

#endif  // MAILQUENCH_CONTROLLER_ANTIVIRUS_INVENTORY_H_
