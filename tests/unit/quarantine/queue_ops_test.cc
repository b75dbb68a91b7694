#include "agent/mail/postfix/queue_ops.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include "common/fault/fault_point.h"
#include "common/status/error.h"
#include "tests/unit/quarantine/queue_fixture.h"

namespace mailquench::agent::postfix {
namespace {

TEST_F(Queue, SurveyCountsEachQueueAndNamesTheSender) {
  const auto survey = SurveyQueue(instance_, context_);
  ASSERT_TRUE(survey.ok()) << survey.status();
  EXPECT_EQ(survey->messages(), 7);
  EXPECT_EQ(*CountQueue(instance_), 7);
  EXPECT_EQ(survey->picture().senders(0).value(), "spam@x.test");
  EXPECT_EQ(survey->picture().senders(0).messages(), 4);
  EXPECT_EQ(survey->queues(2).queue(), "deferred");
  EXPECT_EQ(survey->queues(2).messages(), 2);
}

TEST_F(Queue, AReleaseThatIsEndedHalfwayTellsTheQueueManagerAndCounts) {
  for (int i = 0; i < 300; ++i) Add(absl::StrCat("incoming/C", i), "spam@x.test");
  const auto swept = Swap();
  ASSERT_TRUE(swept.ok()) << swept.status();
  const Ended ended = ReleaseThatMakesWay(swept->quarantine_id());
  EXPECT_EQ(ReasonOf(ended.status), "MADE_WAY") << ended.status;
  const v1::QuarantineReleaseResult& done = ended.so_far;
  EXPECT_GT(done.released(), 100);
  EXPECT_EQ(done.released() + done.left(), 306);
  EXPECT_EQ(ListQuarantines(instance_)->front().messages(), done.left());
  EXPECT_TRUE(Has("poked")) << "they would wait for the next scan";
  EXPECT_EQ(ReleaseAs("r2", swept->quarantine_id())->released(), done.left());
}

TEST_F(Queue, SurveyCountsTheNotificationsOnHold) {
  Add("hold/N1", "");
  Add("hold/N2", "");
  Add("incoming/N3", "");
  const auto survey = SurveyQueue(instance_, context_);
  ASSERT_TRUE(survey.ok()) << survey.status();
  EXPECT_EQ(survey->held_notifications(), 2);
}

TEST_F(Queue, ASurveyThatWasBegunSeesWhatASwapMovesAwayMeanwhile) {
  const auto open = OpenLiveQueues(instance_);
  ASSERT_TRUE(open.ok()) << open.status();
  ASSERT_TRUE(Swap().ok());
  const auto survey = SurveyQueue(*open, context_);
  ASSERT_TRUE(survey.ok()) << survey.status();
  EXPECT_EQ(survey->messages(), 7);
  EXPECT_FALSE(survey->partial());
  EXPECT_EQ(*CountQueue(instance_), 0);
}

TEST_F(Queue, ASurveyAtItsDeadlineTellsWhatItHasReadAndSaysSo) {
  for (int i = 0; i < 1500; ++i) Add(absl::StrCat("incoming/C", i), "spam@x.test");
  context_.deadline = absl::Now();
  const auto survey = SurveyQueue(instance_, context_);
  ASSERT_TRUE(survey.ok()) << survey.status();
  EXPECT_TRUE(survey->partial());
  EXPECT_GT(survey->messages(), 500);
  EXPECT_LT(survey->messages(), 1500);
}

TEST_F(Queue, WhatAnUnfinishedSwapHasSetAsideCanBeReadAndReleased) {
  // The disk is full after the exchanges: the manifest never says complete, and nobody repeats it.
  ASSERT_FALSE(ErrorAt("quarantine.swap.complete", [&] { return Swap().status(); }));
  const auto all = ListQuarantines(instance_);
  ASSERT_EQ(all->size(), 1u);
  const std::string id = all->front().quarantine_id();
  v1::QuarantineAnalyse request;
  request.set_quarantine_id(id);
  EXPECT_EQ(Analyse(instance_, request, context_)->matching(), 6);
  const auto released = ReleaseAs("r", id);
  ASSERT_TRUE(released.ok()) << released.status();
  EXPECT_EQ(released->released(), 6);
  EXPECT_EQ(Everywhere(), all_);
  EXPECT_TRUE(Has("incoming/A1"));
}

TEST_F(Queue, WhatASelectiveQuarantineHasPutOnHoldIsTakenEvenIfTheRestCouldNotBe) {
  // The postsuper of this fixture works, and then ends badly.
  std::string script;
  {
    std::ifstream in(root_ + "/bin/postsuper");
    script.assign(std::istreambuf_iterator<char>(in), {});
  }
  script.replace(script.rfind("exit 0"), 6, "exit 1");
  std::ofstream(root_ + "/bin/postsuper") << script;
  const auto info = Select(/*running=*/true);
  ASSERT_FALSE(info.ok());
  EXPECT_EQ(ReasonOf(info.status()), "POSTSUPER_FAILED");
  EXPECT_FALSE(Has("hold/A1"));
  EXPECT_FALSE(Has("hold/A3"));
  EXPECT_EQ(Everywhere(), all_);
  const auto released = ReleaseAs("r", ListQuarantines(instance_)->front().quarantine_id());
  ASSERT_TRUE(released.ok()) << released.status();
  EXPECT_TRUE(Has("incoming/A1"));
  EXPECT_TRUE(Has("incoming/A3"));
}

TEST_F(Queue, HostileEntriesAreCountedAndNeverFollowed) {
  fs::create_symlink("/etc/passwd", root_ + "/incoming/LINK");
  ASSERT_EQ(mkfifo((root_ + "/incoming/FIFO").c_str(), 0700), 0);
  Add("incoming/-rf\n..", "spam@x.test");
  const auto info = Swap();
  ASSERT_TRUE(info.ok());
  v1::QuarantineAnalyse request;
  request.set_quarantine_id(info->quarantine_id());
  const auto result = Analyse(instance_, request, context_);
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->unreadable(), 4);
  EXPECT_EQ(result->matching(), 6);
  const auto released = ReleaseAs("r", info->quarantine_id());
  ASSERT_TRUE(released.ok()) << released.status();
  EXPECT_EQ(released->released(), 6);
  EXPECT_FALSE(Has("incoming/LINK"));
}

TEST_F(Queue, ReleaseBySenderPutsEachWhereItBelongs) {
  const auto info = Swap();
  ASSERT_TRUE(info.ok()) << info.status();
  EXPECT_EQ(*CountQueue(instance_), 0);
  const auto good = ReleaseAs("r1", info->quarantine_id(), "good@x.test");
  ASSERT_TRUE(good.ok()) << good.status();
  EXPECT_EQ(good->released(), 2);
  EXPECT_EQ(good->left(), 4);
  EXPECT_EQ(good->unreadable(), 1);
  EXPECT_TRUE(Has("incoming/A2") && Has("incoming/B4") && Has("defer/B/B4"));
  EXPECT_TRUE(Has("poked"));
  ASSERT_TRUE(ReleaseAs("r2", info->quarantine_id()).ok());
  EXPECT_TRUE(Has("hold/A5") && Has("maildrop/A6") && Has("incoming/A1"));
  EXPECT_FALSE(Has("incoming/A7"));
  EXPECT_EQ(Everywhere(), all_);
}

TEST_F(Queue, DiscardDeletesOnlyWhatMatches) {
  const auto info = Swap();
  v1::QuarantineDiscard request;
  request.set_quarantine_id(info->quarantine_id());
  request.mutable_filter()->add_senders("good@x.test");
  const auto result = Discard(instance_, request, context_);
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->discarded(), 2);
  EXPECT_EQ(result->left(), 4);
  EXPECT_EQ(Discard(instance_, request, context_)->discarded(), 2);
  EXPECT_EQ(Everywhere().size(), 5u);
  EXPECT_FALSE(Has(".quarantine/" + info->quarantine_id() + "/defer/B/B4"));
}

TEST_F(Queue, SelectiveTakesMatchingOnesAndLeavesTheRest) {
  for (const bool running : {true, false}) {
    context_.command_id = running ? "run" : "stop";
    const auto info = Select(running);
    ASSERT_TRUE(info.ok()) << info.status();
    EXPECT_EQ(info->messages(), 4);
    EXPECT_EQ(*CountQueue(instance_), 3);
    EXPECT_EQ(Everywhere(), all_);
    ASSERT_EQ(ReleaseAs("back" + context_.command_id, info->quarantine_id())->released(), 4);
    EXPECT_TRUE(Has("hold/A5") && Has("incoming/A3"));
  }
}

TEST_F(Queue, UnknownQuarantinesAreNotPaths) {
  for (const char* id : {"../incoming", "", "q-none"})
    EXPECT_EQ(ReasonOf(ReleaseAs("r", id).status()), "UNKNOWN_QUARANTINE");
}

TEST_F(Queue, KilledAtAnyPointARepeatLosesAndDoublesNothing) {
  int kills = 0;
  for (const std::string& point : fault::AllPoints()) {
    if (point.rfind("quarantine.", 0) != 0 || point.rfind("quarantine.discard", 0) == 0) continue;
    for (int nth = 1; nth < 12; ++nth) {
      SCOPED_TRACE(point + "@" + std::to_string(nth));
      context_.command_id = point + std::to_string(nth);
      const bool selective = point.rfind("quarantine.select", 0) == 0;
      const auto take = [&] { return selective ? Select(true) : Swap(); };
      bool killed = KilledAt(point, nth, take);
      EXPECT_EQ(Everywhere(), all_);
      const auto info = take();
      ASSERT_TRUE(info.ok()) << info.status();
      EXPECT_EQ(*CountQueue(instance_), selective ? 3 : 0);
      EXPECT_EQ(ListQuarantines(instance_)->back().quarantine_id(), info->quarantine_id());
      const std::string command = "r" + context_.command_id;
      killed =
          KilledAt(point, nth, [&] { return ReleaseAs(command, info->quarantine_id()); }) || killed;
      const auto released = ReleaseAs(command, info->quarantine_id());
      ASSERT_TRUE(released.ok()) << released.status();
      EXPECT_EQ(released->released(), selective ? 4 : 6);
      EXPECT_EQ(released->left(), 0);
      EXPECT_EQ(Everywhere(), all_);
      if (!Has("incoming/A7")) Add("incoming/A7", "spam@x.test", 0600);
      fs::remove_all(root_ + "/.quarantine");
      if (!killed) break;
      ++kills;
    }
  }
  EXPECT_GT(kills, 20);
}

}  // namespace
}  // namespace mailquench::agent::postfix
