// What asks `mailquench-agent run` to end: a signal, Ctrl+C, the service manager. One of them each.
#ifndef MAILQUENCH_AGENT_APP_ENDING_H_
#define MAILQUENCH_AGENT_APP_ENDING_H_

#include <memory>

#include "absl/time/time.h"

namespace mailquench::agent {

class Ending {
 public:
  virtual ~Ending() = default;
  // True as soon as the end is asked for; false after `most`.
  virtual bool Await(absl::Duration most) = 0;
  // Told once the agent serves. A service manager waits for it.
  virtual void Serving() {}
};

// SIGTERM and SIGINT (ending_posix.cc); Ctrl+C, Ctrl+Break and the console's end
// (ending_windows.cc). To be made before any thread, since all inherit what is blocked.
std::unique_ptr<Ending> EndingBySignal();

}  // namespace mailquench::agent

#endif  // MAILQUENCH_AGENT_APP_ENDING_H_
