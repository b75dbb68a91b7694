// STATE_DIR/connected: the sign that a running agent has reached its controller, for whoever
// upgrades it. Written at the first connect of each process.
#ifndef MAILQUENCH_AGENT_APP_CONNECTED_H_
#define MAILQUENCH_AGENT_APP_CONNECTED_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace mailquench::agent {

struct Connected {
  std::string version;           // Of the program.
  std::uint32_t process_id = 0;  // That has connected.
  absl::Time time;               // When.
};

absl::Status WriteConnected(const std::string& state_dir, const Connected& connected);
absl::Status ForgetConnected(const std::string& state_dir);
// Errors: kNotFound (never connected), kDataLoss/BAD_FILE, those of the file system.
absl::StatusOr<Connected> ReadConnected(const std::string& state_dir);

}  // namespace mailquench::agent

#endif  // MAILQUENCH_AGENT_APP_CONNECTED_H_
