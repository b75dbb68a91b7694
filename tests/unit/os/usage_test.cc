#include "agent/os/usage.h"

#include <gtest/gtest.h>

#include <string>

namespace mailquench::agent {
namespace {

TEST(Usage, GrowsWithWhatTheProcessUses) {
  const ProcessUsage before = OwnUsage();
  EXPECT_GT(before.resident_bytes, 100'000);
  // At most a second of work, on any machine that counts time by ticks of 16 ms.
  std::string memory(64U << 20U, 'x');
  ProcessUsage after = OwnUsage();
  for (int i = 0; i < 1000 && after.cpu_seconds <= before.cpu_seconds; ++i) {
    for (char& c : memory) c = static_cast<char>(c + i);
    after = OwnUsage();
  }
  EXPECT_GT(after.cpu_seconds, before.cpu_seconds);
  EXPECT_GT(after.resident_bytes, before.resident_bytes + (32 << 20));
}

}  // namespace
}  // namespace mailquench::agent
