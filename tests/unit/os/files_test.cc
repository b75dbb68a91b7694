// Files, locks, children and logs: the seam as both platforms keep it.
#include "agent/os/files.h"

#include <gmock/gmock.h>

#include <thread>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "agent/os/folder.h"
#include "agent/os/host.h"
#include "agent/os/lock.h"
#include "agent/os/log_file.h"
#include "common/status/error.h"
#include "tests/unit/os/scratch.h"

namespace mailquench::agent {
namespace {

TEST(Files, AFileIsReplacedWholeAndLeavesNothingBeside) {
  const Scratch scratch;
  const std::string path = scratch.Path("file");
  ASSERT_TRUE(WriteFileAtomically(path, "one").ok());
  ASSERT_TRUE(WriteFileAtomically(path, std::string("two\0three", 9), 0600).ok());
  EXPECT_EQ(*ReadFile(path), std::string("two\0three", 9));
  int entries = 0;
  ASSERT_TRUE(ForEachEntry(scratch.path(), [&](const FolderEntry&) -> absl::StatusOr<bool> {
                ++entries;
                return true;
              }).ok());
  EXPECT_EQ(entries, 1);
  EXPECT_EQ(ReadFile(path, 5).status().code(), absl::StatusCode::kOutOfRange);
}

TEST(Files, AFolderOrALinkIsNoFileToReplaceOrRead) {
  const Scratch scratch;
  ASSERT_TRUE(MakeDirectories(scratch.Path("folder/deep"), 0700).ok());
  EXPECT_EQ(ReasonOf(WriteFileAtomically(scratch.Path("folder"), "x")), "NOT_A_REGULAR_FILE");
  EXPECT_FALSE(ReadFile(scratch.Path("folder")).ok());
  if (!MakeLink(scratch.Path("folder"), scratch.Path("link"))) GTEST_SKIP() << "no links";
  EXPECT_EQ(ReasonOf(WriteFileAtomically(scratch.Path("link"), "x")), "NOT_A_REGULAR_FILE");
  EXPECT_FALSE(ReadFile(scratch.Path("link")).ok());
}

TEST(Files, WhatIsMissingIsNotFoundAndMayBeRemoved) {
  const Scratch scratch;
  EXPECT_TRUE(absl::IsNotFound(ReadFile(scratch.Path("x")).status()));
  EXPECT_TRUE(absl::IsNotFound(ModificationTime(scratch.Path("x")).status()));
  EXPECT_TRUE(RemoveFile(scratch.Path("x")).ok());
  EXPECT_FALSE(SyncDirectory(scratch.Path("x")).ok());
  EXPECT_TRUE(SyncDirectory(scratch.path()).ok());
  EXPECT_TRUE(MakeDirectories(scratch.Path("a/b/c"), 0700).ok());
  EXPECT_TRUE(MakeDirectories(scratch.Path("a/b/c"), 0700).ok());
}

TEST(Files, ATouchedFileIsOfNow) {
  const Scratch scratch;
  ASSERT_TRUE(TouchFile(scratch.Path("t")).ok());
  const auto time = ModificationTime(scratch.Path("t"));
  ASSERT_TRUE(time.ok());
  EXPECT_LT(absl::AbsDuration(*time - absl::Now()), absl::Seconds(10));
}

TEST(Lock, OneHolderAtATime) {
  const Scratch scratch;
  auto held = FileLock::Acquire(scratch.Path("lock"), absl::ZeroDuration());
  ASSERT_TRUE(held.ok()) << held.status();
  EXPECT_EQ(ReasonOf(FileLock::Acquire(scratch.Path("lock"), absl::Milliseconds(50)).status()),
            "HOST_BUSY");
  EXPECT_EQ(FileLock::Acquire(scratch.Path("lock"), absl::Seconds(5),
                              [] { return absl::CancelledError("no more"); })
                .status(),
            absl::CancelledError("no more"));
  held->reset();
  EXPECT_TRUE(FileLock::Acquire(scratch.Path("lock"), absl::ZeroDuration()).ok());
}

TEST(Lock, AFoldersLockIsWaitedForAndLeavesNothing) {
  const Scratch scratch;
  auto held = FolderLock::Acquire(scratch.path());
  ASSERT_TRUE(held.ok()) << held.status();
  absl::Time got = absl::InfinitePast();
  std::thread other([&] {
    const auto second = FolderLock::Acquire(scratch.path());
    EXPECT_TRUE(second.ok()) << second.status();
    got = absl::Now();
  });
  absl::SleepFor(absl::Milliseconds(200));
  const absl::Time let_go = absl::Now();
  held->reset();
  other.join();
  EXPECT_GE(got, let_go);
  ASSERT_TRUE(ForEachEntry(scratch.path(), [&](const FolderEntry& entry) -> absl::StatusOr<bool> {
                ADD_FAILURE() << entry.name;
                return true;
              }).ok());
  EXPECT_TRUE(absl::IsNotFound(FolderLock::Acquire(scratch.Path("x")).status()));
}

TEST(Log, TheNewestBlockComesFirstAndLinesAreWhole) {
  const Scratch scratch;
  std::string text;
  for (int i = 0; i < 200000; ++i) absl::StrAppend(&text, "line ", i, "\n");
  ASSERT_TRUE(WriteFileAtomically(scratch.Path("log"), text).ok());
  auto log = LogFile::Open(scratch.Path("log"));
  ASSERT_TRUE(log.ok()) << log.status();
  std::string all;
  ASSERT_TRUE((*log)
                  ->ReadBackwards([&](absl::string_view part) -> absl::StatusOr<bool> {
                    EXPECT_EQ(part.substr(0, 5), "line ");
                    EXPECT_EQ(part.back(), '\n');
                    all.insert(0, part.data(), part.size());
                    return true;
                  })
                  .ok());
  EXPECT_EQ(all, text);
  EXPECT_EQ((*log)->bytes_read(), static_cast<std::int64_t>(text.size()));
  EXPECT_EQ(ReasonOf(LogFile::Open(scratch.path()).status()), "NO_FILE");
}

TEST(Log, RotatedFilesAreFoundBesideIt) {
  const Scratch scratch;
  for (const char* name : {"mail.log", "mail.log.1", "mail.log-20260101", "mail.log.2.gz", "other"})
    ASSERT_TRUE(TouchFile(scratch.Path(name)).ok());
  std::vector<std::string> compressed;
  EXPECT_THAT(RotatedFiles(scratch.Path("mail.log"), absl::InfinitePast(), &compressed),
              ::testing::UnorderedElementsAre(scratch.Path("mail.log.1"),
                                              scratch.Path("mail.log-20260101")));
  EXPECT_THAT(compressed, ::testing::ElementsAre(scratch.Path("mail.log.2.gz")));
}

TEST(Host, SaysWhoItIs) {
  EXPECT_NE(HostName(), "");
  EXPECT_NE(BootId(), "");
  EXPECT_EQ(BootId(), BootId());
  EXPECT_TRUE(IsOwnAddress("127.0.0.1"));
  EXPECT_FALSE(IsOwnAddress("192.0.2.1"));
  for (const std::string& address : OwnAddresses()) EXPECT_TRUE(IsOwnAddress(address)) << address;
  EXPECT_THAT(OwnAddresses(), ::testing::Not(::testing::Contains("127.0.0.1")));
  for (const std::string& address : AllAddresses()) {
    EXPECT_TRUE(IsOwnAddress(address)) << address;
    EXPECT_NE(address.rfind("127.", 0), 0U) << address;
    EXPECT_NE(address, "::1");
  }
  EXPECT_THAT(AllAddresses(), ::testing::IsSupersetOf(OwnAddresses()));
}

}  // namespace
}  // namespace mailquench::agent
