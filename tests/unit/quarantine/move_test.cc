#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <utime.h>

#include <filesystem>
#include <fstream>

#include "absl/strings/str_cat.h"
#include "agent/quarantine/manifest.h"
#include "agent/quarantine/relocate.h"
#include "common/fault/fault_point.h"
#include "common/status/error.h"
#include "tests/unit/quarantine/queue_fixture.h"

namespace mailquench::agent::postfix {
namespace {

using Messages = std::map<std::string, int>;

// The queue in memory, and a folder on the disk as the other volume.
class Move : public Queue {
 protected:
  Move() {
    char disk[] = "/tmp/mq-volume-XXXXXX";
    volume_ = mkdtemp(disk);
  }
  ~Move() override { fs::remove_all(volume_); }
  void SetUp() override {
    struct stat here {
    }, there{};
    stat(root_.c_str(), &here);
    stat(volume_.c_str(), &there);
    if (here.st_dev == there.st_dev) GTEST_SKIP() << "no two file systems here";
  }

  absl::StatusOr<v1::QuarantineMoveResult> MoveTo(const std::string& where) {
    return MoveQuarantine(instance_, Request(where), context_);
  }
  v1::QuarantineMove Request(const std::string& where) const {
    v1::QuarantineMove request;
    request.set_quarantine_id(id_);
    request.set_directory(where);
    return request;
  }
  void Sweep() { id_ = Swap().value().quarantine_id(); }
  // What a reader finds in the quarantine: complete messages, or -1.
  std::int64_t Found() {
    v1::QuarantineAnalyse request;
    request.set_quarantine_id(id_);
    const auto result = Analyse(instance_, request, context_);
    EXPECT_TRUE(result.ok()) << result.status();
    return result.ok() ? result->matching() : -1;
  }
  std::string Home() const { return root_ + "/.quarantine/" + id_; }
  std::string Away() const { return volume_ + "/" + id_; }
  // How often each message exists, on both volumes.
  Messages Both() const {
    Messages all = Everywhere();
    for (const auto& [name, count] : MessagesBelow(volume_)) all[name] += count;
    return all;
  }
  bool VolumeIsEmpty() const { return fs::is_empty(volume_); }
  void StartAgain() {
    fs::remove_all(root_ + "/.quarantine");
    for (const auto& entry : fs::directory_iterator(volume_)) fs::remove_all(entry.path());
    for (const char* id : {"A1", "A2", "A3", "A5", "A6", "A7", "B4"})
      for (const char* queue :
           {"incoming", "active", "deferred/A", "deferred/B", "hold", "maildrop"})
        fs::remove(root_ + "/" + queue + "/" + id);
    for (const char* queue : {"deferred/A", "deferred/B", "defer/B"})
      fs::create_directories(root_ + "/" + queue);
    Fill();
  }

  std::string volume_;
  std::string id_;
};

TEST_F(Move, AMovedQuarantineIsAsUsableAsBefore) {
  const gid_t group = geteuid() == 0 ? 12345 : getgid();
  ASSERT_EQ(chown((root_ + "/deferred/B/B4").c_str(), getuid(), group), 0);
  const utimbuf times = {1000000000, 1000000001};
  ASSERT_EQ(utime((root_ + "/deferred/B/B4").c_str(), &times), 0);
  Sweep();
  struct stat before {
  }, after{};
  ASSERT_EQ(stat((Home() + "/deferred/B/B4").c_str(), &before), 0);
  const auto preview = PreviewMove(instance_, Request(volume_));
  ASSERT_TRUE(preview.ok()) << preview.status();
  EXPECT_TRUE(VolumeIsEmpty());
  const auto moved = MoveTo(volume_);
  ASSERT_TRUE(moved.ok()) << moved.status();
  EXPECT_EQ(moved->files(), 8);  // Seven messages and a delivery log.
  EXPECT_EQ(preview->files(), 8);
  EXPECT_EQ(preview->bytes(), moved->bytes());
  EXPECT_EQ(preview->quarantine().directory(), Away());
  EXPECT_GT(preview->free_bytes(), moved->bytes());
  EXPECT_EQ(moved->from_directory(), Home());
  EXPECT_EQ(moved->quarantine().directory(), Away());
  ASSERT_EQ(stat((Away() + "/deferred/B/B4").c_str(), &after), 0);
  EXPECT_EQ(after.st_mode, before.st_mode);
  EXPECT_EQ(after.st_uid, before.st_uid);
  EXPECT_EQ(after.st_gid, before.st_gid);
  EXPECT_EQ(after.st_mtim.tv_sec, 1000000001);
  EXPECT_EQ(Both(), all_);
  EXPECT_EQ(std::distance(fs::directory_iterator(Home()), {}), 1);  // The pointer.
  EXPECT_EQ(ListQuarantines(instance_)->front().directory(), Away());
  EXPECT_EQ(Found(), 6);
  EXPECT_EQ(ListQuarantines(instance_)->front().messages(), 6);

  const auto good = ReleaseAs("r1", id_, "good@x.test");
  ASSERT_TRUE(good.ok()) << good.status();
  EXPECT_EQ(good->released(), 2);
  EXPECT_EQ(good->left(), 4);
  EXPECT_TRUE(Has("incoming/A2") && Has("incoming/B4") && Has("defer/B/B4"));
  EXPECT_FALSE(fs::exists(Away() + "/defer/B/B4"));
  EXPECT_EQ(Both(), all_);
  ASSERT_TRUE(ReleaseAs("r2", id_, "spam@x.test").ok());
  EXPECT_TRUE(Has("hold/A5") && Has("maildrop/A6") && Has("incoming/A1"));
  EXPECT_FALSE(Has("incoming/A7"));
  EXPECT_EQ(Both(), all_);
  EXPECT_EQ(Found(), 0);
}

TEST_F(Move, DiscardDeletesOnTheOtherVolume) {
  Sweep();
  ASSERT_TRUE(MoveTo(volume_).ok());
  v1::QuarantineDiscard request;
  request.set_quarantine_id(id_);
  request.mutable_filter()->add_senders("spam@x.test");
  const auto result = Discard(instance_, request, context_);
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->discarded(), 4);
  EXPECT_EQ(Both(), (Messages{{"A2", 1}, {"A7", 1}, {"B4", 1}}));
}

TEST_F(Move, HomeAgainItIsWhatItWas) {
  Sweep();
  ASSERT_TRUE(MoveTo(volume_).ok());
  const auto back = MoveTo("home");
  ASSERT_TRUE(back.ok()) << back.status();
  EXPECT_EQ(back->from_directory(), Away());
  EXPECT_TRUE(VolumeIsEmpty());
  EXPECT_EQ(Everywhere(), all_);
  const auto again = MoveTo("home");
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ(again->from_directory(), "");
  EXPECT_EQ(ReleaseAs("r", id_)->released(), 6);
  EXPECT_EQ(Everywhere(), all_);
}

TEST_F(Move, KilledAtAnyPointNothingIsLostDoubledOrOutOfReach) {
  int kills = 0;
  for (const std::string& point : fault::AllPoints()) {
    if (point.rfind("quarantine.move.", 0) != 0) continue;
    for (int nth = 1; nth < 12; ++nth) {
      SCOPED_TRACE(point + "@" + std::to_string(nth));
      StartAgain();
      context_.command_id = point + std::to_string(nth);
      Sweep();
      bool killed = false;
      for (const std::string& where : {volume_, std::string("home"), volume_}) {
        killed = KilledAt(point, nth, [&] { return MoveTo(where); }) || killed;
        EXPECT_EQ(Found(), 6);
        const auto moved = MoveTo(where);
        ASSERT_TRUE(moved.ok()) << moved.status();
        EXPECT_EQ(moved->quarantine().directory(), where == "home" ? Home() : Away());
        EXPECT_EQ(Both(), all_);
        EXPECT_EQ(Found(), 6);
      }
      const auto released = ReleaseAs("r" + context_.command_id, id_);
      ASSERT_TRUE(released.ok()) << released.status();
      EXPECT_EQ(released->released(), 6);
      EXPECT_EQ(Both(), all_);
      if (!killed) break;
      ++kills;
    }
  }
  EXPECT_GT(kills, 15);
}

TEST_F(Move, OneThatMakesWayLeavesItsCopyToTheNextOne) {
  Sweep();
  int asked = 0;
  context_.still_wanted = [&]() -> absl::Status {
    return ++asked < 30 ? absl::OkStatus() : Error(absl::StatusCode::kAborted, "MADE_WAY", "way");
  };
  EXPECT_EQ(ReasonOf(MoveTo(volume_).status()), "MADE_WAY");
  EXPECT_EQ(asked, 30) << "nobody is kept waiting by a removal";
  EXPECT_TRUE(fs::exists(volume_ + "/." + id_ + ".partial"));
  EXPECT_EQ(Found(), 6);
  context_.still_wanted = [] { return absl::OkStatus(); };
  ASSERT_TRUE(MoveTo(volume_).ok());
  EXPECT_EQ(Both(), all_);
  EXPECT_EQ(std::distance(fs::directory_iterator(volume_), {}), 1);
}

TEST_F(Move, ACopyThatWasNeverUsedIsRemovedEvenWhenThatIsKilledHalfway) {
  Sweep();
  ASSERT_TRUE(KilledAt("quarantine.move.renamed", 1, [&] { return MoveTo(volume_); }));
  ASSERT_TRUE(fs::exists(Away() + "/manifest.json"));
  ASSERT_TRUE(KilledAt("quarantine.move.unnamed", 1, [&] { return MoveTo(volume_); }));
  EXPECT_FALSE(fs::exists(Away())) << "half removed, it could not be told from somebody else's";
  fs::remove(volume_ + "/." + id_ + ".partial/manifest.json");
  EXPECT_EQ(Found(), 6);
  const auto moved = MoveTo(volume_);
  ASSERT_TRUE(moved.ok()) << moved.status();
  EXPECT_EQ(Both(), all_);
  EXPECT_EQ(Found(), 6);
}

TEST_F(Move, AReleaseFromTheOtherVolumeThatIsKilledAtAnyPointLosesAndDoublesNothing) {
  int kills = 0;
  for (const std::string& point : fault::AllPoints()) {
    if (point.rfind("quarantine.return.", 0) != 0 && point.rfind("quarantine.release.", 0) != 0)
      continue;
    for (int nth = 1; nth < 12; ++nth) {
      // The repeat is the same command, another one, or a move home.
      for (const std::string then : {"same", "other", "home"}) {
        SCOPED_TRACE(absl::StrCat(point, "@", nth, " then ", then));
        StartAgain();
        context_.command_id = point + std::to_string(nth);
        Sweep();
        ASSERT_TRUE(MoveTo(volume_).ok());
        const bool killed = KilledAt(point, nth, [&] { return ReleaseAs("r", id_); });
        // What the queue manager may deliver is nowhere else.
        for (const auto& [name, count] : MessagesBelow(volume_))
          for (const char* queue : {"incoming/", "hold/", "maildrop/"})
            EXPECT_FALSE(Has(queue + name)) << name;
        if (then == "home") {
          ASSERT_TRUE(MoveTo("home").ok());
        }
        const auto released = ReleaseAs(then == "same" ? "r" : "r2", id_);
        ASSERT_TRUE(released.ok()) << released.status();
        if (then == "same") {
          EXPECT_EQ(released->released(), 6);
        }
        EXPECT_EQ(Both(), all_);
        EXPECT_EQ(Found(), 0);
        EXPECT_FALSE(fs::exists(Home() + "/returning"));
        EXPECT_TRUE(Has("hold/A5") && Has("maildrop/A6") && Has("defer/B/B4"));
        if (!killed) nth = 99;
        kills += killed ? 1 : 0;
      }
    }
  }
  EXPECT_GT(kills, 30);
}

TEST_F(Move, AReleaseThatIsEndedHalfwayCountsWhatHasEnteredTheQueue) {
  for (int i = 0; i < 200; ++i) Add(absl::StrCat("incoming/C", i), "spam@x.test");
  Sweep();
  ASSERT_TRUE(MoveTo(volume_).ok());
  const Ended ended = ReleaseThatMakesWay(id_);
  EXPECT_EQ(ReasonOf(ended.status), "MADE_WAY") << ended.status;
  const std::int64_t left = Found();
  EXPECT_EQ(ended.so_far.left(), left);
  EXPECT_EQ(ended.so_far.released(), 206 - left);
  EXPECT_EQ(ReleaseAs("r2", id_)->released(), left);
}

TEST_F(Move, AMessageWhoseIdIsTakenStaysOnTheOtherVolume) {
  Sweep();
  ASSERT_TRUE(MoveTo(volume_).ok());
  Add("incoming/A1", "new@x.test");
  const auto released = ReleaseAs("r", id_);
  EXPECT_EQ(ReasonOf(released.status()), "RELEASE_INCOMPLETE");
  EXPECT_TRUE(fs::exists(Away() + "/incoming/A1"));
  EXPECT_EQ(Found(), 1);
  fs::remove(root_ + "/incoming/A1");
  EXPECT_EQ(ReleaseAs("r2", id_)->released(), 1);
  EXPECT_EQ(Both(), all_);
}

TEST_F(Move, AMessageWhoseIdIsTakenKeepsItsLogWithItself) {
  for (const bool away : {false, true}) {
    SCOPED_TRACE(away);
    StartAgain();
    context_.command_id = away ? "c2" : "c3";
    Sweep();
    if (away) {
      ASSERT_TRUE(MoveTo(volume_).ok());
    }
    Add("incoming/B4", "new@x.test");
    EXPECT_EQ(ReasonOf(ReleaseAs("r", id_).status()), "RELEASE_INCOMPLETE");
    EXPECT_FALSE(Has("defer/B/B4")) << "it would be the other message's";
    EXPECT_TRUE(fs::exists((away ? Away() : Home()) + "/defer/B/B4"));
    fs::remove(root_ + "/incoming/B4");
    EXPECT_EQ(ReleaseAs("r2", id_)->released(), 1);
    EXPECT_TRUE(Has("defer/B/B4"));
  }
}

TEST_F(Move, AnIdThatIsTakenWhileItsMessageIsOnItsWaySendsItBack) {
  for (const bool killed_again : {false, true}) {
    StartAgain();
    context_.command_id = killed_again ? "c3" : "c2";
    Sweep();
    ASSERT_TRUE(MoveTo(volume_).ok());
    ASSERT_TRUE(KilledAt("quarantine.return.unlinked", 1, [&] { return ReleaseAs("r", id_); }));
    ASSERT_FALSE(fs::exists(Away() + "/incoming/A1"));
    Add("incoming/A1", "new@x.test");
    if (killed_again) {
      ASSERT_TRUE(KilledAt("quarantine.return.taken", 1, [&] { return ReleaseAs("r", id_); }));
    }
    EXPECT_EQ(ReasonOf(ReleaseAs("r", id_).status()), "RELEASE_INCOMPLETE");
    EXPECT_TRUE(fs::exists(Away() + "/incoming/A1"));
    EXPECT_EQ(Found(), 1);
    fs::remove(root_ + "/incoming/A1");
    EXPECT_EQ(ReleaseAs("r2", id_)->released(), 1);
    EXPECT_EQ(Both(), all_);
  }
}

TEST_F(Move, PlantedLinksAreTakenAlongAndNeverFollowed) {
  char elsewhere[] = "/tmp/mq-elsewhere-XXXXXX";
  const std::string precious = mkdtemp(elsewhere);
  std::ofstream(precious + "/AA") << "precious";
  fs::create_symlink("/etc/passwd", root_ + "/incoming/LINK");
  fs::create_directory_symlink(precious, root_ + "/deferred/C");
  ASSERT_EQ(mkfifo((root_ + "/maildrop/FIFO").c_str(), 0622), 0);
  Add("incoming/-rf\n..", "spam@x.test");
  fs::create_directories(root_ + "/hold/not a hash folder");
  Sweep();
  // On the volume, too: what a move would write to is somebody else's.
  fs::create_directory_symlink(precious, volume_ + "/." + id_ + ".partial");
  const auto moved = MoveTo(volume_);
  ASSERT_TRUE(moved.ok()) << moved.status();
  EXPECT_TRUE(fs::exists(precious + "/AA"));
  EXPECT_EQ(fs::read_symlink(Away() + "/incoming/LINK"), "/etc/passwd");
  EXPECT_EQ(fs::read_symlink(Away() + "/deferred/C"), precious);
  EXPECT_TRUE(fs::is_fifo(fs::symlink_status(Away() + "/maildrop/FIFO")));
  EXPECT_TRUE(fs::exists(Away() + "/incoming/-rf\n.."));
  EXPECT_EQ(std::distance(fs::directory_iterator(volume_), {}), 1);
  EXPECT_EQ(Found(), 6);
  ASSERT_TRUE(MoveTo("home").ok());
  EXPECT_TRUE(fs::exists(precious + "/AA"));
  EXPECT_TRUE(fs::exists("/etc/passwd"));
  EXPECT_TRUE(VolumeIsEmpty());
  // And where the quarantine itself would be.
  fs::create_directory_symlink(precious, Away());
  EXPECT_EQ(ReasonOf(MoveTo(volume_).status()), "TARGET_TAKEN");
  EXPECT_EQ(Found(), 6);
  fs::remove_all(precious);
}

TEST_F(Move, RefusesATargetThatIsNoneAndLeavesEverything) {
  Sweep();
  const auto reason = [&](const std::string& where) {
    std::string previewed = ReasonOf(PreviewMove(instance_, Request(where)).status());
    EXPECT_EQ(ReasonOf(MoveTo(where).status()), previewed);
    EXPECT_EQ(Everywhere(), all_);
    return previewed;
  };
  EXPECT_EQ(reason(volume_ + "/missing"), "NO_SUCH_DIRECTORY");
  EXPECT_EQ(reason(root_ + "/bin"), "SAME_FILE_SYSTEM");
  fs::create_directory_symlink(volume_, volume_ + "/link");
  EXPECT_EQ(reason(volume_ + "/link"), "NO_SUCH_DIRECTORY");
  fs::remove(volume_ + "/link");
  chmod(volume_.c_str(), 01777);
  EXPECT_EQ(reason(volume_), "UNSAFE_DIRECTORY");
  chmod(volume_.c_str(), 0700);
  id_ = "q-none";
  EXPECT_EQ(ReasonOf(MoveTo(volume_).status()), "UNKNOWN_QUARANTINE");
}

TEST_F(Move, AtTheDeadlineItIsWhereItWasAndTheCopyIsGone) {
  Sweep();
  context_.deadline = absl::Now();
  const auto moved = MoveTo(volume_);
  EXPECT_EQ(ReasonOf(moved.status()), "DEADLINE");
  EXPECT_TRUE(VolumeIsEmpty());
  EXPECT_EQ(Found(), 6);
}

TEST_F(Move, AVolumeThatIsNotMountedIsSaidAndNothingIsTouched) {
  Sweep();
  ASSERT_TRUE(MoveTo(volume_).ok());
  fs::rename(Away(), volume_ + "/unmounted");
  v1::QuarantineAnalyse request;
  request.set_quarantine_id(id_);
  EXPECT_EQ(ReasonOf(Analyse(instance_, request, context_).status()), "QUARANTINE_AWAY");
  EXPECT_EQ(ReasonOf(ReleaseAs("r", id_).status()), "QUARANTINE_AWAY");
  EXPECT_EQ(ReasonOf(MoveTo("home").status()), "QUARANTINE_AWAY");
  fs::create_directory(Away());  // An empty mount point.
  EXPECT_EQ(ReasonOf(ReleaseAs("r", id_).status()), "QUARANTINE_AWAY");
  EXPECT_EQ(ListQuarantines(instance_)->size(), 1u);
  fs::remove(Away());
  fs::rename(volume_ + "/unmounted", Away());
  EXPECT_EQ(ReleaseAs("r", id_)->released(), 6);
}

TEST_F(Move, OriginalsAreKeptAsLongAsTheCopyIsNotToBeSeen) {
  Sweep();
  ASSERT_TRUE(KilledAt("quarantine.move.switched", 1, [&] { return MoveTo(volume_); }));
  fs::rename(Away(), volume_ + "/unmounted");
  EXPECT_EQ(ReasonOf(MoveTo(volume_).status()), "QUARANTINE_AWAY");
  EXPECT_EQ(Everywhere(), all_);
  fs::rename(volume_ + "/unmounted", Away());
  ASSERT_TRUE(MoveTo(volume_).ok());
  EXPECT_EQ(Both(), all_);
}

TEST_F(Move, ACountFromBeforeTheMoveDoesNotUndoIt) {
  Sweep();
  Manifest before = ReadManifest(Home()).value();
  ASSERT_TRUE(MoveTo(volume_).ok());
  before.messages = 1;
  ASSERT_TRUE(RecordCount(Home(), before).ok());
  EXPECT_EQ(ReadManifest(Home())->location, Away());
  EXPECT_EQ(ReadManifest(Home())->messages, -1);
}

TEST_F(Move, AFullVolumeLosesNothingAndKeepsNothingOfTheCopy) {
  if (geteuid() != 0 || mount("none", volume_.c_str(), "tmpfs", 0, "size=256k,mode=700") != 0)
    GTEST_SKIP() << "a small file system cannot be mounted here";
  Sweep();
  const auto fill = [&](int bytes) {
    std::ofstream(volume_ + "/others", std::ios::app) << std::string(bytes, 'x');
  };
  Relocation relocation;
  relocation.home = Home();
  relocation.root = volume_;
  relocation.progress = [](const std::string&) {};
  int asked = 0;
  relocation.still_time = [&]() -> absl::Status {
    const bool copies = fs::exists(volume_ + "/." + id_ + ".partial");
    if (copies && ++asked == 4) fill(300 * 1024);  // Somebody else takes the rest.
    return absl::OkStatus();
  };
  const auto full = Relocate(relocation);
  EXPECT_EQ(ReasonOf(full.status()), "TARGET_FULL") << full.status();
  EXPECT_EQ(std::distance(fs::directory_iterator(volume_), {}), 1);
  EXPECT_EQ(Found(), 6);
  EXPECT_EQ(Everywhere(), all_);
  EXPECT_EQ(ReasonOf(MoveTo(volume_).status()), "NO_ROOM");
  EXPECT_EQ(ReasonOf(PreviewMove(instance_, Request(volume_)).status()), "NO_ROOM");
  fs::remove(volume_ + "/others");
  EXPECT_TRUE(MoveTo(volume_).ok());
  EXPECT_EQ(Both(), all_);
  umount(volume_.c_str());
}

TEST_F(Move, TheNoticeOfTooLittleRoomNamesTheMove) {
  EXPECT_EQ(SpaceNotice({instance_}), "");
  std::ofstream(root_ + "/main.cf") << "message_size_limit = 4000000000000000\n";
  fs::last_write_time(root_ + "/main.cf",
                      fs::file_time_type::clock::now() - std::chrono::minutes(1));
  const std::string notice = SpaceNotice({instance_});
  EXPECT_THAT(notice, ::testing::HasSubstr("wants 6000000000000000"));
  EXPECT_THAT(notice, ::testing::HasSubstr("`mailquench quarantine move ID DIRECTORY`"));
}

}  // namespace
}  // namespace mailquench::agent::postfix
