// What the store keeps of blacklists, and how a store of before gets there.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sqlite3.h>
#include <stdlib.h>

#include <filesystem>

#include "controller/store/migrations.h"
#include "controller/store/store.h"
#include "controller/store/times.h"

namespace mailquench::controller {
namespace {

using ::testing::ElementsAre;
using ::testing::Pair;
using ::testing::SizeIs;

class StoreBlacklistsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/mq-store-XXXXXX";
    folder_ = mkdtemp(name);
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }
  std::unique_ptr<Store> Open() {
    auto store = Store::Open(folder_ + "/store");
    EXPECT_TRUE(store.ok()) << store.status();
    return store.ok() ? *std::move(store) : nullptr;
  }
  void Sql(const std::string& text) {
    sqlite3* db = nullptr;
    ASSERT_EQ(sqlite3_open((folder_ + "/store").c_str(), &db), SQLITE_OK);
    EXPECT_EQ(sqlite3_exec(db, text.c_str(), nullptr, nullptr, nullptr), SQLITE_OK)
        << sqlite3_errmsg(db);
    sqlite3_close(db);
  }
  std::string folder_;
};

v1::BlacklistAnswer Answer(const std::string& subject, const std::string& zone, int seconds) {
  v1::BlacklistAnswer answer;
  answer.set_subject(subject);
  answer.set_zone(zone);
  answer.set_verdict(v1::BLACKLIST_VERDICT_CLEAN);
  answer.mutable_time()->set_seconds(seconds);
  return answer;
}

TEST_F(StoreBlacklistsTest, AStoreOfVersionOneIsMigratedWithWhatItHolds) {
  ASSERT_THAT(Migrations(), SizeIs(5));
  Sql(Migrations()[0] + "PRAGMA user_version=1;");
  v1::Incident incident;
  incident.set_incident_id("i");
  incident.set_title("before");
  const std::string body = incident.SerializeAsString();
  std::string hex;
  for (const char c : body) {
    char two[3];
    std::snprintf(two, sizeof two, "%02x", static_cast<unsigned char>(c));
    hex += two;
  }
  Sql("INSERT INTO incidents VALUES ('i', 'r', 1, 0, x'" + hex + "')");
  auto store = Open();
  ASSERT_NE(store, nullptr);
  EXPECT_EQ(store->FindIncident("i")->title(), "before");
  EXPECT_TRUE(store->ListingsOf("", true)->empty());
  v1::Listing listing;
  listing.set_listing_id("l");
  ASSERT_TRUE(store->PutListing(listing).ok());
  store.reset();
  store = Open();
  EXPECT_EQ(store->FindListing("l")->listing_id(), "l");
}

TEST_F(StoreBlacklistsTest, TheLastAnswerOfEachSubjectAndZoneIsKept) {
  auto store = Open();
  ASSERT_TRUE(store->PutAnswers({Answer("a", "z", 10), Answer("a", "y", 10)}).ok());
  ASSERT_TRUE(store->PutAnswers({Answer("a", "z", 20), Answer("a", "y", 5)}).ok());
  const auto answers = store->AnswersOf("a");
  ASSERT_THAT(*answers, SizeIs(2));
  EXPECT_EQ((*answers)[0].time().seconds(), 10);
  EXPECT_EQ((*answers)[1].time().seconds(), 20);
  const auto times = store->AllAnswerTimes();
  ASSERT_THAT(*times, SizeIs(2));
  EXPECT_EQ((*times)[1].zone, "z");
  EXPECT_EQ((*times)[1].time, absl::FromUnixSeconds(20));
  EXPECT_EQ((*times)[1].verdict, v1::BLACKLIST_VERDICT_CLEAN);
}

TEST_F(StoreBlacklistsTest, QuotasAreCountedByOperatorAndDayAndHealthByZone) {
  auto store = Open();
  ASSERT_TRUE(store->AddQuotaUse("Spamhaus", "2026-11-25", 5).ok());
  ASSERT_TRUE(store->AddQuotaUse("Spamhaus", "2026-11-25", 7).ok());
  ASSERT_TRUE(store->AddQuotaUse("Spamhaus", "2026-11-26", 1).ok());
  EXPECT_THAT(*store->QuotaUse("2026-11-25"), ElementsAre(Pair("Spamhaus", 12)));
  v1::BlacklistHealth health;
  health.set_reason("r");
  ASSERT_TRUE(store->PutBlacklistHealth("b", health).ok());
  health.set_reason("s");
  ASSERT_TRUE(store->PutBlacklistHealth("a", health).ok());
  ASSERT_TRUE(store->PutBlacklistHealth("b", health).ok());
  const auto all = store->AllBlacklistHealth();
  ASSERT_THAT(*all, SizeIs(2));
  EXPECT_EQ(all->at("b").reason(), "s");
}

TEST_F(StoreBlacklistsTest, OldChangesGoAndTheirNumbersDoNotComeAgain) {
  auto store = Open();
  for (int i = 0; i < 10; ++i) {
    v1::BlacklistChange change;
    change.mutable_time()->set_seconds(i);
    ASSERT_TRUE(store->AddChange("", &change).ok());
  }
  ASSERT_TRUE(store->PruneChanges(absl::FromUnixSeconds(3), 100).ok());
  EXPECT_EQ(store->ChangesAfter(0, 100)->front().sequence(), 4);
  ASSERT_TRUE(store->PruneChanges(absl::InfinitePast(), 5).ok());
  EXPECT_EQ(store->ChangesAfter(0, 100)->front().sequence(), 6);
  ASSERT_TRUE(store->PruneChanges(absl::FromUnixSeconds(100), 5).ok());
  v1::BlacklistChange change;
  ASSERT_TRUE(store->AddChange("", &change).ok());
  EXPECT_EQ(change.sequence(), 11);
}

}  // namespace
}  // namespace mailquench::controller
