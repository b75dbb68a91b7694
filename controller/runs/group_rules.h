// What holds for servers that keep copies of each other's mail, of a plan and of its run alike: who
// belongs to a group, and which steps empty a queue. Pure; any thread.
#ifndef MAILQUENCH_CONTROLLER_RUNS_GROUP_RULES_H_
#define MAILQUENCH_CONTROLLER_RUNS_GROUP_RULES_H_

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "mailquench/v1/fleet.pb.h"
#include "mailquench/v1/runs.pb.h"

namespace mailquench::controller {

// What an agent that can contain in parts announces among its capabilities.
inline constexpr char kPartsCapability[] = "contain.parts";
// Three heartbeats: a shorter lease ends between two of them.
inline constexpr std::int64_t kLeastLeaseSeconds = 90;

// Whether `member`, the name of an Exchange server, is this host's. A server is named as its
// computer: by NetBIOS, so that it is the first label of the host's name, whatever the case, and
// its first 15 characters where that is longer. The name in the fleet and that of the hello count.
bool IsServer(const v1::Host& host, const std::string& member);

// Who of the group is not `chosen`: active hosts of the fleet by name, and servers that the hosts
// of the group name and that have no active agent there.
std::vector<std::string> MissingOf(const std::vector<v1::Host>& fleet,
                                   const std::string& organisation,
                                   const std::string& group,
                                   const std::function<bool(const std::string& host_id)>& chosen);

// The host may keep copies with others, could not tell, and never has: one whose last known group
// was kept is taken to be in that.
bool GroupUnread(const v1::Host& host);
bool KnowsParts(const v1::Host& host);

// Whether the operation leaves the host with an empty queue: such a host is handed the old one back
// by those that keep copies of its mail.
bool EmptiesQueue(const v1::Operation& operation);
// A contain that ends before the service starts again.
bool IsPart(const v1::Operation& operation);
// The lease of this part of a group's contain is given, and shorter than kLeastLeaseSeconds.
bool ShortLease(const v1::PlaybookStep& step);
// The first step that empties a queue although the group's are not all swept by then; null: none.
// What is swept in lockstep `transport` counts, unless the run goes on where that failed.
const v1::PlaybookStep* Unswept(const v1::Playbook& playbook);

// Why a step is refused, as sentences for a person.
std::string SayUnswept(const std::string& host,
                       const std::string& group,
                       const std::vector<std::string>& others,
                       const v1::PlaybookStep& step);
std::string SayUnread(const std::string& host, const v1::PlaybookStep& step);
std::string SayKnowsNoParts(const std::string& host, const v1::PlaybookStep& step);

}  // namespace mailquench::controller

#endif  // MAILQUENCH_CONTROLLER_RUNS_GROUP_RULES_H_
