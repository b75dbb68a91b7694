// The way out: send connectors.
#include <memory>

#include "tests/unit/exchange/kill_at_each.h"
#include "tests/unit/exchange/settings/settings_fixture.h"

namespace mailquench::agent::exchange {
namespace {
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

v1::EgressSet Egress(const std::string& helo,
                     const std::string& smarthost = "",
                     const std::string& source = "") {
  v1::EgressSet out;
  out.set_helo_name(helo);
  out.set_smarthost(smarthost);
  out.set_source_address(source);
  return out;
}

class EgressTest : public SettingsTest {
 protected:
  SettingsChange Set(const v1::EgressSet& request) {
    const auto change = settings.PlanEgress(request);
    EXPECT_TRUE(change.ok()) << change.status();
    if (!change.ok()) return SettingsChange();
    const absl::Status applied = settings.Apply(*change, {});
    EXPECT_TRUE(applied.ok()) << applied;
    return *change;
  }
  nlohmann::json Internet() { return organisation.Read()["send_connectors"][0]; }
  void ChangeInternet(const std::function<void(nlohmann::json&)>& change) {
    organisation.Change([&](nlohmann::json& all) { change(all["send_connectors"][0]); });
  }
};

TEST_F(EgressTest, TheConnectorForEverybodyTakesASmarthostAndGivesItBack) {
  const nlohmann::json before = organisation.Read();
  const SettingsChange change = Set(Egress("out.contoso.test", "[192.0.2.9]:587"));
  EXPECT_THAT(
      Keys(change),
      ElementsAre("send-connector:Internet/Fqdn", "send-connector:Internet/SmartHosts",
                  "send-connector:Internet/DNSRoutingEnabled", "send-connector:Internet/Port"));
  EXPECT_EQ(change.result.organisation(), "contoso");
  EXPECT_THAT(change.result.notice(),
              AllOf(HasSubstr("by 'Internet', says the name out.contoso.test and goes through "
                              "192.0.2.9 at port 587"),
                    HasSubstr("All of EX1, EX2 say that name"),
                    HasSubstr("Still by ways of their own: 'Partner: A/B' (SMTP:partner.test;1)")));
  EXPECT_EQ(shell.CallsOf("Set-SendConnector"), 1);
  EXPECT_EQ(Internet()["SmartHosts"], nlohmann::json::array({"192.0.2.9"}));
  EXPECT_EQ(Internet()["DNSRoutingEnabled"], false);
  EXPECT_EQ(Internet()["Port"], 587);
  EXPECT_EQ(Internet()["Fqdn"], "out.contoso.test");
  // An address is shown in brackets, and is the same one.
  ChangeInternet(
      [](nlohmann::json& one) { one["SmartHosts"] = nlohmann::json::array({"[192.0.2.9]"}); });
  EXPECT_THAT(*settings.Drifted(Of(change)), IsEmpty());
  const auto again = settings.PlanEgress(Egress("OUT.contoso.test", "192.0.2.9:587"));
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_THAT(again->files, IsEmpty());
  EXPECT_EQ(again->result.organisation(), "");
  Restore(Of(change));
  nlohmann::json after = organisation.Read();
  if (after["send_connectors"][0]["SmartHosts"].is_null())
    after["send_connectors"][0]["SmartHosts"] = nlohmann::json::array();
  EXPECT_EQ(after, before);
}

TEST_F(EgressTest, WithoutASmarthostThereIsNoLoginEither) {
  ChangeInternet([](nlohmann::json& one) {
    one["SmartHosts"] = nlohmann::json::array({"old.example.net", "[192.0.2.8]"});
    one["DNSRoutingEnabled"] = false;
    one["SmartHostAuthMechanism"] = "ExternalAuthoritative";
    one["Port"] = 2525;
    one["TlsDomain"] = "old.example.net";
  });
  const SettingsChange change = Set(Egress("", "direct"));
  EXPECT_EQ(Internet()["SmartHostAuthMechanism"], "None");
  EXPECT_EQ(Internet()["DNSRoutingEnabled"], true);
  EXPECT_THAT(change.result.notice(), HasSubstr("wants a certificate for 'old.example.net'"));
  Restore(Of(change));
  EXPECT_EQ(Internet()["SmartHosts"], nlohmann::json::array({"old.example.net", "192.0.2.8"}));
  EXPECT_EQ(Internet()["SmartHostAuthMechanism"], "ExternalAuthoritative");
  EXPECT_EQ(Internet()["Port"], 2525);
}

TEST_F(EgressTest, ALoginThatCouldNotBeGivenBackIsNotTaken) {
  ChangeInternet([](nlohmann::json& one) {
    one["SmartHosts"] = nlohmann::json::array({"old.example.net"});
    one["DNSRoutingEnabled"] = false;
    one["SmartHostAuthMechanism"] = "BasicAuthRequireTLS";
  });
  for (const char* smarthost : {"new.example.net", "direct"})
    EXPECT_EQ(ReasonOf(settings.PlanEgress(Egress("", smarthost)).status()), "SMARTHOST_HAS_LOGIN");
  EXPECT_THAT(settings.PlanEgress(Egress("", "old.example.net"))->files, IsEmpty());
  EXPECT_EQ(Set(Egress("out.contoso.test")).result.settings_size(), 1);
}

TEST_F(EgressTest, RefusesWhatThisServerDoesNotHave) {
  EXPECT_EQ(ReasonOf(settings.PlanEgress(Egress("", "", "192.0.2.5")).status()),
            "NO_SOURCE_ADDRESS");
  EXPECT_EQ(ReasonOf(settings.PlanEgress({}).status()), "NOTHING_NAMED");
  ChangeInternet([](nlohmann::json& one) { one["Enabled"] = false; });
  EXPECT_EQ(ReasonOf(settings.PlanEgress(Egress("out.contoso.test")).status()),
            "NO_SEND_CONNECTOR");
}

TEST_F(EgressTest, AnEdgeServerSendsFromAnAddressOfItsOwnUnlessItIsSubscribed) {
  FakeShell own(organisation, "EDGE1", true);
  SettingsOptions options = Options("EDGE1", Role::kEdge);
  options.own_addresses = [] { return std::vector<std::string>{"192.0.2.5"}; };
  const ExchangeSettings edge(own, options);
  EXPECT_EQ(ReasonOf(edge.PlanEgress(Egress("", "", "192.0.2.6")).status()), "NOT_OUR_ADDRESS");
  const auto change = edge.PlanEgress(Egress("", "", "192.0.2.5"));
  ASSERT_TRUE(change.ok()) << change.status();
  EXPECT_EQ(change->result.organisation(), "");
  ASSERT_TRUE(edge.Apply(*change, {}).ok());
  EXPECT_EQ(Internet()["SourceIPAddress"], "192.0.2.5");
  const auto plan = edge.PlanRestore(Of(*change), {}, {});
  ASSERT_TRUE(plan.ok()) << plan.status();
  ASSERT_TRUE(edge.Apply(plan->change, {}).ok());
  EXPECT_EQ(Internet()["SourceIPAddress"], "0.0.0.0");
  organisation.Change([](nlohmann::json& all) { all["subscribed"] = true; });
  EXPECT_EQ(ReasonOf(edge.PlanEgress(Egress("", "", "192.0.2.5")).status()), "ON_MAILBOX_SERVER");
}

TEST_F(EgressTest, ARestoreLeavesNoConnectorBetweenTwoWays) {
  const SettingsChange change = Set(Egress("", "relay.example.net"));
  const auto plan = settings.PlanRestore(
      Of(change), {Decision("send-connector:Internet/SmartHosts", v1::RESTORE_CHOICE_KEEP_AS_FIX)},
      {});
  ASSERT_TRUE(plan.ok()) << plan.status();
  EXPECT_EQ(plan->result.needs_decision(), 1);
  EXPECT_THAT(plan->change.files, IsEmpty());
  std::vector<v1::RestoreDecision> all;
  for (const char* property : {"SmartHosts", "DNSRoutingEnabled"})
    all.push_back(Decision(absl::StrCat("send-connector:Internet/", property),
                           v1::RESTORE_CHOICE_KEEP_AS_FIX));
  EXPECT_EQ(settings.PlanRestore(Of(change), all, {})->result.needs_decision(), 0);
}

TEST_F(EgressTest, FaultsOfTheShellEndInOneOfTheTwoStates) {
  for (const auto fault :
       {FakeShell::Fault::kHang, FakeShell::Fault::kLate, FakeShell::Fault::kDrop,
        FakeShell::Fault::kDie, FakeShell::Fault::kError, FakeShell::Fault::kIgnored}) {
    const nlohmann::json before = Internet();
    const auto change = settings.PlanEgress(Egress("out.contoso.test", "relay.example.net"));
    ASSERT_TRUE(change.ok()) << change.status();
    shell.FailAt("Set-SendConnector", 1, fault);
    const absl::Status applied = settings.Apply(*change, {});
    const bool refused = fault == FakeShell::Fault::kError || fault == FakeShell::Fault::kIgnored;
    EXPECT_EQ(ReasonOf(applied), refused ? "ROLLED_BACK" : "") << applied;
    if (refused) {
      EXPECT_EQ(Internet(), before);
      continue;
    }
    EXPECT_EQ(Internet()["Fqdn"], "out.contoso.test");
    Restore(Of(*change));
    EXPECT_EQ(Internet()["Fqdn"], nullptr);
  }
}

TEST_F(EgressTest, SomebodyElsesChangeIsNotOverwritten) {
  const auto change = settings.PlanEgress(Egress("out.contoso.test"));
  ASSERT_TRUE(change.ok()) << change.status();
  ChangeInternet([](nlohmann::json& one) { one["Fqdn"] = "mine.contoso.test"; });
  EXPECT_EQ(ReasonOf(settings.Apply(*change, {})), "CHANGED_MEANWHILE");
  EXPECT_EQ(Internet()["Fqdn"], "mine.contoso.test");
  EXPECT_EQ(settings.PlanRestore(Of(*change), {}, {})->result.needs_decision(), 1);
  organisation.Change([](nlohmann::json& all) { all["send_connectors"][0]["Name"] = "New"; });
  EXPECT_EQ(settings.PlanRestore(Of(*change), {}, {})->result.needs_decision(), 1);
}

TEST(EgressKilled, AnywhereTheRepeatCompletesItAndTheWayBackIsTheWayBack) {
  struct Host {
    FakeOrganisation organisation;
    FakeShell shell{organisation, "EX1"};
    ExchangeSettings settings{shell, Options()};
    nlohmann::json before = organisation.Read();
    SettingsChange change;
  };
  std::unique_ptr<Host> host;
  const int killed = KillAtEach(
      "exchange.apply.", 10,
      [&] {
        host = std::make_unique<Host>();
        host->change = *host->settings.PlanEgress(Egress("out.contoso.test", "relay.example.net"));
      },
      [&] { host->settings.Apply(host->change, {}).IgnoreError(); },
      [&](const std::string& fault) {
        const absl::Status again = host->settings.Apply(host->change, {});
        EXPECT_TRUE(again.ok()) << fault << ": " << again;
        EXPECT_EQ(host->organisation.Read()["send_connectors"][0]["SmartHosts"],
                  nlohmann::json::array({"relay.example.net"}))
            << fault;
        const auto plan = host->settings.PlanRestore(Of(host->change), {}, {});
        ASSERT_TRUE(plan.ok()) << plan.status();
        EXPECT_TRUE(host->settings.Apply(plan->change, {}).ok()) << fault;
        nlohmann::json after = host->organisation.Read();
        after["send_connectors"][0]["SmartHosts"] = nlohmann::json::array();
        EXPECT_EQ(after, host->before) << fault;
      });
  EXPECT_EQ(killed, 4);  // Write, the call, written, verify.
}

}  // namespace
}  // namespace mailquench::agent::exchange
