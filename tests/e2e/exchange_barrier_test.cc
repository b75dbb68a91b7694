// What breaks a contain in lockstep, and what it leaves behind.
#include "absl/strings/str_cat.h"
#include "common/status/error.h"
#include "tests/e2e/exchange_fleet.h"

namespace mailquench::fleet {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

class ExchangeBarrier : public ExchangeFleet {
 protected:
  void Spam(const std::vector<std::string>& hosts) {
    for (const std::string& host : hosts) {
      for (int i = 0; i < 2; ++i)
        ASSERT_EQ(At(host).Submit(absl::StrCat("spam-", host, "-", i)), "");
    }
  }
  static std::string Reason(const v1::HostStep& step) {
    return ReasonOf(FromProto(step.report().error()));
  }
  // Which run of the transport this is.
  std::string Life(const std::string& host) {
    return At(host).Sim("transport.json").value("control", "");
  }
  // One whose settings cannot be written; the other one must wait for it, and a repeat completes.
  void OneCannotLock(const nlohmann::json& fault) {
    Spam({"ex1", "ex2"});
    At("ex1").SetFaults(nlohmann::json::array({fault}));
    const v1::Run run = Ended(Start("contain"));
    EXPECT_EQ(run.state(), v1::RUN_STATE_FAILED) << Told(run);
    const v1::HostStep failed = HostIn(run, "ex1").steps(1);
    EXPECT_NE(failed.report().outcome(), v1::OUTCOME_SUCCEEDED) << Told(run);
    EXPECT_NE(failed.report().outcome(), v1::OUTCOME_UNSPECIFIED) << Told(run);
    const v1::HostStep step = HostIn(run, "ex2").steps(2);
    EXPECT_EQ(Reason(step), "LOCKSTEP_BROKEN") << Told(run);
    EXPECT_THAT(Said(step), AllOf(HasSubstr("ex1 did not end the step sweep"),
                                  HasSubstr("stays stopped"), HasSubstr("mend ex1")));
    EXPECT_FALSE(At("ex1").Runs());
    EXPECT_FALSE(At("ex2").Runs()) << "it was started into the trap";

    At("ex1").SetFaults(nlohmann::json::array());
    // A shell that has failed several times in a row is not started again at once.
    v1::Run again;
    ASSERT_TRUE(Until([&] {
      again = Ended(Start("contain", {}, {}, run.incident_id()));
      return again.state() == v1::RUN_STATE_SUCCEEDED;
    })) << Told(again);
    ExpectNothingResubmitted();
    for (const char* host : {"ex1", "ex2"}) {
      ExpectContained(host);
      EXPECT_EQ(At(host).Quarantines(), 1);
    }
  }
};

TEST_F(ExchangeBarrier, WhoseShellDiesInTheSweepHoldsTheOthersAndARepeatCompletes) {
  Add("Contoso", {{"EX1"}, {"EX2"}});
  OneCannotLock({{"cmdlet", "Set-ReceiveConnector"}, {"do", "die"}});
}

TEST_F(ExchangeBarrier, WhoseShellHangsInTheSweepHoldsTheOthersAndARepeatCompletes) {
  call_wait_ = absl::Seconds(5);  // What each hang costs.
  Add("Contoso", {{"EX1"}, {"EX2"}});
  OneCannotLock({{"cmdlet", "Set-ReceiveConnector"}, {"do", "hang"}});
}

// The DAG of the same name in another organisation is another group.
TEST_F(ExchangeBarrier, OneThatIsOfflineStopsItsGroupBeforeAnythingIsTouchedAndNoOther) {
  Add("Contoso", {{"EX1"}, {"EX2"}});
  Add("Fabrikam", {{"FX1"}});
  const nlohmann::json before = Settings("Contoso");
  const std::map<std::string, std::string> lives = {{"ex1", Life("ex1")}, {"ex2", Life("ex2")}};
  ASSERT_NE(lives.at("ex1"), "");
  Cut("ex2");
  const v1::Run run = Ended(Start("contain"));
  EXPECT_EQ(Reason(HostIn(run, "ex1").steps(0)), "LOCKSTEP_INCOMPLETE") << Told(run);
  EXPECT_THAT(Said(HostIn(run, "ex1").steps(0)), HasSubstr("ex2"));
  EXPECT_EQ(HostIn(run, "ex2").outcome(), v1::OUTCOME_UNREACHABLE);
  for (const auto& [host, life] : lives) {
    EXPECT_TRUE(At(host).Runs());
    EXPECT_EQ(Life(host), life) << host << " was stopped and started";
    EXPECT_EQ(At(host).Calls("Set-"), 0) << host;
  }
  EXPECT_EQ(Settings("Contoso"), before);

  // Of another organisation: it waited for nobody, and its remote domains are its own.
  const v1::RunHost other = HostIn(run, "fx1");
  EXPECT_TRUE(other.acts_for_organisation());
  EXPECT_EQ(other.steps(2).report().outcome(), v1::OUTCOME_SUCCEEDED) << Told(run);
  ExpectContained("fx1");
  EXPECT_EQ(Organisation("Fabrikam")["remote_domains"][0]["NDREnabled"], false);
  EXPECT_EQ(Organisation("Contoso")["remote_domains"][0]["NDREnabled"], true);

  // Where no copies are kept it goes on without the one.
  const v1::Run suspended = Ended(StartOne("shadow.suspend", "{}", {"ex1"}));
  ASSERT_EQ(suspended.state(), v1::RUN_STATE_SUCCEEDED) << Told(suspended);
  // The copies from before are a person's to look after.
  const v1::Incident owes = IncidentOf(suspended);
  for (const v1::Obligation& one : owes.obligations()) {
    if (one.duty().empty() || one.operation() != "shadow.suspend") continue;
    v1::WaiveObligationRequest done;
    done.set_incident_id(owes.incident_id());
    done.set_obligation_id(one.obligation_id());
    done.set_reason("the Shadow queues are empty");
    done.set_done(true);
    ASSERT_TRUE(core_->WaiveObligation(done, "ann").ok());
  }
  Spam({"ex1", "ex2"});
  EXPECT_EQ(At("ex2").Copies(), 0);
  const v1::Run goes_on = Ended(Start("contain", {"ex1", "ex2"}));
  EXPECT_EQ(HostIn(goes_on, "ex1").outcome(), v1::OUTCOME_SUCCEEDED) << Told(goes_on);
  ExpectContained("ex1");
  EXPECT_EQ(At("ex2").Resubmitted(), 0);
  EXPECT_EQ(Life("ex2"), lives.at("ex2"));
  EXPECT_EQ(At("ex2").Queued(), 2) << "it is as it was";
}

}  // namespace
}  // namespace mailquench::fleet
