// The queue's folders set aside whole, and its bad days.
#include "agent/mail/exchange/queue_ops.h"
#include "agent/mail/exchange/set_aside.h"
#include "agent/quarantine/manifest.h"
#include "tests/unit/exchange/host/fakes.h"

namespace mailquench::agent::exchange {
namespace {
namespace fs = std::filesystem;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

class SweepTest : public ::testing::Test {
 protected:
  SweepTest() { Fill(); }
  void Fill() {
    fs::remove_all(folder.path);
    const std::string root = folder.path + "/TransportRoles";
    paths.queue = root + "/data/Queue";
    paths.logs = paths.queue;
    paths.pickup = root + "/Pickup";
    paths.replay = root + "/Replay";
    options.server = "EX1";
    options.disk.remembered = folder.path + "/exchange-quarantines";
    options.swap.busy_wait = absl::Milliseconds(5);
    options.swap.between_tries = absl::Milliseconds(1);
    for (const char* name : {"mail.que", "trn.chk", "trn.log", "trnres00001.jrs"})
      TestFolder::Put(paths.queue + "/" + name, std::string("old ") + name);
    TestFolder::Put(paths.pickup + "/a.eml", "From: <spam@evil.test>\r\nSubject: x\r\n\r\nx\r\n");
    fs::create_directories(paths.replay);
    fs::permissions(paths.queue, fs::perms(0750));
  }
  absl::StatusOr<Taken> Take(const std::string& id = "c1") {
    v1::InstanceSurvey known;
    known.set_messages(6);
    known.set_bytes(600);
    known.add_queues()->set_queue("Pickup");
    known.mutable_queues(0)->set_messages(1);
    return Sweep(paths, {}, known, options, ContextOf(id));
  }
  std::string Home(const std::string& id = "c1") {
    return folder.path + "/TransportRoles/data/mailquench-quarantine/" + QuarantineId(id, "EX1");
  }
  std::string Aside(const std::string& id = "c1") {
    return folder.path + "/TransportRoles/mailquench-quarantine/" + QuarantineId(id, "EX1");
  }
  void ExpectSwept(const std::string& fault) {
    EXPECT_THAT(TestFolder::Names(Home()), ElementsAre("Queue", "known", "manifest.json")) << fault;
    EXPECT_THAT(TestFolder::Names(Home() + "/Queue"),
                ElementsAre("mail.que", "trn.chk", "trn.log", "trnres00001.jrs"))
        << fault;
    EXPECT_THAT(TestFolder::Names(Aside()), ElementsAre("Pickup", "Replay")) << fault;
    EXPECT_THAT(TestFolder::Names(Aside() + "/Pickup"), ElementsAre("a.eml")) << fault;
    for (const std::string& path : {paths.queue, paths.pickup, paths.replay}) {
      EXPECT_TRUE(fs::is_directory(path)) << fault << path;
      EXPECT_THAT(TestFolder::Names(path), IsEmpty()) << fault;
    }
    const auto open = OpenById(QuarantineRoots(paths), QuarantineId("c1", "EX1"), options.disk);
    ASSERT_TRUE(open.ok()) << fault;
    EXPECT_TRUE(open->manifest.complete) << fault;
  }

  TestFolder folder;
  TransportPaths paths;
  QueueOptions options;
};

TEST_F(SweepTest, EmptyFoldersLikeTheOldOnesAreInTheirPlace) {
  const auto taken = Take();
  ASSERT_TRUE(taken.ok()) << taken.status();
  ExpectSwept("");
  EXPECT_EQ(fs::perms(0750), fs::status(paths.queue).permissions());
  EXPECT_EQ(6, taken->info.messages());
  EXPECT_THAT(taken->notice, HasSubstr("antivirus"));
  EXPECT_THAT(taken->notice, HasSubstr("/data/mailquench-quarantine"));
  ASSERT_TRUE(Take().ok()) << "a repeat";
  ExpectSwept("repeat");
}

TEST_F(SweepTest, LogsOfTheirOwnGoToo) {
  paths.logs = folder.path + "/other volume/logs";
  TestFolder::Put(paths.logs + "/trn0001.log", "x");
  ASSERT_TRUE(Take().ok());
  EXPECT_THAT(TestFolder::Names(folder.path + "/other volume/mailquench-quarantine/" +
                                QuarantineId("c1", "EX1") + "/Logs"),
              ElementsAre("trn0001.log"));
  EXPECT_THAT(TestFolder::Names(paths.logs), IsEmpty());
}

TEST_F(SweepTest, KilledAtAnyPointItIsCompletedOnce) {
  int killed = 0;
  for (const char* room : {"exchange.sweep.", "folders.swap."}) {
    killed += KillAtEach(
        room, 4, [this] { Fill(); }, [this] { Take().IgnoreError(); },
        [this](const std::string& fault) {
          // A start in between finds its folders, whatever the sweep had done.
          ASSERT_TRUE(RefillSweeps(paths, options, ContextOf("s")).ok()) << fault;
          EXPECT_TRUE(fs::is_directory(paths.queue)) << fault;
          const auto finished = FinishSweeps(paths, options, ContextOf("c1"));
          ASSERT_TRUE(finished.ok()) << fault << finished.status();
          const auto again = Take();
          ASSERT_TRUE(again.ok()) << fault << again.status();
          ExpectSwept(fault);
        });
  }
  EXPECT_GE(killed, 10);
}

TEST_F(SweepTest, AnUpdateOverwroteTheConfigMeanwhile) {
  const TransportPaths before = paths;
  setenv("MAILQUENCH_FAULT", "folders.swap.renamed=error", 1);
  EXPECT_FALSE(Take().ok());
  unsetenv("MAILQUENCH_FAULT");
  paths.queue = paths.logs = folder.path + "/Default/Queue";
  TestFolder::Put(paths.queue + "/mail.que", "new");
  ASSERT_TRUE(IsHalfSwept(paths, options.disk)) << "it is found by what is remembered";
  ASSERT_TRUE(FinishSweeps(paths, options, ContextOf("c2")).ok());
  EXPECT_TRUE(fs::is_directory(before.queue));
  EXPECT_THAT(TestFolder::Names(Home() + "/Queue"), Contains("mail.que"));
  EXPECT_EQ("new", TestFolder::Get(paths.queue + "/mail.que")) << "another queue, not asked for";
}

TEST_F(SweepTest, ALinkIsRefusedAndNothingIsMoved) {
  fs::rename(paths.queue, folder.path + "/elsewhere");
  fs::create_directory_symlink(folder.path + "/elsewhere", paths.queue);
  EXPECT_EQ("NOT_A_DIRECTORY", ReasonOf(Take().status()));
  EXPECT_EQ("NOT_A_DIRECTORY", ReasonOf(CheckFolders(paths, options.disk)));
  EXPECT_THAT(TestFolder::Names(folder.path + "/elsewhere"), Contains("mail.que"));
  EXPECT_THAT(TestFolder::Names(paths.pickup), ElementsAre("a.eml"));
}

TEST_F(SweepTest, APlantedLinkForTheQuarantineIsRefused) {
  fs::create_directories(folder.path + "/hostile");
  fs::create_directory_symlink(folder.path + "/hostile",
                               folder.path + "/TransportRoles/data/mailquench-quarantine");
  EXPECT_EQ("CANNOT_PREPARE", ReasonOf(Take().status()));
  EXPECT_THAT(TestFolder::Names(paths.queue), Contains("mail.que"));
  EXPECT_THAT(TestFolder::Names(folder.path + "/hostile"), IsEmpty());
}

TEST_F(SweepTest, OneFolderBelowAnotherIsRefused) {
  paths.logs = paths.queue + "/logs";
  fs::create_directories(paths.logs);
  EXPECT_EQ("BAD_DIRECTORY", ReasonOf(Take().status()));
  EXPECT_THAT(TestFolder::Names(paths.queue), Contains("mail.que"));
}

TEST_F(SweepTest, AFolderOnAMountPointIsEmptiedWithinItself) {
  const std::string queue = paths.queue;
  options.disk.mounted = [queue](const std::string& path) -> absl::StatusOr<std::string> {
    return path == queue ? path : "";
  };
  options.disk.move = [queue](const std::string& from, const std::string& to) {
    // What rename(2) and MoveFileEx say of a mount point.
    if (from == queue || (from.rfind(queue + "/", 0) == 0) != (to.rfind(queue + "/", 0) == 0))
      return Error(absl::StatusCode::kFailedPrecondition, "OTHER_FILE_SYSTEM", "other volume");
    return MoveEntry(from, to);
  };
  const auto inside = queue + "/mailquench-quarantine/" + QuarantineId("c1", "EX1");
  const auto check = [&](const std::string& fault) {
    EXPECT_THAT(TestFolder::Names(queue), ElementsAre("mailquench-quarantine")) << fault;
    EXPECT_THAT(TestFolder::Names(inside + "/Queue-inside"),
                ElementsAre("mail.que", "trn.chk", "trn.log", "trnres00001.jrs"))
        << fault;
    EXPECT_THAT(TestFolder::Names(Aside() + "/Pickup"), ElementsAre("a.eml")) << fault;
  };
  const int killed = KillAtEach(
      "folders.swap.", 5, [this] { Fill(); }, [this] { Take().IgnoreError(); },
      [&](const std::string& fault) {
        ASSERT_TRUE(FinishSweeps(paths, options, ContextOf("c1")).ok()) << fault;
        ASSERT_TRUE(Take().ok()) << fault;
        check(fault);
      });
  EXPECT_GE(killed, 6);
  Fill();
  const auto taken = Take();
  ASSERT_TRUE(taken.ok()) << taken.status();
  check("");
  TestFolder::Put(queue + "/mail.que", "new");
  EXPECT_TRUE(Take().ok()) << "a repeat takes nothing of the new database";
  EXPECT_EQ("new", TestFolder::Get(queue + "/mail.que"));
  EXPECT_EQ(1U, ListHomes(QuarantineRoots(paths), options.disk)->size());
}

TEST_F(SweepTest, OfADatabaseWhatWasCountedIsShownAndItsFilesAreRead) {
  ASSERT_TRUE(Take().ok());
  v1::QuarantineAnalyse request;
  request.set_quarantine_id(QuarantineId("c1", "EX1"));
  request.set_samples(5);
  auto seen = AnalyseQuarantine(paths, request, options, ContextOf("a"));
  ASSERT_TRUE(seen.ok()) << seen.status();
  EXPECT_EQ(6, seen->matching());
  EXPECT_EQ(1, seen->samples_size());
  EXPECT_THAT(seen->notice(), HasSubstr("it held 5 messages"));
  request.mutable_filter()->add_senders("spam@evil.test");
  seen = AnalyseQuarantine(paths, request, options, ContextOf("a"));
  ASSERT_TRUE(seen.ok()) << seen.status();
  EXPECT_EQ(1, seen->matching());
  EXPECT_THAT(seen->notice(), HasSubstr("none of them is judged"));
}

TEST_F(SweepTest, ADatabaseIsDiscardedWholeOrNotAtAll) {
  fs::create_directories(paths.queue + "/Messaging.old-20260101000000");
  TestFolder::Put(paths.queue + "/Messaging.old-20260101000000/mail.que", "x");
  ASSERT_TRUE(Take().ok());
  v1::QuarantineDiscard request;
  request.set_quarantine_id(QuarantineId("c1", "EX1"));
  request.mutable_filter()->add_senders("spam@evil.test");
  EXPECT_EQ("WHOLE_DATABASE",
            ReasonOf(DiscardQuarantine(paths, request, options, ContextOf("d")).status()));
  EXPECT_THAT(TestFolder::Names(Home() + "/Queue"), Contains("mail.que"));
  request.clear_filter();
  const auto gone = DiscardQuarantine(paths, request, options, ContextOf("d"));
  ASSERT_TRUE(gone.ok()) << gone.status();
  EXPECT_EQ(6, gone->discarded());
  EXPECT_EQ(0, gone->left());
  EXPECT_THAT(TestFolder::Names(Home() + "/Queue"), IsEmpty());
}

}  // namespace
}  // namespace mailquench::agent::exchange
