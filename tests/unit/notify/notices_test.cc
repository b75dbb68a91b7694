// The outbox, and its bad days.
#include "controller/notify/notices.h"

#include <gmock/gmock.h>
#include <sqlite3.h>
#include <sys/wait.h>

#include <algorithm>
#include <future>
#include <stdexcept>

#include "common/fault/fault_point.h"
#include "common/status/error.h"
#include "tests/unit/notify/rig.h"

namespace mailquench::controller {
namespace {
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;

class NoticesTest : public testing::Test {
 protected:
  NoticesTest() { Open(); }
  void Open() {
    notices_.reset();
    store_.reset();
    auto store = Store::Open(folder_ / "controller.db");
    ASSERT_TRUE(store.ok()) << store.status();
    store_ = *std::move(store);
    notices_ = std::make_unique<Notices>(store_.get(), &clock_, [this](const std::string& line) {
      const std::lock_guard<std::mutex> lock(mu_);
      log_.push_back(line);
    });
  }
  NotifyOptions Options(const std::vector<ChannelConfig>& channels) const {
    NotifyOptions options;
    options.channels = channels;
    options.limit = absl::Seconds(20);
    return options;
  }
  void Run(const std::vector<ChannelConfig>& channels) {
    notices_->Configure(Options(channels));
    notices_->Begin();
  }
  v1::NoticeDelivery DeliveryOf(const std::string& id, const std::string& channel = "hook") {
    v1::ListNoticesRequest request;
    request.set_limit(10000);
    const auto list = notices_->List(request);
    EXPECT_TRUE(list.ok()) << list.status();
    for (const auto& record : list->notices())
      for (const auto& delivery : record.deliveries())
        if (record.notice().notice_id() == id && delivery.channel() == channel) return delivery;
    return {};
  }
  bool Settled(std::int64_t open = 0) {
    return Eventually([&] { return store_->CountOpenDeliveries().value_or(-1) == open; });
  }
  static v1::Notice Severe(const std::string& id, const std::string& severity) {
    v1::Notice notice = NoticeOf(id);
    notice.set_severity(severity);
    return notice;
  }
  bool TriedTimes(const std::string& id, std::int64_t tries) {
    return Eventually([&] { return DeliveryOf(id).tries() >= tries; });
  }
  void Sql(const std::string& text) {
    sqlite3* db = nullptr;
    ASSERT_EQ(sqlite3_open((folder_ / "controller.db").c_str(), &db), SQLITE_OK);
    sqlite3_busy_timeout(db, 10000);
    char* error = nullptr;
    EXPECT_EQ(sqlite3_exec(db, text.c_str(), nullptr, nullptr, &error), SQLITE_OK)
        << (error != nullptr ? error : "");
    sqlite3_close(db);
  }
  std::vector<std::string> Log() {
    const std::lock_guard<std::mutex> lock(mu_);
    return log_;
  }
  test::TempFolder folder_;
  MovedClock clock_;
  std::mutex mu_;
  std::vector<std::string> log_;
  Receiver receiver_;
  std::unique_ptr<Store> store_;
  std::unique_ptr<Notices> notices_;
};

TEST_F(NoticesTest, DeliversOnceInOrderAndKeepsWhatNobodyWants) {
  ChannelConfig pages = Webhook("pages", receiver_.Url());
  pages.severity = "page";
  pages.kinds = {"page"};
  Run({pages});
  for (const char* id : {"n-1", "n-2", "n-3"}) {
    v1::Notice page = NoticeOf(id, "page");
    page.clear_severity();
    ASSERT_TRUE(notices_->Tell(page).ok());
    ASSERT_TRUE(notices_->Tell(page).ok());
  }
  ASSERT_TRUE(notices_->Tell(NoticeOf("n-4", "run-ended")).ok());
  ASSERT_TRUE(Settled());
  EXPECT_THAT(receiver_.Ids(), ElementsAre("n-1", "n-2", "n-3"));
  const auto list = notices_->List({});
  ASSERT_TRUE(list.ok());
  ASSERT_EQ(list->notices_size(), 4);
  EXPECT_EQ(list->notices(0).notice().notice_id(), "n-4");
  EXPECT_EQ(list->notices(0).deliveries_size(), 0);
  EXPECT_TRUE(list->notices(1).deliveries(0).delivered());
  EXPECT_EQ(list->notices(1).deliveries(0).tries(), 1);
  EXPECT_EQ(list->notices(1).notice().severity(), "page");
  EXPECT_THAT(Log(), SizeIs(0));
  EXPECT_EQ(ReasonOf(notices_->Tell(v1::Notice())), "BAD_NOTICE");
}

TEST_F(NoticesTest, AWebhookAnswers500ForAnHour) {
  receiver_.Answer(500);
  Run({Webhook("hook", receiver_.Url())});
  const absl::Time begin = clock_.Now();
  ASSERT_TRUE(notices_->Tell(NoticeOf("n-1", "page")).ok());
  std::int64_t tries = 0;
  while (clock_.Now() - begin < absl::Hours(1)) {
    ASSERT_TRUE(TriedTimes("n-1", ++tries));
    const v1::NoticeDelivery delivery = DeliveryOf("n-1");
    ASSERT_FALSE(delivery.delivered());
    EXPECT_THAT(delivery.error(), HasSubstr("500"));
    const absl::Time next = TimeOf(delivery.next_try_time());
    ASSERT_GT(next, clock_.Now());
    ASSERT_LE(next - clock_.Now(), absl::Minutes(10));
    clock_.Set(next);
  }
  EXPECT_GE(tries, 8);  // 5 s, 10, 20, ... up to ten minutes.
  EXPECT_LE(tries, 16);
  receiver_.Answer(200);
  ASSERT_TRUE(Eventually([&] {
    clock_.Move(absl::Minutes(10));
    return Settled(0);
  }));
  const auto ids = receiver_.Ids();
  EXPECT_THAT(std::set<std::string>(ids.begin(), ids.end()), ElementsAre("n-1"));
  EXPECT_TRUE(DeliveryOf("n-1").delivered());
  // On change only.
  ASSERT_THAT(Log(), SizeIs(2));
  EXPECT_THAT(Log()[0], HasSubstr("does not deliver"));
  EXPECT_THAT(Log()[1], HasSubstr("delivers again"));
}

TEST_F(NoticesTest, RetryAfterIsHonouredWithinBounds) {
  receiver_.Answer(429, "Retry-After: 60\r\n");
  Run({Webhook("hook", receiver_.Url())});
  ASSERT_TRUE(notices_->Tell(NoticeOf("n-1")).ok());
  ASSERT_TRUE(TriedTimes("n-1", 1));
  EXPECT_EQ(TimeOf(DeliveryOf("n-1").next_try_time()), clock_.Now() + absl::Seconds(60));
  receiver_.Answer(429, "Retry-After: 99999999\r\n");
  clock_.Move(absl::Seconds(60));
  ASSERT_TRUE(TriedTimes("n-1", 2));
  EXPECT_EQ(TimeOf(DeliveryOf("n-1").next_try_time()), clock_.Now() + absl::Hours(1));
}

TEST_F(NoticesTest, OneThatNeverGetsThroughHoldsUpNoOther) {
  receiver_.Fail("bad");
  Run({Webhook("hook", receiver_.Url())});
  ASSERT_TRUE(notices_->Tell(NoticeOf("bad")).ok());
  ASSERT_TRUE(TriedTimes("bad", 1));
  for (const char* id : {"n-1", "n-2"}) ASSERT_TRUE(notices_->Tell(NoticeOf(id)).ok());
  ASSERT_TRUE(Eventually([&] {
    clock_.Move(absl::Seconds(5));
    return store_->CountOpenDeliveries().value_or(-1) == 1;
  }));
  EXPECT_TRUE(DeliveryOf("n-1").delivered());
  EXPECT_TRUE(DeliveryOf("n-2").delivered());
  EXPECT_FALSE(DeliveryOf("bad").delivered());
}

TEST_F(NoticesTest, TheWorstGoOutFirst) {
  notices_->Configure(Options({Webhook("hook", receiver_.Url())}));
  for (const auto& [id, severity] : std::vector<std::pair<std::string, std::string>>{
           {"i-1", "info"}, {"w-1", "warning"}, {"p-1", "page"}, {"i-2", "info"}, {"p-2", "page"}})
    ASSERT_TRUE(notices_->Tell(Severe(id, severity)).ok());
  notices_->Begin();
  ASSERT_TRUE(Settled());
  EXPECT_THAT(receiver_.Ids(), ElementsAre("p-1", "p-2", "w-1", "i-1", "i-2"));
}

// Also one that comes while what was read before it is worked off.
TEST_F(NoticesTest, APageDoesNotWaitForABatch) {
  std::promise<void> begun, go;
  std::atomic<bool> first = true;
  std::mutex mu;
  std::vector<std::string> ids;
  test::Peer slow([&](test::Peer::Link& link) {
    const std::string request = link.Request();
    {
      const std::lock_guard<std::mutex> lock(mu);
      ids.push_back(nlohmann::json::parse(request.substr(request.find("\r\n\r\n") + 4))["id"]);
    }
    if (first.exchange(false)) {
      begun.set_value();
      go.get_future().wait();
    }
    link.Send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
  });
  notices_->Configure(Options({Webhook("hook", slow.Url())}));
  for (int i = 0; i < 20; ++i)
    ASSERT_TRUE(notices_->Tell(Severe(absl::StrCat("i-", i), "info")).ok());
  notices_->Begin();
  begun.get_future().wait();
  ASSERT_TRUE(notices_->Tell(Severe("p", "page")).ok());
  go.set_value();
  ASSERT_TRUE(Settled());
  ASSERT_THAT(ids, SizeIs(21));
  EXPECT_EQ(ids[0], "i-0");
  EXPECT_EQ(ids[1], "p");
}

// However many there are of the worst, and however much they are in the way.
TEST_F(NoticesTest, ManyThatNeverGetThroughHoldUpNoOther) {
  notices_->Configure(Options({Webhook("hook", receiver_.Url())}));
  for (int i = 0; i < 20; ++i) {
    receiver_.Fail(absl::StrCat("p-", i));
    ASSERT_TRUE(notices_->Tell(Severe(absl::StrCat("p-", i), "page")).ok());
  }
  ASSERT_TRUE(notices_->Tell(Severe("w", "warning")).ok());
  ASSERT_TRUE(notices_->Tell(Severe("i", "info")).ok());
  notices_->Begin();
  ASSERT_TRUE(Eventually([&] {
    clock_.Move(absl::Seconds(5));
    return DeliveryOf("i").delivered();
  }));
  const auto ids = receiver_.Ids();
  EXPECT_EQ(ids[0], "p-0");
  EXPECT_EQ(ids[1], "w");
  EXPECT_LE(std::find(ids.begin(), ids.end(), "i") - ids.begin(), 4);
}

// While it is down all are asked in turn; the one that finds it well is followed by the page.
TEST_F(NoticesTest, AChannelThatIsWellAgainHasThePageNext) {
  receiver_.Answer(500);
  notices_->Configure(Options({Webhook("hook", receiver_.Url())}));
  ASSERT_TRUE(notices_->Tell(Severe("p", "page")).ok());
  for (int i = 0; i < 30; ++i)
    ASSERT_TRUE(notices_->Tell(Severe(absl::StrCat("i-", i), "info")).ok());
  notices_->Begin();
  ASSERT_TRUE(Eventually([&] {
    clock_.Move(absl::Seconds(5));
    return receiver_.Ids().size() >= 9;
  }));
  // Its own wait is not longer than the channel's.
  ASSERT_GE(DeliveryOf("p").tries(), 3);
  const std::size_t before = receiver_.Ids().size();
  receiver_.Answer(200);
  ASSERT_TRUE(Eventually([&] {
    clock_.Move(absl::Seconds(5));
    return store_->CountOpenDeliveries().value_or(-1) == 0;
  }));
  const auto ids = receiver_.Ids();
  EXPECT_LE(std::find(ids.begin() + before, ids.end(), "p") - ids.begin(),
            static_cast<std::ptrdiff_t>(before) + 2);
}

TEST_F(NoticesTest, AChannelThatHangsHoldsUpNoOtherAndNoStop) {
  test::Peer silent([](test::Peer::Link& link) { link.Hang(); });
  NotifyOptions options =
      Options({Webhook("hung", silent.Url()), Webhook("hook", receiver_.Url())});
  options.limit = absl::Minutes(10);
  notices_->Configure(options);
  notices_->Begin();
  ASSERT_TRUE(notices_->Tell(NoticeOf("n-1")).ok());
  ASSERT_TRUE(Eventually([&] { return DeliveryOf("n-1").delivered(); }));
  ASSERT_TRUE(Eventually([&] { return silent.connections() > 0; }));
  const absl::Time begin = absl::Now();
  notices_->Stop();
  EXPECT_LT(absl::Now() - begin, absl::Seconds(30));
  EXPECT_EQ(DeliveryOf("n-1", "hung").tries(), 0);
}

TEST_F(NoticesTest, GivesUpWhatIsRefusedOrTooOldAndSaysSo) {
  receiver_.Answer(410);
  Run({Webhook("hook", receiver_.Url())});
  ASSERT_TRUE(notices_->Tell(NoticeOf("gone")).ok());
  ASSERT_TRUE(Settled());
  EXPECT_TRUE(DeliveryOf("gone").given_up());
  EXPECT_EQ(TimeOf(DeliveryOf("gone").give_up_time()), clock_.Now());
  v1::ListNoticesRequest request;
  request.set_given_up_only(true);
  EXPECT_EQ(notices_->List(request)->notices_size(), 1);
  EXPECT_THAT(Log(), ElementsAre(HasSubstr("gives up notice gone")));
  receiver_.Answer(500);
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(notices_->Tell(NoticeOf(absl::StrCat("old-", i))).ok());
  ASSERT_TRUE(Eventually([&] { return Log().size() >= 2; }));
  ASSERT_TRUE(Eventually([&] {
    clock_.Move(absl::Hours(73));
    return store_->CountOpenDeliveries().value_or(-1) == 0;
  }));
  EXPECT_TRUE(DeliveryOf("old-4").given_up());
  EXPECT_EQ(notices_->List(request)->notices_size(), 6);
  EXPECT_EQ(*store_->CountGivenUp(absl::UnixEpoch()), 6);
  ASSERT_TRUE(Eventually([&] { return Log().size() >= 3; }));
  EXPECT_THAT(Log(), Contains(HasSubstr("gives up 5 notices that waited longer than 72h")));
}

TEST_F(NoticesTest, AChannelThatIsGoneIsGivenUpAndANewOneIsUsed) {
  receiver_.Answer(500);
  Run({Webhook("hook", receiver_.Url()), Webhook("other", receiver_.Url())});
  ASSERT_TRUE(notices_->Tell(NoticeOf("n-1")).ok());
  ASSERT_TRUE(TriedTimes("n-1", 1));
  receiver_.Answer(200);
  notices_->Configure(Options({Webhook("hook", receiver_.Url()), Webhook("new", receiver_.Url())}));
  EXPECT_TRUE(DeliveryOf("n-1", "other").given_up());
  EXPECT_THAT(DeliveryOf("n-1", "other").error(), HasSubstr("not in the configuration"));
  EXPECT_THAT(Log(), Contains(HasSubstr("1 notices for it are given up")));
  ASSERT_TRUE(notices_->Tell(NoticeOf("n-2")).ok());
  clock_.Move(absl::Seconds(5));
  ASSERT_TRUE(Settled());
  EXPECT_TRUE(DeliveryOf("n-1").delivered());
  EXPECT_TRUE(DeliveryOf("n-2", "new").delivered());
  notices_->Configure(Options({}));
  ASSERT_TRUE(notices_->Tell(NoticeOf("n-3")).ok());
  EXPECT_EQ(DeliveryOf("n-3").channel(), "");
}

TEST_F(NoticesTest, WhatIsOldAndWaitsForNothingIsRemoved) {
  receiver_.Fail("waits");
  NotifyOptions options = Options({Webhook("hook", receiver_.Url())});
  options.give_up = absl::Hours(24 * 1000);
  notices_->Configure(options);
  notices_->Begin();
  for (const char* id : {"done", "waits"}) ASSERT_TRUE(notices_->Tell(NoticeOf(id)).ok());
  ASSERT_TRUE(Settled(1));
  ASSERT_TRUE(TriedTimes("waits", 1));
  clock_.Move(absl::Hours(24 * 91));
  v1::Notice fresh = NoticeOf("fresh");
  fresh.clear_time();
  ASSERT_TRUE(notices_->Tell(fresh).ok());
  EXPECT_EQ(DeliveryOf("done").channel(), "");
  EXPECT_EQ(DeliveryOf("waits").channel(), "hook");
  EXPECT_EQ(DeliveryOf("fresh").channel(), "hook");
}

// Also what was left over by a process that ended, and what was told before Begin().
TEST_F(NoticesTest, ARestartDeliversWhatWasLeft) {
  notices_->Configure(Options({Webhook("hook", receiver_.Url())}));
  ASSERT_TRUE(notices_->Tell(NoticeOf("n-1")).ok());
  EXPECT_THAT(receiver_.Ids(), SizeIs(0));
  Open();
  Run({Webhook("hook", receiver_.Url())});
  ASSERT_TRUE(Settled());
  EXPECT_THAT(receiver_.Ids(), ElementsAre("n-1"));
}

// A clock that throws, as a thread's memory may: for the thread of the outbox alone.
class ThrowingClock final : public Clock {
 public:
  absl::Time Now() override {
    if (throws) throw std::runtime_error("something inside");
    return absl::FromUnixSeconds(1700000000);
  }
  void Sleep(absl::Duration) override {}
  std::atomic<bool> throws = false;
};

TEST_F(NoticesTest, WhatIsThrownEndsNeitherTheControllerNorTheOutbox) {
  ThrowingClock clock;
  Notices notices(store_.get(), &clock, [this](const std::string& line) {
    const std::lock_guard<std::mutex> lock(mu_);
    log_.push_back(line);
  });
  notices.Configure(Options({Webhook("hook", receiver_.Url())}));
  ASSERT_TRUE(notices.Tell(NoticeOf("n-1")).ok());
  clock.throws = true;
  notices.Begin();
  ASSERT_TRUE(Eventually([&] { return !Log().empty(); }));
  absl::SleepFor(absl::Milliseconds(1500));  // It is told once, however often it is tried.
  EXPECT_THAT(Log(), ElementsAre(HasSubstr("failed within the controller: something inside")));
  clock.throws = false;
  ASSERT_TRUE(Settled());
  EXPECT_THAT(receiver_.Ids(), ElementsAre("n-1"));
}

// What the next test starts as a process of its own, which does not come to its end. It is a test
// only there: the list of tests does not have it.
class DeliversOne : public ::testing::Test {
  void TestBody() override {
    MovedClock clock;
    auto store = Store::Open(getenv("MQ_CHILD_STORE"));
    ASSERT_TRUE(store.ok());
    Notices notices(store->get(), &clock, [](const std::string&) {});
    NotifyOptions options;
    options.channels = {Webhook("hook", getenv("MQ_CHILD_URL"))};
    notices.Configure(options);
    notices.Begin();
    ASSERT_TRUE(notices.Tell(NoticeOf("n-1", "page")).ok());
    absl::SleepFor(absl::Seconds(60));
  }
};

[[maybe_unused]] const auto* const kChild =
    getenv("MQ_CHILD_STORE") == nullptr ? nullptr
                                        : ::testing::RegisterTest("Child",
                                                                  "DeliversOne",
                                                                  nullptr,
                                                                  nullptr,
                                                                  __FILE__,
                                                                  __LINE__,
                                                                  []() -> ::testing::Test* {
                                                                    return new DeliversOne;
                                                                  });  // NOLINT: gtest owns it

// A process that dies at the worst place: the receiver has it, and nobody wrote that down.
TEST_F(NoticesTest, KilledBetweenDeliveryAndNoteDeliversAgainWithTheSameId) {
  const auto points = fault::AllPoints();
  if (std::count(points.begin(), points.end(), "notices.delivered") == 0)
    GTEST_SKIP() << "built without fault points";
  const int status = std::system(  // NOLINT(cert-env33-c)
      absl::StrCat("MAILQUENCH_FAULT=notices.delivered=kill MQ_CHILD_STORE=",
                   folder_ / "controller.db", " MQ_CHILD_URL=", receiver_.Url(), " exec /proc/",
                   getpid(), "/exe --gtest_filter=Child.DeliversOne >/dev/null 2>&1")
          .c_str());
  ASSERT_TRUE(WIFSIGNALED(status)) << status;
  EXPECT_THAT(receiver_.Ids(), ElementsAre("n-1"));
  EXPECT_FALSE(DeliveryOf("n-1").delivered());
  Run({Webhook("hook", receiver_.Url())});
  ASSERT_TRUE(Settled());
  EXPECT_THAT(receiver_.Ids(), ElementsAre("n-1", "n-1"));
  EXPECT_TRUE(DeliveryOf("n-1").delivered());
}

// A disk without room: what was delivered is not delivered over and over.
TEST_F(NoticesTest, AFullStoreDeliversOnceAndNotesItLater) {
  notices_->Configure(Options({Webhook("hook", receiver_.Url())}));
  ASSERT_TRUE(notices_->Tell(NoticeOf("n-1")).ok());
  ASSERT_TRUE(notices_->Tell(NoticeOf("n-2")).ok());
  Sql("CREATE TRIGGER full BEFORE UPDATE ON notice_deliveries BEGIN "
      "SELECT RAISE(FAIL, 'database or disk is full'); END;"
      "CREATE TRIGGER full2 BEFORE INSERT ON notices BEGIN "
      "SELECT RAISE(FAIL, 'database or disk is full'); END;");
  notices_->Begin();
  ASSERT_TRUE(Eventually([&] { return receiver_.Ids().size() >= 2; }));
  absl::SleepFor(absl::Milliseconds(700));  // Some looks more.
  EXPECT_THAT(receiver_.Ids(), ElementsAre("n-1", "n-2"));
  const absl::Status told = notices_->Tell(NoticeOf("n-3"));
  EXPECT_EQ(ReasonOf(told), "STORE_FAILED");
  EXPECT_THAT(std::string(told.message()), HasSubstr("full"));
  Sql("DROP TRIGGER full; DROP TRIGGER full2");
  ASSERT_TRUE(Settled());
  EXPECT_TRUE(DeliveryOf("n-1").delivered());
  EXPECT_THAT(receiver_.Ids(), ElementsAre("n-1", "n-2"));
  EXPECT_THAT(Log(), ElementsAre(HasSubstr("cannot write down")));
}

TEST_F(NoticesTest, ToldInsideATransactionThatIsUndoneWasNeverTold) {
  Run({Webhook("hook", receiver_.Url())});
  const absl::Status undone = store_->Transaction([&]() -> absl::Status {
    EXPECT_TRUE(notices_->Tell(NoticeOf("n-1")).ok());
    return absl::AbortedError("no");
  });
  EXPECT_FALSE(undone.ok());
  ASSERT_TRUE(
      store_->Transaction([&]() -> absl::Status { return notices_->Tell(NoticeOf("n-2")); }).ok());
  ASSERT_TRUE(Settled());
  ASSERT_TRUE(Eventually([&] { return receiver_.Ids().size() == 1; }));
  EXPECT_THAT(receiver_.Ids(), ElementsAre("n-2"));
}

// A channel that is down for long: all wait, few requests are made, then all come through.
TEST_F(NoticesTest, TenThousandInTheOutbox) {
  receiver_.Answer(503);
  constexpr int kMany = 10000;
  notices_->Configure(Options({Webhook("hook", receiver_.Url())}));
  ASSERT_TRUE(store_
                  ->Transaction([&]() -> absl::Status {
                    for (int i = 0; i < kMany; ++i)
                      MQ_RETURN_IF_ERROR(notices_->Tell(NoticeOf(absl::StrCat("n-", i))));
                    return absl::OkStatus();
                  })
                  .ok());
  notices_->Begin();
  for (int i = 0; i < 6; ++i) {
    const std::size_t before = receiver_.Ids().size();
    ASSERT_TRUE(Eventually([&] {
      clock_.Move(absl::Seconds(20));
      return receiver_.Ids().size() > before;
    }));
  }
  EXPECT_LE(receiver_.Ids().size(), 12u);
  // What is too old by then goes in one sweep.
  clock_.Move(absl::Hours(80));
  ASSERT_TRUE(Eventually(
      [&] {
        clock_.Move(absl::Seconds(20));
        return store_->CountOpenDeliveries().value_or(-1) == 0;
      },
      absl::Minutes(4)));
  EXPECT_LE(receiver_.Ids().size(), 20u);
}

TEST_F(NoticesTest, ThreeHundredGoOutOneAfterTheOther) {
  notices_->Configure(Options({Webhook("hook", receiver_.Url())}));
  for (int i = 0; i < 300; ++i) ASSERT_TRUE(notices_->Tell(NoticeOf(absl::StrCat("n-", i))).ok());
  notices_->Begin();
  ASSERT_TRUE(Settled());
  const auto ids = receiver_.Ids();
  ASSERT_THAT(ids, SizeIs(300));
  for (int i = 0; i < 300; ++i) EXPECT_EQ(ids[i], absl::StrCat("n-", i));
}

TEST_F(NoticesTest, TestGoesPastTheOutboxToEachChannel) {
  const auto none = notices_->Test("", "admin");
  EXPECT_EQ(ReasonOf(none.status()), "CHANNEL_NOT_FOUND");
  ChannelConfig broken = Webhook("broken", "http://127.0.0.1:1/");
  broken.severity = "page";
  Run({Webhook("hook", receiver_.Url()), broken});
  const auto all = notices_->Test("", "admin");
  ASSERT_TRUE(all.ok()) << all.status();
  ASSERT_EQ(all->deliveries_size(), 2);
  EXPECT_TRUE(all->deliveries(0).delivered());
  EXPECT_FALSE(all->deliveries(1).delivered());
  EXPECT_THAT(all->deliveries(1).error(), HasSubstr("cannot connect"));
  EXPECT_THAT(receiver_.Last(), HasSubstr("asked for by admin"));
  EXPECT_THAT(receiver_.Last(), HasSubstr("\"kind\":\"test\""));
  EXPECT_EQ(notices_->List({})->notices_size(), 0);
  EXPECT_EQ(notices_->Test("hook", "admin")->deliveries_size(), 1);
  const auto unknown = notices_->Test("nobody", "admin");
  EXPECT_EQ(unknown.status().code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(unknown.status().message()), HasSubstr("known are hook, broken"));
}

}  // namespace
}  // namespace mailquench::controller
