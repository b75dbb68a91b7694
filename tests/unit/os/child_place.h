// Where child_play is, and what a child inherits here.
#ifndef MAILQUENCH_TESTS_UNIT_OS_CHILD_PLACE_H_
#define MAILQUENCH_TESTS_UNIT_OS_CHILD_PLACE_H_

#include <string>

namespace mailquench::agent {

std::string ChildPlay();
void SetOurs(const std::string& value);  // MQ_OURS in this process.
extern const bool kInheritsEnvironment;

}  // namespace mailquench::agent

#endif  // MAILQUENCH_TESTS_UNIT_OS_CHILD_PLACE_H_
