// Folders as somebody hostile may have left them. The same on POSIX and on Windows.
#include "agent/os/folder.h"

#include <gmock/gmock.h>

#include <map>

#include "absl/strings/str_cat.h"
#include "agent/os/files.h"
#include "common/status/error.h"
#include "tests/unit/os/scratch.h"

namespace mailquench::agent {
namespace {
using Kind = FolderEntry::Kind;

std::map<std::string, FolderEntry> Entries(const std::string& path) {
  std::map<std::string, FolderEntry> entries;
  const absl::Status walked =
      ForEachEntry(path, [&](const FolderEntry& entry) -> absl::StatusOr<bool> {
        EXPECT_TRUE(entries.emplace(entry.name, entry).second) << entry.name << " twice";
        return true;
      });
  EXPECT_TRUE(walked.ok()) << walked;
  return entries;
}

TEST(Folder, AnEmptyOneHasNoEntries) {
  const Scratch scratch;
  EXPECT_TRUE(Entries(scratch.path()).empty());
}

TEST(Folder, EntriesAreToldByKindAndSize) {
  const Scratch scratch;
  ASSERT_TRUE(WriteFileAtomically(scratch.Path("письмо.eml"), "twelve bytes").ok());
  ASSERT_TRUE(MakeDirectories(scratch.Path("folder"), 0755).ok());
  const auto entries = Entries(scratch.path());
  ASSERT_EQ(entries.size(), 2U);
  EXPECT_EQ(entries.at("письмо.eml").kind, Kind::kFile);
  EXPECT_EQ(entries.at("письмо.eml").bytes, 12);
  EXPECT_LT(absl::AbsDuration(entries.at("письмо.eml").modified - absl::Now()), absl::Minutes(1));
  EXPECT_EQ(entries.at("folder").kind, Kind::kFolder);
}

TEST(Folder, ManyEntriesAreAllSeenOnce) {
  const Scratch scratch;
  constexpr std::size_t kMany = 3000;
  for (std::size_t i = 0; i < kMany; ++i)
    ASSERT_TRUE(TouchFile(scratch.Path(absl::StrCat("NTFS_", i, ".EML"))).ok());
  EXPECT_EQ(Entries(scratch.path()).size(), kMany);
}

TEST(Folder, TheVisitorEndsTheWalkWithFalseAndWithAnError) {
  const Scratch scratch;
  for (const char* name : {"a", "b", "c"}) ASSERT_TRUE(TouchFile(scratch.Path(name)).ok());
  int seen = 0;
  EXPECT_TRUE(ForEachEntry(scratch.path(), [&](const FolderEntry&) -> absl::StatusOr<bool> {
                return ++seen < 2;
              }).ok());
  EXPECT_EQ(seen, 2);
  const absl::Status ended = ForEachEntry(
      scratch.path(),
      [&](const FolderEntry&) -> absl::StatusOr<bool> { return absl::CancelledError("enough"); });
  EXPECT_EQ(ended, absl::CancelledError("enough"));
}

TEST(Folder, WhatIsMissingOrNoFolderIsSaidSo) {
  const Scratch scratch;
  ASSERT_TRUE(TouchFile(scratch.Path("file")).ok());
  const EntryVisitor none = [](const FolderEntry&) -> absl::StatusOr<bool> { return true; };
  EXPECT_TRUE(absl::IsNotFound(ForEachEntry(scratch.Path("nowhere"), none)));
  EXPECT_EQ(ReasonOf(ForEachEntry(scratch.Path("file"), none)), "NOT_A_DIRECTORY");
}

TEST(Folder, ALinkIsALinkAndIsNeverEntered) {
  const Scratch scratch;
  const Scratch outside;
  ASSERT_TRUE(WriteFileAtomically(outside.Path("secret"), "not ours").ok());
  if (!MakeLink(outside.path(), scratch.Path("link"))) GTEST_SKIP() << "no links on this system";
  EXPECT_EQ(Entries(scratch.path()).at("link").kind, Kind::kLink);
  int seen = 0;
  const absl::Status walked =
      ForEachEntry(scratch.Path("link"), [&](const FolderEntry&) -> absl::StatusOr<bool> {
        ++seen;
        return true;
      });
  EXPECT_EQ(ReasonOf(walked), "NOT_A_DIRECTORY");
  EXPECT_EQ(seen, 0);
  EXPECT_NE(IdentityOf(scratch.Path("link")), IdentityOf(outside.path()));
  EXPECT_FALSE(MakeFolderLike(scratch.Path("new"), scratch.Path("link")).ok());
  EXPECT_FALSE(RemoveFolder(scratch.Path("link")).ok());
  EXPECT_EQ(Entries(outside.path()).size(), 1U);
  EXPECT_EQ(Entries(scratch.path()).size(), 1U);
}

TEST(Folder, AnIdentityStaysWithItsFolderWhateverItIsCalled) {
  const Scratch scratch;
  ASSERT_TRUE(MakeDirectories(scratch.Path("a"), 0755).ok());
  ASSERT_TRUE(MakeDirectories(scratch.Path("b"), 0755).ok());
  const auto a = IdentityOf(scratch.Path("a"));
  ASSERT_TRUE(a.ok()) << a.status();
  EXPECT_NE(*a, *IdentityOf(scratch.Path("b")));
  ASSERT_TRUE(MoveEntry(scratch.Path("a"), scratch.Path("c")).ok());
  EXPECT_EQ(*a, *IdentityOf(scratch.Path("c")));
  EXPECT_TRUE(absl::IsNotFound(IdentityOf(scratch.Path("a")).status()));
}

TEST(Folder, AMoveTakesAlongWhatIsInsideAndNeverReplaces) {
  const Scratch scratch;
  ASSERT_TRUE(MakeDirectories(scratch.Path("from"), 0755).ok());
  ASSERT_TRUE(WriteFileAtomically(scratch.Path("from/mail"), "mail").ok());
  ASSERT_TRUE(MakeDirectories(scratch.Path("there"), 0755).ok());
  ASSERT_TRUE(WriteFileAtomically(scratch.Path("file"), "kept").ok());
  ASSERT_TRUE(WriteFileAtomically(scratch.Path("other"), "other").ok());
  EXPECT_TRUE(absl::IsAlreadyExists(MoveEntry(scratch.Path("from"), scratch.Path("there"))));
  EXPECT_TRUE(absl::IsAlreadyExists(MoveEntry(scratch.Path("other"), scratch.Path("file"))));
  EXPECT_EQ(*ReadFile(scratch.Path("file")), "kept");
  ASSERT_TRUE(MoveEntry(scratch.Path("from"), scratch.Path("to")).ok());
  EXPECT_EQ(*ReadFile(scratch.Path("to/mail")), "mail");
  EXPECT_TRUE(absl::IsNotFound(MoveEntry(scratch.Path("from"), scratch.Path("again"))));
}

TEST(Folder, AFolderIsMadeLikeAnotherAndNeverOverOne) {
  const Scratch scratch;
  ASSERT_TRUE(MakeDirectories(scratch.Path("model"), 0700).ok());
  ASSERT_TRUE(TouchFile(scratch.Path("model/inside")).ok());
  ASSERT_TRUE(MakeFolderLike(scratch.Path("new"), scratch.Path("model")).ok());
  EXPECT_TRUE(Entries(scratch.Path("new")).empty());
  EXPECT_TRUE(absl::IsAlreadyExists(MakeFolderLike(scratch.Path("new"), scratch.Path("model"))));
  EXPECT_TRUE(absl::IsAlreadyExists(MakeFolderLike(scratch.Path("model"), scratch.Path("new"))));
  EXPECT_EQ(Entries(scratch.Path("model")).size(), 1U);
  EXPECT_EQ(Entries(scratch.path()).size(), 2U) << "nothing half made is left";
  EXPECT_TRUE(absl::IsNotFound(MakeFolderLike(scratch.Path("x"), scratch.Path("nowhere"))));
}

TEST(Folder, OnlyAnEmptyFolderIsRemoved) {
  const Scratch scratch;
  ASSERT_TRUE(MakeDirectories(scratch.Path("full"), 0755).ok());
  ASSERT_TRUE(TouchFile(scratch.Path("full/file")).ok());
  EXPECT_EQ(ReasonOf(RemoveFolder(scratch.Path("full"))), "NOT_EMPTY");
  EXPECT_FALSE(RemoveFolder(scratch.Path("full/file")).ok());
  ASSERT_TRUE(RemoveFile(scratch.Path("full/file")).ok());
  EXPECT_TRUE(RemoveFolder(scratch.Path("full")).ok());
  EXPECT_TRUE(RemoveFolder(scratch.Path("full")).ok()) << "a missing one is OK";
}

TEST(Folder, HeadsAreReadAsFarAsAskedFor) {
  const Scratch scratch;
  ASSERT_TRUE(WriteFileAtomically(scratch.Path("mail"), std::string(100000, 'x')).ok());
  EXPECT_EQ(ReadHead(scratch.Path("mail"), 10)->size(), 10U);
  EXPECT_EQ(ReadHead(scratch.Path("mail"), 1000000)->size(), 100000U);
  EXPECT_TRUE(absl::IsNotFound(ReadHead(scratch.Path("nowhere"), 10).status()));
  EXPECT_FALSE(ReadHead(scratch.path(), 10).ok());
  EXPECT_TRUE(ReadStreams(scratch.Path("mail"), 10).ok());
  EXPECT_TRUE(absl::IsNotFound(ReadStreams(scratch.Path("nowhere"), 10).status()));
}

TEST(Folder, AVolumeHasRoom) {
  const Scratch scratch;
  const auto free = FreeBytes(scratch.path());
  ASSERT_TRUE(free.ok()) << free.status();
  EXPECT_GT(*free, 0);
  EXPECT_FALSE(FreeBytes(scratch.Path("nowhere")).ok());
}

TEST(Folder, PathsMayBeLongerThanWindowsOnceAllowed) {
  const Scratch scratch;
  std::string path = scratch.path();
  for (int i = 0; i < 10; ++i) path += "/" + std::string(40, static_cast<char>('a' + i));
  ASSERT_TRUE(MakeDirectories(path, 0755).ok());
  ASSERT_TRUE(WriteFileAtomically(path + "/mail", "deep").ok());
  ASSERT_TRUE(MoveEntry(path + "/mail", path + "/moved").ok());
  EXPECT_EQ(*ReadFile(path + "/moved"), "deep");
  EXPECT_EQ(Entries(path).size(), 1U);
}

}  // namespace
}  // namespace mailquench::agent
