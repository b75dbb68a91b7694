// What a person has to know before a contain stops the mail is told before it does, and stays with
// what it reports.
#include <gmock/gmock.h>

#include "tests/unit/operations/rig.h"

namespace mailquench::agent {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr char kOpen[] = "But the accepted domain '*' lets strangers relay.";
constexpr char kDuty[] = "replace the accepted domain '*'";
constexpr char kUntilStopped[] = R"({"incidentId":"i","until":"CONTAIN_UNTIL_STOPPED"})";

class ContainWarnings : public ::testing::Test {
 protected:
  void SetUp() override {
    rig_.mail->lock_notice = kOpen;
    rig_.mail->lock_duties = {kDuty};
  }
  v1::OperationReport Do(const std::string& id, const std::string& json = "") {
    told_.clear();
    return rig_.executor->Execute(rig_.Make(id, "contain", json), false,
                                  [this](const std::string&, const std::string& text) {
                                    told_.push_back(text);
                                    running_ += rig_.mail->Get("running");
                                  });
  }
  Rig rig_;
  std::vector<std::string> told_;
  std::string running_;  // When each was told: "1" or "0".
};

TEST_F(ContainWarnings, AreToldBeforeTheStop) {
  const auto report = Do("a");
  ASSERT_EQ(report.outcome(), v1::OUTCOME_SUCCEEDED) << report.DebugString();
  ASSERT_GE(told_.size(), 3u);
  EXPECT_EQ(told_[0], kOpen);
  EXPECT_EQ(told_[1], std::string("a person owes: ") + kDuty);
  EXPECT_EQ(told_[2], "stopping");
  EXPECT_EQ(running_.substr(0, 3), "111");
  const v1::ContainResult& result = report.result().contain();
  EXPECT_THAT(result.warnings(), ElementsAre(kOpen, HasSubstr(kDuty)));
  EXPECT_EQ(result.lock().notice(), kOpen);
  EXPECT_THAT(result.lock().duties(), ElementsAre(kDuty));
}

TEST_F(ContainWarnings, AreToldWhereTheHostIsLockedAlready) {
  rig_.mail->Put("relay", "locked\n");
  EXPECT_EQ(Do("a").outcome(), v1::OUTCOME_SUCCEEDED);
  EXPECT_THAT(told_, Contains(kOpen));
  const auto planned = rig_.executor->Plan(rig_.Make("p", "contain"));
  EXPECT_THAT(planned.plan().warnings(), Contains(kOpen));
}

TEST_F(ContainWarnings, AreOfTheFirstPartAndStayWithAllOfThem) {
  EXPECT_THAT(Do("a", kUntilStopped).result().contain().warnings(), Contains(kOpen));
  EXPECT_EQ(told_[0], kOpen);
  const auto rest = Do("b", R"({"incidentId":"i"})");
  ASSERT_EQ(rest.outcome(), v1::OUTCOME_SUCCEEDED) << rest.DebugString();
  EXPECT_EQ(told_[0], "stopping") << "told once";
  EXPECT_THAT(rest.result().contain().warnings(), ElementsAre(kOpen, HasSubstr(kDuty)));
}

TEST_F(ContainWarnings, StayWithAContainThatFailsBeforeItsLock) {
  rig_.mail->stop_fails = true;
  const auto report = Do("a");
  EXPECT_EQ(report.outcome(), v1::OUTCOME_FAILED);
  EXPECT_FALSE(report.result().contain().has_lock());
  EXPECT_THAT(report.result().contain().warnings(), Contains(kOpen));
}

}  // namespace
}  // namespace mailquench::agent
