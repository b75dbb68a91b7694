// The peer inside the bench: c-ares alone, as the resolver was before.
#ifndef MAILQUENCH_TESTS_BENCH_BLACKLIST_CARES_H_
#define MAILQUENCH_TESTS_BENCH_BLACKLIST_CARES_H_

#include <functional>
#include <string>

#include "common/blacklist/verdict.h"

namespace mailquench::bench {

// A records of `questions` names from 127.0.0.1:`port`, 80 in flight; 4 tries from 1.5 s on.
void AskWithCares(int port,
                  int questions,
                  const std::function<std::string(int)>& name_of,
                  const std::function<void(int, const blacklist::Answer&)>& answered);

}  // namespace mailquench::bench

#endif  // MAILQUENCH_TESTS_BENCH_BLACKLIST_CARES_H_
