// What only POSIX has: modes and owners.
#include <gmock/gmock.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/os/files.h"
#include "agent/os/folder.h"
#include "tests/unit/os/scratch.h"

namespace mailquench::agent {
namespace {

TEST(FolderPosix, AFolderIsMadeWithTheModeAndOwnerOfItsModel) {
  const Scratch scratch;
  ASSERT_TRUE(MakeDirectories(scratch.Path("model"), 0755).ok());
  ASSERT_EQ(chmod(scratch.Path("model").c_str(), 02731), 0);
  const bool root = geteuid() == 0;
  if (root) {
    ASSERT_EQ(chown(scratch.Path("model").c_str(), 12345, 12346), 0);
    ASSERT_EQ(chmod(scratch.Path("model").c_str(), 02731), 0);  // chown() took the bit.
  }
  ASSERT_TRUE(MakeFolderLike(scratch.Path("new"), scratch.Path("model")).ok());
  struct stat info {};
  ASSERT_EQ(stat(scratch.Path("new").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 07777, 02731U);
  EXPECT_EQ(info.st_uid, root ? 12345U : geteuid());
  EXPECT_EQ(info.st_gid, root ? 12346U : getegid());
}

TEST(FolderPosix, PipesAndDanglingLinksAreToldAsWhatTheyAre) {
  const Scratch scratch;
  ASSERT_EQ(mkfifo(scratch.Path("pipe").c_str(), 0600), 0);
  ASSERT_TRUE(MakeLink("/nowhere", scratch.Path("link")));
  int seen = 0;
  ASSERT_TRUE(ForEachEntry(scratch.path(), [&](const FolderEntry& entry) -> absl::StatusOr<bool> {
                ++seen;
                EXPECT_EQ(entry.kind, entry.name == "pipe" ? FolderEntry::Kind::kOther
                                                           : FolderEntry::Kind::kLink);
                return true;
              }).ok());
  EXPECT_EQ(seen, 2);
  EXPECT_FALSE(ReadHead(scratch.Path("pipe"), 10).ok()) << "and it does not wait for a writer";
  EXPECT_FALSE(ReadHead(scratch.Path("link"), 10).ok());
}

}  // namespace
}  // namespace mailquench::agent
