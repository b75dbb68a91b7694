// Many that send alerts share one commit, and each is told of its own.
#include "controller/escalation/committer.h"

#include <sqlite3.h>

#include <atomic>
#include <future>
#include <thread>

#include "tests/unit/escalation/escalation_fixture.h"

namespace mailquench::controller {
namespace {

using ::testing::SizeIs;
using Taken = AlertInbox::Taken;

class CommitterTest : public ::testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/mq-commit-XXXXXX";
    folder_ = mkdtemp(name);
    store_ = *Store::Open(folder_ + "/store");
    Use("a");
    committer_ = std::make_unique<AlertCommitter>(
        store_.get(), AlertCommitter::Hooks{[this] {
                                              return IntakeRules{since_.load(), Config()};
                                            },
                                            [this] { ++news_; }, [](const std::string&) {}});
  }
  void TearDown() override {
    committer_.reset();
    store_.reset();
    std::filesystem::remove_all(folder_);
  }
  static AlertEvent Event(const std::string& key) {
    AlertEvent event;
    event.event_key = key;
    event.alert.set_alert_key(key);
    (*event.alert.mutable_labels())["alertname"] = "a";
    event.alert.set_fingerprint(key);
    event.alert.set_status(v1::ALERT_STATUS_FIRING);
    StampTime(absl::FromUnixSeconds(1700000000), event.alert.mutable_receive_time());
    return event;
  }
  std::shared_ptr<const EscalationConfig> Config() {
    const std::lock_guard<std::mutex> lock(mu_);
    return config_;
  }
  // Rules that want alerts of this name; "": none.
  void Use(const std::string& name) {
    auto config = std::make_shared<EscalationConfig>();
    if (!name.empty())
      *config = *ReadEscalation(
          "test", "rules:\n- {name: r, match: [alertname=" + name + "], action: record}\n");
    const std::lock_guard<std::mutex> lock(mu_);
    config_ = config;
  }
  std::future<absl::StatusOr<Taken>> Commit(std::vector<AlertEvent> events) {
    auto told = std::make_shared<std::promise<absl::StatusOr<Taken>>>();
    committer_->Commit(std::move(events),
                       [told](const absl::StatusOr<Taken>& taken) { told->set_value(taken); });
    return told->get_future();
  }
  void Sql(const std::string& text) {
    sqlite3* db = nullptr;
    ASSERT_EQ(sqlite3_open((folder_ + "/store").c_str(), &db), SQLITE_OK);
    EXPECT_EQ(sqlite3_exec(db, text.c_str(), nullptr, nullptr, nullptr), SQLITE_OK);
    sqlite3_close(db);
  }
  std::size_t Kept() {
    v1::ListAlertsRequest all;
    all.set_limit(100000);
    return store_->Alerts(all)->size();
  }

  std::string folder_;
  std::unique_ptr<Store> store_;
  std::atomic<absl::Time> since_{absl::InfinitePast()};
  std::atomic<int> news_{0};
  std::mutex mu_;
  std::shared_ptr<const EscalationConfig> config_;
  std::unique_ptr<AlertCommitter> committer_;
};

TEST_F(CommitterTest, EachIsToldOfItsOwnAndNotBeforeTheStoreHasIt) {
  std::atomic<int> taken{0}, duplicates{0}, early{0};
  std::vector<std::thread> senders;
  for (int sender = 0; sender < 8; ++sender) {
    senders.emplace_back([&, sender] {
      for (int i = 0; i < 50; ++i) {
        const std::string key = std::to_string(sender) + "/" + std::to_string(i);
        const auto told = Commit({Event(key), Event("all/" + std::to_string(i))}).get();
        ASSERT_TRUE(told.ok()) << told.status();
        taken += static_cast<int>(told->taken);
        duplicates += static_cast<int>(told->duplicates);
        if (store_->FiringOfFingerprint(key)->size() != 1) ++early;
      }
    });
  }
  for (std::thread& one : senders) one.join();
  EXPECT_EQ(taken, 8 * 50 + 50);
  EXPECT_EQ(duplicates, 7 * 50);
  EXPECT_EQ(early, 0);
  EXPECT_EQ(Kept(), 450U);
  EXPECT_GE(news_, 1);
}

// One that is held in the store keeps all others together in the next commit.
TEST_F(CommitterTest, WhatComesWhileOneIsWrittenIsTheNextCommit) {
  std::vector<std::future<absl::StatusOr<Taken>>> told;
  {
    const auto held = store_->Hold();
    for (int i = 0; i < 300; ++i) told.push_back(Commit({Event(std::to_string(i))}));
    EXPECT_EQ(told.back().wait_for(std::chrono::milliseconds(50)), std::future_status::timeout);
  }
  for (auto& one : told) EXPECT_EQ(one.get()->taken, 1);
  EXPECT_LE(news_, 3);
  EXPECT_EQ(Kept(), 300U);
}

TEST_F(CommitterTest, AKnownRepeatIsAnsweredAtOnceUntilThereAreOtherRules) {
  EXPECT_EQ(Commit({Event("a"), Event("a")}).get()->duplicates, 1);
  {
    const auto held = store_->Hold();  // Nobody needs the store for it.
    auto again = Commit({Event("a")});
    ASSERT_EQ(again.wait_for(std::chrono::seconds(10)), std::future_status::ready);
    EXPECT_EQ(again.get()->duplicates, 1);
  }
  committer_->Forget();
  auto asked = [&] {
    const auto held = store_->Hold();
    auto one = Commit({Event("a")});
    EXPECT_EQ(one.wait_for(std::chrono::milliseconds(50)), std::future_status::timeout);
    return one;
  }();
  EXPECT_EQ(asked.get()->duplicates, 1);
}

// Rules that are loaded while it is written: the store is to be asked again.
TEST_F(CommitterTest, WhatWasWrittenUnderOtherRulesIsNotRemembered) {
  std::future<absl::StatusOr<Taken>> first;
  {
    const auto held = store_->Hold();
    first = Commit({Event("a")});
    absl::SleepFor(absl::Milliseconds(50));
    since_ = absl::FromUnixSeconds(1);
  }
  EXPECT_EQ(first.get()->taken, 1);
  const auto held = store_->Hold();
  auto again = Commit({Event("a")});
  EXPECT_EQ(again.wait_for(std::chrono::milliseconds(50)), std::future_status::timeout);
}

TEST_F(CommitterTest, WhatCannotBeWrittenIsToldToAllAndKnownToNone) {
  Sql("CREATE TRIGGER full BEFORE INSERT ON alerts BEGIN SELECT RAISE(ABORT, 'full'); END");
  auto one = Commit({Event("a")});
  auto two = Commit({Event("b")});
  EXPECT_FALSE(one.get().ok());
  EXPECT_FALSE(two.get().ok());
  Sql("DROP TRIGGER full");
  EXPECT_EQ(Commit({Event("a")}).get()->taken, 1);
}

TEST_F(CommitterTest, WhatWasGivenIsAnsweredBeforeItEnds) {
  std::future<absl::StatusOr<Taken>> told;
  std::thread ends;
  {
    const auto held = store_->Hold();
    told = Commit({Event("a")});
    ends = std::thread([this] { committer_.reset(); });
    absl::SleepFor(absl::Milliseconds(50));
  }
  ends.join();
  ASSERT_EQ(told.wait_for(std::chrono::seconds(0)), std::future_status::ready);
  EXPECT_EQ(told.get()->taken, 1);
}

TEST_F(CommitterTest, WhatNoRuleWantsIsDoneWithItsCommit) {
  Use("b");
  EXPECT_EQ(Commit({Event("a")}).get()->taken, 1);
  EXPECT_EQ(*store_->CountUndoneAlerts(), 0);
  EXPECT_EQ(store_->FiringOfFingerprint("a")->front().note(),
            "no rule matches it; nothing was done");
  Use("");
  EXPECT_EQ(Commit({Event("b")}).get()->taken, 1);
  EXPECT_EQ(store_->FiringOfFingerprint("b")->front().note(),
            "there are no rules; nothing was done");
  EXPECT_EQ(news_, 0);
  AlertEvent end = Event("c");  // It may end what was wanted before.
  end.alert.set_status(v1::ALERT_STATUS_RESOLVED);
  EXPECT_EQ(Commit({end}).get()->taken, 1);
  EXPECT_EQ(*store_->CountUndoneAlerts(), 1);
  EXPECT_EQ(news_, 1);
}

// Rules that are loaded in this very moment want it.
TEST_F(CommitterTest, WhatWasDoneUnderOtherRulesIsToBeDecidedAfterAll) {
  Use("b");
  std::future<absl::StatusOr<Taken>> told;
  {
    const auto held = store_->Hold();
    told = Commit({Event("a")});
    absl::SleepFor(absl::Milliseconds(50));
    Use("a");
    since_ = absl::FromUnixSeconds(1);
  }
  EXPECT_EQ(told.get()->taken, 1);
  EXPECT_EQ(*store_->CountUndoneAlerts(), 1);
  EXPECT_EQ(news_, 1);
}

}  // namespace
}  // namespace mailquench::controller
