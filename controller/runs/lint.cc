#include "controller/runs/lint.h"

#include <map>

#include "absl/strings/str_cat.h"
#include "controller/runs/playbooks.h"

namespace mailquench::controller {

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
