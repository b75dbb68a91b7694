#include "common/blacklist/udp_health.h"

namespace mailquench::blacklist {
namespace {

constexpr int kSeemsDead = 5;  // By chance this is rare, and ends with the next answer.
constexpr std::int64_t kProbeEvery = 500'000'000;

}  // namespace

bool ServerHealth::Silent(std::int64_t now) const {
  return dead_ && (refuses_ || now - quiet_since_ >= patience_);
}

void ServerHealth::NewRun(std::int64_t now) {
  quiet_since_ = now;
  next_probe_ = 0;
  refuses_ = false;
}

void ServerHealth::Asked(bool only_one, std::int64_t now) {
  if (dead_)
    next_probe_ = now + kProbeEvery;
  else if (only_one)
    quiet_since_ = now;
}

void ServerHealth::Heard(std::int64_t now) {
  quiet_since_ = now;
  not_heard_ = refused_ = 0;
  dead_ = refuses_ = false;
}

void ServerHealth::NotHeard(std::int64_t now) {
  if (++not_heard_ >= kSeemsDead && now - quiet_since_ >= 2 * timeout_) dead_ = true;
}

void ServerHealth::Refused() {
  if (++refused_ >= kSeemsDead) dead_ = true;
}

}  // namespace mailquench::blacklist
