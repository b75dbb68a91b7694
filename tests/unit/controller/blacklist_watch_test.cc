// The schedule, on real lists: what is found, what is not believed, what becomes of a listing when
// its list is ill.
#include <fstream>

#include "controller/blacklist/clear.h"
#include "controller/blacklist/watch.h"
#include "tests/unit/blacklist/list_server.h"
#include "tests/unit/controller/core_fixture.h"

namespace mailquench::controller {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

constexpr char kLists[] = R"(
lists:
  - zone: a.test
    operator: A
    covers: [ip4]
    codes: {127.0.0.2: {is: spam source}}
    test: {listed: [127.0.0.2], clean: [127.0.0.1]}
    delist: {link: "https://a.test/", how: form}
  - zone: b.test
    operator: B
    covers: [ip4]
    codes: {127.0.0.2: {is: spam source}}
    test: {listed: [127.0.0.2], clean: [127.0.0.1]}
    delist: {how: expires, clears_after: 24h}
)";

// The built-in lists are off: none of them is served here.
std::string Own(const std::string& more = "") {
  return absl::StrCat(kLists, more, test::BuiltInOff());
}

class BlacklistWatchTest : public CoreTest {
 protected:
  BlacklistWatchTest() : server_({{"a.test", test::WellList("")}, {"b.test", test::WellList("")}}) {
    clock_.now_ = absl::Now();
  }
  void SetUp() override {
    CoreTest::SetUp();
    WriteLists(Own());
    Reopen();
    for (const char* id : {"a", "b", "c"}) {
      v1::Hello hello;
      hello.add_egress_addresses(absl::StrCat("192.0.2.", 1 + id[0] - 'a'));
      hello.add_helo_names("mx.example.org");
      Connect(id, hello);
    }
  }
  void WriteLists(const std::string& text) { std::ofstream(folder_ + "/lists.yaml") << text; }
  void Reopen() {
    core_.reset();
    CoreOptions options;
    options.store_path = folder_ + "/store";
    options.clock = &clock_;
    options.link = &link_;
    options.timer_thread = false;
    options.blacklists.resolvers =
        resolvers_.empty() ? std::vector<std::string>{server_.server()} : resolvers_;
    options.blacklists.lists = folder_ + "/lists.yaml";
    options.blacklists.log = [this](const std::string& text) { log_.push_back(text); };
    auto core = Core::Open(options);
    ASSERT_TRUE(core.ok()) << core.status();
    core_ = *std::move(core);
  }
  BlacklistWatch& watch() { return core_->blacklists(); }
  void Tick(absl::Duration later = absl::ZeroDuration()) {
    clock_.now_ += later;
    const absl::Status status = watch().Tick();
    ASSERT_TRUE(status.ok()) << status;
  }
  std::vector<std::string> Listed(bool with_cleared = false) {
    v1::ListListingsRequest request;
    request.set_with_cleared(with_cleared);
    std::vector<std::string> out;
    const auto listings = core_->ListListings(request);
    for (const v1::Listing& one : listings->listings())
      out.push_back(absl::StrCat(one.subject(), " ", one.list_operator(), " ",
                                 v1::ListingState_Name(one.state()).substr(14)));
    return out;
  }
  std::vector<std::string> Kinds() {
    std::vector<std::string> out;
    const auto history = core_->ListBlacklistHistory({});
    for (const v1::BlacklistChange& one : history->changes()) out.push_back(one.kind());
    return out;
  }
  std::string HealthOf(const std::string& zone) {
    v1::ListBlacklistsRequest request;
    request.add_zones(zone);
    const auto lists = watch().Lists(request);
    return lists.ok() ? v1::ListHealthState_Name(lists->lists(0).health().state()).substr(18) : "";
  }

  test::ListServer server_;
  std::vector<std::string> resolvers_, log_;
};

TEST_F(BlacklistWatchTest, FindsWhatIsListedOnceAndSaysSoOnce) {
  Tick();
  EXPECT_THAT(Listed(), IsEmpty());
  server_.Change("a.test", test::WellList("192.0.2.2").text);
  Tick(absl::Hours(5));
  EXPECT_THAT(Listed(), ElementsAre("192.0.2.2 A FOUND"));
  const std::size_t said = Kinds().size();
  Tick(absl::Hours(1));
  Tick(absl::Hours(1));
  EXPECT_EQ(Kinds().size(), said);
  const auto status = watch().Status();
  ASSERT_TRUE(status.ok());
  ASSERT_EQ(status->subjects_size(), 3);
  EXPECT_EQ(status->subjects(1).listed(), 1);
  EXPECT_EQ(status->subjects(1).pace(), "listed");
  EXPECT_EQ(status->subjects(0).pace(), "quiet");
}

TEST_F(BlacklistWatchTest, AsksNothingTwiceBeforeItIsDueNotEvenAfterARestart) {
  Tick();
  const auto questions = [&] { return watch().Status()->sweep_questions(); };
  EXPECT_EQ(questions(), 6);
  const auto first = watch().Status()->sweep_time();
  Tick(absl::Minutes(30));
  EXPECT_EQ(watch().Status()->sweep_time().seconds(), first.seconds());
  Reopen();
  for (const char* id : {"a", "b", "c"}) link_.online.insert(id);
  Tick(absl::Minutes(30));
  EXPECT_FALSE(watch().Status()->has_sweep_time());
  Tick(absl::Hours(4));
  EXPECT_EQ(questions(), 6);
}

TEST_F(BlacklistWatchTest, AListThatListsEverybodyIsFoundOutBeforeItIsBelieved) {
  Tick();
  server_.Change("a.test", ":127.0.0.2:all\n0.0.0.0/1\n128.0.0.0/1");
  Tick(absl::Hours(5));
  EXPECT_THAT(Listed(), IsEmpty());
  EXPECT_EQ(HealthOf("a.test"), "QUARANTINED");
  EXPECT_THAT(log_, ::testing::Contains(HasSubstr("a.test is quarantined")));
  const auto explained = [&] {
    v1::ExplainSubjectRequest request;
    request.set_subject("192.0.2.1");
    const auto explanation = watch().Explain(request);
    std::vector<std::string> out;
    for (const auto& one : explanation->answers())
      out.push_back(one.zone() + " " + v1::BlacklistVerdict_Name(one.verdict()).substr(18));
    return out;
  };
  EXPECT_THAT(explained(), UnorderedElementsAre("a.test UNTRUSTED", "b.test CLEAN"));
  // It comes back after three good probes, and is believed again.
  server_.Change("a.test", test::WellList("192.0.2.3").text);
  for (int i = 0; i < 3; ++i) Tick(absl::Minutes(12));
  EXPECT_EQ(HealthOf("a.test"), "WELL");
  Tick(absl::Hours(5));
  EXPECT_THAT(Listed(), ElementsAre("192.0.2.3 A FOUND"));
}

TEST_F(BlacklistWatchTest, AListThatIsShutDownOrEmptiedWhileAHostIsOnItDoesNotDelistIt) {
  server_.Change("a.test", test::WellList("192.0.2.1").text);
  Tick();
  EXPECT_THAT(Listed(), ElementsAre("192.0.2.1 A FOUND"));
  server_.Change("a.test", ":127.0.0.2:none\n10.9.8.7");  // Emptied.
  for (int i = 0; i < 6; ++i) Tick(absl::Hours(1));
  EXPECT_EQ(HealthOf("a.test"), "QUARANTINED");
  EXPECT_THAT(Listed(), ElementsAre("192.0.2.1 A FOUND"));
  server_.Stop();
  for (int i = 0; i < 3; ++i) Tick(absl::Hours(1));
  EXPECT_THAT(Listed(), ElementsAre("192.0.2.1 A FOUND"));
  EXPECT_THAT(watch().Status()->resolver_fault(), HasSubstr("does not answer"));
}

TEST_F(BlacklistWatchTest, IsClearedAfterTheListHasLetGoForGood) {
  server_.Change("a.test", test::WellList("192.0.2.1").text);
  Tick();
  server_.Change("a.test", test::WellList("").text);
  Tick(absl::Hours(1));
  EXPECT_THAT(Listed(), ElementsAre("192.0.2.1 A FOUND"));
  for (int i = 0; i < 3; ++i) Tick(absl::Hours(5));
  EXPECT_THAT(Listed(), IsEmpty());
  EXPECT_THAT(Listed(true), ElementsAre("192.0.2.1 A CLEARED"));
}

TEST_F(BlacklistWatchTest, AnOpenListingStaysAtItsPaceWhateverTheLastAnswerWas) {
  server_.Change("a.test", test::WellList("192.0.2.1").text);
  Tick();
  server_.Change("a.test", test::WellList("").text);
  // Two CLEAN, a third without the word of its own servers: half an hour each, not four.
  for (int i = 0; i < 4; ++i) Tick(absl::Minutes(35));
  EXPECT_THAT(Listed(true), ElementsAre("192.0.2.1 A CLEARED"));
  EXPECT_EQ(watch().Status()->subjects(0).pace(), "quiet");
}

TEST_F(BlacklistWatchTest, ASubjectThatNobodyHasAnyMoreDoesNotKeepTheProofFromPassing) {
  server_.Change("a.test", test::WellList("192.0.2.1").text);
  Tick();
  v1::Hello hello;
  hello.add_egress_addresses("198.51.100.1");
  Connect("a", hello);
  v1::Command command;
  command.set_host_id("a");
  command.mutable_operation()->mutable_blacklist_clear();
  const auto report = ClearOfLists(&watch(), &core_->listings(), command, true);
  ASSERT_TRUE(report.has_value());
  EXPECT_EQ(report->outcome(), v1::OUTCOME_SUCCEEDED) << report->DebugString();
  server_.Change("b.test", test::WellList("198.51.100.1").text);
  EXPECT_FALSE(ClearOfLists(&watch(), &core_->listings(), command, false).has_value());
  const auto failed = ClearOfLists(&watch(), &core_->listings(), command, true);
  EXPECT_EQ(ReasonOf(FromProto(failed->error())), "STILL_LISTED");
}

TEST_F(BlacklistWatchTest, AClockThatWasSetBackDoesNotStopTheQuestions) {
  Tick();
  clock_.now_ += absl::Hours(24 * 365);
  Tick();
  clock_.now_ -= absl::Hours(24 * 365);
  server_.Change("a.test", test::WellList("192.0.2.2").text);
  Tick(absl::Hours(5));
  EXPECT_EQ(watch().Status()->sweep_questions() > 0, true);
}

TEST_F(BlacklistWatchTest, WhatALostUplinkShowsBlamesNoList) {
  Tick();
  EXPECT_EQ(HealthOf("a.test"), "WELL");
  // Everything is gone at once, test entries and all; the resolver itself still answers.
  server_.Change("a.test", "");
  server_.Change("b.test", "");
  Tick(absl::Hours(1));
  EXPECT_EQ(HealthOf("a.test"), "WELL");
  EXPECT_EQ(HealthOf("b.test"), "WELL");
  EXPECT_THAT(watch().Status()->resolver_fault(), HasSubstr("fail their tests at once"));
}

TEST_F(BlacklistWatchTest, ABrokenFileOfListsLeavesTheOldOneInForce) {
  Tick();
  WriteLists("lists: [");
  Tick(absl::Minutes(1));
  EXPECT_NE(watch().Catalogue()->Find("a.test"), nullptr);
  EXPECT_THAT(watch().Status()->catalogue_fault(), HasSubstr("lists.yaml:1"));
  EXPECT_EQ(log_.size(), 1u);
  Tick(absl::Minutes(1));
  EXPECT_EQ(log_.size(), 1u);
  WriteLists(Own("  - {zone: c.test, operator: C, covers: [ip4]}\n"));
  Tick(absl::Minutes(1));
  EXPECT_NE(watch().Catalogue()->Find("c.test"), nullptr);
  EXPECT_EQ(watch().Status()->catalogue_fault(), "");
}

TEST_F(BlacklistWatchTest, AFleetThatOneListAloneSuspectsSuspectsTheList) {
  for (const char* id : {"a", "b", "c"}) {
    v1::SetMailIdentityRequest request;
    request.set_host(id);
    for (int i = 0; i < 2; ++i)
      request.mutable_mail_identity()->add_egress_addresses(
          absl::StrCat("198.", 18 + i, ".", id[0] - 'a', ".9"));
    ASSERT_TRUE(core_->SetMailIdentity(request, "ann").ok());
  }
  Tick();
  std::string all = "198.18.0.0/15";  // Its test points are as they should be.
  server_.Change("a.test", test::WellList(all).text);
  Tick(absl::Hours(5));
  EXPECT_THAT(Listed(), IsEmpty());
  EXPECT_EQ(HealthOf("a.test"), "QUARANTINED");
  EXPECT_THAT(log_, ::testing::Contains(HasSubstr("unrelated networks")));
  // It stays so long it may be wrong; then it is believed.
  Tick(absl::Hours(12));
  EXPECT_THAT(Listed(), IsEmpty());
  Tick(absl::Hours(13));
  Tick(absl::Hours(5));
  EXPECT_EQ(Listed().size(), 6u);
  EXPECT_EQ(HealthOf("a.test"), "WELL");
}

TEST_F(BlacklistWatchTest, AFlipOfALiveListLeavesNoTrace) {  // Vector 8, without its test points.
  Tick();
  server_.Change("b.test", ":127.0.0.2:all\n0.0.0.0/1\n128.0.0.0/1");
  for (int i = 0; i < 9; ++i) Tick(absl::Minutes(20));
  server_.Change("b.test", test::WellList("").text);
  for (int i = 0; i < 9; ++i) Tick(absl::Minutes(20));
  EXPECT_THAT(Listed(true), IsEmpty());
  EXPECT_EQ(HealthOf("b.test"), "WELL");
  const std::vector<std::string> kinds = Kinds();
  EXPECT_EQ(std::count(kinds.begin(), kinds.end(), "listed"), 0);
  EXPECT_EQ(std::count(kinds.begin(), kinds.end(), "cleared"), 0);
}

TEST_F(BlacklistWatchTest, PrivateAddressesAreNotAskedAndASetOneIs) {
  v1::Hello hello;
  hello.add_egress_addresses("10.1.2.3");
  Connect("a", hello);
  const auto of_a = [&] {
    const auto status = watch().Status();
    for (const auto& one : status->subjects()) {
      if (one.host_names(0) == "mx-a") return one;
    }
    return v1::BlacklistSubject();
  };
  EXPECT_THAT(of_a().skipped(), HasSubstr("host egress"));
  v1::SetMailIdentityRequest request;
  request.set_host("a");
  request.mutable_mail_identity()->add_egress_addresses("198.51.100.7");
  ASSERT_TRUE(core_->SetMailIdentity(request, "ann").ok());
  EXPECT_EQ(of_a().subject(), "198.51.100.7");
  EXPECT_EQ(of_a().skipped(), "");
  EXPECT_FALSE(of_a().reported());
  request.mutable_mail_identity()->set_egress_addresses(0, "example.org");
  EXPECT_EQ(ReasonOf(core_->SetMailIdentity(request, "ann").status()), "BAD_SUBJECT");
}

TEST_F(BlacklistWatchTest, ACheckOnRequestIsTakenLikeASweep) {
  server_.Change("b.test", test::WellList("192.0.2.2").text);
  v1::BlacklistCheckRequest request;
  request.set_all_of_fleet(true);
  request.add_subjects("203.0.113.9");
  v1::BlacklistCheckDone done;
  int answers = 0;
  const absl::Status status = watch().Check(request, [&](const v1::BlacklistCheckEvent& event) {
    answers += event.has_answer() ? 1 : 0;
    if (event.has_done()) done = event.done();
  });
  ASSERT_TRUE(status.ok()) << status;
  EXPECT_EQ(answers, 8);
  EXPECT_EQ(done.subjects_size(), 4);
  EXPECT_EQ(done.identities_size(), 4);
  EXPECT_THAT(Listed(), ElementsAre("192.0.2.2 B FOUND"));
  request.add_zones("dnsbl.sorbs.net");
  EXPECT_EQ(ReasonOf(watch().Check(request, [](const auto&) {})), "LIST_DEAD");
  request.set_zones(0, "no.such.list");
  EXPECT_EQ(ReasonOf(watch().Check(request, [](const auto&) {})), "NO_SUCH_LIST");
}

}  // namespace
}  // namespace mailquench::controller
