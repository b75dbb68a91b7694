// The commands of mailquench-controller, a file each. Each Add...() puts its command into the tree;
// the one that was asked for stores what is to be done.
#ifndef MAILQUENCH_CONTROLLER_APP_COMMANDS_H_
#define MAILQUENCH_CONTROLLER_APP_COMMANDS_H_

#include <CLI/CLI.hpp>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/command/tree.h"

namespace mailquench::controller {

// Runs after the whole command line was understood; its result is the exit code.
using Action = std::function<int()>;

using command::AddCommand;

// Where the CA is: --dir, or --config, whose identity_dir it is. One of the two must be given.
struct FolderFlags {
  std::string dir;
  std::string config;
  void AddTo(CLI::App* app);
  // Errors: INVALID_ARGUMENT / NO_FOLDER, FAILED_PRECONDITION / NO_CA_THERE, and those of
  // LoadConfig().
  absl::StatusOr<std::string> Dir() const;
};

// Prints the sentence and returns the exit code.
int Fail(const absl::Status& status);
// 0, or Fail().
int ExitCode(const absl::Status& status);

void AddInit(CLI::App* root, Action* action);
void AddOperator(CLI::App* root, Action* action);
void AddCertificate(CLI::App* root, Action* action);
void AddPlaybook(CLI::App* root, Action* action);

}  // namespace mailquench::controller

#endif  // MAILQUENCH_CONTROLLER_APP_COMMANDS_H_
