// Private to the run engine: one watcher, called in order and never twice at a time.
#ifndef MAILQUENCH_CONTROLLER_RUNS_SUBSCRIPTION_H_
#define MAILQUENCH_CONTROLLER_RUNS_SUBSCRIPTION_H_

#include <mutex>
#include <string>
#include <utility>

#include "controller/runs/engine.h"

namespace mailquench::controller {

struct RunEngine::Subscription {
  Subscription(std::string run, Callback call)
      : run_id(std::move(run)), callback(std::move(call)) {}

  // Events of several threads may arrive out of order; each holds the whole run, so that an older
  // one is dropped.
  void Call(const v1::RunEvent& event) {
    const std::lock_guard<std::mutex> lock(mu);
    if (ended || event.sequence() <= last) return;
    last = event.sequence();
    callback(event);
  }
  void End() {
    const std::lock_guard<std::mutex> lock(mu);
    ended = true;
  }

  const std::string run_id;
  std::mutex mu;
  std::int64_t last = 0;
  bool ended = false;
  const Callback callback;
};

}  // namespace mailquench::controller

#endif  // MAILQUENCH_CONTROLLER_RUNS_SUBSCRIPTION_H_
