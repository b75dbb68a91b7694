// The controller's own signals as alerts.
#include "tests/unit/escalation/own_watch_fixture.h"

namespace mailquench::controller {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using ::testing::UnorderedElementsAre;

TEST_F(OwnWatchTest, AQueueThatGrowsForLongEnough) {
  known_.hosts[0].mutable_heartbeat()->set_queued_messages(5000);
  growth_ = 400;
  watch_->Look();
  EXPECT_THAT(seen_, IsEmpty()) << "not for long enough yet";
  clock_.now_ += absl::Minutes(3);
  watch_->Look();
  watch_->Look();
  ASSERT_THAT(seen_, ElementsAre("+MailquenchQueueGrowing"));
  EXPECT_EQ(last_.labels().at("host"), "mx-a");
  EXPECT_EQ(last_.labels().at("role"), "edge");
  EXPECT_EQ(last_.source(), "own");
  growth_ = 0;
  clock_.now_ += absl::Minutes(1);
  watch_->Look();
  EXPECT_THAT(seen_, ElementsAre("+MailquenchQueueGrowing", "-MailquenchQueueGrowing"));
  // A large queue that shrinks is no attack; nor is a small one that grows.
  known_.hosts[0].mutable_heartbeat()->set_queued_messages(10);
  growth_ = 400;
  watch_->Look();
  clock_.now_ += absl::Minutes(3);
  watch_->Look();
  EXPECT_THAT(seen_, SizeIs(2));
}

TEST_F(OwnWatchTest, EachSignalBeginsAndEnds) {
  known_.hosts[0].mutable_heartbeat()->add_drifted("- main.cf:mynetworks");
  v1::Listing listing;
  listing.set_subject("192.0.2.1");
  listing.set_list_operator("Spamhaus");
  listing.set_alert(true);
  known_.listings.push_back(listing);
  v1::Incident incident;
  incident.set_incident_id("i1");
  StampTime(clock_.now_ - absl::Hours(100), incident.mutable_open_time());
  v1::Obligation* owed = incident.add_obligations();
  owed->set_state(v1::Obligation::STATE_OUTSTANDING);
  owed->set_host_name("mx-a");
  known_.incidents.push_back(incident);
  watch_->Probed("a", true);
  watch_->Look();
  EXPECT_THAT(seen_, UnorderedElementsAre("+MailquenchSettingDrift", "+MailquenchListed",
                                          "+MailquenchObligationOverdue", "+MailquenchRelayOpen"));
  seen_.clear();
  known_.hosts[0].mutable_heartbeat()->clear_drifted();
  known_.listings.clear();
  known_.incidents.clear();
  watch_->Look();
  EXPECT_THAT(seen_, UnorderedElementsAre("-MailquenchSettingDrift", "-MailquenchListed",
                                          "-MailquenchObligationOverdue"))
      << "a relay stays open until a probe says that it is closed";
  watch_->Probed("a", false);
  watch_->Look();
  EXPECT_THAT(seen_, Contains("-MailquenchRelayOpen"));
}

TEST_F(OwnWatchTest, AnAgentThatIsLost) {
  known_.hosts[0].set_online(false);
  watch_->Look();
  EXPECT_THAT(seen_, IsEmpty()) << "it may only be starting again";
  clock_.now_ += absl::Minutes(6);
  watch_->Look();
  EXPECT_THAT(seen_, ElementsAre("+MailquenchAgentLost"));
  known_.hosts[0].set_state(v1::HOST_STATE_EVICTED);
  watch_->Look();
  EXPECT_THAT(seen_, ElementsAre("+MailquenchAgentLost", "-MailquenchAgentLost"));
}

TEST_F(OwnWatchTest, ARestartNeitherFiresAgainNorForgetsTheEnd) {
  watch_->Probed("a", true);
  watch_->Look();
  ASSERT_THAT(seen_, ElementsAre("+MailquenchRelayOpen"));
  clock_.now_ += absl::Hours(1);
  Open();
  watch_->Look();
  EXPECT_THAT(seen_, SizeIs(1));
  watch_->Probed("a", false);
  watch_->Look();
  EXPECT_THAT(seen_, ElementsAre("+MailquenchRelayOpen", "-MailquenchRelayOpen"));
}

TEST_F(OwnWatchTest, AFloodDoesNotEndBecauseNothingIsHeard) {
  known_.hosts[0].mutable_heartbeat()->set_queued_messages(5000);
  growth_ = 400;
  watch_->Look();
  clock_.now_ += absl::Minutes(3);
  known_.hosts[0].mutable_heartbeat()->add_drifted("- main.cf:mynetworks");
  watch_->Look();
  ASSERT_THAT(seen_, UnorderedElementsAre("+MailquenchQueueGrowing", "+MailquenchSettingDrift"));
  seen_.clear();
  // The stream breaks.
  known_.hosts[0].set_online(false);
  clock_.now_ += absl::Minutes(1);
  watch_->Look();
  EXPECT_THAT(seen_, IsEmpty());
  // The controller is started again; the host comes, its figures later.
  Restart();
  watch_->Look();
  known_.hosts[0].set_online(true);
  StampTime(clock_.now_, known_.hosts[0].mutable_last_seen_time());
  watch_->Look();
  // The first heartbeats: no growth is known of one, and the time before is not known either.
  known_.hosts[0].mutable_heartbeat()->set_queued_messages(6000);
  known_.hosts[0].mutable_heartbeat()->add_drifted("- main.cf:mynetworks");
  watch_->Look();
  growth_ = 300;
  watch_->Look();
  known_.hosts[0].mutable_heartbeat()->set_queued_messages(-1);
  watch_->Look();
  EXPECT_THAT(seen_, IsEmpty());
  // A heartbeat says that it is over.
  known_.hosts[0].mutable_heartbeat()->set_queued_messages(10);
  known_.hosts[0].mutable_heartbeat()->clear_drifted();
  watch_->Look();
  EXPECT_THAT(seen_, UnorderedElementsAre("-MailquenchQueueGrowing", "-MailquenchSettingDrift"));
}

TEST_F(OwnWatchTest, WhatIsNotKnownDoesNotBegin) {
  known_.hosts[0].mutable_heartbeat()->set_queued_messages(5000);
  growth_.reset();
  watch_->Look();
  clock_.now_ += absl::Minutes(3);
  watch_->Look();
  EXPECT_THAT(seen_, IsEmpty());
}

TEST_F(OwnWatchTest, AHostThatLeavesTheFleetEndsWhatIsNotKnown) {
  known_.hosts[0].mutable_heartbeat()->add_drifted("- main.cf:mynetworks");
  watch_->Probed("a", true);
  watch_->Look();
  ASSERT_THAT(seen_, SizeIs(2));
  Restart();
  known_.hosts[0].set_state(v1::HOST_STATE_EVICTED);
  seen_.clear();
  watch_->Look();
  EXPECT_THAT(seen_, UnorderedElementsAre("-MailquenchSettingDrift", "-MailquenchRelayOpen"));
}

TEST_F(OwnWatchTest, AfterARestartNobodyIsLostBeforeItsTime) {
  clock_.now_ += absl::Hours(20);  // The store knows since when the agent was there.
  Restart();
  watch_->Look();
  clock_.now_ += absl::Minutes(4);
  watch_->Look();
  EXPECT_THAT(seen_, IsEmpty()) << "it has had no time to come back";
  clock_.now_ += absl::Minutes(2);
  watch_->Look();
  ASSERT_THAT(seen_, ElementsAre("+MailquenchAgentLost"));
  Restart();
  watch_->Look();
  EXPECT_THAT(seen_, SizeIs(1)) << "it was lost before, and is not there yet";
  known_.hosts[0].set_online(true);
  watch_->Look();
  EXPECT_THAT(seen_, ElementsAre("+MailquenchAgentLost", "-MailquenchAgentLost"));
}

TEST_F(OwnWatchTest, SwitchedOffItSaysNothing) {
  rules_.enabled = false;
  known_.hosts[0].mutable_heartbeat()->add_drifted("- main.cf:mynetworks");
  watch_->Look();
  EXPECT_THAT(seen_, IsEmpty());
}

}  // namespace
}  // namespace mailquench::controller
