// A sweep over real lists: what is asked, what it comes to, rates and quotas, an ill fleet or an
// ill list, reverse DNS.
#include "common/blacklist/sweep.h"

#include <gmock/gmock.h>
#include <sys/stat.h>

#include "common/blacklist/anomaly.h"
#include "common/blacklist/control.h"
#include "common/blacklist/keys.h"
#include "common/blacklist/reverse.h"
#include "common/status/error.h"
#include "tests/unit/blacklist/list_server.h"

namespace mailquench::blacklist {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::UnorderedElementsAre;

Subject Of(const std::string& text) {
  return Subject::Parse(text).value_or(Subject());
}

std::vector<const List*> All(const Catalogue& catalogue) {
  std::vector<const List*> lists;
  for (const List& list : catalogue.lists()) lists.push_back(&list);
  return lists;
}

HealthBook AllWell(const Catalogue& catalogue) {
  HealthBook book;
  for (const List& list : catalogue.lists()) {
    book[list.zone].state = HealthState::kWell;
    book[list.zone].proven = {true, true, true};
  }
  return book;
}

bool Everything(const List&, const Subject&) {
  return true;
}

Catalogue Two(const std::string& quota = "") {
  auto catalogue = Catalogue::Parse(
      {{"test", absl::StrCat("lists:\n"
                             "  - zone: a.test\n    operator: O\n    covers: [ip4]\n",
                             quota.empty() ? "" : "    quota: {" + quota + "}\n",
                             "    codes: {127.0.0.2: {is: XBL, component: xbl}}\n"
                             "  - zone: b.test\n    operator: O\n    covers: [ip4, ip6]\n",
                             quota.empty() ? "" : "    quota: {" + quota + "}\n",
                             "    codes: {127.0.0.2: {is: XBL, component: xbl}}\n")}});
  EXPECT_TRUE(catalogue.ok()) << catalogue.status();
  return *std::move(catalogue);
}

class Sweeps : public ::testing::Test {
 protected:
  Sweeps()
      : server_({{"a.test", test::WellList("192.0.2.1\n192.0.2.7")},
                 {"b.test", test::WellList("192.0.2.1")}}) {
    ResolverOptions options;
    options.servers = {server_.server()};
    options.timeout = absl::Milliseconds(200);
    resolver_ = *Resolver::Make(options);
  }
  SweepTotals Run(const Catalogue& catalogue,
                  const std::vector<std::string>& subjects,
                  const HealthBook& book,
                  const Wanted& wanted = Everything) {
    checks_.clear();
    for (const std::string& one : subjects) subjects_.push_back(Of(one));
    return RunSweep(resolver_.get(), &pacer_, subjects_, All(catalogue), book, options_, wanted,
                    [this](const Check& check) { checks_.push_back(check); });
  }
  std::vector<std::string> Said() const {
    std::vector<std::string> out;
    for (const Check& check : checks_)
      out.push_back(absl::StrCat(check.list->zone, " ", check.subject->text(), " ",
                                 VerdictName(check.finding.verdict)));
    return out;
  }

  test::ListServer server_;
  std::unique_ptr<Resolver> resolver_;
  Pacer pacer_;
  SweepOptions options_;
  std::vector<Subject> subjects_;
  std::vector<Check> checks_;
};

TEST_F(Sweeps, AskEachQuestionOnceAndTheReasonOfAHit) {
  const Catalogue catalogue = Two();
  const SweepTotals totals =
      Run(catalogue, {"192.0.2.1", "192.0.2.7", "2001:db8::1"}, AllWell(catalogue));
  EXPECT_THAT(Said(), UnorderedElementsAre("a.test 192.0.2.1 LISTED", "b.test 192.0.2.1 LISTED",
                                           "a.test 192.0.2.7 LISTED", "b.test 192.0.2.7 CLEAN",
                                           "b.test 2001:db8::1 CLEAN"));
  EXPECT_EQ(totals.asked, 5);
  for (const Check& check : checks_) {
    if (check.finding.verdict == Verdict::kListed) {
      EXPECT_THAT(check.texts, ElementsAre(HasSubstr("Listed: ")));
      EXPECT_THAT(Components(*check.list, check.finding), ElementsAre("xbl"));
    }
    EXPECT_EQ(check.reply.server, server_.server());
  }
}

TEST_F(Sweeps, ChooseByWhatIsDue) {
  const Catalogue catalogue = Two();
  Run(catalogue, {"192.0.2.1", "192.0.2.7"}, AllWell(catalogue),
      [](const List& list, const Subject& subject) {
        return list.zone == "b.test" && subject.text() == "192.0.2.7";
      });
  EXPECT_THAT(Said(), ElementsAre("b.test 192.0.2.7 CLEAN"));
}

TEST_F(Sweeps, DoNotAskAListThatIsQuarantinedAndBelieveNoneThatIsUntested) {
  const Catalogue catalogue = Two();
  HealthBook book;
  book["a.test"].state = HealthState::kQuarantined;
  book["a.test"].reason = "it lists everything";
  const SweepTotals totals = Run(catalogue, {"192.0.2.1"}, book);
  EXPECT_THAT(Said(),
              UnorderedElementsAre("a.test 192.0.2.1 UNTRUSTED", "b.test 192.0.2.1 UNTRUSTED"));
  EXPECT_EQ(totals.asked, 1);
}

TEST_F(Sweeps, AListThatIsShutDownIsNoCleanOne) {
  const Catalogue catalogue = Two();
  server_.Stop();
  options_.until = absl::Now() + absl::Seconds(3);
  Run(catalogue, {"192.0.2.1"}, AllWell(catalogue));
  EXPECT_THAT(Said(), UnorderedElementsAre("a.test 192.0.2.1 ERROR", "b.test 192.0.2.1 ERROR"));
}

TEST_F(Sweeps, StopAtTheDaysQuotaAndSaySo) {
  const Catalogue catalogue = Two("per_day: 3");
  const SweepTotals totals =
      Run(catalogue, {"192.0.2.7", "192.0.2.8", "192.0.2.9", "192.0.2.10"}, AllWell(catalogue));
  EXPECT_EQ(checks_.size(), 8u);
  int blocked = 0;
  for (const Check& check : checks_) {
    if (check.finding.verdict != Verdict::kBlocked) continue;
    ++blocked;
    EXPECT_EQ(check.finding.why, Why::kQuota);
    EXPECT_THAT(check.finding.reason, HasSubstr("00:00 UTC"));
  }
  EXPECT_EQ(totals.held_back, blocked);
  EXPECT_LE(totals.asked, 3);
  EXPECT_GE(pacer_.Used("O", absl::Now()), 3);
}

TEST_F(Sweeps, KeepToARate) {
  const Catalogue catalogue = Two("per_second: 20");
  std::vector<std::string> many;
  for (int i = 20; i < 30; ++i) many.push_back(absl::StrCat("192.0.2.", i));
  const absl::Time begun = absl::Now();
  Run(catalogue, many, AllWell(catalogue));  // 20 questions of one operator.
  EXPECT_EQ(checks_.size(), 20u);
  EXPECT_GE(absl::Now() - begun, absl::Milliseconds(800));
}

TEST_F(Sweeps, AControlQuestionTellsADeadResolver) {
  ResolverOptions options;
  options.timeout = absl::Milliseconds(100);
  options.servers = {server_.server(), absl::StrCat("127.0.0.1:", test::FreePort())};
  const auto check = CheckResolvers(options);
  ASSERT_TRUE(check.ok()) << check.status();
  EXPECT_THAT(check->good, ElementsAre(server_.server()));
  ASSERT_EQ(check->faults.size(), 1u);
  EXPECT_THAT(check->Sentence(), HasSubstr("does not answer"));
}

// No question leaves this machine: the server is never sent one.
TEST(PublicResolvers, AreNotAskedAboutListsThatRefuseThemUnlessToldTo) {
  const auto catalogue = Catalogue::BuiltIn();
  ASSERT_TRUE(catalogue.ok());
  const std::vector<const List*> lists = {catalogue->Find("zen.spamhaus.org")};
  ASSERT_TRUE(RefusesPublicResolvers(*lists[0]));
  ResolverOptions options;
  options.servers = {"8.8.8.8", "[2606:4700:4700::1111]:53"};
  const auto resolver = Resolver::Make(options);
  ASSERT_TRUE(resolver.ok());
  Pacer pacer;
  Probe probe;
  ProbeLists(
      resolver->get(), &pacer, lists, {}, {}, false,
      [&](const List&, const Probe& one) { probe = one; }, absl::Now() + absl::Seconds(5));
  EXPECT_EQ(probe.sign, Probe::Sign::kBlocked);
  EXPECT_EQ(probe.why, Why::kResolver);
  const std::vector<Subject> subjects = {Of("192.0.2.1")};
  std::vector<Verdict> verdicts;
  RunSweep(resolver->get(), &pacer, subjects, lists, AllWell(*catalogue), {}, Everything,
           [&](const Check& check) {
             verdicts.push_back(check.finding.verdict);
             EXPECT_THAT(check.finding.reason, HasSubstr("recursive resolver of your own"));
           });
  EXPECT_THAT(verdicts, ElementsAre(Verdict::kBlocked));
  EXPECT_EQ((*resolver)->stats().sent, 0);
}

// A portal that answers every name with its own address, as BIND with a wildcard at the root.
TEST(CaptiveResolver, IsFoundOutBeforeAnyListIsBlamed) {
  char name[] = "/tmp/mq-captive-XXXXXX";
  const std::string dir = mkdtemp(name);
  const int port = test::FreePort();
  std::ofstream(dir + "/named.conf")
      << "options { directory \"" << dir << "\"; listen-on port " << port
      << " { 127.0.0.1; }; listen-on-v6 { none; }; pid-file \"" << dir
      << "/pid\"; session-keyfile \"" << dir << "/key\"; recursion no; dnssec-validation no; };\n"
      << "controls { };\nzone \".\" { type primary; file \"zone\"; };\n";
  std::ofstream(dir + "/zone")
      << "$TTL 60\n@ SOA ns. host. 1 60 60 60 60\n@ NS ns.\nns. A 127.0.0.1\n"
      << "*. A 203.0.113.80\n";
  const pid_t pid =
      test::Spawn({"/usr/sbin/named", "-f", "-n", "1", "-c", dir + "/named.conf"}, dir + "/log");
  ResolverOptions options;
  options.servers = {absl::StrCat("127.0.0.1:", port)};
  options.timeout = absl::Milliseconds(100);
  ResolverCheck check;
  EXPECT_TRUE(test::Eventually([&] {
    check = CheckResolvers(options).value_or(ResolverCheck());
    return check.faults.size() == 1 && check.faults[0].what != "does not answer";
  }));
  EXPECT_TRUE(check.good.empty());
  EXPECT_THAT(check.Sentence(), HasSubstr("rewrites answers: it has the address 203.0.113.80"));
  kill(pid, SIGTERM);
  test::WaitFor(pid);
  std::filesystem::remove_all(dir);
}

// ---- Pacer.

TEST(Pacer, KeepsAShareForWhatIsUrgentAndBeginsAnewEachDay) {
  const Catalogue catalogue = Two("per_day: 10");
  const List& list = catalogue.lists()[0];
  Pacer pacer;
  const absl::Time noon = absl::FromUnixSeconds(1800000000);
  pacer.Restore("O", QuotaDay(noon), 5);
  for (int i = 0; i < 2; ++i) pacer.Took(list, noon);
  EXPECT_EQ(pacer.Used("O", noon), 7);
  EXPECT_EQ(pacer.Next(list, noon, 0.7), absl::InfiniteFuture());
  EXPECT_LE(pacer.Next(list, noon, 1.0), noon);
  for (int i = 0; i < 3; ++i) pacer.Took(list, noon);
  EXPECT_EQ(pacer.Next(list, noon, 1.0), absl::InfiniteFuture());
  EXPECT_LE(pacer.Next(list, noon + absl::Hours(24), 1.0), noon + absl::Hours(24));
}

// ---- Anomaly.

std::vector<std::string> Suspected(const AnomalyWatch& watch) {
  std::vector<std::string> out;
  for (const auto& one : watch.Suspects()) out.push_back(one.zone);
  return out;
}

TEST(Anomaly, IsAListThatAloneBeginsToListMuchOfTheFleet) {
  const Catalogue catalogue =
      *Catalogue::Parse({{"t",
                          "lists:\n  - {zone: a.test, operator: A, covers: [ip4]}\n"
                          "  - {zone: b.test, operator: B, covers: [ip4]}\n"}});
  const List& a = *catalogue.Find("a.test");
  const List& b = *catalogue.Find("b.test");
  AnomalyWatch alone, both, neighbours, known;
  for (int i = 0; i < 6; ++i) {
    const Subject far = Of(absl::StrCat("192.0.", i, ".1"));
    const Subject near = Of(absl::StrCat("192.0.2.", i));
    alone.Add(a, far, true, false);
    alone.Add(b, far, false, false);
    both.Add(a, far, true, false);
    both.Add(b, far, true, false);
    neighbours.Add(a, near, true, false);  // A provider's whole network may well be listed.
    known.Add(a, far, true, true);
  }
  EXPECT_THAT(Suspected(alone), ElementsAre("a.test"));
  EXPECT_THAT(alone.Suspects()[0].why, HasSubstr("6 of 6"));
  EXPECT_THAT(Suspected(both), ElementsAre());
  EXPECT_THAT(Suspected(neighbours), ElementsAre());
  EXPECT_THAT(Suspected(known), ElementsAre());
}

// ---- Keys.

TEST(KeyFile, IsForItsOwnerAloneAndNoErrorNamesAKey) {
  char name[] = "/tmp/mq-keys-XXXXXX";
  const int fd = mkstemp(name);
  const std::string text = "# mine\nzen.dq.test  sEkret1\n";
  ASSERT_EQ(::write(fd, text.data(), text.size()), static_cast<ssize_t>(text.size()));
  ::fchmod(fd, 0644);
  EXPECT_EQ(ReasonOf(ReadKeys(name).status()), "KEYS_EXPOSED");
  ::fchmod(fd, 0600);
  const auto keys = ReadKeys(name);
  ASSERT_TRUE(keys.ok()) << keys.status();
  EXPECT_EQ(keys->at("zen.dq.test"), "sEkret1");
  EXPECT_EQ(WithoutKeys(*keys, "see 1.sekret1.zen.dq.test"), "see 1.KEY.zen.dq.test");
  ASSERT_EQ(::write(fd, "broken line here\n", 17), 17);
  EXPECT_THAT(std::string(ReadKeys(name).status().message()),
              ::testing::AllOf(HasSubstr(":3:"), ::testing::Not(HasSubstr("line here"))));
  ::close(fd);
  ::unlink(name);
  EXPECT_TRUE(absl::IsNotFound(ReadKeys(name).status()));
}

// ---- Reverse DNS.

TEST(Generic, NamesOfPoolsAreKnown) {
  const Subject address = Of("192.0.2.17");
  for (const char* name :
       {"192-0-2-17.example.net", "17.2.0.192.dyn.example.net", "host-192-0-2-17.example.net",
        "dsl-pool-3.example.net", "ip192.0.2.17.example.net"})
    EXPECT_TRUE(LooksGeneric(address, name)) << name;
  for (const char* name : {"mx1.example.net", "mail17.example.net", "dynamo.example.net",
                           "mail2-0.example.net", "poolside.example.net"})
    EXPECT_FALSE(LooksGeneric(address, name)) << name;
}

}  // namespace
}  // namespace mailquench::blacklist
