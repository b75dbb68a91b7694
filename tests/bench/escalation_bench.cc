// What tests/bench/escalation.py measures with; each is a process of its own.
//   escalation_bench setup DIR HOSTS                      a controller's folder, its hosts enrolled
//   escalation_bench yardstick DIR                        the peers: see escalation_yardstick.h
//   escalation_bench latency DIR PORT HTTPS_PORT YARDSTICK_PORT YARDSTICK_HTTPS_PORT SAMPLES
//   escalation_bench intake DIR HTTPS_PORT CONNECTIONS SECONDS FIRST
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "common/rpc/credentials.h"
#include "tests/bench/escalation_measure.h"
#include "tests/bench/escalation_setup.h"
#include "tests/bench/escalation_yardstick.h"

namespace {
using namespace mailquench::bench;  // NOLINT(google-build-using-namespace)

absl::Status Run(const std::vector<std::string>& words) {
  const auto number = [&](std::size_t at) { return std::atoi(words[at].c_str()); };
  const std::string what = words.empty() ? "" : words[0];
  if (what == "setup" && words.size() == 3) return SetUp(words[1], number(2));
  if (what == "yardstick" && words.size() == 2) return ServeYardstick(words[1]);
  if (what == "latency" && words.size() == 7)
    return MeasureEscalation(words[1], {number(2), number(3)}, {number(4), number(5)}, number(6));
  if (what == "intake" && words.size() == 6)
    return MeasureIntake(words[1], number(2), number(3), std::atof(words[4].c_str()),
                         std::atol(words[5].c_str()));
  return absl::InvalidArgumentError("see the top of tests/bench/escalation_bench.cc");
}

}  // namespace

int main(int argc, char** argv) {
  mailquench::rpc::ForbidTls12();
  const absl::Status status = Run({argv + 1, argv + argc});
  if (status.ok()) return 0;
  std::fprintf(stderr, "escalation_bench: %s\n", std::string(status.message()).c_str());
  return 1;
}
