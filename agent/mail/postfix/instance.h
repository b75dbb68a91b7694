// One Postfix instance of this host (postmulti): where it lives and who owns its queue.
#ifndef MAILQUENCH_AGENT_MAIL_POSTFIX_INSTANCE_H_
#define MAILQUENCH_AGENT_MAIL_POSTFIX_INSTANCE_H_

#include <sys/types.h>

#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace mailquench::agent::postfix {

struct Instance {
  std::string name;  // multi_instance_name, "-" for the primary without one.
  std::string config_directory;
  std::string queue_directory;
  std::string daemon_directory;
  std::string command_directory;
  std::string version;
  uid_t mail_owner = 0;
  gid_t mail_group = 0;  // Primary group of mail_owner.
  gid_t setgid_group = 0;
  bool long_queue_ids = false;
};

struct FindOptions {
  // Where it is not empty, these are the instances and postmulti is not asked: for an agent that
  // manages only certain ones, and for private ones that postmulti does not know. Of several
  // without a multi_instance_name, each but the first is named after its configuration directory.
  std::vector<std::string> config_directories;
};

// All instances that postmulti knows, or those named. Errors: kNotFound/UNKNOWN_INSTANCE (names the
// known ones), kFailedPrecondition/NO_POSTFIX, kFailedPrecondition/BAD_INSTANCE (a configuration
// that postconf cannot read, or whose mail_owner or setgid_group this host does not have).
absl::StatusOr<std::vector<Instance>> FindInstances(const std::vector<std::string>& names,
                                                    const FindOptions& options);
absl::StatusOr<std::vector<Instance>> FindInstances(const std::vector<std::string>& names);

// The effective value of one main.cf parameter, macros expanded. Runs postconf(1).
// Errors: kFailedPrecondition/NO_POSTFIX, kFailedPrecondition/BAD_INSTANCE.
absl::StatusOr<std::string> Parameter(const std::string& config_directory, const std::string& name);

}  // namespace mailquench::agent::postfix

#endif  // MAILQUENCH_AGENT_MAIL_POSTFIX_INSTANCE_H_
