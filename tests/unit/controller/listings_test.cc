// Listings over the store, the incidents and the real catalogue.
#include "controller/blacklist/listings.h"

#include <atomic>
#include <thread>

#include "controller/store/times.h"
#include "tests/unit/controller/core_fixture.h"
#include "tests/unit/controller/verdicts.h"

namespace mailquench::controller {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

constexpr char kAddress[] = "192.0.2.1";

class ListingsTest : public CoreTest {
 protected:
  v1::BlacklistAnswer Answer(v1::BlacklistVerdict verdict,
                             const std::string& zone = "zen.spamhaus.org",
                             std::vector<std::string> components = {"xbl"},
                             std::vector<std::string> addresses = {"127.0.0.4"},
                             const std::string& subject = kAddress) {
    v1::BlacklistAnswer answer;
    answer.set_subject(subject);
    answer.set_zone(zone);
    answer.set_list_operator(BuiltInCatalogue()->Find(zone)->operator_name);
    answer.set_verdict(verdict);
    answer.set_alert(true);
    answer.set_tier(1);
    if (verdict == kVerdictListed) {
      *answer.mutable_components() = {components.begin(), components.end()};
      *answer.mutable_addresses() = {addresses.begin(), addresses.end()};
    }
    StampTime(clock_.Now(), answer.mutable_time());
    return answer;
  }
  void Take(const std::vector<v1::BlacklistAnswer>& answers) {
    const absl::Status taken = core_->listings().Take(answers, {{kAddress, {"a"}}});
    ASSERT_TRUE(taken.ok()) << taken;
  }
  // One answer `after` this long.
  void Later(absl::Duration after,
             v1::BlacklistVerdict verdict,
             const std::string& zone = "zen.spamhaus.org") {
    clock_.Sleep(after);
    Take({Answer(verdict, zone)});
  }
  std::vector<v1::Listing> All(bool with_cleared = true) {
    v1::ListListingsRequest request;
    request.set_with_cleared(with_cleared);
    return *core_->listings().List(request);
  }
  v1::Listing One() {
    const auto all = All();
    return all.size() == 1 ? *core_->listings().Find(all[0].listing_id()) : v1::Listing();
  }
  std::vector<std::string> Kinds() {
    std::vector<std::string> kinds;
    const auto changes = core_->listings().History({});
    for (const auto& change : *changes) kinds.push_back(change.kind());
    return kinds;
  }
  absl::StatusOr<v1::Listing> Request(const std::string& name, const std::string& despite = "") {
    v1::RequestDelistingRequest request;
    request.set_listing_id(name);
    request.set_how("form");
    request.set_despite(despite);
    return core_->RequestDelisting(request, "ann");
  }
  void Health(const std::string& zone, v1::ListHealthState state, const std::string& reason = "") {
    v1::BlacklistHealth health;
    health.set_state(state);
    health.set_reason(reason);
    StampTime(clock_.Now(), health.mutable_probe_time());
    ASSERT_TRUE(core_->listings().TakeHealth(zone, health).ok());
  }
  // As after a kill.
  void Restart() {
    core_.reset();
    OpenCore();
    ASSERT_TRUE(core_->Resume().ok());
  }
};

TEST_F(ListingsTest, OneFindingInSeveralZonesIsOneListingWithTheWayOutOfItsOwnZone) {
  Take({Answer(kVerdictListed, "zen.spamhaus.org", {"xbl", "pbl"}, {"127.0.0.4", "127.0.0.10"}),
        Answer(kVerdictListed, "xbl.spamhaus.org"), Answer(kVerdictListed, "cbl.abuseat.org")});
  const auto all = All();
  ASSERT_THAT(all, SizeIs(2));
  const v1::Listing& xbl = all[0].component() == "xbl" ? all[0] : all[1];
  const v1::Listing& pbl = all[0].component() == "xbl" ? all[1] : all[0];
  EXPECT_THAT(xbl.zones(), ElementsAre("zen.spamhaus.org", "xbl.spamhaus.org", "cbl.abuseat.org"));
  EXPECT_THAT(xbl.meanings(), ElementsAre("XBL"));
  EXPECT_EQ(xbl.delist_how(), "self-service");
  EXPECT_THAT(xbl.host_names(), ElementsAre("mx-a"));
  EXPECT_THAT(pbl.meanings(), ElementsAre("PBL (range given by its provider)"));
  EXPECT_THAT(Kinds(), ElementsAre("listed", "listed"));
}

TEST_F(ListingsTest, AListThatAllowsMakesNoListing) {
  v1::BlacklistAnswer answer = Answer(kVerdictListed, "list.dnswl.org", {});
  Take({answer});
  EXPECT_THAT(All(), IsEmpty());
}

TEST_F(ListingsTest, TheSameAnswersAgainChangeNothing) {
  const std::vector<v1::BlacklistAnswer> sweep = {
      Answer(kVerdictListed), Answer(kVerdictListed, "bl.spamcop.net", {}, {"127.0.0.2"})};
  Take(sweep);
  const auto before = All();
  const std::size_t told = Kinds().size();
  Take(sweep);
  Take(sweep);
  const auto after = All();
  ASSERT_EQ(before.size(), after.size());
  for (std::size_t i = 0; i < before.size(); ++i)
    EXPECT_EQ(before[i].SerializeAsString(), after[i].SerializeAsString());
  EXPECT_EQ(Kinds().size(), told);
}

TEST_F(ListingsTest, FromFoundToClearedWithARestartAfterEachStep) {
  Take({Answer(kVerdictListed)});
  EXPECT_EQ(One().state(), v1::LISTING_STATE_FOUND);
  const std::string id = One().listing_id();
  Restart();
  const auto run = Start("contain", "", {"mx-a"});
  ASSERT_TRUE(run.ok()) << run.status();
  core_->Tick();
  EXPECT_EQ(One().state(), v1::LISTING_STATE_CAUSE_OPEN);
  EXPECT_EQ(One().incident_id(), run->incident_id());
  EXPECT_EQ(ReasonOf(Request(id).status()), "ATTACK_GOES_ON");
  clock_.Sleep(absl::Minutes(1));
  AnswerAll();
  EXPECT_EQ(One().state(), v1::LISTING_STATE_READY);
  EXPECT_EQ(TimeOf(One().quiet_since_time()), clock_.Now());
  v1::Incident incident = GetIncident(run->incident_id());
  EXPECT_EQ(incident.state(), v1::INCIDENT_STATE_DELISTING);
  EXPECT_THAT(incident.listing_ids(), ElementsAre(id));
  Restart();
  clock_.Sleep(absl::Minutes(10));
  ASSERT_TRUE(Request(id.substr(0, 8)).ok());
  Restart();
  EXPECT_EQ(One().state(), v1::LISTING_STATE_REQUESTED);
  Later(absl::Minutes(15), kVerdictListed);
  EXPECT_EQ(One().state(), v1::LISTING_STATE_WAITING);
  Restart();
  Later(absl::Minutes(15), kVerdictClean);
  Restart();
  EXPECT_THAT(*core_->listings().ToAskAtSource(), IsEmpty());
  Later(absl::Minutes(15), kVerdictClean);
  Restart();
  ASSERT_THAT(*core_->listings().ToAskAtSource(), SizeIs(1));
  ASSERT_TRUE(core_->listings().SourceSaid(id, true).ok());
  Restart();
  EXPECT_EQ(One().state(), v1::LISTING_STATE_CLEARED);
  incident = GetIncident(run->incident_id());
  EXPECT_EQ(incident.state(), v1::INCIDENT_STATE_CLEAN);
  std::string timeline;
  for (const auto& entry : incident.timeline()) timeline += entry.text() + "\n";
  EXPECT_THAT(timeline, HasSubstr("blacklist: 192.0.2.1 is listed at Spamhaus (xbl)"));
  EXPECT_THAT(timeline, HasSubstr("blacklist: removal requested: form"));
  EXPECT_THAT(timeline, HasSubstr("blacklist: cleared: 192.0.2.1"));
  EXPECT_THAT(Kinds(),
              ElementsAre("listed", "cause_open", "ready", "requested", "waiting", "cleared"));
  bool audited = false;
  const auto entries = core_->ListAuditEntries({});
  for (const auto& entry : entries->entries())
    audited |= entry.action() == "listing.request" && entry.actor() == "ann";
  EXPECT_TRUE(audited);
}

TEST_F(ListingsTest, RelistedItGoesOnAndJoinsTheIncidentThatIsOpenNow) {
  Take({Answer(kVerdictListed)});
  const std::string id = One().listing_id();
  for (int i = 0; i < 3; ++i) Later(absl::Minutes(15), kVerdictClean);
  ASSERT_EQ(One().state(), v1::LISTING_STATE_CLEARED);
  const auto run = Start("contain", "", {"mx-a"});
  ASSERT_TRUE(run.ok());
  Later(absl::Hours(24 * 20), kVerdictListed);
  EXPECT_EQ(One().listing_id(), id);
  EXPECT_EQ(One().times_relisted(), 1);
  EXPECT_EQ(One().state(), v1::LISTING_STATE_CAUSE_OPEN);
  EXPECT_THAT(Kinds(), ElementsAre("listed", "cleared", "relisted", "cause_open"));
  AnswerAll();
  for (int i = 0; i < 3; ++i) Later(absl::Minutes(15), kVerdictClean);
  ASSERT_EQ(One().state(), v1::LISTING_STATE_CLEARED);
  Later(absl::Hours(24 * 31), kVerdictListed);
  EXPECT_THAT(All(), SizeIs(2)) << "after thirty days it is a new one";
}

TEST_F(ListingsTest, Vector6_AWildcardedListDoubtsAllItsListingsAndAlarmsNobodyAboutThem) {
  Take({Answer(kVerdictListed), Answer(kVerdictListed, "bl.spamcop.net", {}, {"127.0.0.2"})});
  Health("bl.spamcop.net", v1::LIST_HEALTH_STATE_WELL);
  Health("bl.spamcop.net", v1::LIST_HEALTH_STATE_QUARANTINED, "its clean test point is listed");
  Health("bl.spamcop.net", v1::LIST_HEALTH_STATE_QUARANTINED, "its clean test point is listed");
  Restart();
  for (const v1::Listing& one : All())
    EXPECT_EQ(one.doubt().empty(), one.list_operator() == "Spamhaus") << one.doubt();
  Health("bl.spamcop.net", v1::LIST_HEALTH_STATE_WELL);
  EXPECT_THAT(Kinds(),
              ElementsAre("listed", "listed", "list_quarantined", "doubt", "list_returned"));
}

TEST_F(ListingsTest, Vector7_AListThatIsShutDownWhileListedThereNeverReadsAsDelisted) {
  Take({Answer(kVerdictListed, "bl.spamcop.net", {}, {"127.0.0.2"})});
  Health("bl.spamcop.net", v1::LIST_HEALTH_STATE_WELL);
  // Emptied, and asked before its health: its own name servers say CLEAN as well.
  for (int i = 0; i < 4; ++i) Later(absl::Minutes(15), kVerdictClean, "bl.spamcop.net");
  ASSERT_TRUE(core_->listings().SourceSaid(One().listing_id(), true).ok());
  EXPECT_EQ(One().state(), v1::LISTING_STATE_FOUND);
  Health("bl.spamcop.net", v1::LIST_HEALTH_STATE_SUSPECT, "its listed test point is not listed");
  for (int i = 0; i < 100; ++i)
    Later(absl::Minutes(15), v1::BLACKLIST_VERDICT_UNTRUSTED, "bl.spamcop.net");
  EXPECT_EQ(One().state(), v1::LISTING_STATE_FOUND);
  EXPECT_THAT(One().doubt(), Not(IsEmpty()));
  EXPECT_THAT(Kinds(), ElementsAre("listed", "doubt"));
}

TEST_F(ListingsTest, Vector8_AListThatListsEverythingForThreeHoursMakesNoChurn) {
  const auto spamcop = [&](v1::BlacklistVerdict verdict, const std::string& subject) {
    return Answer(verdict, "bl.spamcop.net", {}, {"127.0.0.2"}, subject);
  };
  Take({spamcop(kVerdictListed, kAddress), spamcop(kVerdictClean, "192.0.2.2")});
  clock_.Sleep(absl::Minutes(15));
  Take({spamcop(kVerdictListed, kAddress), spamcop(kVerdictListed, "192.0.2.2")});
  Health("bl.spamcop.net", v1::LIST_HEALTH_STATE_QUARANTINED, "a wildcard");
  for (int i = 0; i < 12; ++i) {
    clock_.Sleep(absl::Minutes(15));
    Take({spamcop(v1::BLACKLIST_VERDICT_UNTRUSTED, kAddress),
          spamcop(v1::BLACKLIST_VERDICT_UNTRUSTED, "192.0.2.2"),
          spamcop(v1::BLACKLIST_VERDICT_UNTRUSTED, "192.0.2.3")});
  }
  Health("bl.spamcop.net", v1::LIST_HEALTH_STATE_WELL);
  for (int i = 0; i < 4; ++i) {
    clock_.Sleep(absl::Minutes(15));
    Take({spamcop(kVerdictListed, kAddress), spamcop(kVerdictClean, "192.0.2.2"),
          spamcop(kVerdictClean, "192.0.2.3")});
    Health("bl.spamcop.net", v1::LIST_HEALTH_STATE_WELL);
  }
  EXPECT_THAT(Kinds(), ElementsAre("listed", "listed", "list_quarantined", "doubt", "doubt",
                                   "list_returned", "cleared"));
}

TEST_F(ListingsTest, TheAttackThatBreaksOutAgainTakesTheRequestBack) {
  Take({Answer(kVerdictListed)});
  const auto run = Start("contain", "", {"mx-a"});
  ASSERT_TRUE(run.ok());
  AnswerAll();
  ASSERT_TRUE(Request(kAddress).ok());
  v1::Operation watch;
  watch.mutable_queue_watch();
  ASSERT_TRUE(StartOne(watch, run->incident_id(), "name=mx-a").ok());
  AnswerAll(v1::WATCH_VERDICT_REFILLING);
  EXPECT_EQ(One().state(), v1::LISTING_STATE_CAUSE_OPEN);
  EXPECT_THAT(One().history().rbegin()->text(), HasSubstr("mx-a"));
  EXPECT_EQ(GetIncident(run->incident_id()).state(), v1::INCIDENT_STATE_REFILLING);
  clock_.Sleep(absl::Minutes(5));
  ASSERT_TRUE(StartOne(watch, run->incident_id(), "name=mx-a").ok());
  AnswerAll();
  EXPECT_EQ(One().state(), v1::LISTING_STATE_READY);
}

TEST_F(ListingsTest, CausesOfTheListedHostHoldTheGateAndThoseOfOtherHostsDoNot) {
  open_relay_ = true;
  const auto run = Start("contain", "", {"mx-b"});
  ASSERT_TRUE(run.ok());
  AnswerAll();
  open_relay_ = false;
  ASSERT_TRUE(Start("contain", run->incident_id(), {"mx-a"}).ok());
  AnswerAll();
  Take({Answer(kVerdictListed)});
  EXPECT_EQ(One().state(), v1::LISTING_STATE_READY) << "the hole of mx-b is none of mx-a";
  v1::AddCauseRequest add;
  add.set_incident_id(run->incident_id());
  add.set_kind("account");
  add.set_value("alice");
  const auto with_cause = core_->AddCause(add, "ann");
  ASSERT_TRUE(with_cause.ok());
  EXPECT_EQ(One().state(), v1::LISTING_STATE_CAUSE_OPEN);
  clock_.Sleep(absl::Hours(3));
  v1::ResolveCauseRequest resolve;
  resolve.set_incident_id(run->incident_id());
  resolve.set_cause_id(with_cause->causes().rbegin()->cause_id());
  resolve.set_how("password of alice changed");
  ASSERT_TRUE(core_->ResolveCause(resolve, "ann").ok());
  EXPECT_EQ(One().state(), v1::LISTING_STATE_READY);
  EXPECT_EQ(TimeOf(One().quiet_since_time()), clock_.Now()) << "the later of quiet and resolved";
}

TEST_F(ListingsTest, AnIncidentClosesWithOpenListingsAndTheyAreFollowedFurther) {
  Take({Answer(kVerdictListed)});
  const auto run = Start("contain", "", {"mx-a"});
  ASSERT_TRUE(run.ok());
  AnswerAll();
  const std::string incident = run->incident_id();
  const v1::Incident owing = GetIncident(incident);
  for (const auto& owed : owing.obligations()) {
    v1::WaiveObligationRequest waive;
    waive.set_incident_id(incident);
    waive.set_obligation_id(owed.obligation_id());
    waive.set_reason("scrapped");
    ASSERT_TRUE(core_->WaiveObligation(waive, "ann").ok());
  }
  v1::CloseIncidentRequest close;
  close.set_incident_id(incident);
  ASSERT_TRUE(core_->CloseIncident(close, "ann").ok());
  EXPECT_THAT(GetIncident(incident).timeline().rbegin()->text(),
              HasSubstr("closed with 1 listings"));
  clock_.Sleep(absl::Hours(24 * 60));
  core_->Tick();
  EXPECT_EQ(One().state(), v1::LISTING_STATE_READY) << "it had ended well";
  for (int i = 0; i < 3; ++i) Later(absl::Minutes(15), kVerdictClean);
  EXPECT_EQ(One().state(), v1::LISTING_STATE_CLEARED);
  EXPECT_EQ(GetIncident(incident).state(), v1::INCIDENT_STATE_CLOSED);
  EXPECT_THAT(GetIncident(incident).timeline().rbegin()->text(), HasSubstr("cleared"));
}

TEST_F(ListingsTest, AListingIsFoundByTheBeginningOfItsIdAndByItsAddressWhereThatIsOne) {
  Take({Answer(kVerdictListed)});
  EXPECT_EQ(core_->listings().Find("192.0.2.1")->component(), "xbl");
  EXPECT_EQ(ReasonOf(core_->listings().Find("192.0.2.9").status()), "LISTING_NOT_FOUND");
  EXPECT_EQ(ReasonOf(core_->listings().Find("").status()), "LISTING_NOT_FOUND");
  Take({Answer(kVerdictListed, "bl.spamcop.net", {}, {"127.0.0.2"})});
  const auto two = core_->listings().Find("192.0.2.1").status();
  EXPECT_EQ(ReasonOf(two), "LISTING_AMBIGUOUS");
  for (const v1::Listing& one : All())
    EXPECT_THAT(std::string(two.message()), HasSubstr(one.listing_id()));
}

TEST_F(ListingsTest, HistoryIsFilteredAndBoundedAndFollowersGetEachChangeOnceInOrder) {
  std::vector<std::int64_t> followed;
  core_->listings().OnChange([&](const v1::BlacklistChange& change) {
    followed.push_back(change.sequence());
    if (change.kind() != "listed") return;
    v1::AddListingNoteRequest note;  // It may call back.
    note.set_listing_id(change.listing_id());
    note.set_text("seen");
    ASSERT_TRUE(core_->listings().AddNote(note, "bot").ok());
  });
  Take({Answer(kVerdictListed), Answer(kVerdictListed, "bl.spamcop.net", {}, {"127.0.0.2"}),
        Answer(kVerdictListed, "bl.spamcop.net", {}, {"127.0.0.2"}, "192.0.2.2")});
  EXPECT_THAT(followed, ElementsAre(1, 2, 3, 4, 5, 6));
  v1::ListBlacklistHistoryRequest request;
  request.set_zone("bl.spamcop.net");
  EXPECT_THAT(*core_->listings().History(request), SizeIs(4));
  request.set_subject("192.0.2.2");
  EXPECT_THAT(*core_->listings().History(request), SizeIs(2));
  request.Clear();
  request.set_limit(2);
  const auto last = core_->listings().History(request);
  ASSERT_THAT(*last, SizeIs(2));
  EXPECT_EQ((*last)[1].sequence(), 6);
}

TEST_F(ListingsTest, WhoeverIsListedForWhatNobodyCanHelpIsShownAndWakesNobody) {
  Take({Answer(kVerdictListed, "dnsbl-3.uceprotect.net", {}, {"127.0.0.2"})});
  EXPECT_FALSE(One().alert());
  const auto history = core_->listings().History({});
  EXPECT_FALSE((*history)[0].alert());
  ASSERT_TRUE(Start("contain", "", {"mx-a"}).ok());
  AnswerAll();
  EXPECT_EQ(One().state(), v1::LISTING_STATE_WAITING);
  EXPECT_EQ(GetIncident(One().incident_id()).state(), v1::INCIDENT_STATE_CLEAN);
}

TEST_F(ListingsTest, AnswersRunsAndOperatorsAtTheSameTimeLoseNothingAndDoNotWaitForEachOther) {
  const auto run = Start("contain", "", {"mx-a"});
  ASSERT_TRUE(run.ok());
  std::atomic<int> followed = 0;
  core_->listings().OnChange([&](const v1::BlacklistChange&) { ++followed; });
  std::vector<std::thread> threads;
  for (int t = 0; t < 3; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 20; ++i) {
        const std::string subject = "198.51.100." + std::to_string(t * 20 + i);
        ASSERT_TRUE(
            core_->listings()
                .Take({Answer(kVerdictListed, "zen.spamhaus.org", {"xbl"}, {"127.0.0.4"}, subject)},
                      {{subject, {"a"}}})
                .ok());
      }
    });
  }
  threads.emplace_back([&] {
    for (int i = 0; i < 20; ++i) {
      v1::AddCauseRequest add;
      add.set_incident_id(run->incident_id());
      add.set_kind("other");
      add.set_value(std::to_string(i));
      ASSERT_TRUE(core_->AddCause(add, "ann").ok());
      ASSERT_TRUE(core_->listings().Tick().ok());
    }
  });
  for (std::thread& thread : threads) thread.join();
  EXPECT_THAT(All(), SizeIs(60));
  EXPECT_EQ(GetIncident(run->incident_id()).listing_ids_size(), 60);
  v1::ListBlacklistHistoryRequest request;
  request.set_limit(1000);
  EXPECT_EQ(core_->listings().History(request)->size(), static_cast<std::size_t>(followed));
}

TEST_F(ListingsTest, TheEvidenceSaysWhatWasSeenAndNoSecret) {
  v1::BlacklistAnswer answer = Answer(kVerdictListed);
  answer.add_texts("see https://check.example/\x1b[31m for <why>\nSubject: forged");
  Take({answer});
  EXPECT_THAT(core_
                  ->GetListing([&] {
                    v1::GetListingRequest get;
                    get.set_listing_id(kAddress);
                    return get;
                  }())
                  ->evidence(),
              HasSubstr("[Do not send this yet"));
  const auto run = Start("contain", "", {"mx-a", "mx-b"});
  ASSERT_TRUE(run.ok());
  for (; answered_ < link_.sent.size(); ++answered_) {
    const auto [host, message] = link_.sent[answered_];
    if (!message.has_command()) continue;
    v1::OperationReport report = Report(message.command(), v1::OUTCOME_SUCCEEDED);
    StampTime(clock_.Now(), report.mutable_end_time());
    const v1::Operation& operation = message.command().operation();
    if (operation.has_contain()) {
      auto* quarantine =
          report.mutable_result()->mutable_contain()->mutable_quarantine()->add_quarantines();
      quarantine->set_quarantine_id("q-" + host);
      quarantine->set_messages(host == "a" ? 6701 : 5);
    }
    if (operation.has_queue_watch())
      report.mutable_result()->mutable_queue_watch()->set_verdict(v1::WATCH_VERDICT_QUIET);
    core_->events().OnReport(host, report);
  }
  v1::AddCauseRequest add;
  add.set_incident_id(run->incident_id());
  add.set_kind("account");
  add.set_value("alice@example.org");
  const auto caused = core_->AddCause(add, "ann");
  v1::ResolveCauseRequest resolve;
  resolve.set_incident_id(run->incident_id());
  resolve.set_cause_id(caused->causes(0).cause_id());
  resolve.set_how("password of alice changed");
  ASSERT_TRUE(core_->ResolveCause(resolve, "ann").ok());
  v1::GetListingRequest get;
  get.set_listing_id(kAddress);
  const std::string text = core_->GetListing(get)->evidence();
  EXPECT_THAT(text, HasSubstr("Concerns: 192.0.2.1 (mx-a)\n"));
  EXPECT_THAT(text, HasSubstr("List: Spamhaus, xbl; shown by zen.spamhaus.org\n"));
  EXPECT_THAT(text, HasSubstr("- 6701 queued messages were set aside and not sent.\n"));
  EXPECT_THAT(text, HasSubstr("- The mail account that was abused was secured (2023-11-14"));
  EXPECT_THAT(text, HasSubstr("stayed quiet; the attack is over since 2023-11-14"));
  EXPECT_THAT(text,
              HasSubstr("Your entry says: see https://check.example/ [31m for <why> Subject"));
  EXPECT_THAT(text, Not(HasSubstr("Do not send")));
  EXPECT_THAT(text, Not(HasSubstr("alice")));
  EXPECT_THAT(text, Not(HasSubstr("mx-b")));
  EXPECT_THAT(text, Not(HasSubstr("probed from outside"))) << "there was no vantage";
}

}  // namespace
}  // namespace mailquench::controller
