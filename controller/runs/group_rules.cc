#include "controller/runs/group_rules.h"

#include <algorithm>
#include <map>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "controller/runs/groups.h"

namespace mailquench::controller {
namespace {

constexpr std::size_t kNetBiosLength = 15;

std::string ShortName(const std::string& name) {
  return absl::AsciiStrToLower(name.substr(0, name.find('.')));
}

bool IsOf(const v1::Host& host, const std::string& organisation, const std::string& group) {
  return host.state() == v1::HOST_STATE_ACTIVE && !host.has_manual() &&
         host.hello().transport_group() == group && host.hello().organisation() == organisation;
}

}  // namespace

bool IsServer(const v1::Host& host, const std::string& member) {
  const std::string wanted = ShortName(member);
  if (wanted.empty()) return false;
  for (const std::string& name : {ShortName(host.name()), ShortName(host.hello().hostname())}) {
    if (name == wanted || (wanted.size() == kNetBiosLength && name.size() > kNetBiosLength &&
                           name.compare(0, kNetBiosLength, wanted) == 0))
      return true;
  }
  return false;
}

std::vector<std::string> MissingOf(const std::vector<v1::Host>& fleet,
                                   const std::string& organisation,
                                   const std::string& group,
                                   const std::function<bool(const std::string& host_id)>& chosen) {
  std::vector<std::string> missing;
  if (group.empty()) return missing;
  std::map<std::string, std::string> members;  // By short name: as it was told.
  for (const v1::Host& host : fleet) {
    if (!IsOf(host, organisation, group)) continue;
    if (!chosen(host.host_id())) missing.push_back(host.name());
    for (const std::string& member : host.hello().transport_members())
      members.emplace(ShortName(member), member);
  }
  for (const auto& [name, member] : members) {
    const std::string& wanted = member;
    const bool there = std::any_of(fleet.begin(), fleet.end(), [&](const v1::Host& host) {
      return IsOf(host, organisation, group) && IsServer(host, wanted);
    });
    if (!there && !name.empty())
      missing.push_back(absl::StrCat(member, " (without an active agent in this fleet)"));
  }
  return missing;
}

bool GroupUnread(const v1::Host& host) {
  return !host.has_manual() && host.hello().transport_group_unknown() &&
         host.hello().transport_group().empty();
}

bool KnowsParts(const v1::Host& host) {
  return std::any_of(host.hello().capabilities().begin(), host.hello().capabilities().end(),
                     [](const v1::Capability& one) { return one.operation() == kPartsCapability; });
}

bool EmptiesQueue(const v1::Operation& operation) {
  return operation.has_contain() ||
         (operation.has_queue_quarantine() && !operation.queue_quarantine().has_filter()) ||
         (operation.has_service_stop() && operation.service_stop().has_sweep());
}

bool IsPart(const v1::Operation& operation) {
  return operation.has_contain() && operation.contain().until() != v1::CONTAIN_UNTIL_UNSPECIFIED;
}

bool ShortLease(const v1::PlaybookStep& step) {
  return IsPart(step.operation()) && !step.lockstep().empty() &&
         step.operation().contain().has_lease() &&
         step.operation().contain().lease().seconds() < kLeastLeaseSeconds;
}

const v1::PlaybookStep* Unswept(const v1::Playbook& playbook) {
  bool swept = false;
  for (const v1::PlaybookStep& step : playbook.steps()) {
    if (!EmptiesQueue(step.operation())) continue;
    if (IsPart(step.operation()) && step.lockstep() == kTransportLockstep) {
      swept |= step.operation().contain().until() == v1::CONTAIN_UNTIL_SWEPT &&
               !step.continue_on_failure();
    } else if (!swept) {
      return &step;
    }
  }
  return nullptr;
}

std::string SayUnswept(const std::string& host,
                       const std::string& group,
                       const std::vector<std::string>& others,
                       const v1::PlaybookStep& step) {
  return absl::StrCat(host, " keeps copies of mail with ", absl::StrJoin(others, ", "), " (group ",
                      group, "), and before the step ", step.name(),
                      " they are not all swept in lockstep: what is swept here would come back "
                      "from there; nothing was stopped; use the playbook contain for all of them, "
                      "or switch the copies off first with 'mailquench shadow suspend'");
}

std::string SayUnread(const std::string& host, const v1::PlaybookStep& step) {
  return absl::StrCat(
      "which servers keep copies of ", host, "'s mail could not be read, so that what the step ",
      step.name(),
      " sweeps might come back from one of them; nothing was stopped; mend what 'mailquench host "
      "show ",
      host,
      "' says of the mail system and start again, or say that no copies are kept "
      "(parameter without_copies=true)");
}

std::string SayKnowsNoParts(const std::string& host, const v1::PlaybookStep& step) {
  return absl::StrCat("the agent of ", host,
                      " does not know a contain in parts and would do all of "
                      "it at the step ",
                      step.name(),
                      "; nothing was stopped; upgrade the agent and start the run again");
}

}  // namespace mailquench::controller
