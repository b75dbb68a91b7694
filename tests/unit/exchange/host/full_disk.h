// A disk on which no file gets longer than so many bytes, as long as this lives: a write beyond
// that fails, as on a full one, and leaves what is there.
#ifndef MAILQUENCH_TESTS_UNIT_EXCHANGE_HOST_FULL_DISK_H_
#define MAILQUENCH_TESTS_UNIT_EXCHANGE_HOST_FULL_DISK_H_

#include <sys/resource.h>

#include <csignal>

namespace mailquench::agent::exchange {

class FullDisk {
 public:
  explicit FullDisk(rlim_t bytes) : handler_(std::signal(SIGXFSZ, SIG_IGN)) {
    getrlimit(RLIMIT_FSIZE, &before_);
    const rlimit now = {bytes, before_.rlim_max};
    setrlimit(RLIMIT_FSIZE, &now);
  }
  ~FullDisk() {
    setrlimit(RLIMIT_FSIZE, &before_);
    (void)std::signal(SIGXFSZ, handler_);
  }
  FullDisk(const FullDisk&) = delete;
  FullDisk& operator=(const FullDisk&) = delete;

 private:
  void (*handler_)(int);
  rlimit before_{};
};

}  // namespace mailquench::agent::exchange

#endif  // MAILQUENCH_TESTS_UNIT_EXCHANGE_HOST_FULL_DISK_H_
