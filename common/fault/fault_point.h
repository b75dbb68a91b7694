// Named fault points: places where a test build can kill the process, fail the step or hold it.
// MAILQUENCH_FAULT="NAME[@N]=kill|error" chooses one (at its N-th passing, 1 by default). A build
// without MAILQUENCH_FAULT_POINTS contains none of this. Every point registers itself, so that a
// test can enumerate them.
#ifndef MAILQUENCH_COMMON_FAULT_FAULT_POINT_H_
#define MAILQUENCH_COMMON_FAULT_FAULT_POINT_H_

#include <string>
#include <vector>

#include "absl/status/status.h"

namespace mailquench::fault {

#ifdef MAILQUENCH_FAULT_POINTS
class Registration {
 public:
  explicit Registration(const char* name);
};
// Ends the process as SIGKILL does where the point is chosen as kill; returns an error where it is
// chosen as error; else OK.
absl::Status Pass(const char* name);
#endif

// Names of all points that are compiled in, sorted. Empty in a release build.
std::vector<std::string> AllPoints();

}  // namespace mailquench::fault

// Use at namespace scope in the .cc file that has the point: MQ_DEFINE_FAULT_POINT(kSwapRename,
// "quarantine.swap.rename"); then inside a function returning absl::Status or StatusOr:
// MQ_FAULT_POINT(kSwapRename);
#ifdef MAILQUENCH_FAULT_POINTS
#define MQ_DEFINE_FAULT_POINT(id, name) \
  constexpr const char* id = name;      \
  const ::mailquench::fault::Registration id##_registration(name)
#define MQ_FAULT_POINT(id)                                  \
  do {                                                      \
    absl::Status mq_fault_ = ::mailquench::fault::Pass(id); \
    if (!mq_fault_.ok()) return mq_fault_;                  \
  } while (false)
#else
#define MQ_DEFINE_FAULT_POINT(id, name) [[maybe_unused]] constexpr const char* id = name
#define MQ_FAULT_POINT(id) \
  do {                     \
  } while (false)
#endif

#endif  // MAILQUENCH_COMMON_FAULT_FAULT_POINT_H_
