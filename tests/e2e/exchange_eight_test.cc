// What eight hosts of one organisation share is changed by one of them, and put back.
#include <set>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "tests/e2e/exchange_fleet.h"

namespace mailquench::fleet {
namespace {

using ::testing::ElementsAre;
using ::testing::SizeIs;

class ExchangeEight : public ExchangeFleet {
 protected:
  void SetUp() override {
    ExchangeFleet::SetUp();
    if (IsSkipped()) return;
    std::vector<ServerWish> servers;
    for (int i = 1; i <= 8; ++i)
      servers.push_back({absl::StrCat("EX", i), i <= 4 ? "DAG1" : "DAG2"});
    Add("Contoso", servers, false, true);
  }
  std::vector<std::string> WhoCalled(const std::string& cmdlet) {
    std::vector<std::string> who;
    for (ExchangeAgent* agent : All()) {
      if (agent->Calls(cmdlet) > 0) who.push_back(agent->id());
    }
    return who;
  }
  // Outstanding records of settings with this prefix, as HOST KEY, and what they say was before.
  std::map<std::string, std::string> Records(const std::string& prefix) {
    std::map<std::string, std::string> records;
    for (ExchangeAgent* agent : All()) {
      const auto outstanding = agent->journal().Outstanding();
      for (const auto& change : *outstanding) {
        for (const v1::Setting& one : change.snapshot.settings()) {
          if (absl::StartsWith(one.key(), prefix))
            records[agent->id() + " " + one.key()] =
                one.before_absent() ? "(absent)" : one.before();
        }
      }
    }
    return records;
  }
  // Obligations that name the organisation, of those that are settings.
  static std::vector<v1::Obligation> Shared(const v1::Incident& incident) {
    std::vector<v1::Obligation> shared;
    for (const v1::Obligation& one : incident.obligations()) {
      if (!one.organisation().empty() && one.duty().empty()) shared.push_back(one);
    }
    return shared;
  }
  v1::Run Restored(const v1::Run& run) {
    const v1::Run restored = Ended(Start("restore", {}, {}, run.incident_id()));
    EXPECT_EQ(restored.state(), v1::RUN_STATE_SUCCEEDED) << Told(restored);
    return restored;
  }
};

TEST_F(ExchangeEight, ContainChangesTheOrganisationOnceAndRestorePutsAllBack) {
  const nlohmann::json before = Settings("Contoso");
  ASSERT_EQ(before["remote_domains"][0]["NDREnabled"], true);
  for (ExchangeAgent* agent : All()) ASSERT_EQ(agent->Submit("spam-" + agent->id()), "");
  const v1::Run run = Ended(Start("contain"));
  ASSERT_EQ(run.state(), v1::RUN_STATE_SUCCEEDED) << Told(run);
  ExpectNothingResubmitted();
  for (ExchangeAgent* agent : All()) {
    EXPECT_TRUE(agent->Runs());
    EXPECT_EQ(agent->Quarantines(), 1) << agent->id();
  }
  EXPECT_THAT(WhoCalled("Set-RemoteDomain"), ElementsAre("ex1"));
  EXPECT_EQ(Organisation("Contoso")["remote_domains"][0]["NDREnabled"], false);
  const auto records = Records("remote-domain:");
  ASSERT_EQ(records.count("ex1 remote-domain:Default/NDREnabled"), 1u);
  for (const auto& [key, value] : records) {
    EXPECT_TRUE(absl::StartsWith(key, "ex1 ")) << key;
    EXPECT_NE(value, "False") << key << ": what was changed passes for the original";
  }
  const std::vector<v1::Obligation> shared = Shared(IncidentOf(run));
  ASSERT_THAT(shared, SizeIs(1));
  EXPECT_EQ(shared[0].host_id(), "ex1");
  EXPECT_TRUE(absl::StartsWith(shared[0].organisation(), "Contoso")) << shared[0].organisation();

  Restored(run);
  EXPECT_EQ(Organisation("Contoso")["remote_domains"][0]["NDREnabled"], true);
  EXPECT_EQ(nlohmann::json::diff(before, Settings("Contoso")).dump(1), "[]");
  for (ExchangeAgent* agent : All()) EXPECT_TRUE(agent->journal().Outstanding()->empty());
}

TEST_F(ExchangeEight, SilenceAndBlocksAreOneHostsToo) {
  const nlohmann::json before = Settings("Contoso");
  const v1::Run silent = Ended(StartOne("ndr.silence", "{}"));
  ASSERT_EQ(silent.state(), v1::RUN_STATE_SUCCEEDED) << Told(silent);
  EXPECT_THAT(WhoCalled("Set-RemoteDomain"), ElementsAre("ex1"));
  ASSERT_THAT(Shared(IncidentOf(silent)), SizeIs(1));
  for (const v1::RunHost& host : silent.hosts()) {
    EXPECT_EQ(host.steps(0).report().outcome(),
              host.name() == "ex1" ? v1::OUTCOME_SUCCEEDED : v1::OUTCOME_UNCHANGED);
  }
  const v1::Run blocked = Ended(
      StartOne("sender.block", R"({"account":"anna@contoso.test"})", {}, silent.incident_id()));
  ASSERT_EQ(blocked.state(), v1::RUN_STATE_SUCCEEDED) << Told(blocked);
  EXPECT_THAT(WhoCalled("New-TransportRule"), SizeIs(1));
  EXPECT_THAT(Organisation("Contoso")["transport_rules"], SizeIs(1));
  EXPECT_THAT(Records("transport-rule:"), SizeIs(1));
  // The block holds on each of them: what she sends does not leave.
  ASSERT_EQ(At("ex8").Submit("blocked"), "");
  EXPECT_TRUE(Until([&] { return At("ex8").Queued() == 0; })) << At("ex8").Messages();

  const v1::Run unblocked = Ended(
      StartOne("sender.unblock", R"({"account":"anna@contoso.test"})", {}, silent.incident_id()));
  ASSERT_EQ(unblocked.state(), v1::RUN_STATE_SUCCEEDED) << Told(unblocked);
  EXPECT_THAT(Organisation("Contoso")["transport_rules"], SizeIs(0));
  EXPECT_THAT(WhoCalled("Remove-TransportRule"), SizeIs(1));
  // Who may send again is a cause that only a person can call resolved.
  const v1::Incident incident = IncidentOf(silent);
  ASSERT_THAT(incident.causes(), SizeIs(1));
  v1::ResolveCauseRequest resolve;
  resolve.set_incident_id(incident.incident_id());
  resolve.set_cause_id(incident.causes(0).cause_id());
  resolve.set_how("password reset");
  ASSERT_TRUE(core_->ResolveCause(resolve, "ann").ok());
  Restored(silent);
  EXPECT_EQ(nlohmann::json::diff(before, Settings("Contoso")).dump(1), "[]");
}

}  // namespace
}  // namespace mailquench::fleet
