// From text to typed operations: names, YAML values and run parameters, by protobuf reflection.
#ifndef MAILQUENCH_CONTROLLER_RUNS_OPERATION_FIELDS_H_
#define MAILQUENCH_CONTROLLER_RUNS_OPERATION_FIELDS_H_

#include <map>
#include <string>

#include "absl/status/status.h"
#include "mailquench/v1/operations.pb.h"
#include "mailquench/v1/runs.pb.h"
#include "yaml-cpp/yaml.h"

namespace mailquench::controller {

// "queue.watch"; "" where the operation has no kind.
std::string OperationName(const v1::Operation& operation);

// Chooses the kind that `name` names. False where there is none.
bool SetOperation(const std::string& name, v1::Operation* operation);

// Fills `message` from a YAML map. Durations are "2s", enumerations their short names in lower case
// ("closed"), lists are lists. The error's sentence begins with `file`:line:column. What it held
// stays.
absl::Status FillFromYaml(const YAML::Node& map,
                          const std::string& file,
                          google::protobuf::Message* message);

// Sets the run's parameters in every step that has such a field. Known to the built-in playbooks:
// mode, clients, reason, instances, samples, interval, decisions and so on: any field of a step's
// operation; lists are comma-separated, messages JSON. Beside these: `vantage` (selector of the
// hosts that probe from outside), `waves` ("1,100%"), `max_failures` and `without_copies` (true:
// the servers keep no copies of each other's mail, so that a group may be incomplete; the
// planner's). How far a contain goes is a step's own, and who acts for an organisation the plan's:
// neither is a parameter. One that no step takes is kInvalidArgument/UNKNOWN_PARAMETER.
inline constexpr char kWithoutCopies[] = "without_copies";
absl::Status ApplyParameters(const std::map<std::string, std::string>& parameters,
                             v1::Playbook* playbook);

}  // namespace mailquench::controller

#endif  // MAILQUENCH_CONTROLLER_RUNS_OPERATION_FIELDS_H_
