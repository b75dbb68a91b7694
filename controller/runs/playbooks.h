// Playbooks: built in and the operator's own, read strictly.
#ifndef MAILQUENCH_CONTROLLER_RUNS_PLAYBOOKS_H_
#define MAILQUENCH_CONTROLLER_RUNS_PLAYBOOKS_H_

#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "mailquench/v1/runs.pb.h"

namespace mailquench::controller {

// One playbook from its text. kInvalidArgument; the sentence begins with `file`:line:column.
absl::StatusOr<v1::Playbook> ParsePlaybook(const std::string& text, const std::string& file);

// The same from the file of that name; also the errors of reading it.
absl::StatusOr<v1::Playbook> ReadPlaybook(const std::string& path);

// "" or what is wrong with one wave ("1", "20%").
std::string WrongWave(const std::string& wave);

// The texts that are compiled in (controller/runs/playbooks/*.yaml).
std::vector<std::string> BuiltInPlaybooks();

// Built-in ones and every *.yaml of `directory` ("" for none), by name; an own one of the same name
// replaces the built-in one. The first fault is the result.
absl::StatusOr<std::map<std::string, v1::Playbook>> LoadPlaybooks(const std::string& directory);

}  // namespace mailquench::controller

#endif  // MAILQUENCH_CONTROLLER_RUNS_PLAYBOOKS_H_
