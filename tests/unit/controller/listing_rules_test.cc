// The way of one listing, answer by answer, without a store.
#include "controller/blacklist/listing_rules.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "common/status/error.h"
#include "controller/store/times.h"
#include "tests/unit/controller/verdicts.h"

namespace mailquench::controller {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class ListingRulesTest : public ::testing::Test {
 protected:
  v1::BlacklistAnswer Answer(v1::BlacklistVerdict verdict,
                             const std::string& zone = "zen.example",
                             std::vector<std::string> components = {"xbl"}) {
    v1::BlacklistAnswer answer;
    answer.set_subject("192.0.2.1");
    answer.set_zone(zone);
    answer.set_list_operator("Example");
    answer.set_verdict(verdict);
    answer.set_alert(true);
    answer.set_tier(zone == "zen.example" ? 1 : 3);
    if (verdict == kVerdictListed)
      *answer.mutable_components() = {components.begin(), components.end()};
    if (verdict != kVerdictListed && verdict != kVerdictClean) answer.set_reason("why");
    StampTime(now_, answer.mutable_time());
    return answer;
  }
  void Find() { listing_ = NewListing(Answer(kVerdictListed), "xbl", "id", now_, &events_); }
  // An answer `after` this long.
  void Take(absl::Duration after,
            v1::BlacklistVerdict verdict,
            const std::string& zone = "zen.example",
            std::vector<std::string> components = {"xbl"}) {
    now_ += after;
    TakeAnswer(rules_, Answer(verdict, zone, std::move(components)), now_, &listing_, &events_);
    Settle(rules_, now_, &listing_, &events_);
  }
  void Source(bool clean) { TakeSource(rules_, clean, now_, &listing_, &events_); }
  void Attack(AttackGate::Kind kind, absl::Duration ago = absl::ZeroDuration()) {
    AttackGate gate;
    gate.kind = kind;
    gate.why = "mx is not quiet";
    gate.since = now_ - ago;
    TakeGate(rules_, gate, now_, &listing_, &events_);
    Settle(rules_, now_, &listing_, &events_);
  }
  absl::Status Request(const std::string& how, const std::string& despite = "") {
    v1::RequestDelistingRequest request;
    request.set_how(how);
    request.set_despite(despite);
    const absl::Status status = TakeRequest(rules_, request, "ann", now_, &listing_, &events_);
    Settle(rules_, now_, &listing_, &events_);
    return status;
  }
  std::vector<std::string> Kinds() const {
    std::vector<std::string> kinds;
    for (const ListingEvent& event : events_) kinds.push_back(event.kind);
    return kinds;
  }

  ListingRules rules_;
  absl::Time now_ = absl::FromUnixSeconds(1700000000);
  v1::Listing listing_;
  ListingEvents events_;
};

TEST_F(ListingRulesTest, ClearedNeedsTwoCleanApartAndTheWordOfItsNameServers) {
  Find();
  Take(absl::Minutes(15), kVerdictClean);
  EXPECT_EQ(listing_.clean_in_row(), 1);
  Take(absl::Minutes(4), kVerdictClean);
  EXPECT_EQ(listing_.clean_in_row(), 1) << "too near to the one before";
  EXPECT_FALSE(WantsSource(rules_, listing_));
  Take(absl::Minutes(1), kVerdictClean);
  EXPECT_EQ(listing_.clean_in_row(), 2);
  EXPECT_TRUE(WantsSource(rules_, listing_));
  EXPECT_EQ(listing_.state(), v1::LISTING_STATE_FOUND);
  Source(true);
  EXPECT_EQ(listing_.state(), v1::LISTING_STATE_CLEARED);
  EXPECT_EQ(TimeOf(listing_.clear_time()), now_);
  EXPECT_THAT(Kinds(), ElementsAre("listed", "cleared"));
}

TEST_F(ListingRulesTest, WithoutTheWordOfItsNameServersThreeCleanAreNeeded) {
  Find();
  Take(absl::Minutes(15), kVerdictClean);
  Take(absl::Minutes(15), kVerdictClean);
  EXPECT_NE(listing_.state(), v1::LISTING_STATE_CLEARED);
  Take(absl::Minutes(15), kVerdictClean);
  EXPECT_EQ(listing_.state(), v1::LISTING_STATE_CLEARED);
}

TEST_F(ListingRulesTest, ListedAtItsNameServersUndoesWhatACopySaid) {
  Find();
  Take(absl::Minutes(15), kVerdictClean);
  Take(absl::Minutes(15), kVerdictClean);
  Source(false);
  EXPECT_EQ(listing_.clean_in_row(), 0);
  Take(absl::Minutes(15), kVerdictClean);
  EXPECT_NE(listing_.state(), v1::LISTING_STATE_CLEARED);
  Take(absl::Minutes(15), kVerdictClean);
  Source(true);
  EXPECT_EQ(listing_.state(), v1::LISTING_STATE_CLEARED);
}

TEST_F(ListingRulesTest, SeveralZonesOfOneOperatorAreOneListingAndAllMustLetGo) {
  Find();
  Take(absl::Minutes(1), kVerdictListed, "cbl.example");
  EXPECT_THAT(listing_.zones(), ElementsAre("zen.example", "cbl.example"));
  EXPECT_EQ(listing_.tier(), 1);
  for (int i = 0; i < 4; ++i) Take(absl::Minutes(15), kVerdictClean);
  Source(true);
  EXPECT_NE(listing_.state(), v1::LISTING_STATE_CLEARED) << "cbl.example has said nothing";
  // What never showed it says nothing of it.
  for (int i = 0; i < 4; ++i) Take(absl::Minutes(15), kVerdictClean, "xbl.example");
  EXPECT_EQ(listing_.clean_in_row(), 0);
  EXPECT_EQ(listing_.zones_size(), 2);
  // LISTED without the component is clean for this one.
  Take(absl::Minutes(15), kVerdictListed, "cbl.example", {"pbl"});
  Take(absl::Minutes(15), kVerdictListed, "cbl.example", {"pbl"});
  EXPECT_EQ(listing_.state(), v1::LISTING_STATE_CLEARED);
  EXPECT_THAT(Kinds(), ElementsAre("listed", "cleared"));
}

TEST_F(ListingRulesTest, AZoneThatIsNotAskedAnyMoreIsNotWaitedForUnlessItIsTheOnlyOne) {
  Find();
  Take(absl::Minutes(1), kVerdictListed, "cbl.example");
  listing_.mutable_seen(1)->set_unasked(true);
  for (int i = 0; i < 3; ++i) Take(absl::Minutes(15), kVerdictClean);
  EXPECT_EQ(listing_.state(), v1::LISTING_STATE_CLEARED);
  Find();
  listing_.mutable_seen(0)->set_unasked(true);
  for (int i = 0; i < 5; ++i) {
    now_ += absl::Hours(24);
    Settle(rules_, now_, &listing_, &events_);
  }
  EXPECT_EQ(listing_.state(), v1::LISTING_STATE_FOUND);
  EXPECT_THAT(listing_.doubt(), HasSubstr("not asked any more"));
}

TEST_F(ListingRulesTest, AComponentThatIsEmptyIsTheZone) {
  EXPECT_THAT(ComponentsOf(Answer(kVerdictListed, "a.example", {})), ElementsAre("a.example"));
  EXPECT_THAT(ComponentsOf(Answer(kVerdictListed, "a.example", {"", "x", "x"})),
              ElementsAre("a.example", "x"));
}

TEST_F(ListingRulesTest, TheSameAnswerAgainOrAnOlderOneChangesNothing) {
  Find();
  const v1::BlacklistAnswer first = Answer(kVerdictListed);
  Take(absl::Minutes(15), kVerdictClean);
  Take(absl::Minutes(15), v1::BLACKLIST_VERDICT_ERROR);
  const std::string before = listing_.SerializeAsString();
  const std::size_t told = events_.size();
  TakeAnswer(rules_, Answer(v1::BLACKLIST_VERDICT_ERROR), now_, &listing_, &events_);
  TakeAnswer(rules_, Answer(kVerdictClean), now_, &listing_, &events_);
  TakeAnswer(rules_, first, now_, &listing_, &events_);
  Settle(rules_, now_, &listing_, &events_);
  EXPECT_EQ(listing_.SerializeAsString(), before);
  EXPECT_EQ(events_.size(), told);
}

TEST_F(ListingRulesTest, WhatSaysNothingLeavesTheRowOfCleanAndIsADoubt) {
  Find();
  Take(absl::Minutes(15), kVerdictClean);
  for (const v1::BlacklistVerdict verdict :
       {v1::BLACKLIST_VERDICT_BLOCKED, v1::BLACKLIST_VERDICT_ERROR, v1::BLACKLIST_VERDICT_UNTRUSTED,
        v1::BLACKLIST_VERDICT_REWRITTEN}) {
    Take(absl::Minutes(15), verdict);
    EXPECT_EQ(listing_.clean_in_row(), 1);
    EXPECT_THAT(listing_.doubt(), HasSubstr("zen.example: "));
  }
  EXPECT_THAT(Kinds(), ElementsAre("listed", "doubt"));
  Take(absl::Minutes(15), kVerdictListed);
  EXPECT_THAT(listing_.doubt(), IsEmpty());
  EXPECT_EQ(listing_.clean_in_row(), 0);
}

// Vector 6: a list is switched to "everything is listed" and fails its clean test point.
TEST_F(ListingRulesTest, Vector6_AWildcardDemotesAnOpenListingAndNeitherClearsNorRenewsIt) {
  Find();
  const absl::Time seen = now_;
  TakeDoubt(rules_, "zen.example", "the list itself: a wildcard", now_, &listing_, &events_);
  EXPECT_THAT(listing_.doubt(), HasSubstr("a wildcard"));
  for (int i = 0; i < 20; ++i) Take(absl::Minutes(15), v1::BLACKLIST_VERDICT_UNTRUSTED);
  EXPECT_EQ(listing_.state(), v1::LISTING_STATE_FOUND);
  EXPECT_EQ(TimeOf(listing_.last_seen_time()), seen);
  EXPECT_EQ(listing_.times_relisted(), 0);
  EXPECT_THAT(Kinds(), ElementsAre("listed", "doubt"));
}

// Vector 7: a list is emptied and fails its listed test point; the first CLEAN came before that.
TEST_F(ListingRulesTest, Vector7_AnEmptiedListNeverReadsAsDelisted) {
  Find();
  Take(absl::Minutes(15), kVerdictClean);
  for (int i = 0; i < 1000; ++i) Take(absl::Minutes(15), v1::BLACKLIST_VERDICT_UNTRUSTED);
  EXPECT_EQ(listing_.state(), v1::LISTING_STATE_FOUND);
  EXPECT_EQ(listing_.clean_in_row(), 1);
  EXPECT_THAT(listing_.doubt(), HasSubstr("UNTRUSTED"));
  EXPECT_THAT(Kinds(), ElementsAre("listed", "doubt"));
}

// The same, noticed late: three CLEAN and the word of its name servers came before the health test.
TEST_F(ListingRulesTest, Vector7_NoCleanCountsForGoodBeforeTheListWasFoundWellAfterIt) {
  Find();
  StampTime(now_, listing_.mutable_seen(0)->mutable_well_time());
  for (int i = 0; i < 5; ++i) Take(absl::Minutes(15), kVerdictClean);
  Source(true);
  EXPECT_EQ(listing_.state(), v1::LISTING_STATE_FOUND);
  const v1::Listing before = listing_;
  for (int i = 0; i < 5; ++i) Take(absl::Minutes(15), v1::BLACKLIST_VERDICT_UNTRUSTED);
  EXPECT_EQ(listing_.state(), v1::LISTING_STATE_FOUND);
  listing_ = before;
  StampTime(now_, listing_.mutable_seen(0)->mutable_well_time());
  Settle(rules_, now_, &listing_, &events_);
  EXPECT_EQ(listing_.state(), v1::LISTING_STATE_CLEARED);
}

// Vector 8: a live list lists everything for three hours, then is as it was (SpamCop, 2021-01-31).
TEST_F(ListingRulesTest, Vector8_AListThatFlipsForThreeHoursMakesNoChurn) {
  Find();  // Really listed.
  for (int i = 0; i < 4; ++i) Take(absl::Minutes(15), kVerdictListed);
  for (int i = 0; i < 12; ++i) Take(absl::Minutes(15), v1::BLACKLIST_VERDICT_UNTRUSTED);
  for (int i = 0; i < 4; ++i) Take(absl::Minutes(15), kVerdictListed);
  EXPECT_THAT(Kinds(), ElementsAre("listed", "doubt"));
  EXPECT_THAT(listing_.doubt(), IsEmpty());
  // And one that it only showed in the minutes before its health test failed.
  events_.clear();
  Find();
  for (int i = 0; i < 12; ++i) Take(absl::Minutes(15), v1::BLACKLIST_VERDICT_UNTRUSTED);
  for (int i = 0; i < 4; ++i) Take(absl::Minutes(15), kVerdictClean);
  EXPECT_THAT(Kinds(), ElementsAre("listed", "doubt", "cleared"));
}

TEST_F(ListingRulesTest, SeenAgainWithinThirtyDaysItGoesOnLaterItDoesNot) {
  Find();
  for (int i = 0; i < 3; ++i) Take(absl::Minutes(15), kVerdictClean);
  ASSERT_EQ(listing_.state(), v1::LISTING_STATE_CLEARED);
  const v1::Listing cleared = listing_;
  Take(absl::Hours(24 * 29), kVerdictListed);
  EXPECT_EQ(listing_.state(), v1::LISTING_STATE_RELISTED);
  EXPECT_EQ(listing_.times_relisted(), 1);
  EXPECT_FALSE(listing_.has_clear_time());
  Take(absl::Hours(1), kVerdictListed);
  EXPECT_EQ(listing_.times_relisted(), 1);
  listing_ = cleared;
  Take(absl::Hours(48), kVerdictListed);
  EXPECT_EQ(listing_.state(), v1::LISTING_STATE_CLEARED);
}

TEST_F(ListingRulesTest, TheGateDecidesWhetherItCanBeRequested) {
  Find();
  EXPECT_EQ(ReasonOf(Request("form")), "ATTACK_GOES_ON");
  Attack(AttackGate::Kind::kGoesOn);
  EXPECT_EQ(listing_.state(), v1::LISTING_STATE_CAUSE_OPEN);
  EXPECT_EQ(ReasonOf(Request("form")), "ATTACK_GOES_ON");
  Attack(AttackGate::Kind::kOver);
  EXPECT_EQ(listing_.state(), v1::LISTING_STATE_READY);
  EXPECT_EQ(ReasonOf(Request("")), "MISSING_HOW");
  ASSERT_TRUE(Request("form, ticket 4711").ok());
  EXPECT_EQ(listing_.state(), v1::LISTING_STATE_REQUESTED);
  EXPECT_EQ(listing_.requested_by(), "ann");
  EXPECT_EQ(ReasonOf(Request("again")), "REQUESTED_ALREADY");
  Take(absl::Minutes(15), v1::BLACKLIST_VERDICT_ERROR);
  EXPECT_EQ(listing_.state(), v1::LISTING_STATE_REQUESTED);
  Take(absl::Minutes(15), kVerdictListed);
  EXPECT_EQ(listing_.state(), v1::LISTING_STATE_WAITING);
  Attack(AttackGate::Kind::kOver);
  EXPECT_EQ(listing_.state(), v1::LISTING_STATE_WAITING);
  Attack(AttackGate::Kind::kGoesOn);
  EXPECT_EQ(listing_.state(), v1::LISTING_STATE_CAUSE_OPEN);
  EXPECT_THAT(listing_.history().rbegin()->text(), HasSubstr("goes on again: mx is not quiet"));
  Attack(AttackGate::Kind::kNone);
  EXPECT_EQ(listing_.state(), v1::LISTING_STATE_FOUND);
  EXPECT_THAT(Kinds(), ElementsAre("listed", "cause_open", "ready", "requested", "waiting",
                                   "cause_open", "found"));
}

TEST_F(ListingRulesTest, ARequestMadeDespiteTheAttackStandsUntilTheAttackEndsAndBeginsAgain) {
  Find();
  Attack(AttackGate::Kind::kGoesOn);
  ASSERT_TRUE(Request("mail", "the list wants to be told").ok());
  EXPECT_EQ(listing_.request_despite(), "the list wants to be told");
  Attack(AttackGate::Kind::kGoesOn);
  EXPECT_EQ(listing_.state(), v1::LISTING_STATE_REQUESTED);
  Attack(AttackGate::Kind::kOver);
  EXPECT_EQ(listing_.state(), v1::LISTING_STATE_REQUESTED);
  Attack(AttackGate::Kind::kGoesOn);
  EXPECT_EQ(listing_.state(), v1::LISTING_STATE_CAUSE_OPEN);
}

TEST_F(ListingRulesTest, WhatEndsByTimeAloneWaitsAtOnce) {
  for (const char* how : {"expires", "none", "not-per-host"}) {
    Find();
    listing_.set_delist_how(how);
    Attack(AttackGate::Kind::kOver);
    EXPECT_EQ(listing_.state(), v1::LISTING_STATE_WAITING) << how;
    EXPECT_EQ(ReasonOf(Request("mail")), "REQUESTED_ALREADY");
  }
}

TEST_F(ListingRulesTest, LateIsSaidOnceAndOnlyWhereItIsStillSeen) {
  Find();
  listing_.set_delist_how("expires");
  listing_.mutable_clears_after()->set_seconds(24 * 3600);
  Attack(AttackGate::Kind::kOver, absl::Hours(2));
  EXPECT_EQ(TimeOf(listing_.expected_clear_time()), now_ + absl::Hours(22));
  Take(absl::Hours(23), v1::BLACKLIST_VERDICT_ERROR);
  EXPECT_FALSE(listing_.late()) << "nobody knows whether it is still listed";
  Take(absl::Hours(1), kVerdictListed);
  EXPECT_TRUE(listing_.late());
  Take(absl::Hours(1), kVerdictListed);
  const auto kinds = Kinds();
  EXPECT_EQ(std::count(kinds.begin(), kinds.end(), "late"), 1);
}

TEST_F(ListingRulesTest, WhatIsToBeRequestedIsExpectedOnlyAfterTheRequest) {
  Find();
  listing_.set_delist_how("form");
  listing_.mutable_clears_after()->set_seconds(24 * 3600);
  Attack(AttackGate::Kind::kOver, absl::Hours(48));
  EXPECT_FALSE(listing_.has_expected_clear_time());
  ASSERT_TRUE(Request("form").ok());
  EXPECT_EQ(TimeOf(listing_.expected_clear_time()), now_ + absl::Hours(24));
}

TEST_F(ListingRulesTest, AClearedListingTakesNoRequest) {
  Find();
  for (int i = 0; i < 3; ++i) Take(absl::Minutes(15), kVerdictClean);
  EXPECT_EQ(ReasonOf(Request("form", "why not")), "LISTING_CLEARED");
}

TEST_F(ListingRulesTest, TheHistoryIsBoundedKeepsItsFirstEntryAndSaysWhatIsGone) {
  rules_.history_limit = 5;
  Find();
  const std::string first = listing_.history(0).text();
  for (int i = 0; i < 20; ++i)
    TakeNote(rules_, "note " + std::to_string(i), "ann", now_, &listing_, &events_);
  std::vector<std::string> texts;
  for (const v1::TimelineEntry& entry : listing_.history()) texts.push_back(entry.text());
  EXPECT_THAT(texts,
              ElementsAre(first, "17 older entries are left out", "note 17", "note 18", "note 19"));
}

TEST(ListingDrop, EndsItWithAReasonAndASightingGoesOn) {
  v1::BlacklistAnswer answer;
  answer.set_subject("192.0.2.1");
  answer.set_zone("a.test");
  answer.set_list_operator("A");
  answer.set_verdict(v1::BLACKLIST_VERDICT_LISTED);
  answer.mutable_time()->set_seconds(1700000000);
  answer.set_alert(true);
  const absl::Time now = absl::FromUnixSeconds(1700000000);
  ListingEvents events;
  v1::Listing listing = NewListing(answer, "x", "L", now, &events);
  const ListingRules rules;
  EXPECT_EQ(ReasonOf(TakeDrop(rules, "", "ann", now, &listing, &events)), "MISSING_REASON");
  ASSERT_TRUE(TakeDrop(rules, "the list has died", "ann", now, &listing, &events).ok());
  EXPECT_EQ(listing.state(), v1::LISTING_STATE_CLEARED);
  EXPECT_EQ(listing.dropped(), "the list has died");
  EXPECT_EQ(events.back().kind, "dropped");
  EXPECT_EQ(ReasonOf(TakeDrop(rules, "again", "ann", now, &listing, &events)), "LISTING_CLEARED");
  answer.mutable_time()->set_seconds(1700003600);
  EXPECT_TRUE(GoesOn(rules, listing, answer));
}

}  // namespace
}  // namespace mailquench::controller
