// Many agents in one process, each with its own certificate and stream: they do nothing, and say at
// once that it went well.
#ifndef MAILQUENCH_TESTS_BENCH_ESCALATION_FLEET_H_
#define MAILQUENCH_TESTS_BENCH_ESCALATION_FLEET_H_

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "mailquench/v1/agent_link.pb.h"
#include "tests/bench/escalation_setup.h"

namespace mailquench::bench {

class BenchAgent;

// Thread-safe.
class BenchFleet {
 public:
  // A command has arrived at host number `host` at this time (https_line.h); called on one of
  // gRPC's threads before it is answered.
  using OnCommand = std::function<void(int host, const v1::Command&, std::int64_t nanos)>;

  // Returns once the controller has accepted all of them, or an error after `limit`.
  static absl::StatusOr<std::unique_ptr<BenchFleet>> Connect(const std::string& dir,
                                                             const std::vector<BenchHost>& hosts,
                                                             int port,
                                                             OnCommand on_command,
                                                             absl::Duration limit);
  ~BenchFleet();

 private:
  friend class BenchAgent;
  explicit BenchFleet(OnCommand on_command);
  void Accepted();
  void Beat();

  const OnCommand on_command_;
  std::vector<std::unique_ptr<BenchAgent>> agents_;
  std::mutex mu_;
  std::condition_variable changed_;
  int accepted_ = 0;
  bool stopping_ = false;
  std::thread beats_;  // As an agent's own: every 30 s for each.
};

}  // namespace mailquench::bench

#endif  // MAILQUENCH_TESTS_BENCH_ESCALATION_FLEET_H_
