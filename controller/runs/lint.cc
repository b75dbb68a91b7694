#include "controller/runs/lint.h"

#include <map>

#include "absl/strings/str_cat.h"
#include "controller/runs/group_rules.h"
#include "controller/runs/groups.h"
#include "controller/runs/playbooks.h"

namespace mailquench::controller {
namespace {

// What a playbook that knows of groups would be refused for on their hosts; "": nothing.
std::string WrongLockstep(const v1::Playbook& playbook) {
  const v1::PlaybookStep* unswept = Unswept(playbook);
  bool groups = false;
  for (const v1::PlaybookStep& step : playbook.steps()) {
    groups |= step.lockstep() == kTransportLockstep || IsPart(step.operation());
    if (ShortLease(step))
      return absl::StrCat("the lease of the step ", step.name(), " is shorter than ",
                          kLeastLeaseSeconds, "s, three heartbeats");
  }
  if (!groups || unswept == nullptr) return "";
  return absl::StrCat("the step ", unswept->name(),
                      " empties the queue of a host before a contain with 'until: swept' in "
                      "'lockstep: transport' has ended on all of its group, and would be refused "
                      "there");
}

}  // namespace

Lint LintPlaybooks(const std::vector<std::string>& files) {
  Lint lint;
  std::map<std::string, std::string> taken;  // Name -> who has it.
  if (const auto built_in = LoadPlaybooks(""); built_in.ok()) {
    for (const auto& [name, playbook] : *built_in) taken[name] = "the built-in one";
  }
  for (const std::string& file : files) {
    const absl::StatusOr<v1::Playbook> playbook = ReadPlaybook(file);
    if (!playbook.ok()) {
      lint.faults.push_back(std::string(playbook.status().message()));
      continue;
    }
    const std::string wrong = WrongLockstep(*playbook);
    if (!wrong.empty()) {
      lint.faults.push_back(absl::StrCat(file, ": ", wrong));
      continue;
    }
    const int steps = playbook->steps_size();
    std::string line = absl::StrCat(file, ": good; playbook ", playbook->name(), ", ", steps,
                                    steps == 1 ? " step" : " steps");
    const auto other = taken.find(playbook->name());
    if (other != taken.end()) absl::StrAppend(&line, "; it replaces ", other->second);
    taken[playbook->name()] = file;
    lint.good.push_back(line);
  }
  return lint;
}

}  // namespace mailquench::controller
