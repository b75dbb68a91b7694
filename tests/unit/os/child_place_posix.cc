#include <cstdlib>

#include "tests/unit/os/child_place.h"

namespace mailquench::agent {

const bool kInheritsEnvironment = false;
std::string ChildPlay() {
  return MAILQUENCH_CHILD_PLAY;
}
void SetOurs(const std::string& value) {
  ::setenv("MQ_OURS", value.c_str(), 1);
}

}  // namespace mailquench::agent
