// Performance counters of the host. One implementation is windows/, over PDH; the tests have
// another.
#ifndef MAILQUENCH_AGENT_OS_COUNTERS_H_
#define MAILQUENCH_AGENT_OS_COUNTERS_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"

namespace mailquench::agent {

class Counters {
 public:
  virtual ~Counters() = default;
  // The value of now of one counter by its English path, for instance "\SMTP Server(SMTP 1)\Local
  // Queue Length". Thread- safe. Errors: kNotFound (no such object, instance or counter),
  // kUnavailable (no value just now).
  virtual absl::StatusOr<double> Read(const std::string& path) = 0;
};

// Of this host. Windows alone; never null.
std::unique_ptr<Counters> MakeCounters();

}  // namespace mailquench::agent

#endif  // MAILQUENCH_AGENT_OS_COUNTERS_H_
