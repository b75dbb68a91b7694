// Playbooks checked as files, without a controller.
#ifndef MAILQUENCH_CONTROLLER_RUNS_LINT_H_
#define MAILQUENCH_CONTROLLER_RUNS_LINT_H_

#include <string>
#include <vector>

namespace mailquench::controller {

struct Lint {
  std::vector<std::string> good;    // "FILE: good; playbook NAME, 3 steps", and whom it replaces.
  std::vector<std::string> faults;  // One sentence a file; it begins with FILE.
};

// What a controller would say of these files.
Lint LintPlaybooks(const std::vector<std::string>& files);

}  // namespace mailquench::controller

#endif  // MAILQUENCH_CONTROLLER_RUNS_LINT_H_
