// A file that its owner keeps open and to itself. Windows: opened without sharing. POSIX: flock(),
// which keeps out only those who ask; and nothing keeps its folder from being renamed.
#ifndef MAILQUENCH_TESTS_SIMULATION_EXCHANGE_HELD_FILE_H_
#define MAILQUENCH_TESTS_SIMULATION_EXCHANGE_HELD_FILE_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace mailquench::simulation::exchange {

class HeldFile {
 public:
  // Made where it is missing. kUnavailable: somebody else has it.
  static absl::StatusOr<std::unique_ptr<HeldFile>> Open(const std::string& path);
  ~HeldFile();
  HeldFile(const HeldFile&) = delete;
  HeldFile& operator=(const HeldFile&) = delete;

  absl::StatusOr<std::string> ReadAll();
  // At its end; `durable`: on the disk when this returns.
  absl::Status Append(absl::string_view bytes, bool durable);
  // In place, durable.
  absl::Status Overwrite(std::int64_t offset, absl::string_view bytes);
  absl::Status Truncate();

 private:
  explicit HeldFile(std::intptr_t handle) : handle_(handle) {}
  const std::intptr_t handle_;
};

}  // namespace mailquench::simulation::exchange

#endif  // MAILQUENCH_TESTS_SIMULATION_EXCHANGE_HELD_FILE_H_
