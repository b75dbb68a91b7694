// Messages out of a quarantine through Replay, with a test in the place of Transport.
#include "agent/mail/exchange/blocked_senders.h"
#include "agent/mail/exchange/queue_ops.h"
#include "agent/mail/exchange/set_aside.h"
#include "agent/quarantine/manifest.h"
#include "tests/unit/exchange/host/fakes.h"
#include "tests/unit/exchange/host/full_disk.h"

namespace mailquench::agent::exchange {
namespace {
namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class ReleaseTest : public ::testing::Test {
 protected:
  ReleaseTest() { Fill(); }
  // Three exported messages in the quarantine of command c1.
  void Fill() {
    fs::remove_all(folder.path);
    const std::string root = folder.path + "/TransportRoles";
    paths.queue = paths.logs = root + "/data/Queue";
    paths.pickup = root + "/Pickup";
    paths.replay = root + "/Replay";
    for (const std::string& path : {paths.queue, paths.pickup, paths.replay})
      fs::create_directories(path);
    options.server = "EX1";
    options.disk.remembered = folder.path + "/exchange-quarantines";
    options.replay_poll = absl::Milliseconds(1);
    OpenQuarantine open;
    open.home = HomeOf(paths.queue, id);
    ASSERT_TRUE(MakePlace(open.home, options.disk).ok());
    std::vector<Record> records(3);
    for (int i = 0; i < 3; ++i) {
      records[i].number = i + 1;
      records[i].row.facts.sender = "spam@evil.test";
      records[i].row.recipients = {"anna@contoso.test"};
      TestFolder::Put(ExportedFile(open, i + 1), absl::StrCat("Subject: ", i + 1, "\r\n\r\nx\r\n"));
    }
    TestFolder::Put(open.home + "/" + kChosen, WriteRecords(records));
    open.manifest = NewManifest("EX1", {}, id, "c1");
    open.manifest.selective = open.manifest.complete = true;
    ASSERT_TRUE(WriteManifest(open.home, open.manifest).ok());
    messages = open.home + "/Messages";
  }

  // What Transport does with what lies in a folder. Called between two looks of the release.
  void Deliver() {
    for (const std::string& name : TestFolder::Names(paths.replay)) {
      if (!name.ends_with(".eml") && !name.ends_with(".tmp")) continue;
      const std::string text = TestFolder::Get(paths.replay + "/" + name);
      std::ofstream(folder.path + "/delivered", std::ios::app)
          << text.substr(text.find("Subject: "), 10) << "\n";
      fs::remove(paths.replay + "/" + name);
    }
  }
  // Also by a process that was killed since.
  std::vector<std::string> Delivered() {
    std::vector<std::string> subjects;
    std::ifstream in(folder.path + "/delivered");
    for (std::string line; std::getline(in, line);) subjects.push_back(line);
    std::sort(subjects.begin(), subjects.end());
    return subjects;
  }
  // Is also asked before the first of them is.
  bool AllArePosted() { return TestFolder::Names(paths.replay).size() == 3; }
  // It renames what it finds, and then does nothing more.
  void BeginAll() {
    for (const std::string& name : TestFolder::Names(paths.replay)) {
      if (name.ends_with(".eml"))
        fs::rename(paths.replay + "/" + name,
                   paths.replay + "/" + name.substr(0, name.size() - 4) + ".tmp");
    }
  }
  absl::StatusOr<v1::QuarantineReleaseResult> Release(const std::string& command,
                                                      std::function<absl::Status()> meanwhile,
                                                      bool maybe_delivered = false) {
    v1::QuarantineRelease request;
    request.set_quarantine_id(id);
    request.set_maybe_delivered(maybe_delivered);
    CallContext context = ContextOf(command);
    context.still_wanted = std::move(meanwhile);
    context.done_so_far = [this](const v1::OperationResult& one) {
      so_far = one.quarantine_release();
    };
    return ReleaseQuarantine(shell, paths, request, options, context);
  }
  absl::StatusOr<v1::QuarantineReleaseResult> ReleaseAll(const std::string& command,
                                                         bool maybe_delivered = false) {
    return Release(
        command,
        [this] {
          Deliver();
          return absl::OkStatus();
        },
        maybe_delivered);
  }
  // Killed with all three on their way, which Transport has begun.
  void KillOnTheWay() {
    const pid_t child = fork();
    if (child == 0) {
      Release("r1", [this] {
        if (!AllArePosted()) return absl::OkStatus();
        BeginAll();
        kill(getpid(), SIGKILL);
        return absl::OkStatus();
      }).IgnoreError();
      _exit(0);
    }
    int status = 0;
    waitpid(child, &status, 0);
    ASSERT_TRUE(WIFSIGNALED(status));
    ASSERT_EQ(3, On(".sent"));
  }
  int On(const std::string& extension) {
    int count = 0;
    for (const std::string& name : TestFolder::Names(messages)) count += name.ends_with(extension);
    return count;
  }
  void RenameAll(const std::string& at, const std::string& from, const std::string& to) {
    for (const std::string& name : TestFolder::Names(at)) {
      if (name.ends_with(from))
        fs::rename(at + "/" + name,
                   absl::StrCat(at, "/", name.substr(0, name.size() - from.size()), to));
    }
  }
  // A whole quarantine sets Replay aside, with an empty one in its place.
  std::string SweepReplay() {
    const auto swept = Sweep(paths, {}, std::nullopt, options, ContextOf("c2"));
    EXPECT_TRUE(swept.ok()) << swept.status();
    return folder.path + "/TransportRoles/mailquench-quarantine/" + QuarantineId("c2", "EX1") +
           "/Replay";
  }

  const std::string id = QuarantineId("c1", "EX1");
  TestFolder folder;
  TransportPaths paths;
  QueueOptions options;
  FakeShell shell{folder.path + "/components"};
  std::string messages;
  v1::QuarantineReleaseResult so_far;
};

TEST_F(ReleaseTest, AllGoOutOnce) {
  const auto released = ReleaseAll("r1");
  ASSERT_TRUE(released.ok()) << released.status();
  EXPECT_EQ(3, released->released());
  EXPECT_EQ(0, released->left());
  EXPECT_EQ("", released->notice());
  EXPECT_THAT(Delivered(), ElementsAre("Subject: 1", "Subject: 2", "Subject: 3"));
  EXPECT_THAT(TestFolder::Names(messages), IsEmpty());
}

TEST_F(ReleaseTest, WhoeverEndsItFindsNothingOnItsWay) {
  const auto ended = Release("r1", [this] {
    return AllArePosted() ? absl::CancelledError("not wanted any more") : absl::OkStatus();
  });
  EXPECT_TRUE(absl::IsCancelled(ended.status())) << ended.status();
  EXPECT_THAT(TestFolder::Names(messages), ElementsAre("1.eml", "2.eml", "3.eml"));
  EXPECT_THAT(TestFolder::Names(paths.replay), IsEmpty());
  EXPECT_EQ(3, so_far.left());
}

TEST_F(ReleaseTest, OneThatCannotBeReadHoldsUpNoOther) {
  fs::remove(messages + "/1.eml");
  fs::create_directory(messages + "/1.eml");
  const auto released = ReleaseAll("r1");
  EXPECT_EQ("RELEASE_INCOMPLETE", ReasonOf(released.status())) << released.status();
  EXPECT_EQ(2, so_far.released());
  EXPECT_EQ(1, so_far.left());
  EXPECT_THAT(Delivered(), ElementsAre("Subject: 2", "Subject: 3"));
  EXPECT_THAT(TestFolder::Names(messages), ElementsAre("1.eml"));
}

// The rule of a block sees what comes out of Replay like all other mail.
TEST_F(ReleaseTest, MailOfWhoIsBlockedStays) {
  TestFolder::Put(messages + "/1.eml",
                  "Subject: 1\r\nReply-To: \"A\" <Anna@contoso.test>\r\n\r\nx");
  TestFolder::Put(messages + "/2.eml",
                  "Subject: 2\r\nFrom: hanna@contoso.test\r\n\r\nanna@contoso.test");
  shell.on_call = [](const Pipeline& pipeline) -> absl::StatusOr<Answer> {
    Answer answer;
    if (pipeline.cmdlets[0].name != "Get-TransportRule") return answer;
    for (const auto& [state, comment] : std::vector<std::pair<std::string, std::string>>{
             {"Enabled", "Mailquench block: account anna@contoso.test"},
             {"Disabled", "Mailquench block: account spam@evil.test"},
             {"Enabled", "somebody's: account spam@evil.test"}})
      answer.rows.push_back(
          {{"Name", Text("x")}, {"State", Text(state)}, {"Comments", Text(comment)}});
    return answer;
  };
  const auto released = ReleaseAll("r1");
  EXPECT_EQ("RELEASE_INCOMPLETE", ReasonOf(released.status())) << released.status();
  EXPECT_THAT(released.status().message(), HasSubstr("anna@contoso.test is blocked"));
  EXPECT_THAT(Delivered(), ElementsAre("Subject: 2", "Subject: 3"));
  EXPECT_THAT(TestFolder::Names(messages), ElementsAre("1.eml"));
  options.role = Role::kEdge;  // Which has no such rules.
  EXPECT_TRUE(ReleaseAll("r2").ok());
}

TEST_F(ReleaseTest, WithoutTheRulesNothingGoesOut) {
  absl::Status trouble = Error(absl::StatusCode::kUnavailable, "SHELL_ENDED", "it has ended");
  shell.on_call = [&](const Pipeline& pipeline) -> absl::StatusOr<Answer> {
    if (pipeline.cmdlets[0].name != "Get-TransportRule") return Answer();
    return trouble;
  };
  EXPECT_EQ("SHELL_ENDED", ReasonOf(ReleaseAll("r1").status()));
  EXPECT_THAT(Delivered(), IsEmpty());
  EXPECT_THAT(TestFolder::Names(messages), ElementsAre("1.eml", "2.eml", "3.eml"));
  // Who may not see rules has made none.
  trouble = Error(absl::StatusCode::kPermissionDenied, "NOT_IN_ROLE", "it is not in its role");
  EXPECT_TRUE(ReleaseAll("r2").ok());
}

TEST(BlockedSenders, AClientIsKnownByItsAddress) {
  const BlockedSenders blocked({"anna@contoso.test"}, {*ParseRange("192.0.2.0-192.0.2.255")});
  EXPECT_EQ("SENDER_BLOCKED", ReasonOf(blocked.Check("x@y.test", "192.0.2.7", "")));
  EXPECT_TRUE(blocked.Check("x@y.test", "198.51.100.7", "").ok());
  EXPECT_TRUE(
      blocked.Check("x@y.test", "", "From: hanna@contoso.test\r\n\r\nanna@contoso.test").ok());
  EXPECT_EQ("SENDER_BLOCKED",
            ReasonOf(blocked.Check("x@y.test", "", "From:\r\n Anna@Contoso.test")));
  EXPECT_EQ("SENDER_BLOCKED", ReasonOf(blocked.Check("ANNA@contoso.test", "", "")));
}

TEST_F(ReleaseTest, AnErrorInTheMiddleTakesTheOthersBack) {
  setenv("MAILQUENCH_FAULT", "exchange.release.written@3=error", 1);
  const auto failed = ReleaseAll("r1");
  unsetenv("MAILQUENCH_FAULT");
  EXPECT_FALSE(failed.ok());
  EXPECT_THAT(Delivered(), IsEmpty());
  EXPECT_EQ(3, On(".eml"));
  EXPECT_EQ(0, On(".sent"));
  for (const std::string& name : TestFolder::Names(paths.replay))
    EXPECT_FALSE(name.ends_with(".eml")) << name;
}

TEST_F(ReleaseTest, AnErrorWhileItWaitsTakesTheBatchBack) {
  setenv("MAILQUENCH_FAULT", "exchange.release.taken=error", 1);
  const auto failed = ReleaseAll("r1");
  unsetenv("MAILQUENCH_FAULT");
  EXPECT_FALSE(failed.ok());
  EXPECT_EQ(0, On(".sent"));
  EXPECT_EQ(3U, Delivered().size());
  EXPECT_THAT(TestFolder::Names(messages), IsEmpty()) << "Transport had taken all of them";
  EXPECT_EQ(3, so_far.released());
}

TEST_F(ReleaseTest, WhatAKilledReleaseLeftIsSeenToByAnyOther) {
  const int killed = KillAtEach(
      "exchange.release.", 3, [this] { Fill(); }, [this] { ReleaseAll("r1").IgnoreError(); },
      [this](const std::string& fault) {
        const auto again = ReleaseAll("r2");
        ASSERT_TRUE(again.ok()) << fault << again.status();
        EXPECT_EQ(0, again->left()) << fault;
        EXPECT_THAT(Delivered(), ElementsAre("Subject: 1", "Subject: 2", "Subject: 3")) << fault;
        EXPECT_THAT(TestFolder::Names(messages), IsEmpty()) << fault;
      });
  EXPECT_GE(killed, 10);
}

TEST_F(ReleaseTest, WhatTransportHasInItsHandsIsWaitedFor) {
  KillOnTheWay();
  bool asked = false;
  const auto again = Release("r2", [&] {
    if (asked) Deliver();
    asked = true;
    return absl::OkStatus();
  });
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ(0, again->released()) << "by the first";
  EXPECT_EQ(0, again->left());
  EXPECT_EQ(3U, Delivered().size());
  EXPECT_THAT(TestFolder::Names(messages), IsEmpty());
}

TEST_F(ReleaseTest, WhileTransportHangsNothingMoreIsReleased) {
  KillOnTheWay();
  options.replay_wait = absl::Milliseconds(5);
  const auto again = Release("r2", [] { return absl::OkStatus(); });
  EXPECT_EQ("STILL_ON_ITS_WAY", ReasonOf(again.status())) << again.status();
  EXPECT_EQ(3, On(".sent"));
  options.replay_wait = absl::Minutes(1);
  RenameAll(paths.replay, ".tmp", ".bad");
  const auto refused = ReleaseAll("r3");
  ASSERT_TRUE(refused.ok()) << refused.status();
  EXPECT_EQ(3, refused->released());
  EXPECT_EQ(3U, Delivered().size());
}

TEST_F(ReleaseTest, WhatWasSetAsideOnItsWayComesBackFromThere) {
  KillOnTheWay();
  RenameAll(paths.replay, ".tmp", ".eml");  // As at a start of Transport.
  const std::string aside = SweepReplay();
  ASSERT_EQ(3U, TestFolder::Names(aside).size());
  const auto again = ReleaseAll("r2");
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ(3, again->released());
  EXPECT_EQ(3U, Delivered().size());
  EXPECT_THAT(TestFolder::Names(aside), IsEmpty()) << "there is one of each";
}

TEST_F(ReleaseTest, WhatWasTakenBeforeReplayWasSetAsideIsNotSentAgain) {
  KillOnTheWay();
  Deliver();
  (void)SweepReplay();
  const auto again = ReleaseAll("r2");
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ(0, again->left());
  EXPECT_EQ(3U, Delivered().size());
}

TEST_F(ReleaseTest, OfWhichNobodyKnowsStaysUntilAPersonChooses) {
  const std::pair<const char*, std::function<void()>> cases[] = {
      {"Transport was killed at work, and the folder set aside", [this] { (void)SweepReplay(); }},
      {"the folder is gone", [this] {
         fs::rename(paths.replay, folder.path + "/moved by hand");
         fs::create_directories(paths.replay);
       }}};
  for (const auto& [what, arrange] : cases) {
    for (const char* command : {"r1", "r2"}) {
      Fill();
      KillOnTheWay();
      arrange();
      const auto again = ReleaseAll(command);
      ASSERT_TRUE(again.ok()) << what << again.status();
      EXPECT_EQ(0, again->released()) << what;
      EXPECT_EQ(3, again->left()) << what;
      EXPECT_EQ(3, again->maybe_delivered()) << what;
      EXPECT_THAT(again->notice(), HasSubstr("3 messages may have been delivered")) << what;
      EXPECT_THAT(Delivered(), IsEmpty()) << what;
      EXPECT_EQ(0, On(".sent")) << what;
      const auto chosen = ReleaseAll("r3", true);
      ASSERT_TRUE(chosen.ok()) << what << chosen.status();
      EXPECT_EQ(3, chosen->released()) << what;
      EXPECT_EQ(3U, Delivered().size()) << what;
      EXPECT_THAT(TestFolder::Names(messages), IsEmpty()) << what;
    }
  }
}

TEST_F(ReleaseTest, AChangedReplayDirectoryIsNotAnEmptyOne) {
  KillOnTheWay();
  RenameAll(paths.replay, ".tmp", ".bad");
  const std::string before = paths.replay;
  paths.replay = folder.path + "/Replay of today";
  fs::create_directories(paths.replay);
  const auto again = ReleaseAll("r2");
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ(3, again->released());
  EXPECT_EQ(3U, Delivered().size());
  EXPECT_THAT(TestFolder::Names(before), IsEmpty());
}

TEST_F(ReleaseTest, OnAFullDiskNothingIsLostOrOnItsWay) {
  TestFolder::Put(messages + "/2.eml", "Subject: 2\r\n\r\n" + std::string(100000, 'x'));
  {
    const FullDisk full(20000);
    const auto failed = ReleaseAll("r1");
    EXPECT_FALSE(failed.ok());
  }
  EXPECT_EQ(0, On(".sent"));
  EXPECT_EQ(0, On(".folder"));
  EXPECT_EQ(3, On(".eml") + static_cast<int>(Delivered().size()));
  const auto again = ReleaseAll("r1");
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ(3, again->released());
  EXPECT_THAT(Delivered(), ElementsAre("Subject: 1", "Subject: 2", "Subject: 3"));
}

TEST_F(ReleaseTest, WhatIsNotWholeIsNoMessageAndIsNotForgotten) {
  for (const char* name : {"/whole.eml", "/half.tmp", "/draft.mailx", "/no.bad"})
    TestFolder::Put(paths.replay + name,
                    "X-Sender: <a@b.test>\r\nX-Receiver: <c@d.test>\r\n"
                    "X-CreatedBy: x\r\nSubject: 9\r\n\r\nx\r\n");
  const std::string aside = SweepReplay();
  v1::QuarantineAnalyse look;
  look.set_quarantine_id(QuarantineId("c2", "EX1"));
  const auto seen = AnalyseQuarantine(paths, look, options, ContextOf("a"));
  ASSERT_TRUE(seen.ok()) << seen.status();
  EXPECT_EQ(1, seen->matching());
  EXPECT_THAT(seen->notice(), HasSubstr("2 files of Pickup and Replay were not whole"));
  EXPECT_THAT(seen->notice(), HasSubstr("half.tmp"));
  v1::QuarantineRelease request;
  request.set_quarantine_id(look.quarantine_id());
  CallContext context = ContextOf("r1");
  context.still_wanted = [this] {
    Deliver();
    return absl::OkStatus();
  };
  const auto released = ReleaseQuarantine(shell, paths, request, options, context);
  ASSERT_TRUE(released.ok()) << released.status();
  EXPECT_EQ(1, released->released());
  EXPECT_THAT(Delivered(), ElementsAre("Subject: 9"));
  EXPECT_THAT(released->notice(), HasSubstr("2 files of Pickup and Replay"));
  EXPECT_THAT(TestFolder::Names(aside), ElementsAre("draft.mailx", "half.tmp", "no.bad"));
}

// Whoever may write into Replay may imitate the agent's notes, and must not stop a release with
// them.
TEST_F(ReleaseTest, NotesThatAreNotOursHoldUpTheirOwnFileAlone) {
  const std::string text =
      "X-Sender: <a@b.test>\r\nX-Receiver: <c@d.test>\r\nX-CreatedBy: x\r\nSubject: 9\r\n\r\nx\r\n";
  for (const char* name : {"/x.eml", "/x.eml.sent", "/y.eml", "/z.eml", "/z.eml.sent"})
    TestFolder::Put(paths.replay + name, text);
  TestFolder::Put(paths.replay + "/x.eml.folder", "1 2\n" + folder.path + "/elsewhere");
  const std::string aside = SweepReplay();
  v1::QuarantineRelease request;
  request.set_quarantine_id(QuarantineId("c2", "EX1"));
  CallContext context = ContextOf("r1");
  context.still_wanted = [this] {
    Deliver();
    return absl::OkStatus();
  };
  context.done_so_far = [this](const v1::OperationResult& one) {
    so_far = one.quarantine_release();
  };
  const auto released = ReleaseQuarantine(shell, paths, request, options, context);
  EXPECT_EQ("RELEASE_INCOMPLETE", ReasonOf(released.status())) << released.status();
  EXPECT_EQ(1, so_far.released());
  EXPECT_THAT(Delivered(), ElementsAre("Subject: 9"));
  EXPECT_THAT(TestFolder::Names(aside),
              ElementsAre("x.eml", "x.eml.folder", "x.eml.sent", "z.eml", "z.eml.sent"));
}

}  // namespace
}  // namespace mailquench::agent::exchange
