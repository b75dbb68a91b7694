// Shadow redundancy hands an emptied server its spam back; a contain in lockstep does not let it.
#include <atomic>

#include "absl/strings/str_cat.h"
#include "tests/e2e/exchange_fleet.h"

namespace mailquench::fleet {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

constexpr int kSpam = 3;
constexpr const char* kHosts[] = {"ex1", "ex2"};
constexpr absl::Duration kLease = absl::Seconds(15 * 60 + 1);
constexpr absl::Duration kSettle = absl::Minutes(2);

class ExchangeTrap : public ExchangeFleet {
 protected:
  void SetUp() override {
    ExchangeFleet::SetUp();
    if (IsSkipped()) return;
    Add("Contoso", {{"EX1"}, {"EX2"}}, true);
    for (int i = 0; i < kSpam; ++i) {
      for (const char* host : kHosts)
        ASSERT_THAT(Relay(host, absl::StrCat("spam-", host, "-", i)), StartsWith("250"));
    }
    for (ExchangeAgent* agent : All()) {
      ASSERT_EQ(agent->Queued(), kSpam);
      ASSERT_EQ(agent->Copies(), kSpam) << "nobody keeps copies: the trap is not set";
    }
  }
};

TEST_F(ExchangeTrap, BitesWhoContainsOneAlone) {
  const v1::Run run = Ended(Start("contain", {"ex1"}, {{"without_copies", "true"}}));
  ASSERT_EQ(HostIn(run, "ex1").steps(2).report().outcome(), v1::OUTCOME_SUCCEEDED) << Told(run);
  EXPECT_TRUE(Until([&] { return At("ex2").Resubmitted() >= kSpam; }))
      << "the stand-in does not resubmit: the tests below prove nothing";
  EXPECT_EQ(At("ex2").Queued(), 2 * kSpam) << "its own spam, and that of ex1 once more";
}

TEST_F(ExchangeTrap, IsAvoidedByTheBuiltInContain) {
  const v1::Run run = Ended(Start("contain"));
  ASSERT_EQ(run.state(), v1::RUN_STATE_SUCCEEDED) << Told(run);
  ExpectNothingResubmitted();
  for (const char* host : kHosts) {
    ExpectContained(host);
    const v1::ContainResult result = HostIn(run, host).steps(2).report().result().contain();
    ASSERT_EQ(result.quarantine().quarantines_size(), 1) << Told(run);
    EXPECT_GE(result.quarantine().quarantines(0).messages(), kSpam);
    EXPECT_EQ(At(host).Copies(), 0);
  }
}

TEST_F(ExchangeTrap, IsAvoidedByAControllerThatIsKilledBetweenTheParts) {
  std::atomic<int> held = 0;
  const auto hold = [&](v1::ContainUntil part) {
    held = 0;
    wire_.Hold([&held, part](const v1::Command& command) {
      const bool its =
          command.operation().has_contain() && command.operation().contain().until() == part;
      held += its ? 1 : 0;
      return its;
    });
  };
  const auto reopen = [&] {
    OpenController();
    for (const char* host : kHosts) Connect(host);
  };
  hold(v1::CONTAIN_UNTIL_SWEPT);
  const std::string run = Start("contain");
  ASSERT_TRUE(Until([&] { return held >= 2; })) << Told(Get(run));
  KillController();
  for (const char* host : kHosts) EXPECT_FALSE(At(host).Runs());

  hold(v1::CONTAIN_UNTIL_UNSPECIFIED);
  reopen();
  ASSERT_TRUE(Until([&] { return held >= 2; })) << Told(Get(run));
  for (const char* host : kHosts) EXPECT_FALSE(At(host).Runs());

  // While they do the last part: their reports find nobody.
  wire_.Hold(nullptr);
  KillController();
  reopen();
  ASSERT_TRUE(Until([&] { return At("ex1").Runs() || At("ex2").Runs(); })) << Told(Get(run));
  KillController();
  ASSERT_TRUE(Until([&] { return At("ex1").Runs() && At("ex2").Runs(); }));
  reopen();
  const v1::Run ended = Ended(run);
  ASSERT_EQ(ended.state(), v1::RUN_STATE_SUCCEEDED) << Told(ended);
  ExpectNothingResubmitted();
  for (const char* host : kHosts) {
    ExpectContained(host);
    EXPECT_EQ(At(host).Quarantines(), 1);
    EXPECT_EQ(At(host).Calls("-State \\u0027Active"), 1) << "it was started more than once";
  }
}

// The leases do not end at the same moment: who is first waits for the other.
TEST_F(ExchangeTrap, IsAvoidedByAgentsWhoseControllerIsGoneForGood) {
  wire_.Hold([](const v1::Command& command) {
    return command.operation().contain().until() == v1::CONTAIN_UNTIL_SWEPT;
  });
  const std::string run = Start("contain");
  const auto stopped = [&](int host) {
    return Get(run).hosts(host).steps(0).report().outcome() == v1::OUTCOME_SUCCEEDED;
  };
  ASSERT_TRUE(Until([&] { return stopped(0) && stopped(1); })) << Told(Get(run));
  KillController();
  At("ex1").Jump(kLease);
  ASSERT_TRUE(Until([&] { return At("ex1").Swept(); }));
  absl::SleepFor(absl::Milliseconds(500));  // Several looks at its leases.
  EXPECT_FALSE(At("ex1").Runs()) << "it was started before ex2 could be swept";
  EXPECT_FALSE(At("ex2").Swept());
  At("ex2").Jump(kLease);
  ASSERT_TRUE(Until([&] { return At("ex2").Swept(); }));
  for (const char* host : kHosts) {
    EXPECT_FALSE(At(host).Runs());
    EXPECT_EQ(At(host).Quarantines(), 1);
    At(host).Jump(kSettle);
  }
  ASSERT_TRUE(Until([&] {
    return At("ex1").journal().Leases()->empty() && At("ex2").journal().Leases()->empty();
  })) << At("ex1").Alarm()
      << At("ex2").Alarm();
  ExpectNothingResubmitted();
  for (const char* host : kHosts) ExpectContained(host);

  // It is back after all, and is told.
  wire_.Hold(nullptr);
  OpenController();
  for (const char* host : kHosts) Connect(host);
  // They tell when each was swept and started: in order, so that only the proof is left to do.
  const v1::Run ended = Ended(run);
  EXPECT_EQ(ended.state(), v1::RUN_STATE_SUCCEEDED) << Told(ended);
  EXPECT_THAT(Told(ended), HasSubstr("ex1 had done the rest alone when its lease ended"));
  EXPECT_THAT(Told(ended), Not(HasSubstr("stays stopped")));
  for (const char* host : kHosts) {
    EXPECT_THAT(Told(ended), HasSubstr(absl::StrCat(host, " swept, locked and started by itself")));
    EXPECT_EQ(HostIn(ended, host).steps(3).report().outcome(), v1::OUTCOME_SUCCEEDED);
    EXPECT_EQ(At(host).Quarantines(), 1) << "it was swept again";
  }
}

}  // namespace
}  // namespace mailquench::fleet
