#include "agent/os/interruptible.h"

namespace mailquench::agent {
namespace {
thread_local const std::atomic<bool>* current = nullptr;
}  // namespace

Interruptible::Interruptible(const std::atomic<bool>& over) : before_(current) {
  current = &over;
}

Interruptible::~Interruptible() {
  current = before_;
}

Interruptible::Not::Not() : before_(current) {
  current = nullptr;
}

Interruptible::Not::~Not() {
  current = before_;
}

bool Interruptible::IsThere() {
  return current != nullptr;
}

bool Interruptible::IsOver() {
  return IsThere() && current->load();
}

}  // namespace mailquench::agent
