// What people are told of the controller's own signals, and what is left where something fails.
#include <nlohmann/json.hpp>

#include "tests/unit/escalation/own_watch_fixture.h"

namespace mailquench::controller {
namespace {

using ::testing::ElementsAre;
using ::testing::SizeIs;
using ::testing::UnorderedElementsAre;

TEST_F(OwnWatchTest, WhatBeginsTogetherIsToldTogether) {
  for (int i = 0; i < 1000; ++i) AddHost(absl::StrCat(1000 + i));
  known_.hosts[0].mutable_heartbeat()->add_drifted("- main.cf:mynetworks");
  watch_->Look();
  ASSERT_THAT(notices_, SizeIs(1));
  EXPECT_EQ(notices_[0].kind(), "drift");
  EXPECT_EQ(notices_[0].text(),
            "settings of mx-a that a change set were changed since by somebody else");
  EXPECT_EQ(notices_[0].next(), "mailquench host show mx-a");
  EXPECT_EQ(notices_[0].notice_id(), "drift:" + last_.alert_key());
  for (v1::Host& host : known_.hosts) host.set_online(false);
  clock_.now_ += absl::Minutes(6);
  watch_->Look();
  ASSERT_THAT(notices_, SizeIs(2));
  EXPECT_EQ(notices_[1].kind(), "agent-lost");
  EXPECT_EQ(notices_[1].text(),
            "nothing is heard of 1001 agents any more: mx-1000, mx-1001, mx-1002, mx-1003, "
            "mx-1004, mx-1005, mx-1006, mx-1007, mx-1008, mx-1009 and 991 more");
  EXPECT_THAT(notices_[1].hosts(), SizeIs(1001));
  Restart();
  watch_->Look();
  EXPECT_THAT(notices_, SizeIs(2)) << "people know";
}

TEST_F(OwnWatchTest, WhatCouldNotBeToldIsToldLaterUnderTheSameId) {
  quiet_ = false;
  AddHost("b");
  for (v1::Host& host : known_.hosts) host.mutable_heartbeat()->add_drifted("- main.cf:mynetworks");
  telling_ = absl::ResourceExhaustedError("the disk is full");
  watch_->Look();
  watch_->Look();
  EXPECT_THAT(seen_, SizeIs(2)) << "the alerts do not wait for people";
  EXPECT_THAT(log_, SizeIs(1)) << "said once";
  // Another one begins meanwhile; and the controller is killed.
  clock_.now_ += absl::Minutes(1);
  AddHost("c");
  known_.hosts.back().mutable_heartbeat()->add_drifted("- main.cf:mynetworks");
  watch_->Look();
  Open();
  telling_ = absl::OkStatus();
  watch_->Look();
  watch_->Look();
  ASSERT_THAT(notices_, SizeIs(2));
  EXPECT_THAT(notices_[0].hosts(), ElementsAre("mx-a", "mx-b"));
  EXPECT_THAT(notices_[1].hosts(), ElementsAre("mx-c"));
  const std::string id = notices_[0].notice_id();
  // Killed after it was told and before that was written down: the same id again.
  nlohmann::json kept = nlohmann::json::parse(*store_->FindValue("own_watch.firing"));
  ASSERT_EQ(kept["told"].size(), 3U);
  kept["told"] = nlohmann::json::array();
  ASSERT_TRUE(store_->PutValue("own_watch.firing", kept.dump()).ok());
  notices_.clear();
  Open();
  watch_->Look();
  ASSERT_THAT(notices_, SizeIs(2));
  EXPECT_EQ(notices_[0].notice_id(), id);
}

TEST_F(OwnWatchTest, OneHostThatCannotBeToldOfDoesNotBlindTheWatch) {
  quiet_ = false;
  AddHost("b");
  for (v1::Host& host : known_.hosts) host.mutable_heartbeat()->add_drifted("- main.cf:mynetworks");
  (*known_.hosts[0].mutable_labels())["note"] = std::string(5000, 'x');
  watch_->Look();
  watch_->Look();
  ASSERT_THAT(seen_, ElementsAre("+MailquenchSettingDrift"));
  EXPECT_EQ(last_.labels().at("host"), "mx-b");
  EXPECT_THAT(log_, SizeIs(1)) << "said once";
  // One that fires goes on, also when it could not begin any more.
  (*known_.hosts[1].mutable_labels())["note"] = std::string(5000, 'x');
  watch_->Look();
  EXPECT_THAT(seen_, SizeIs(1));
}

TEST_F(OwnWatchTest, WhatCannotBeReadFiresOnAndHidesNothingElse) {
  quiet_ = false;
  v1::Listing listing;
  listing.set_subject("192.0.2.1");
  listing.set_list_operator("Spamhaus");
  known_.listings.push_back(listing);
  v1::Incident incident;
  incident.set_incident_id("i1");
  StampTime(clock_.now_ - absl::Hours(100), incident.mutable_open_time());
  incident.add_obligations()->set_state(v1::Obligation::STATE_OUTSTANDING);
  known_.incidents.push_back(incident);
  watch_->Look();
  ASSERT_THAT(seen_, UnorderedElementsAre("+MailquenchListed", "+MailquenchObligationOverdue"));
  known_.listings_are = known_.incidents_are = absl::InternalError("the disk is gone");
  known_.hosts[0].mutable_heartbeat()->add_drifted("- main.cf:mynetworks");
  watch_->Look();
  watch_->Look();
  EXPECT_THAT(seen_, SizeIs(3));
  EXPECT_EQ(seen_.back(), "+MailquenchSettingDrift");
  EXPECT_THAT(log_, SizeIs(2)) << "said once each";
  known_.listings_are = known_.incidents_are = absl::OkStatus();
  known_.listings.clear();
  watch_->Look();
  EXPECT_EQ(seen_.back(), "-MailquenchListed");
}

TEST_F(OwnWatchTest, AProbeIsNotForgottenWhereTheStoreRefuses) {
  quiet_ = false;
  full_ = true;
  watch_->Probed("a", true);
  watch_->Look();
  full_ = false;
  watch_->Look();
  EXPECT_THAT(seen_, ElementsAre("+MailquenchRelayOpen"));
  full_ = true;
  watch_->Probed("a", false);
  watch_->Look();
  full_ = false;
  watch_->Look();
  EXPECT_THAT(seen_, ElementsAre("+MailquenchRelayOpen", "-MailquenchRelayOpen"));
}

TEST_F(OwnWatchTest, WhatTheInboxCouldNotTakeIsRaisedLater) {
  quiet_ = false;
  known_.hosts[0].mutable_heartbeat()->add_drifted("- main.cf:mynetworks");
  full_ = true;
  watch_->Look();
  EXPECT_THAT(log_, SizeIs(1));
  full_ = false;
  watch_->Look();
  EXPECT_THAT(seen_, ElementsAre("+MailquenchSettingDrift"));
}

}  // namespace
}  // namespace mailquench::controller
