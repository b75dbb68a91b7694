// What the escalation is measured beside: the same HTTPS server without a store, a bare echo over a
// stream like the agents', and the disk alone.
#ifndef MAILQUENCH_TESTS_BENCH_ESCALATION_YARDSTICK_H_
#define MAILQUENCH_TESTS_BENCH_ESCALATION_YARDSTICK_H_

#include <string>

#include "absl/status/status.h"

namespace mailquench::bench {

// Serves with the certificates in `dir` (SetUp()) on free ports, says "ready port=N https_port=N"
// on stdout, and returns after SIGTERM. Over HTTPS: POST /v1/alerts is parsed and answered with
// 202; GET /echo sends a command to the one agent that is connected, and says how many nanoseconds
// passed until its report was here; GET /fsync says how long three writes of a commit's size took,
// each on the disk of `dir` before the next.
absl::Status ServeYardstick(const std::string& dir);

}  // namespace mailquench::bench

#endif  // MAILQUENCH_TESTS_BENCH_ESCALATION_YARDSTICK_H_
