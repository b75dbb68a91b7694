// What an antivirus is worth, by what it says.
#include "controller/antivirus/posture_rules.h"

#include "controller/store/times.h"
#include "gmock/gmock.h"

namespace mailquench::controller {
namespace {

using ::testing::HasSubstr;

class PostureRules : public ::testing::Test {
 protected:
  PostureRules() {
    host_.set_host_id("a");
    host_.set_name("mx1");
    host_.set_state(v1::HOST_STATE_ACTIVE);
    host_.set_online(true);
    StampTime(now_, known_.mutable_status_time());
  }
  v1::AntivirusProduct* Add(absl::Duration age, v1::Protection real_time = v1::PROTECTION_ON) {
    v1::AntivirusProduct* const product = known_.mutable_status()->add_products();
    product->set_adapter("clamav");
    product->set_product("ClamAV");
    product->set_engine_version("1.4");
    product->set_running(true);
    product->set_real_time(real_time);
    StampTime(now_ - age, product->mutable_signature_time());
    return product;
  }
  HostPosture Now() { return PostureOf(host_, known_, policy_, now_); }
  std::string Blocker() { return RestoreBlocker(host_, known_, policy_, now_); }

  const absl::Time now_ = absl::FromUnixSeconds(1'800'000'000);
  v1::Host host_;
  v1::HostAntivirus known_;
  AntivirusPolicy policy_;
};

TEST_F(PostureRules, FreshSignaturesAreUpToDateToTheLastMinuteOfThePolicy) {
  Add(policy_.max_signature_age);
  EXPECT_EQ(Now().state, v1::POSTURE_STATE_UP_TO_DATE);
  EXPECT_EQ(Blocker(), "");
  known_.mutable_status()->clear_products();
  Add(policy_.max_signature_age + absl::Seconds(1));
  EXPECT_EQ(Now().state, v1::POSTURE_STATE_STALE);
  EXPECT_THAT(Now().why, HasSubstr("48 h old, at most 48 h"));
  EXPECT_THAT(Blocker(), HasSubstr("stale: "));
}

TEST_F(PostureRules, APassiveProductVouchesForNobody) {
  v1::AntivirusProduct* const passive = Add(absl::Hours(1), v1::PROTECTION_NONE);
  passive->set_passive(true);
  EXPECT_EQ(Now().state, v1::POSTURE_STATE_UNKNOWN);
  EXPECT_THAT(Now().why, HasSubstr("passive: another product protects"));
  EXPECT_EQ(Blocker(), "");
  Add(absl::Hours(1), v1::PROTECTION_OFF)->set_product("Acme");
  EXPECT_EQ(Now().state, v1::POSTURE_STATE_OFF) << "the one that is said to protect does not";
  known_.mutable_status()->mutable_products(1)->set_real_time(v1::PROTECTION_ON);
  EXPECT_EQ(Now().state, v1::POSTURE_STATE_UP_TO_DATE);
  EXPECT_THAT(Now().why, HasSubstr("Acme"));
}

TEST_F(PostureRules, WhatItSaysOfItselfIsBelievedWhereItIsWorse) {
  Add(absl::Hours(1))->set_out_of_date(true);
  EXPECT_EQ(Now().state, v1::POSTURE_STATE_STALE);
  known_.mutable_status()->mutable_products(0)->set_running(false);
  EXPECT_EQ(Now().state, v1::POSTURE_STATE_OFF);
  known_.mutable_status()->clear_products();
  Add(absl::Hours(1), v1::PROTECTION_OFF);
  EXPECT_EQ(Now().state, v1::POSTURE_STATE_OFF);
  EXPECT_THAT(Blocker(), HasSubstr("off: "));
  known_.mutable_status()->clear_products();
  Add(absl::Hours(1), v1::PROTECTION_NONE);  // One that scans when it is asked.
  EXPECT_EQ(Now().state, v1::POSTURE_STATE_UP_TO_DATE);
}

TEST_F(PostureRules, TheBestResidentProductCountsAndASecondOpinionDoesNot) {
  Add(absl::Hours(24 * 30));
  Add(absl::Hours(1));
  EXPECT_EQ(Now().state, v1::POSTURE_STATE_UP_TO_DATE);
  known_.mutable_status()->mutable_products(1)->set_second_opinion(true);
  EXPECT_EQ(Now().state, v1::POSTURE_STATE_STALE);
  EXPECT_THAT(Now().why, HasSubstr("30 d old"));
}

TEST_F(PostureRules, NoneIsAFindingAndNotKnownIsAnother) {
  EXPECT_EQ(Now().state, v1::POSTURE_STATE_ABSENT);
  EXPECT_EQ(Blocker(), "");
  known_.clear_status_time();
  EXPECT_EQ(Now().state, v1::POSTURE_STATE_UNKNOWN);
  StampTime(now_, known_.mutable_status_time());
  v1::AntivirusProduct* const silent = known_.mutable_status()->add_products();
  silent->set_adapter("other");
  silent->set_problem("its command ended with 9");
  EXPECT_EQ(Now().state, v1::POSTURE_STATE_UNKNOWN);
  EXPECT_THAT(Now().why, HasSubstr("ended with 9"));
  Add(absl::Hours(1))->clear_signature_time();
  EXPECT_EQ(Now().state, v1::POSTURE_STATE_UNKNOWN);
  known_.mutable_status()->clear_products();
  Add(-absl::Hours(48));  // A clock is wrong by two days: nothing is proven.
  EXPECT_EQ(Now().state, v1::POSTURE_STATE_UNKNOWN);
}

TEST_F(PostureRules, OneThatIsAwayIsUnreachableAndWhatWasKnownStandsBeside) {
  Add(absl::Hours(24 * 9));
  host_.set_online(false);
  EXPECT_EQ(Now().state, v1::POSTURE_STATE_UNREACHABLE);
  EXPECT_EQ(Now().before, v1::POSTURE_STATE_STALE);
  EXPECT_THAT(Blocker(), HasSubstr("stale"));
  host_.mutable_manual();
  EXPECT_EQ(Now().state, v1::POSTURE_STATE_UNKNOWN);
}

TEST_F(PostureRules, FindingsComeFirstAndAWaiverGoesPastThemForItsTime) {
  Add(absl::Hours(1));
  host_.set_online(false);
  known_.set_finding_count(3);
  known_.add_findings()->set_signature("Eicar-Test-Signature");
  known_.mutable_findings(0)->set_path("/tmp/a");
  EXPECT_EQ(Now().state, v1::POSTURE_STATE_INFECTED);
  EXPECT_EQ(Now().why, "Eicar-Test-Signature in /tmp/a and 2 more");
  EXPECT_NE(Blocker(), "");
  known_.set_waived_by("ann");
  StampTime(now_ + absl::Seconds(1), known_.mutable_waive_end_time());
  EXPECT_EQ(Now().state, v1::POSTURE_STATE_INFECTED);
  EXPECT_EQ(Blocker(), "");
  StampTime(now_, known_.mutable_waive_end_time());
  EXPECT_NE(Blocker(), "");
}

TEST_F(PostureRules, EveryStateHasARankAndAName) {
  std::set<int> ranks;
  std::set<std::string> names;
  for (int i = v1::PostureState_MIN + 1; i <= v1::PostureState_MAX; ++i) {
    ranks.insert(PostureRank(static_cast<v1::PostureState>(i)));
    names.insert(PostureName(static_cast<v1::PostureState>(i)));
  }
  EXPECT_EQ(ranks.size(), 8U);
  EXPECT_EQ(names.size(), 8U);
  EXPECT_EQ(*ranks.rbegin(), 7);
  EXPECT_EQ(PostureName(v1::POSTURE_STATE_NOT_ENROLLED), "not-enrolled");
}

}  // namespace
}  // namespace mailquench::controller
