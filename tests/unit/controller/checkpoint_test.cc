// What is in the WAL reaches the store's file while the store is used.
#include "controller/store/checkpoint.h"

#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <filesystem>

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "controller/store/store.h"

namespace mailquench::controller {
namespace {

class CheckpointTest : public ::testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/mq-wal-XXXXXX";
    folder_ = mkdtemp(name);
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }
  std::uintmax_t Size(const std::string& end) { return std::filesystem::file_size(Path() + end); }
  std::string Path() { return folder_ + "/store"; }

  std::string folder_;
};

TEST_F(CheckpointTest, AThreadDoesItAndEverythingIsStillThere) {
  const std::string large(100000, 'x');  // Some 25 pages.
  {
    auto store = Store::Open(Path());
    ASSERT_TRUE(store.ok()) << store.status();
    const std::uintmax_t before = Size("");
    for (int i = 0; i < 100; ++i) {
      ASSERT_TRUE((*store)->PutValue("value-" + std::to_string(i), large).ok());
    }
    const absl::Time end = absl::Now() + absl::Seconds(30);
    while (Size("") < before + 5000000 && absl::Now() < end) absl::SleepFor(absl::Milliseconds(20));
    EXPECT_GT(Size(""), before + 5000000);
    // Written over from its beginning, it does not grow with every commit.
    for (int i = 0; i < 2000; ++i) ASSERT_TRUE((*store)->PutValue("again", large).ok());
    EXPECT_LT(Size("-wal"), std::uintmax_t{100} * 1000 * 1000);
  }
  auto store = Store::Open(Path());
  ASSERT_TRUE(store.ok()) << store.status();
  for (int i = 0; i < 100; ++i) {
    EXPECT_EQ((*store)->FindValue("value-" + std::to_string(i)).value_or(""), large) << i;
  }
}

TEST_F(CheckpointTest, StoresComeAndGo) {
  for (int i = 0; i < 20; ++i) {
    auto store = Store::Open(Path());
    ASSERT_TRUE(store.ok()) << store.status();
    ASSERT_TRUE((*store)->PutValue("n", std::to_string(i)).ok());
    EXPECT_EQ((*store)->FindValue("n").value_or(""), std::to_string(i));
  }
}

}  // namespace
}  // namespace mailquench::controller
