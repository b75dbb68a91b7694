// The queue on good and on bad days: counted, surveyed, set aside.
#include "agent/mail/folders/quarantine_home.h"
#include "agent/quarantine/filter.h"
#include "tests/unit/smtpsvc/filled_queue.h"

namespace mailquench::agent::smtpsvc {
namespace {
namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

TEST(Queue, CountsTheQueueAndWhatTheServiceSays) {
  SmtpHost host;
  Fill(host);
  EXPECT_EQ(*host.mail->CountQueued({}), 6);
  host.counters.values["\\SMTP Server(SMTP 1)\\Remote Queue Length"] = 3;
  EXPECT_EQ(*host.mail->CountQueued({}), 6) << "never less than the folder";
  host.counters.values["\\SMTP Server(SMTP 1)\\Local Queue Length"] = 100;
  EXPECT_EQ(*host.mail->CountQueued({}), 103);
  host.StopAll();
  EXPECT_EQ(*host.mail->CountQueued({}), 6) << "a stopped service counts nothing";
}

TEST(Queue, SurveySaysWhoIsBehindIt) {
  SmtpHost host;
  Fill(host);
  fs::create_symlink("/etc/passwd", host.Folder(1, "Queue") + "/NTFS_L.EML");
  SmtpHost::Put(host.Folder(1, "Queue") + "/NTFS_E.EML", "");
  const auto result = host.mail->Survey({}, host.Context("c"));
  ASSERT_TRUE(result.ok()) << result.status();
  const v1::InstanceSurvey& survey = result->instances(0);
  EXPECT_EQ(survey.messages(), 7) << "the empty file too, the link not";
  EXPECT_EQ(survey.picture().senders(0).value(), "spam@example.org");
  EXPECT_EQ(survey.picture().senders(0).messages(), 5);
  EXPECT_EQ(survey.picture().clients(0).value(), "203.0.113.7");
  ASSERT_EQ(survey.queues_size(), 2);
  EXPECT_EQ(survey.queues(1).queue(), "Badmail");
  EXPECT_EQ(survey.queues(1).messages(), 2) << "three files are one message";
  EXPECT_TRUE(survey.queues(0).has_oldest_time());
  EXPECT_FALSE(survey.partial());
  EXPECT_THAT(survey.notice(), HasSubstr("1 junctions or links"));
}

TEST(Queue, SurveyAtItsDeadlineIsPartial) {
  SmtpHost host;
  for (int i = 0; i < 200; ++i) host.Queue(1, absl::StrCat(i, ".EML"), "s@example.org");
  CallContext context = host.Context("c");
  context.deadline = absl::InfinitePast();
  const auto result = host.mail->Survey({}, context);
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_TRUE(result->instances(0).partial());
}

// A million files in Badmail, simulated by the entries that are looked at.
TEST(Queue, NobodyReadsThroughBadmail) {
  SmtpHost host;
  Fill(host);
  std::int64_t looked_at = 0;
  host.options.disk.for_each = [&](const std::string& path,
                                   const EntryVisitor& visit) -> absl::Status {
    if (path != host.Folder(1, "Badmail")) return ForEachEntry(path, visit);
    FolderEntry entry{"x.BAD", FolderEntry::Kind::kFile, 100, absl::UnixEpoch()};
    for (int i = 0; i < 1'000'000; ++i) {
      ++looked_at;
      MQ_ASSIGN_OR_RETURN(const bool more, visit(entry));
      if (!more) return absl::OkStatus();
    }
    return absl::OkStatus();
  };
  host.Open();
  EXPECT_EQ(*host.mail->CountQueued({}), 6);
  EXPECT_EQ(looked_at, 0);
  const auto survey = host.mail->Survey({}, host.Context("c"));
  EXPECT_TRUE(survey->instances(0).partial());
  EXPECT_EQ(survey->instances(0).queues(1).messages(), kMostBadmailCounted);
  EXPECT_LE(looked_at, kMostBadmailCounted + 1);
  looked_at = 0;
  host.StopAll();
  ASSERT_TRUE(host.mail->Quarantine({}, host.Context("c")).ok());
  EXPECT_LE(looked_at, 2) << "whether it is a folder, before and after";
  EXPECT_THAT(SmtpHost::Names(host.Folder(1, "Badmail")), IsEmpty());
}

TEST(Swap, SetsFoldersAsideWithTheirOwnersAndModes) {
  SmtpHost host;
  Fill(host);
  host.StopAll();
  fs::permissions(host.Folder(1, "Queue"), fs::perms(0750));
  const auto inode = IdentityOf(host.Folder(1, "Queue"));
  v1::QueueQuarantine request;
  request.set_reason("an attack");
  const auto result = host.mail->Quarantine(request, host.Context("c1"));
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->notice(), "");
  const v1::QuarantineInfo& info = result->quarantines(0);
  EXPECT_EQ(info.messages(), -1);
  EXPECT_EQ(info.directory(), HomeOf(host.Folder(1, "Queue"), info.quarantine_id()));
  EXPECT_TRUE(*IdentityOf(info.directory() + "/Queue") == *inode) << "renamed, not copied";
  EXPECT_THAT(SmtpHost::Names(info.directory()), ElementsAre("Badmail", "Queue", "manifest.json"));
  EXPECT_THAT(SmtpHost::Names(host.Folder(1, "Queue")), IsEmpty());
  EXPECT_EQ(fs::status(host.Folder(1, "Queue")).permissions(), fs::perms(0750));
  EXPECT_EQ(SmtpHost::Names(info.directory() + "/Queue").size(), 6U);
  // A repeat changes nothing, whatever came in since.
  host.Queue(1, "NEW.EML", "new@example.org");
  ASSERT_TRUE(host.mail->Quarantine(request, host.Context("c1")).ok());
  EXPECT_THAT(SmtpHost::Names(host.Folder(1, "Queue")), ElementsAre("NEW.EML"));
  const auto list = host.mail->ListQuarantines();
  ASSERT_EQ(list->quarantines_size(), 1);
  EXPECT_EQ(list->quarantines(0).reason(), "an attack");
  v1::QuarantineAnalyse analyse;
  analyse.set_quarantine_id(info.quarantine_id());
  analyse.set_samples(3);
  const auto seen = host.mail->Analyse(analyse, host.Context("c2"));
  ASSERT_TRUE(seen.ok()) << seen.status();
  EXPECT_EQ(seen->matching(), 8);
  EXPECT_EQ(seen->samples_size(), 3);
  EXPECT_EQ(host.mail->ListQuarantines()->quarantines(0).messages(), 8);
}

TEST(Swap, NotWhileItRuns) {
  SmtpHost host;
  Fill(host);
  const auto result = host.mail->Quarantine({}, host.Context("c"));
  EXPECT_EQ(ReasonOf(result.status()), "SERVICE_RUNNING");
  EXPECT_EQ(SmtpHost::Names(host.Folder(1, "Queue")).size(), 6U);
}

TEST(Swap, OneThatIsStartedMeanwhileIsSaid) {
  SmtpHost host;
  Fill(host);
  host.StopAll();
  host.options.disk.move = [&](const std::string& from, const std::string& to) {
    host.services.services["SMTPSVC"] = ServiceState::kRunning;
    host.SetStates(2);
    return MoveEntry(from, to);
  };
  host.Open();
  const auto result = host.mail->Quarantine({}, host.Context("c"));
  EXPECT_EQ(ReasonOf(result.status()), "SERVICE_CAME_BACK");
  EXPECT_EQ(host.mail->ListQuarantines()->quarantines_size(), 1);
}

TEST(Swap, ServersThatShareAFolderAreOne) {
  SmtpHost host(3);
  host.Set("2", "QueueDirectory", host.Text("1", "QueueDirectory"));
  Fill(host);
  Fill(host, 3);
  host.StopAll();
  host.services.services["SMTPSVC"] = ServiceState::kRunning;
  host.Set("2", "ServerState", "dword attr=0 ut=1 2");
  v1::QueueQuarantine request;
  request.add_instances("1");
  const auto refused = host.mail->Quarantine(request, host.Context("c"));
  EXPECT_EQ(ReasonOf(refused.status()), "SERVICE_RUNNING");
  EXPECT_THAT(std::string(refused.status().message()), HasSubstr("virtual server 2 runs"));
  host.StopAll();
  EXPECT_EQ(*host.mail->CountQueued({}), 12) << "a shared folder counts once";
  const auto result = host.mail->Quarantine({}, host.Context("c"));
  ASSERT_TRUE(result.ok()) << result.status();
  ASSERT_EQ(result->quarantines_size(), 2);
  EXPECT_THAT(result->notice(), HasSubstr("Virtual servers 1, 2 share"));
  EXPECT_THAT(SmtpHost::Names(host.Folder(1, "Queue")), IsEmpty());
  EXPECT_THAT(SmtpHost::Names(result->quarantines(0).directory()),
              ElementsAre("Badmail", "Queue", "manifest.json"));
  // The other's Badmail is beside its own parent.
  EXPECT_TRUE(fs::is_directory(
      HomeOf(host.Folder(2, "Badmail"), result->quarantines(0).quarantine_id()) + "/Badmail-2"));
}

TEST(Swap, OneThatSharesAFolderAndWouldRunOnIsToldBeforeTheStop) {
  SmtpHost host(2);
  host.Set("2", "QueueDirectory", host.Text("1", "QueueDirectory"));
  EXPECT_EQ(ReasonOf(host.mail->CheckSweep({"1"})), "SERVICE_RUNNING");
  EXPECT_TRUE(host.mail->CheckSweep({}).ok()) << "it is stopped with it";
}

TEST(Swap, FoldersBelowOneAnotherAreRefused) {
  SmtpHost host;
  Fill(host);
  host.StopAll();
  host.Set("1", "PickupDirectory", ToText(MakeString(host.Folder(1, "Queue") + "/a/Pickup")));
  const auto result = host.mail->Quarantine({}, host.Context("c"));
  EXPECT_EQ(ReasonOf(result.status()), "BAD_DIRECTORY");
  EXPECT_THAT(std::string(result.status().message()), HasSubstr("would be set aside with it"));
  EXPECT_EQ(SmtpHost::Names(host.Folder(1, "Queue")).size(), 6U);
}

TEST(Swap, ALinkInPlaceOfTheQueueIsNeverFollowed) {
  SmtpHost host;
  Fill(host);
  host.StopAll();
  fs::rename(host.Folder(1, "Queue"), host.dir + "/elsewhere");
  fs::create_directory_symlink(host.dir + "/elsewhere", host.Folder(1, "Queue"));
  const auto result = host.mail->Quarantine({}, host.Context("c"));
  EXPECT_EQ(ReasonOf(result.status()), "NOT_A_DIRECTORY");
  EXPECT_EQ(SmtpHost::Names(host.dir + "/elsewhere").size(), 6U);
  EXPECT_TRUE(fs::is_symlink(host.Folder(1, "Queue")));
}

TEST(Swap, ALinkInPlaceOfTheQuarantinesIsNeverFollowed) {
  SmtpHost host;
  Fill(host);
  host.StopAll();
  fs::create_directory(host.dir + "/trap");
  fs::create_directory_symlink(host.dir + "/trap", host.dir + "/vsi1/mailquench-quarantine");
  const auto result = host.mail->Quarantine({}, host.Context("c"));
  EXPECT_EQ(ReasonOf(result.status()), "CANNOT_PREPARE");
  EXPECT_THAT(SmtpHost::Names(host.dir + "/trap"), IsEmpty());
  EXPECT_EQ(SmtpHost::Names(host.Folder(1, "Queue")).size(), 6U);
}

TEST(Swap, AFullVolumeMovesNothing) {
  SmtpHost host;
  Fill(host);
  host.StopAll();
  setenv("MAILQUENCH_FAULT", "files.write.before_rename=error", 1);
  const auto result = host.mail->Quarantine({}, host.Context("c-full"));
  unsetenv("MAILQUENCH_FAULT");
  EXPECT_EQ(ReasonOf(result.status()), "CANNOT_PREPARE");
  EXPECT_THAT(std::string(result.status().message()), HasSubstr("nothing was moved"));
  EXPECT_EQ(SmtpHost::Names(host.Folder(1, "Queue")).size(), 6U);
  EXPECT_EQ(host.mail->ListQuarantines()->quarantines_size(), 0);
  ASSERT_TRUE(host.mail->Quarantine({}, host.Context("c-full")).ok()) << "with room it goes on";
}

TEST(Swap, AFolderThatIsLetGoInTimeIsRenamed) {
  SmtpHost host;
  Fill(host);
  host.StopAll();
  int tries = 0;
  host.options.disk.move = [&](const std::string& from, const std::string& to) {
    return ++tries < 3 ? Busy() : MoveEntry(from, to);
  };
  host.Open();
  const auto result = host.mail->Quarantine({}, host.Context("c"));
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->notice(), "");
}

TEST(Swap, WhatStaysOpenIsAnErrorAndTheRestIsTakenOneByOne) {
  SmtpHost host;
  Fill(host);
  fs::create_symlink("/etc/passwd", host.Folder(1, "Queue") + "/link");
  host.StopAll();
  const std::string queue = host.Folder(1, "Queue");
  host.options.disk.move = [&](const std::string& from, const std::string& to) -> absl::Status {
    if (from == queue) return absl::PermissionDeniedError("a file below it is open");
    return from == queue + "/NTFS_3.EML" ? Busy() : MoveEntry(from, to);
  };
  host.Open();
  const auto result = host.mail->Quarantine({}, host.Context("c"));
  EXPECT_EQ(ReasonOf(result.status()), "QUEUE_BUSY");
  EXPECT_THAT(std::string(result.status().message()), HasSubstr("1 files of " + queue));
  EXPECT_THAT(SmtpHost::Names(queue), ElementsAre("NTFS_3.EML"));
  const std::string home = host.mail->ListQuarantines()->quarantines(0).directory();
  EXPECT_FALSE(ReadManifest(home)->complete);
  EXPECT_EQ(SmtpHost::Names(home + "/Queue").size(), 6U);
  EXPECT_TRUE(fs::is_symlink(home + "/Queue/link")) << "moved as what it is";
  // Let go, another command completes it too, and then has an empty queue of its own.
  host.options.disk.move = MoveEntry;
  host.Open();
  const auto other = host.mail->Quarantine({}, host.Context("c2"));
  ASSERT_TRUE(other.ok()) << other.status();
  EXPECT_TRUE(ReadManifest(home)->complete);
  EXPECT_EQ(SmtpHost::Names(home + "/Queue").size(), 7U);
  EXPECT_THAT(SmtpHost::Names(other->quarantines(0).directory() + "/Queue"), IsEmpty());
  EXPECT_THAT(SmtpHost::Names(home), ElementsAre("Badmail", "Queue", "manifest.json"));
}

TEST(Swap, OfTheFilesOneByOneThoseThatAreLetGoInTimeAreTaken) {
  SmtpHost host;
  Fill(host);
  host.StopAll();
  const std::string queue = host.Folder(1, "Queue");
  int tries = 0;
  host.options.disk.move = [&](const std::string& from, const std::string& to) -> absl::Status {
    if (from == queue) return Busy();
    return from == queue + "/NTFS_3.EML" && ++tries < 3 ? Busy() : MoveEntry(from, to);
  };
  host.Open();
  const auto result = host.mail->Quarantine({}, host.Context("c"));
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_THAT(SmtpHost::Names(queue), IsEmpty());
}

TEST(Swap, ANameThatCannotBeOpenedIsLeftAndSaid) {
  SmtpHost host;
  Fill(host);
  host.StopAll();
  const std::string queue = host.Folder(1, "Queue");
  host.options.disk.move = [&](const std::string& from, const std::string& to) {
    return from == queue ? Busy() : MoveEntry(from, to);
  };
  host.options.disk.for_each = [&](const std::string& path, const EntryVisitor& visit) {
    MQ_RETURN_IF_ERROR(ForEachEntry(path, visit));
    if (path == queue)
      return visit({"half\xEF\xBF\xBD", FolderEntry::Kind::kFile, 1, absl::UnixEpoch()}).status();
    return absl::OkStatus();
  };
  host.Open();
  EXPECT_EQ(ReasonOf(host.mail->Quarantine({}, host.Context("c")).status()), "QUEUE_BUSY");
}

TEST(Swap, TheEmptyFolderWaitsForWhoHasItOpen) {
  SmtpHost host;
  Fill(host);
  host.StopAll();
  const std::string queue = host.Folder(1, "Queue");
  int tries = 0;
  host.options.disk.move = [&](const std::string& from, const std::string& to) {
    return to == queue && ++tries < 3 ? Busy() : MoveEntry(from, to);
  };
  host.Open();
  const auto result = host.mail->Quarantine({}, host.Context("c"));
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(tries, 3);
}

// A host whose sweep left it without its queue folder.
class Half : public ::testing::Test {
 protected:
  void SetUp() override {
    Fill(host);
    host.StopAll();
    const std::string queue = host.Folder(1, "Queue");
    host.options.disk.move = [queue](const std::string& from, const std::string& to) {
      return to == queue ? Busy() : MoveEntry(from, to);
    };
    host.Open();
    ASSERT_FALSE(host.mail->Quarantine({}, host.Context("c1")).ok());
    ASSERT_FALSE(fs::exists(queue));
    host.options.disk.move = MoveEntry;
    host.Open();
  }
  SmtpHost host;
};

TEST_F(Half, AnotherCommandCompletesIt) {
  const auto result = host.mail->Quarantine({}, host.Context("c2"));
  ASSERT_TRUE(result.ok()) << result.status();
  const auto list = host.mail->ListQuarantines();
  ASSERT_EQ(list->quarantines_size(), 2);
  EXPECT_TRUE(ReadManifest(list->quarantines(0).directory())->complete);
  EXPECT_EQ(SmtpHost::Names(list->quarantines(0).directory() + "/Queue").size(), 6U);
  EXPECT_THAT(SmtpHost::Names(host.Folder(1, "Queue")), IsEmpty());
}

TEST_F(Half, AStartPutsTheEmptyFolderThere) {
  const auto started = host.mail->Start({}, host.Context("s"));
  ASSERT_TRUE(started.ok()) << started.status();
  EXPECT_TRUE(fs::is_directory(host.Folder(1, "Queue")));
  EXPECT_EQ(SmtpHost::Names(host.Folder(1, "Badmail")).size(), 4U) << "no sweep of a running one";
}

TEST_F(Half, OneThatSomebodyPutRightByHandKeepsNobodyFromASweep) {
  fs::create_directory(host.Folder(1, "Queue"));
  const std::string home = host.mail->ListQuarantines()->quarantines(0).directory();
  fs::rename(home + "/Queue", host.dir + "/old");
  const auto result = host.mail->Quarantine({}, host.Context("c2"));
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_THAT(result->notice(), HasSubstr("is not complete and stays so"));
}

TEST(Swap, AQueueThatSomebodyReplacedMeanwhileIsLeft) {
  SmtpHost host;
  Fill(host);
  host.StopAll();
  host.options.disk.move = [](const std::string&, const std::string&) {
    return absl::InternalError("the disk");
  };
  host.Open();
  ASSERT_FALSE(host.mail->Quarantine({}, host.Context("c-replaced")).ok());
  host.options.disk.move = MoveEntry;
  host.Open();
  fs::rename(host.Folder(1, "Queue"), host.dir + "/old");
  fs::create_directory(host.Folder(1, "Queue"));
  EXPECT_EQ(ReasonOf(host.mail->Quarantine({}, host.Context("c-replaced")).status()),
            "QUEUE_CHANGED");
}

TEST(Select, TakesWhatMatchesFromBelowARunningService) {
  SmtpHost host;
  Fill(host);
  host.options.disk.move = [&](const std::string& from, const std::string& to) {
    return from.find("NTFS_2") != std::string::npos ? Busy() : MoveEntry(from, to);
  };
  host.Open();
  const auto preview =
      host.mail->PreviewQuarantine(Selective("spam@example.org"), host.Context("p"));
  ASSERT_TRUE(preview.ok()) << preview.status();
  EXPECT_EQ(preview->matching(), 5);
  EXPECT_EQ(host.mail->ListQuarantines()->quarantines_size(), 0);
  const auto result = host.mail->Quarantine(Selective("spam@example.org"), host.Context("c"));
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->quarantines(0).messages(), 4);
  EXPECT_TRUE(result->quarantines(0).selective());
  EXPECT_THAT(result->notice(), HasSubstr("1 matching messages were open"));
  EXPECT_THAT(SmtpHost::Names(host.Folder(1, "Queue")), ElementsAre("NTFS_2.EML", "NTFS_9.EML"));
  EXPECT_EQ(SmtpHost::Names(host.Folder(1, "Badmail")).size(), 4U);
}

}  // namespace
}  // namespace mailquench::agent::smtpsvc
