// What hosts share, and what can be done on a host of which that is not known.
#include "agent/mail/exchange/belonging.h"

#include "absl/strings/str_replace.h"
#include "agent/mail/exchange/inventory.h"
#include "tests/unit/exchange/host/fakes.h"
#include "tests/unit/exchange/host/full_disk.h"

namespace mailquench::agent::exchange {
namespace {
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class BelongingTo : public ::testing::Test {
 protected:
  BelongingTo() : shell(folder.path + "/components") {
    installation.server = "EX1";
    installation.fqdn = "ex1.contoso.test";
    installation.version = "15.2.1748.10";
    shell.on_call = [this](const Pipeline& pipeline) { return Say(pipeline.cmdlets.at(0).name); };
  }
  absl::StatusOr<Answer> Say(const std::string& cmdlet) {
    ++asked;
    if (cmdlet == fails)
      return Error(absl::StatusCode::kDeadlineExceeded, "SHELL_TIMED_OUT", "no answer came");
    Answer answer;
    if (cmdlet == "Get-OrganizationConfig") {
      Row& row = answer.rows.emplace_back();
      row["Name"] = Text("Contoso");
      row["Guid"] = Text("1234");
    }
    if (cmdlet == "Get-DatabaseAvailabilityGroup" && dag) {
      Row& row = answer.rows.emplace_back();
      row["Name"] = Text("DAG1");
      row["Servers"] = List({"contoso.test/Servers/EX1", "EX2"});
    }
    if (cmdlet == "Get-ExchangeServer") {
      for (const char* name : {"EX1", "EX3", "EX4", "EDGE1"}) {
        Row& row = answer.rows.emplace_back();
        row["Name"] = Text(name);
        row["IsMailboxServer"] = Text(name[1] == 'X' ? "True" : "False");
        row["Site"] = Text(name[2] == '4' ? "contoso.test/Sites/Other" : "contoso.test/Sites/Main");
      }
    }
    return answer;
  }
  KnownBelonging Open() { return {shell, installation, folder.path + "/exchange-belonging"}; }
  std::map<std::string, v1::Capability> Capabilities(const absl::StatusOr<Belonging>& belonging) {
    const Inventory inventory =
        TakeInventory(shell, installation, std::vector<std::string>(), belonging, Soon());
    unknown = inventory.transport_group_unknown;
    std::map<std::string, v1::Capability> out;
    for (const v1::Capability& one : inventory.capabilities) out[one.operation()] = one;
    return out;
  }
  static absl::Time Soon() { return absl::Now() + absl::Seconds(10); }

  TestFolder folder;
  FakeShell shell;
  Installation installation;
  std::string fails;
  bool dag = true, unknown = false;
  int asked = 0;
};

TEST_F(BelongingTo, ADagElseASiteIsTheGroupWithItsMembers) {
  const auto in_dag = FindBelonging(shell, installation, Soon());
  ASSERT_TRUE(in_dag.ok()) << in_dag.status();
  EXPECT_EQ("Contoso 1234", in_dag->organisation);
  EXPECT_EQ("dag:DAG1", in_dag->transport_group);
  EXPECT_THAT(in_dag->members, ElementsAre("EX1", "EX2"));
  dag = false;
  const auto in_site = FindBelonging(shell, installation, Soon());
  ASSERT_TRUE(in_site.ok()) << in_site.status();
  EXPECT_EQ("site:Main", in_site->transport_group);
  EXPECT_THAT(in_site->members, ElementsAre("EX1", "EX3"));
}

TEST_F(BelongingTo, AQuestionThatFailsIsNoAnswer) {
  dag = false;
  for (const char* cmdlet :
       {"Get-OrganizationConfig", "Get-DatabaseAvailabilityGroup", "Get-ExchangeServer"}) {
    fails = cmdlet;
    EXPECT_EQ("SHELL_TIMED_OUT", ReasonOf(FindBelonging(shell, installation, Soon()).status()))
        << cmdlet;
    KnownBelonging known = Open();
    EXPECT_FALSE(known.Get(absl::Minutes(3), Soon()).ok()) << cmdlet;
  }
  EXPECT_FALSE(std::filesystem::exists(folder.path + "/exchange-belonging"));
}

TEST_F(BelongingTo, WhatWasOnceKnownIsUsedWhileTheShellIsDownAlsoByTheNextProcess) {
  {
    KnownBelonging known = Open();
    ASSERT_TRUE(known.Get(absl::Minutes(3), Soon()).ok());
  }
  shell.answers = false;
  KnownBelonging known = Open();
  const auto again = known.Get(absl::Minutes(3), Soon());
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ("dag:DAG1", again->transport_group);
  EXPECT_THAT(again->members, ElementsAre("EX1", "EX2"));
  EXPECT_EQ("Contoso 1234", known.Known().organisation);
}

TEST_F(BelongingTo, AChangedDagIsSeenWhenItIsAskedAgain) {
  KnownBelonging known = Open();
  ASSERT_TRUE(known.Get(absl::Minutes(3), Soon()).ok());
  dag = false;
  const int before = asked;
  EXPECT_EQ("dag:DAG1", known.Get(absl::Hours(1), Soon())->transport_group);
  EXPECT_EQ(before, asked);
  EXPECT_EQ("site:Main", known.Get(absl::ZeroDuration(), Soon())->transport_group);
  KnownBelonging next = Open();
  EXPECT_EQ("site:Main", next.Known().transport_group);
}

TEST_F(BelongingTo, ADamagedFileIsNoAnswerAndIsWrittenAnew) {
  const std::string file = folder.path + "/exchange-belonging";
  ASSERT_TRUE(Open().Get(absl::Minutes(3), Soon()).ok());
  const std::string whole = TestFolder::Get(file);
  ASSERT_EQ("dag:DAG1", Open().Known().transport_group);
  std::vector<std::string> damaged = {
      "", "x", "[]", "null", std::string(300000, ' ') + whole, std::string("\0\xFF", 2) + whole};
  for (std::size_t cut = 1; cut < whole.size(); ++cut) damaged.push_back(whole.substr(0, cut));
  for (const auto& [from, to] : std::vector<std::pair<std::string, std::string>>{
           {"\"EX1\"", "\"EX9\""},  // Another server's, or not in its own group.
           {"\"dag:DAG1\"", "\"\""},
           {"\"dag:DAG1\"", "7"},
           {"\"Contoso 1234\"", "\"\""},
           {"[\"EX1\",\"EX2\"]", "[]"},
           {"[\"EX1\",\"EX2\"]", "[\"EX2\",\"EX3\"]"},
           {"[\"EX1\",\"EX2\"]", "\"EX1\""},
           {"[\"EX1\",\"EX2\"]", "[\"EX1\",2]"},
           {"\"members\"", "\"member\""}}) {
    damaged.push_back(absl::StrReplaceAll(whole, {{from, to}}));
    ASSERT_NE(whole, damaged.back()) << from;
  }
  for (const std::string& text : damaged) {
    TestFolder::Put(file, text);
    shell.answers = false;
    KnownBelonging known = Open();
    EXPECT_EQ("", known.Known().transport_group) << text;
    EXPECT_EQ("NO_SHELL", ReasonOf(known.Get(absl::ZeroDuration(), Soon()).status())) << text;
    shell.answers = true;
    EXPECT_TRUE(known.Get(absl::ZeroDuration(), Soon()).ok()) << text;
    EXPECT_EQ(whole, TestFolder::Get(file));
  }
}

TEST_F(BelongingTo, WhatAFullDiskDoesNotTakeIsAskedAgainAndNotTakenFromBefore) {
  const std::string file = folder.path + "/exchange-belonging";
  KnownBelonging known = Open();
  {
    const FullDisk full(10);
    EXPECT_EQ("dag:DAG1", known.Get(absl::ZeroDuration(), Soon())->transport_group);
  }
  EXPECT_FALSE(std::filesystem::exists(file));
  EXPECT_EQ("dag:DAG1", known.Known().transport_group);
  ASSERT_TRUE(known.Get(absl::ZeroDuration(), Soon()).ok());
  EXPECT_TRUE(std::filesystem::exists(file)) << "once there is room";
  dag = false;
  {
    const FullDisk full(10);
    EXPECT_EQ("site:Main", known.Get(absl::ZeroDuration(), Soon())->transport_group);
  }
  shell.answers = false;
  KnownBelonging next = Open();
  EXPECT_EQ("", next.Known().transport_group) << "not the group of before";
  EXPECT_EQ("NO_SHELL", ReasonOf(next.Get(absl::ZeroDuration(), Soon()).status()));
}

TEST_F(BelongingTo, AnEdgeServerSharesNothingAndAsksNobody) {
  installation.role = Role::kEdge;
  KnownBelonging known = Open();
  const auto got = known.Get(absl::Minutes(3), Soon());
  ASSERT_TRUE(got.ok()) << got.status();
  EXPECT_EQ("", got->transport_group);
  EXPECT_THAT(got->members, IsEmpty());
  EXPECT_EQ(0, asked);
  const auto all = Capabilities(got);
  EXPECT_FALSE(unknown);
  EXPECT_TRUE(all.at("contain").available());
  EXPECT_FALSE(all.at("ndr.silence").available());
  EXPECT_FALSE(all.at("shadow.suspend").available());
}

TEST_F(BelongingTo, WithoutItAMailboxServerIsNotContained) {
  auto all = Capabilities(FindBelonging(shell, installation, Soon()));
  EXPECT_FALSE(unknown);
  for (const char* one : {"contain", "ndr.silence", "shadow.suspend"})
    EXPECT_TRUE(all.at(one).available()) << one;
  fails = "Get-DatabaseAvailabilityGroup";
  all = Capabilities(FindBelonging(shell, installation, Soon()));
  EXPECT_TRUE(unknown);
  EXPECT_FALSE(all.at("contain").available());
  EXPECT_THAT(all.at("contain").reason(), HasSubstr("no answer came"));
  EXPECT_TRUE(all.at("queue.quarantine").available());
}

}  // namespace
}  // namespace mailquench::agent::exchange
