// Which hosts do a step in lockstep. Of a plan and of its run alike; any thread.
#ifndef MAILQUENCH_CONTROLLER_RUNS_GROUPS_H_
#define MAILQUENCH_CONTROLLER_RUNS_GROUPS_H_

#include <algorithm>
#include <string>

#include "mailquench/v1/runs.pb.h"

namespace mailquench::controller {

inline constexpr char kTransportLockstep[] = "transport";
inline constexpr int kPartLeaseSeconds = 15 * 60;  // Of a part of a contain that names none.

// How people call the host's group at this step: "DAG1", "site=fra"; "": it is in none. `Host` is
// a PlannedHost or a RunHost. One without an agent is in none.
template <typename Host>
std::string GroupWord(const v1::PlaybookStep& step, const Host& host) {
  if (step.lockstep().empty() || !host.manual_platform().empty()) return "";
  if (step.lockstep() == kTransportLockstep) return host.transport_group();
  const auto label = host.label_groups().find(step.lockstep());
  if (label == host.label_groups().end() || label->second.empty()) return "";
  return step.lockstep() + "=" + label->second;
}

// What two hosts of one group have in common, and no others; "": it is in none. Active Directory
// sites of two organisations may well have one name.
template <typename Host>
std::string GroupKey(const v1::PlaybookStep& step, const Host& host) {
  std::string word = GroupWord(step, host);
  if (word.empty() || step.lockstep() != kTransportLockstep) return word;
  return host.organisation() + "\n" + word;
}

// The step is for hosts of a group, and this one is in none.
template <typename Host>
bool LeavesOut(const v1::PlaybookStep& step, const Host& host) {
  return step.only_grouped() && GroupWord(step, host).empty();
}

// Another host does for all of its organisation what changes that.
template <typename Host>
bool ActsElsewhere(const Host& host) {
  return !host.organisation().empty() && !host.acts_for_organisation();
}

// No server of the host's organisation keeps copies of another one's mail. `Of`: Plan or Run.
template <typename Of, typename Host>
bool KeepsNoCopies(const Of& of, const Host& host) {
  return std::find(of.without_copies().begin(), of.without_copies().end(), host.organisation()) !=
         of.without_copies().end();
}

}  // namespace mailquench::controller

#endif  // MAILQUENCH_CONTROLLER_RUNS_GROUPS_H_
