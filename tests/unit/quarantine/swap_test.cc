#include "agent/quarantine/swap.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "common/status/error.h"

namespace mailquench::agent {
namespace {
namespace fs = std::filesystem;

class Swap : public ::testing::TestWithParam<bool> {
 protected:
  Swap() {
    char name[] = "/tmp/mq-swap-XXXXXX";
    root_ = mkdtemp(name);
    for (const char* d : {"incoming", "maildrop"}) fs::create_directory(root_ + "/" + d);
    std::ofstream(root_ + "/incoming/A1") << "x";
    chmod((root_ + "/maildrop").c_str(), 0730);
    request_.root = root_;
    request_.folder = root_ + "/.quarantine/q-1";
    request_.directories = {"incoming", "maildrop", "hold"};
    request_.fallbacks = {{}, {}, {0, 0, 0751}};
    request_.manifest.quarantine_id = "q-1";
    request_.can_exchange = GetParam();
  }
  ~Swap() override { fs::remove_all(root_); }

  std::string root_;
  SwapRequest request_;
  absl::Duration took_;
};

unsigned Mode(const std::string& path) {
  struct stat info {};
  return lstat(path.c_str(), &info) == 0 ? info.st_mode & 07777u : 0u;
}

TEST_P(Swap, SetsAsideAndLeavesEmptyOnesOfTheSameMode) {
  const auto manifest = SwapDirectories(request_, &took_);
  ASSERT_TRUE(manifest.ok()) << manifest.status();
  EXPECT_TRUE(manifest->complete);
  EXPECT_TRUE(fs::exists(request_.folder + "/incoming/A1"));
  EXPECT_TRUE(fs::is_empty(root_ + "/incoming"));
  EXPECT_EQ(Mode(root_ + "/maildrop"), 0730u);
  EXPECT_EQ(Mode(root_ + "/hold"), 0751u);
  EXPECT_EQ(Mode(request_.folder), 0700u);
}

TEST_P(Swap, ASecondCallLeavesNewMailWhereItIs) {
  ASSERT_TRUE(SwapDirectories(request_, &took_).ok());
  std::ofstream(root_ + "/incoming/B2") << "new";
  ASSERT_TRUE(SwapDirectories(request_, &took_).ok());
  EXPECT_TRUE(fs::exists(root_ + "/incoming/B2"));
  EXPECT_TRUE(fs::exists(request_.folder + "/incoming/A1"));
  EXPECT_EQ(took_, absl::ZeroDuration());
}

TEST_P(Swap, RefusesALinkAndMovesNothing) {
  fs::remove_all(root_ + "/maildrop");
  fs::create_symlink("/tmp", root_ + "/maildrop");
  EXPECT_EQ(ReasonOf(SwapDirectories(request_, &took_).status()), "NOT_A_DIRECTORY");
  EXPECT_TRUE(fs::exists(root_ + "/incoming/A1"));
}

TEST_P(Swap, ADamagedManifestStopsEverything) {
  fs::create_directories(request_.folder);
  std::ofstream(request_.folder + "/manifest.json") << "{\"format\":[";
  EXPECT_EQ(ReasonOf(SwapDirectories(request_, &took_).status()), "BAD_MANIFEST");
  EXPECT_TRUE(fs::exists(root_ + "/incoming/A1"));
}

INSTANTIATE_TEST_SUITE_P(Ways, Swap, ::testing::Bool(), [](const auto& tested) {
  return tested.param ? "Exchange" : "RenameAndRemake";
});

TEST(QuarantineIdTest, IsStableSafeAndDistinct) {
  EXPECT_EQ(QuarantineId("c/1", "-"), QuarantineId("c/1", "-"));
  EXPECT_NE(QuarantineId("c/1", "-"), QuarantineId("c_1", "-"));
  EXPECT_NE(QuarantineId("ab", "c"), QuarantineId("a", "bc"));
  EXPECT_TRUE(IsQuarantineId(QuarantineId("../../etc\n", "x y")));
  for (const char* bad : {"", "q-", "q-../x", "x-1", "q-a\n", "q-a b"})
    EXPECT_FALSE(IsQuarantineId(bad));
}

}  // namespace
}  // namespace mailquench::agent
