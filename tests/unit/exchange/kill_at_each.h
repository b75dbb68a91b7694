// What is left of a work that is killed anywhere.
#ifndef MAILQUENCH_TESTS_UNIT_EXCHANGE_KILL_AT_EACH_H_
#define MAILQUENCH_TESTS_UNIT_EXCHANGE_KILL_AT_EACH_H_

#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <functional>
#include <string>

#include "absl/strings/str_cat.h"
#include "common/fault/fault_point.h"

namespace mailquench::agent::exchange {

// kill -9 of a child at every point whose name starts so, at each passing; `check` sees what it
// leaves. How many were killed.
inline int KillAtEach(const std::string& start,
                      int most_passings,
                      const std::function<void()>& arrange,
                      const std::function<void()>& act,
                      const std::function<void(const std::string& fault)>& check) {
  int killed = 0;
  for (const std::string& point : fault::AllPoints()) {
    if (point.rfind(start, 0) != 0) continue;
    for (int passing = 1; passing <= most_passings; ++passing) {
      arrange();
      const std::string fault = absl::StrCat(point, "@", passing, "=kill");
      const pid_t child = fork();
      if (child == 0) {
        setenv("MAILQUENCH_FAULT", fault.c_str(), 1);
        act();
        _exit(0);
      }
      int status = 0;
      waitpid(child, &status, 0);
      if (!WIFSIGNALED(status)) break;
      ++killed;
      check(fault);
    }
  }
  return killed;
}

}  // namespace mailquench::agent::exchange

#endif  // MAILQUENCH_TESTS_UNIT_EXCHANGE_KILL_AT_EACH_H_
