#include <signal.h>

#include "agent/app/ending.h"

namespace mailquench::agent {
namespace {

class Signals final : public Ending {
 public:
  Signals() {
    sigemptyset(&signals_);
    sigaddset(&signals_, SIGTERM);
    sigaddset(&signals_, SIGINT);
    pthread_sigmask(SIG_BLOCK, &signals_, nullptr);
  }
  bool Await(absl::Duration most) override {
    const timespec time = absl::ToTimespec(most);
    return sigtimedwait(&signals_, nullptr, &time) > 0;
  }

 private:
  sigset_t signals_;
};
}  // namespace

std::unique_ptr<Ending> EndingBySignal() {
  return std::make_unique<Signals>();
}

}  // namespace mailquench::agent
