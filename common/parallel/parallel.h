// Independent questions asked at the same time: programs that are waited for, dialogues over the
// network.
#ifndef MAILQUENCH_COMMON_PARALLEL_PARALLEL_H_
#define MAILQUENCH_COMMON_PARALLEL_PARALLEL_H_

#include <functional>
#include <vector>

namespace mailquench {

// Runs every task once, at most `width` at a time, and returns when all have ended. The calling
// thread takes part, so that all run even where no other thread is to be had. Tasks must not throw.
void RunTogether(const std::vector<std::function<void()>>& tasks, int width = 8);

}  // namespace mailquench

#endif  // MAILQUENCH_COMMON_PARALLEL_PARALLEL_H_
