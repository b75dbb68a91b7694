// What the tests of identity share: a private folder, a clock to set, keys that must be refused.
#ifndef MAILQUENCH_TESTS_UNIT_IDENTITY_TEST_SUPPORT_H_
#define MAILQUENCH_TESTS_UNIT_IDENTITY_TEST_SUPPORT_H_

#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>
#include <string>

#include "common/clock/clock.h"

namespace mailquench::test {

class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string pattern = (std::filesystem::temp_directory_path() / "mq-identity-XXXXXX").string();
    if (::mkdtemp(pattern.data()) == nullptr) std::abort();
    path_ = pattern;
  }
  ~TemporaryFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  std::string At(const std::string& name) const { return path_ + "/" + name; }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

class FakeClock final : public Clock {
 public:
  absl::Time Now() override { return now; }
  void Sleep(absl::Duration duration) override { now += duration; }
  absl::Time now = absl::Now();
};

inline int ModeOf(const std::string& path) {
  struct stat info = {};
  return ::stat(path.c_str(), &info) == 0 ? static_cast<int>(info.st_mode & 07777) : -1;
}

}  // namespace mailquench::test

#endif  // MAILQUENCH_TESTS_UNIT_IDENTITY_TEST_SUPPORT_H_
