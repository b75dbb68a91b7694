// What an organisation shares, and blocks.
#include <thread>

#include "tests/unit/exchange/settings/settings_fixture.h"

namespace mailquench::agent::exchange {
namespace {
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

v1::SenderBlock BlockAccount(const std::string& account) {
  v1::SenderBlock block;
  block.set_account(account);
  return block;
}
v1::SenderBlock BlockClient(const std::string& client) {
  v1::SenderBlock block;
  block.set_client(client);
  return block;
}
v1::SenderUnblock Unblock(const v1::SenderBlock& block) {
  v1::SenderUnblock unblock;
  unblock.ParseFromString(block.SerializeAsString());
  return unblock;
}

TEST_F(SettingsTest, EveryRemoteDomainIsSilencedAndGivenBack) {
  const nlohmann::json before = organisation.Read();
  const auto change = settings.PlanNdrSilence({});
  ASSERT_TRUE(change.ok()) << change.status();
  EXPECT_EQ(change->result.organisation(), "contoso");
  EXPECT_THAT(Keys(*change),
              UnorderedElementsAre("remote-domain:Default/NDREnabled",
                                   "remote-domain:Default/DeliveryReportEnabled",
                                   "remote-domain:Partner%3a A%2fB/NDREnabled",
                                   "remote-domain:Partner%3a A%2fB/AutoReplyEnabled",
                                   "remote-domain:Partner%3a A%2fB/AutoForwardEnabled"));
  ASSERT_TRUE(settings.Apply(*change, {}).ok());
  EXPECT_EQ(shell.CallsOf("Set-RemoteDomain"), 2);
  for (const auto& domain : organisation.Read()["remote_domains"]) {
    for (const char* property :
         {"NDREnabled", "DeliveryReportEnabled", "AutoReplyEnabled", "AutoForwardEnabled"})
      EXPECT_EQ(domain[property], false);
  }
  const auto again = settings.PlanNdrSilence({});
  ASSERT_TRUE(again.ok());
  EXPECT_THAT(again->files, IsEmpty());
  EXPECT_EQ(again->result.organisation(), "");
  Restore(Of(*change));
  EXPECT_EQ(organisation.Read(), before);
}

TEST_F(SettingsTest, OfEightServersAtOnceOneRecordsTheOriginal) {
  const nlohmann::json before = organisation.Read();
  std::vector<std::vector<v1::Setting>> recorded(8);
  std::vector<std::thread> servers;
  for (std::size_t i = 0; i < recorded.size(); ++i) {
    servers.emplace_back([&, i] {
      const std::string name = absl::StrCat("EX", i + 1);
      FakeShell own(organisation, name);
      const ExchangeSettings one(own, Options(name));
      // Who loses the race is refused, or finds it so, and records nothing.
      const auto change = one.PlanNdrSilence({});
      if (change.ok() && one.Apply(*change, {}).ok()) recorded[i] = Of(*change);
    });
  }
  for (std::thread& server : servers) server.join();
  // Whatever was recorded as the original is the original.
  int originals = 0;
  for (const auto& settings_of : recorded) {
    originals += settings_of.empty() ? 0 : 1;
    for (const v1::Setting& setting : settings_of) EXPECT_NE(setting.before(), setting.after());
  }
  EXPECT_GE(originals, 1);
  for (const auto& domain : organisation.Read()["remote_domains"])
    EXPECT_EQ(domain["NDREnabled"], false);
  for (const auto& settings_of : recorded) {
    if (!settings_of.empty()) Restore(settings_of);
  }
  EXPECT_EQ(organisation.Read(), before);
}

TEST_F(SettingsTest, ShadowRedundancyIsSuspendedForAll) {
  const auto change = settings.PlanShadowSuspend({});
  ASSERT_TRUE(change.ok()) << change.status();
  EXPECT_THAT(Keys(*change), ElementsAre("transport-config/ShadowRedundancyEnabled"));
  EXPECT_EQ(change->result.organisation(), "contoso");
  EXPECT_THAT(change->result.duties(), ElementsAre(HasSubstr("Get-Queue -Include")));
  ASSERT_TRUE(settings.Apply(*change, {}).ok());
  EXPECT_EQ(organisation.Read()["transport_config"]["ShadowRedundancyEnabled"], false);
  Restore(Of(*change));
  EXPECT_EQ(organisation.Read()["transport_config"]["ShadowRedundancyEnabled"], true);
}

TEST_F(SettingsTest, WhatTheShellDoesNotSayIsNoValue) {
  organisation.Change([](nlohmann::json& all) {
    all["transport_config"].erase("ShadowRedundancyEnabled");
    all["remote_domains"][0].erase("NDREnabled");
  });
  EXPECT_EQ(ReasonOf(settings.PlanShadowSuspend({}).status()), "SHELL_SPOKE_RUBBISH");
  EXPECT_EQ(ReasonOf(settings.PlanNdrSilence({}).status()), "SHELL_SPOKE_RUBBISH");
}

TEST_F(SettingsTest, AnAccountIsBlockedByARuleOfOurs) {
  const auto change = settings.PlanSenderBlock(BlockAccount("anna@contoso.test"));
  ASSERT_TRUE(change.ok()) << change.status();
  EXPECT_EQ(change->result.organisation(), "contoso");
  EXPECT_THAT(Keys(*change), ElementsAre("transport-rule:Mailquench block anna@contoso.test"));
  EXPECT_THAT(change->result.duties(), Contains(HasSubstr("reset the password")));
  ASSERT_TRUE(settings.Apply(*change, {}).ok());
  const nlohmann::json rules = organisation.Read()["transport_rules"];
  ASSERT_EQ(rules.size(), 1U);
  EXPECT_EQ(rules[0]["From"], nlohmann::json({"anna@contoso.test"}));
  EXPECT_EQ(rules[0]["FromScope"], "InOrganization");
  EXPECT_FALSE(rules[0].contains("DeleteMessage"));
  // A second block of the same sender records nothing.
  const auto again = settings.PlanSenderBlock(BlockAccount("anna@contoso.test"));
  ASSERT_TRUE(again.ok());
  EXPECT_THAT(again->files, IsEmpty());
  // Also when the mailbox is gone.
  organisation.Change([](nlohmann::json& all) { all["mailboxes"] = nlohmann::json::array(); });
  const auto lifted = settings.PlanSenderUnblock(Unblock(BlockAccount("anna@contoso.test")));
  ASSERT_TRUE(lifted.ok()) << lifted.status();
  ASSERT_TRUE(settings.Apply(*lifted, {}).ok());
  EXPECT_THAT(organisation.Read()["transport_rules"], IsEmpty());
  // And a restore that names the unblock makes it again.
  Restore(Of(*lifted));
  EXPECT_EQ(organisation.Read()["transport_rules"].size(), 1U);
}

TEST_F(SettingsTest, SomebodyElsesRuleOfThatNameIsLeftAlone) {
  organisation.Change([](nlohmann::json& all) {
    all["transport_rules"] = {{{"Name", "Mailquench block anna@contoso.test"},
                               {"State", "Enabled"},
                               {"Comments", "by hand"}}};
  });
  const nlohmann::json before = organisation.Read();
  EXPECT_EQ(ReasonOf(settings.PlanSenderBlock(BlockAccount("anna@contoso.test")).status()),
            "RULE_IS_FOREIGN");
  EXPECT_EQ(
      ReasonOf(settings.PlanSenderUnblock(Unblock(BlockAccount("anna@contoso.test"))).status()),
      "RULE_IS_FOREIGN");
  EXPECT_EQ(organisation.Read(), before);
}

TEST_F(SettingsTest, ADisabledRuleOfOursIsDriftAndBlocksAgain) {
  const auto change = settings.PlanSenderBlock(BlockClient("192.0.2.0/24"));
  ASSERT_TRUE(change.ok()) << change.status();
  ASSERT_TRUE(settings.Apply(*change, {}).ok());
  EXPECT_EQ(organisation.Read()["transport_rules"][0]["SenderIpRanges"],
            nlohmann::json({"192.0.2.0-192.0.2.255"}));
  organisation.Change([](nlohmann::json& all) { all["transport_rules"][0]["State"] = "Disabled"; });
  EXPECT_EQ(settings.Drifted(Of(*change))->size(), 1U);
  const auto again = settings.PlanSenderBlock(BlockClient("192.0.2.0/24"));
  ASSERT_TRUE(again.ok());
  ASSERT_TRUE(settings.Apply(*again, {}).ok());
  EXPECT_EQ(organisation.Read()["transport_rules"][0]["State"], "Enabled");
}

TEST_F(SettingsTest, WhoCannotBeBlockedIsToldInWords) {
  v1::SenderBlock local;
  local.set_local_user("nobody");
  EXPECT_EQ(ReasonOf(settings.PlanSenderBlock(local).status()), "NO_SUCH_BLOCK");
  EXPECT_EQ(ReasonOf(settings.PlanSenderBlock({}).status()), "NOBODY_NAMED");
  EXPECT_EQ(ReasonOf(settings.PlanSenderBlock(BlockAccount("*")).status()), "BAD_ACCOUNT");
  EXPECT_EQ(ReasonOf(settings.PlanSenderBlock(BlockAccount("nobody@contoso.test")).status()),
            "NO_SUCH_ACCOUNT");
  EXPECT_EQ(ReasonOf(settings.PlanSenderBlock(BlockClient("2001:db8::1")).status()),
            "NO_SUCH_BLOCK");
  EXPECT_EQ(ReasonOf(settings.PlanSenderBlock(BlockClient("0.0.0.0/0")).status()), "BAD_CLIENT");
}

class EdgeTest : public ::testing::Test {
 protected:
  void SetUp() override {
    organisation.Change([](nlohmann::json& all) {
      all["servers"]["EDGE"] = {{"receive_connectors", nlohmann::json::array()}};
    });
    organisation.AddConnector({{"Name", "Default internal receive connector EDGE"},
                               {"AuthMechanism", "Tls, ExchangeServer"},
                               {"PermissionGroups", "AnonymousUsers, ExchangeServers, Partners"},
                               {"RemoteIPRanges", {"0.0.0.0-255.255.255.255"}},
                               {"Permissions", {AnonymousRelay()}}},
                              "EDGE");
  }
  FakeOrganisation organisation;
  FakeShell shell{organisation, "EDGE", /*edge=*/true};
  ExchangeSettings settings{shell, Options("EDGE", Role::kEdge)};
};

TEST_F(EdgeTest, ItsRelayIsClosedAndWhatIsTheOrganisationsIsNot) {
  const auto change = settings.PlanRelayLock(Lock());
  ASSERT_TRUE(change.ok()) << change.status();
  ASSERT_TRUE(settings.Apply(*change, {}).ok());
  EXPECT_TRUE(settings.VerifyLocked(Lock()).ok());
  const nlohmann::json now =
      organisation.Connector("Default internal receive connector EDGE", "EDGE");
  EXPECT_EQ(now["Enabled"], true);
  EXPECT_EQ(now["AuthMechanism"], "Tls, ExchangeServer");
  EXPECT_EQ(now["PermissionGroups"], "AnonymousUsers, ExchangeServers, Partners");
  EXPECT_EQ(ReasonOf(settings.PlanNdrSilence({}).status()), "ON_MAILBOX_SERVER");
  EXPECT_EQ(ReasonOf(settings.PlanShadowSuspend({}).status()), "ON_MAILBOX_SERVER");
  EXPECT_EQ(ReasonOf(settings.PlanSenderBlock(BlockAccount("anna@contoso.test")).status()),
            "NO_SUCH_BLOCK");
  for (const std::string& call : shell.calls())
    EXPECT_THAT(call, ::testing::Not(HasSubstr("DomainController")));
}

TEST_F(EdgeTest, AClientIsBlockedByTheListAndOnlyOurEntryIsRemoved) {
  organisation.Change([](nlohmann::json& all) {
    all["ip_block_list"] = {{{"Identity", "7"}, {"IPRange", "192.0.2.1"}, {"Comment", "by hand"}}};
  });
  const nlohmann::json before = organisation.Read();
  const auto change = settings.PlanSenderBlock(BlockClient("192.0.2.1"));
  ASSERT_TRUE(change.ok()) << change.status();
  EXPECT_EQ(change->result.organisation(), "");
  ASSERT_TRUE(settings.Apply(*change, {}).ok());
  EXPECT_EQ(organisation.Read()["ip_block_list"].size(), 2U);
  EXPECT_EQ(organisation.Read()["ip_block_list"][1]["IPAddress"], "192.0.2.1");
  const auto lifted = settings.PlanSenderUnblock(Unblock(BlockClient("192.0.2.1")));
  ASSERT_TRUE(lifted.ok());
  ASSERT_TRUE(settings.Apply(*lifted, {}).ok());
  EXPECT_EQ(organisation.Read(), before);
  const auto range = settings.PlanSenderBlock(BlockClient("2001:db8::/64"));
  ASSERT_TRUE(range.ok()) << range.status();
  ASSERT_TRUE(settings.Apply(*range, {}).ok());
  EXPECT_EQ(organisation.Read()["ip_block_list"][1]["IPRange"],
            "2001:db8::-2001:db8::ffff:ffff:ffff:ffff");
}
}  // namespace
}  // namespace mailquench::agent::exchange
