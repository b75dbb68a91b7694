#include "agent/app/observer.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <utility>

#include "absl/time/clock.h"
#include "agent/os/interruptible.h"

namespace mailquench::agent {
namespace {
constexpr absl::Duration kLongDrift = absl::Seconds(20);
constexpr int kRest = 20;  // A look at drift that is slow is as much rarer than each heartbeat.
}  // namespace

Observer::Observer(ObserverOptions options, ObserverCalls calls)
    : options_(options), calls_(std::move(calls)) {}

Observer::~Observer() {
  Stop();
}

void Observer::Start() {
  thread_ = std::thread([this] { Run(); });
}

void Observer::Stop() {
  {
    const std::lock_guard<std::mutex> lock(mu_);
    stopping_ = true;
  }
  over_ = true;
  changed_.notify_all();
  if (thread_.joinable()) thread_.join();
}

v1::Hello Observer::Hello() {
  std::unique_lock<std::mutex> lock(mu_);
  changed_.wait_for(lock, absl::ToChronoMilliseconds(options_.first_hello),
                    [this] { return looked_ || stopping_; });
  if (looked_ && gave_) inspect_ = true;
  given_ = hello_.SerializeAsString();
  gave_ = true;
  changed_.notify_all();
  return hello_;
}

std::int64_t Observer::Queued() {
  const std::lock_guard<std::mutex> lock(mu_);
  return IsOld(counted_) ? -1 : queued_;
}

ServiceLook Observer::Service() {
  const std::lock_guard<std::mutex> lock(mu_);
  return IsOld(seen_) ? ServiceLook() : service_;
}

std::optional<std::vector<std::string>> Observer::Drifted() {
  const std::lock_guard<std::mutex> lock(mu_);
  return drifted_;
}

void Observer::Run() {
  const Interruptible questions(over_);
  absl::Time inspect_at = absl::InfinitePast();
  absl::Time drift_at = absl::Now() + options_.heartbeat;
  while (true) {
    bool wanted = false;
    {
      const std::lock_guard<std::mutex> lock(mu_);
      if (stopping_) return;
      wanted = std::exchange(inspect_, false);
    }
    if (wanted || absl::Now() >= inspect_at) {
      Inspect();
      inspect_at = absl::Now() + options_.heartbeat * options_.inspect_every;
    }
    LookAtService();
    Count();
    {
      const std::lock_guard<std::mutex> lock(mu_);
      looked_ = true;
      changed_.notify_all();
      if (stopping_) return;
    }
    // A new hello costs the link of now: not while something goes on.
    if (!calls_.is_changing()) {
      bool changed = false;
      {
        const std::lock_guard<std::mutex> lock(mu_);
        const std::string now = hello_.SerializeAsString();
        changed = gave_ && given_ != now;
        if (changed) given_ = now;
      }
      if (changed) calls_.hello_changed();
      if (absl::Now() >= drift_at) {
        const absl::Time began = absl::Now();
        LookForDrift();
        const absl::Duration took = absl::Now() - began;
        if (took > kLongDrift) spdlog::warn("a look at drift took {}", absl::FormatDuration(took));
        drift_at = absl::Now() + std::max(options_.heartbeat, took * kRest);
      }
    }
    std::unique_lock<std::mutex> lock(mu_);
    changed_.wait_for(lock, absl::ToChronoMilliseconds(options_.heartbeat),
                      [this] { return stopping_ || inspect_; });
  }
}

void Observer::Inspect() {
  v1::Hello hello = calls_.inspect();
  const std::lock_guard<std::mutex> lock(mu_);
  // One that could not be inspected now is what it was.
  if (!hello.platform().empty() || hello_.platform().empty()) hello_ = std::move(hello);
}

void Observer::LookAtService() {
  const ServiceLook look = calls_.service();
  const std::lock_guard<std::mutex> lock(mu_);
  service_ = look;
  seen_ = absl::Now();
}

bool Observer::IsOld(absl::Time look) const {
  return absl::Now() - look > options_.heartbeat * options_.count_lives;
}

void Observer::Count() {
  const auto counted = calls_.count();
  const std::lock_guard<std::mutex> lock(mu_);
  queued_ = counted.ok() ? *counted : -1;
  counted_ = absl::Now();
}

void Observer::LookForDrift() {
  auto drifted = calls_.drift();
  if (!drifted.ok()) return spdlog::warn("no look at drift: {}", drifted.status().ToString());
  const std::lock_guard<std::mutex> lock(mu_);
  if (drifted_ == *drifted) return;
  for (const std::string& one : *drifted)
    spdlog::warn("drift: {} is not what the recorded change set", one);
  drifted_ = *std::move(drifted);
}

}  // namespace mailquench::agent
