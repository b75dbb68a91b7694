// Inbox, escalations and outbox as rows.
#include "tests/unit/escalation/escalation_fixture.h"

namespace mailquench::controller {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class EscalationStoreTest : public ::testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/mq-esc-XXXXXX";
    folder_ = mkdtemp(name);
    store_ = *Store::Open(folder_ + "/store");
  }
  void TearDown() override {
    store_.reset();
    std::filesystem::remove_all(folder_);
  }
  AlertEvent Event(const std::string& key, absl::Time time) {
    AlertEvent event;
    event.event_key = key + ":1";
    event.alert.set_alert_key(key);
    event.alert.set_fingerprint("f" + key);
    StampTime(time, event.alert.mutable_receive_time());
    return event;
  }
  std::string folder_;
  std::unique_ptr<Store> store_;
  const absl::Time now_ = absl::FromUnixSeconds(1700000000);
};

TEST_F(EscalationStoreTest, AnEventIsKeptOnce) {
  const auto first = store_->InsertAlerts({Event("a", now_), Event("b", now_), Event("a", now_)});
  ASSERT_TRUE(first.ok()) << first.status();
  EXPECT_THAT(*first, ElementsAre(true, true, false));
  EXPECT_THAT(*store_->InsertAlerts({Event("b", now_)}), ElementsAre(false));
  EXPECT_EQ(*store_->CountUndoneAlerts(), 2);
  auto undone = *store_->UndoneAlerts(1);
  ASSERT_THAT(undone, SizeIs(1));
  EXPECT_EQ(undone[0].alert().alert_key(), "a");
  EXPECT_GT(undone[0].sequence(), 0);
  undone[0].set_done(true);
  undone[0].set_escalation_id("e1");
  ASSERT_TRUE(store_->PutAlert(undone[0]).ok());
  EXPECT_EQ(*store_->CountUndoneAlerts(), 1);
  v1::ListAlertsRequest of;
  of.set_limit(10);
  of.set_escalation_id("e1");
  EXPECT_THAT(*store_->Alerts(of), SizeIs(1));
  EXPECT_THAT(*store_->FiringOfEscalation("e1"), SizeIs(1));
  EXPECT_THAT(*store_->FiringOfEscalation(""), IsEmpty());
  EXPECT_THAT(*store_->FiringOfFingerprint("fb"), SizeIs(1));
}

TEST_F(EscalationStoreTest, OldAlertsGoButForThoseOfWhatIsOpen) {
  ASSERT_TRUE(store_->InsertAlerts({Event("a", now_), Event("b", now_), Event("c", now_)}).ok());
  v1::Escalation open;
  open.set_escalation_id("open");
  ASSERT_TRUE(store_->InsertEscalation(open, "").ok());
  auto all = *store_->UndoneAlerts(10);
  all[0].set_done(true);
  all[1].set_done(true);
  all[1].set_escalation_id("open");
  ASSERT_TRUE(store_->PutAlert(all[0]).ok());
  ASSERT_TRUE(store_->PutAlert(all[1]).ok());
  ASSERT_TRUE(store_->PruneAlerts(now_ + absl::Hours(1)).ok());
  v1::ListAlertsRequest any;
  any.set_limit(10);
  EXPECT_THAT(*store_->Alerts(any), SizeIs(2));
}

TEST_F(EscalationStoreTest, AnEscalationIsFoundByTheBeginningOfItsId) {
  v1::Escalation one;
  one.set_escalation_id("12ab");
  ASSERT_TRUE(store_->InsertEscalation(one, "r1").ok());
  one.set_escalation_id("12cd");
  ASSERT_TRUE(store_->InsertEscalation(one, "").ok());
  EXPECT_EQ(store_->FindEscalation("12a")->escalation_id(), "12ab");
  EXPECT_EQ(ReasonOf(store_->FindEscalation("12").status()), "ESCALATION_AMBIGUOUS");
  EXPECT_EQ(ReasonOf(store_->FindEscalation("9").status()), "ESCALATION_NOT_FOUND");
  EXPECT_EQ(ReasonOf(store_->FindEscalation("").status()), "ESCALATION_NOT_FOUND");
  EXPECT_EQ(ReasonOf(store_->FindEscalation("%").status()), "ESCALATION_NOT_FOUND");
  EXPECT_EQ(*store_->EscalationOfRequest("r1"), "12ab");
  EXPECT_FALSE(store_->EscalationOfRequest("").ok());
  EXPECT_THAT(*store_->OpenEscalations(absl::InfiniteFuture()), SizeIs(2));
  StampTime(now_, one.mutable_end_time());
  ASSERT_TRUE(store_->PutEscalation(one).ok());
  EXPECT_THAT(*store_->OpenEscalations(absl::InfiniteFuture()), SizeIs(1));
  EXPECT_THAT(*store_->OpenEscalations(now_), SizeIs(2));
  EXPECT_THAT(*store_->OpenEscalations(now_ + absl::Seconds(1)), SizeIs(1));
}

TEST_F(EscalationStoreTest, ANoticeWaitsForEachOfItsChannels) {
  v1::Notice notice;
  notice.set_notice_id("n1");
  StampTime(now_, notice.mutable_time());
  EXPECT_TRUE(*store_->InsertNotice(notice, 2, {"hook", "mail"}));
  EXPECT_FALSE(*store_->InsertNotice(notice, 2, {"hook", "mail"}));
  auto due = *store_->DueNotices("hook", now_, 10);
  ASSERT_THAT(due, SizeIs(1));
  due[0].delivery.set_delivered(true);
  ASSERT_TRUE(store_->PutDelivery("n1", due[0].delivery).ok());
  EXPECT_THAT(*store_->DueNotices("hook", now_, 10), IsEmpty());
  EXPECT_THAT(*store_->ChannelsWithOpenDeliveries(), ElementsAre("mail"));
  due = *store_->DueNotices("mail", now_, 10);
  StampTime(now_ + absl::Minutes(1), due[0].delivery.mutable_next_try_time());
  ASSERT_TRUE(store_->PutDelivery("n1", due[0].delivery).ok());
  EXPECT_THAT(*store_->DueNotices("mail", now_, 10), IsEmpty());
  EXPECT_THAT(*store_->DueNotices("mail", now_ + absl::Minutes(1), 10), SizeIs(1));
  EXPECT_EQ(*store_->CountOpenDeliveries(), 1);
  ASSERT_TRUE(store_->PruneNotices(now_ + absl::Hours(1)).ok());
  v1::ListNoticesRequest all;
  all.set_limit(10);
  ASSERT_THAT(*store_->NoticeRecords(all), SizeIs(1)) << "it is still to be delivered";
  due[0].delivery.set_given_up(true);
  ASSERT_TRUE(store_->PutDelivery("n1", due[0].delivery).ok());
  ASSERT_TRUE(store_->PruneNotices(now_ + absl::Hours(1)).ok());
  EXPECT_THAT(*store_->NoticeRecords(all), IsEmpty());
}

TEST_F(EscalationStoreTest, TheWorstNoticeIsDueFirst) {
  const auto insert = [&](const std::string& id, int severity) {
    v1::Notice notice;
    notice.set_notice_id(id);
    StampTime(now_, notice.mutable_time());
    ASSERT_TRUE(*store_->InsertNotice(notice, severity, {"hook", "mail"}));
  };
  insert("i1", 0);
  insert("p1", 2);
  insert("w1", 1);
  insert("p2", 2);
  insert("i2", 0);
  const auto ids = [](const absl::StatusOr<std::vector<DueNotice>>& some) {
    std::vector<std::string> out;
    for (const DueNotice& one : *some) out.push_back(one.notice.notice_id());
    return out;
  };
  EXPECT_THAT(ids(store_->DueNotices("hook", now_, 10)), ElementsAre("p1", "p2", "w1", "i1", "i2"));
  EXPECT_THAT(ids(store_->DueNotices("hook", now_, 2)), ElementsAre("p1", "p2"));
  EXPECT_THAT(ids(store_->LeastTriedNotices("hook", now_)), ElementsAre("p1", "w1", "i1"));
  v1::NoticeDelivery tried;
  tried.set_channel("hook");
  tried.set_tries(1);
  ASSERT_TRUE(store_->PutDelivery("p1", tried).ok());
  StampTime(now_ + absl::Minutes(1), tried.mutable_next_try_time());
  ASSERT_TRUE(store_->PutDelivery("i1", tried).ok());
  EXPECT_THAT(ids(store_->LeastTriedNotices("hook", now_)), ElementsAre("p2", "w1", "i2"));
  EXPECT_THAT(ids(store_->DueNotices("hook", now_, 10)), ElementsAre("p1", "p2", "w1", "i2"));
  EXPECT_THAT(ids(store_->WaitingNotices("hook", 3)), ElementsAre("i1", "p1", "w1"));
  EXPECT_THAT(ids(store_->LeastTriedNotices("mail", now_)), ElementsAre("p1", "w1", "i1"));
}

TEST_F(EscalationStoreTest, WhatWasGivenUpIsListedAndCounted) {
  for (const char* id : {"waits", "lost", "done"}) {
    v1::Notice notice;
    notice.set_notice_id(id);
    StampTime(now_ - absl::Hours(80), notice.mutable_time());
    ASSERT_TRUE(*store_->InsertNotice(notice, 1, {"hook"}));
  }
  v1::NoticeDelivery delivery;
  delivery.set_channel("hook");
  StampTime(now_, delivery.mutable_give_up_time());
  delivery.set_given_up(true);
  ASSERT_TRUE(store_->PutDelivery("lost", delivery).ok());
  delivery.set_given_up(false);
  *delivery.mutable_deliver_time() = delivery.give_up_time();
  delivery.clear_give_up_time();
  delivery.set_delivered(true);
  ASSERT_TRUE(store_->PutDelivery("done", delivery).ok());
  v1::ListNoticesRequest request;
  request.set_limit(10);
  const auto listed = [&] {
    std::vector<std::string> ids;
    const std::vector<v1::NoticeRecord> records = *store_->NoticeRecords(request);
    for (const v1::NoticeRecord& one : records) ids.push_back(one.notice().notice_id());
    return ids;
  };
  EXPECT_THAT(listed(), ElementsAre("done", "lost", "waits"));
  request.set_undelivered_only(true);
  EXPECT_THAT(listed(), ElementsAre("lost", "waits"));
  request.set_given_up_only(true);
  EXPECT_THAT(listed(), ElementsAre("lost"));
  request.set_undelivered_only(false);
  EXPECT_THAT(listed(), ElementsAre("lost"));
  EXPECT_EQ(*store_->CountGivenUp(now_ - absl::Hours(24)), 1);
  EXPECT_EQ(*store_->CountGivenUp(now_ + absl::Seconds(1)), 0);
  EXPECT_EQ(*store_->CountOpenDeliveries(), 1);
}

TEST_F(EscalationStoreTest, AValueIsReplaced) {
  ASSERT_TRUE(store_->PutValue("x", "1").ok());
  ASSERT_TRUE(store_->PutValue("x", "2").ok());
  EXPECT_EQ(*store_->FindValue("x"), "2");
  EXPECT_EQ(*store_->FindValue("y"), "");
}

}  // namespace
}  // namespace mailquench::controller
