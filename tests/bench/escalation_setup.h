// A controller's folder with its hosts enrolled and a source of alerts, made before it starts.
#ifndef MAILQUENCH_TESTS_BENCH_ESCALATION_SETUP_H_
#define MAILQUENCH_TESTS_BENCH_ESCALATION_SETUP_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace mailquench::bench {

// In `dir`, which is not there yet: what InitController() makes, all on loopback and free ports;
// the hosts' keys and certificates in hosts/; hosts.txt, token and trusted names.
absl::Status SetUp(const std::string& dir, int hosts);

struct BenchHost {
  std::string id, name, key, certificate;  // Files.
};
// As SetUp() left them.
absl::StatusOr<std::vector<BenchHost>> HostsOf(const std::string& dir);
std::string TokenOf(const std::string& dir);

// What Alertmanager sends of one alert that fires. Each `number` is another fingerprint.
std::string AlertDocument(const std::string& alertname,
                          const std::string& host,
                          std::int64_t number);

}  // namespace mailquench::bench

#endif  // MAILQUENCH_TESTS_BENCH_ESCALATION_SETUP_H_
