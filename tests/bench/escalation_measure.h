// From an alert to the first mutating command at an agent, and alerts as fast as they are taken.
#ifndef MAILQUENCH_TESTS_BENCH_ESCALATION_MEASURE_H_
#define MAILQUENCH_TESTS_BENCH_ESCALATION_MEASURE_H_

#include <string>

#include "absl/status/status.h"

namespace mailquench::bench {

struct Ports {
  int port = 0;
  int https_port = 0;
};

// All hosts of `dir` connect to the controller, the first one to the yardstick too. Then `samples`
// alerts, one after the other, each of another host and of another fingerprint; between them an
// echo, three writes to the disk, and the agents' dry run of the same playbook. Prints a line of
// JSON a sample: what each took, in nanoseconds; an alert's time begins before its request is
// written, so that it is no shorter than from its last byte read.
absl::Status MeasureEscalation(const std::string& dir,
                               const Ports& controller,
                               const Ports& yardstick,
                               int samples);

// `connections` keep-alive connections send an alert each as fast as they are answered, each alert
// of a fingerprint of its own, for so many seconds. `first` is the first fingerprint's number.
// Prints a line of JSON: accepted, refused, seconds.
absl::Status MeasureIntake(
    const std::string& dir, int https_port, int connections, double seconds, long first);

}  // namespace mailquench::bench

#endif  // MAILQUENCH_TESTS_BENCH_ESCALATION_MEASURE_H_
