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

// All instances that postmulti knows, or those named. Errors: kNotFound/UNKNOWN_INSTANCE (names the
// known ones), kFailedPrecondition/NO_POSTFIX.
absl::StatusOr<std::vector<Instance>> FindInstances(const std::vector<std::string>& names);

// The effective value of one main.cf parameter. Runs postconf(1).
absl::StatusOr<std::string> Parameter(const std::string& config_directory, const std::string& name);

}  // namespace mailquench::agent::postfix

#endif  // MAILQUENCH_AGENT_MAIL_POSTFIX_INSTANCE_H_
