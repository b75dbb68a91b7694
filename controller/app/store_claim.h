// One controller for a store: two would settle each other's runs.
#ifndef MAILQUENCH_CONTROLLER_APP_STORE_CLAIM_H_
#define MAILQUENCH_CONTROLLER_APP_STORE_CLAIM_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"

namespace mailquench::controller {

// A lock on STORE.lock, which ends with this object or the process, however that ends.
class StoreClaim {
 public:
  // Errors: kFailedPrecondition/STORE_IN_USE; that of the system where the file cannot be opened.
  static absl::StatusOr<std::unique_ptr<StoreClaim>> Take(const std::string& store);
  ~StoreClaim();
  StoreClaim(const StoreClaim&) = delete;
  StoreClaim& operator=(const StoreClaim&) = delete;

 private:
  explicit StoreClaim(int fd) : fd_(fd) {}
  const int fd_;
};

}  // namespace mailquench::controller

#endif  // MAILQUENCH_CONTROLLER_APP_STORE_CLAIM_H_
