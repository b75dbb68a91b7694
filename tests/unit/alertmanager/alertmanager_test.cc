// Against the real one.
#include "controller/alertmanager/alertmanager.h"

#include <gmock/gmock.h>

#include "absl/time/clock.h"
#include "common/status/error.h"
#include "tests/unit/alertmanager/real_alertmanager.h"

namespace mailquench::controller {
namespace {

class Real : public testing::Test {
 protected:
  void SetUp() override {
    if (!test::RealAlertmanager::Installed())
      GTEST_SKIP() << "needs Debian's prometheus-alertmanager";
    real_ = std::make_unique<test::RealAlertmanager>();
    AlertmanagerConfig config;
    config.name = "main";
    config.url = real_->url();
    config.limit = absl::Seconds(20);
    client_ = std::make_unique<Alertmanager>(config);
  }
  SilenceWish Wish(const std::vector<std::string>& instances) const {
    SilenceWish wish;
    wish.matchers = {{"instance", instances}};
    wish.start = absl::Now();
    wish.end = absl::Now() + absl::Minutes(30);
    wish.comment = "mailquench escalation e-1: contain runs";
    return wish;
  }
  // By instance.
  std::map<std::string, bool> Silenced() {
    std::map<std::string, bool> silenced;
    const auto alerts = client_->Alerts();
    EXPECT_TRUE(alerts.ok()) << alerts.status();
    for (const KnownAlert& alert : alerts.value_or(std::vector<KnownAlert>()))
      silenced[alert.labels.at("instance")] = alert.silenced;
    return silenced;
  }
  std::unique_ptr<test::RealAlertmanager> real_;
  std::unique_ptr<Alertmanager> client_;
};

using Map = std::map<std::string, bool>;

TEST_F(Real, ShowsAlertsUnderASilenceAndThoseThatEndedNoMore) {
  ASSERT_TRUE(real_->Alert(R"({"alertname":"Queue","instance":"mx1.test:9100"})"));
  ASSERT_TRUE(real_->Alert(R"({"alertname":"Queue","instance":"mx2.test:9100"})"));
  ASSERT_TRUE(real_->Alert(R"({"alertname":"Queue","instance":"mx1xtest:9100"})"));
  EXPECT_EQ(Silenced(),
            (Map{{"mx1.test:9100", false}, {"mx2.test:9100", false}, {"mx1xtest:9100", false}}));
  // The dot is a dot, and the expression is anchored.
  const auto set = client_->SetSilence(Wish({"mx1.test:9100", "mx2.test:91"}));
  ASSERT_TRUE(set.ok()) << set.status();
  EXPECT_EQ(Silenced(),
            (Map{{"mx1.test:9100", true}, {"mx2.test:9100", false}, {"mx1xtest:9100", false}}));
  ASSERT_TRUE(real_->Alert(R"({"alertname":"Queue","instance":"mx1.test:9100"})", false));
  EXPECT_EQ(Silenced(), (Map{{"mx2.test:9100", false}, {"mx1xtest:9100", false}}));
  const auto alerts = client_->Alerts();
  ASSERT_TRUE(alerts.ok());
  EXPECT_FALSE(alerts->front().fingerprint.empty());
  EXPECT_LT(alerts->front().start, absl::Now() - absl::Minutes(9));
  EXPECT_GT(alerts->front().end, absl::Now());
}

TEST_F(Real, ASilenceIsSetExtendedFoundAndLiftedTwice) {
  ASSERT_TRUE(real_->Alert(R"({"alertname":"Queue","instance":"mx1"})"));
  SilenceWish wish = Wish({"mx1"});
  const auto first = client_->SetSilence(wish);
  ASSERT_TRUE(first.ok()) << first.status();
  EXPECT_EQ(client_->FindSilence("escalation e-1").value(), *first);
  EXPECT_EQ(client_->FindSilence("escalation e-2").value(), "");
  EXPECT_EQ(client_->FindSilence("").value(), "");
  // The same wish and a longer one keep its id, whatever start they name.
  wish.silence_id = *first;
  EXPECT_EQ(client_->SetSilence(wish).value(), *first);
  wish.start = absl::Now() - absl::Hours(3);
  wish.end = absl::Now() + absl::Hours(2);
  EXPECT_EQ(client_->SetSilence(wish).value(), *first);
  EXPECT_TRUE(Silenced().at("mx1"));
  EXPECT_TRUE(client_->LiftSilence(*first).ok());
  EXPECT_FALSE(Silenced().at("mx1"));
  EXPECT_TRUE(client_->LiftSilence(*first).ok());
  EXPECT_EQ(client_->FindSilence("escalation e-1").value(), "");
  // One that had expired is set again under another id.
  const auto again = client_->SetSilence(wish);
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_NE(*again, *first);
  EXPECT_TRUE(Silenced().at("mx1"));
}

TEST_F(Real, OneThatItNeverHeardOf) {
  const std::string unknown = "11111111-1111-4111-8111-111111111111";
  EXPECT_TRUE(client_->LiftSilence(unknown).ok()) << client_->LiftSilence(unknown);
  EXPECT_TRUE(client_->LiftSilence("").ok());
  EXPECT_TRUE(client_->LiftSilence("../silences").ok());
  SilenceWish wish = Wish({"mx1"});
  wish.silence_id = unknown;
  const auto set = client_->SetSilence(wish);
  ASSERT_TRUE(set.ok()) << set.status();
  EXPECT_NE(*set, unknown);
}

TEST_F(Real, ValuesCannotWidenASilence) {
  ASSERT_TRUE(real_->Alert(R"({"alertname":"Queue","instance":"mx1"})"));
  ASSERT_TRUE(real_->Alert(R"({"alertname":"Queue","instance":".*"})"));
  ASSERT_TRUE(client_->SetSilence(Wish({".*", "a|mx1", "\\E.*\\Q", "ümlaut"})).ok());
  EXPECT_EQ(Silenced(), (Map{{"mx1", false}, {".*", true}}));
  for (const std::vector<std::string>& values :
       {std::vector<std::string>{}, std::vector<std::string>{""},
        std::vector<std::string>{"mx1", ""}})
    EXPECT_EQ(ReasonOf(client_->SetSilence(Wish(values)).status()), "BAD_SILENCE");
  SilenceWish nothing = Wish({"mx1"});
  nothing.matchers.clear();
  EXPECT_EQ(ReasonOf(client_->SetSilence(nothing).status()), "BAD_SILENCE");
}

// What is due is an error while it is down, and is done when it is back.
TEST_F(Real, IsDownWhileASilenceIsToBeLifted) {
  const auto set = client_->SetSilence(Wish({"mx1"}));
  ASSERT_TRUE(set.ok()) << set.status();
  real_->Stop();
  EXPECT_EQ(ReasonOf(client_->LiftSilence(*set)), "NO_ANSWER");
  EXPECT_EQ(ReasonOf(client_->Alerts().status()), "NO_ANSWER");
  EXPECT_EQ(ReasonOf(client_->FindSilence("e-1").status()), "NO_ANSWER");
  EXPECT_EQ(ReasonOf(client_->SetSilence(Wish({"mx1"})).status()), "NO_ANSWER");
  ASSERT_TRUE(real_->Start());
  // It was killed, so it may have forgotten the silence: lifting is well either way.
  EXPECT_TRUE(client_->LiftSilence(*set).ok());
  EXPECT_EQ(client_->FindSilence("e-1").value(), "");
}

}  // namespace
}  // namespace mailquench::controller
