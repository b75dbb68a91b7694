// delist and blacklist history.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "absl/time/clock.h"
#include "common/status/error.h"
#include "tests/unit/cli/fake_controller.h"

namespace mailquench::cli {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

class DelistTest : public ::testing::Test {
 protected:
  DelistTest() {
    v1::Listing& one = controller_.listing;
    one.set_listing_id("0a1b2c3d-0000-4000-8000-000000000000");
    one.set_subject("192.0.2.1");
    one.set_list_operator("Spamhaus");
    one.set_component("xbl");
    one.add_zones("zen.spamhaus.org");
    one.set_alert(true);
    one.set_tier(1);
    one.set_state(v1::LISTING_STATE_WAITING);
    one.add_host_names("mx1");
    one.set_delist_how("form");
    one.set_delist_link("https://check.example/");
    one.mutable_clears_after()->set_seconds(72 * 3600);
    one.mutable_expected_clear_time()->set_seconds(absl::ToUnixSeconds(absl::Now()) + 2 * 3600 +
                                                   30);
    one.set_evidence("Concerns: 192.0.2.1\x1b[31m\n");
    *controller_.listings.add_listings() = one;
  }

  FakeController controller_;
};

TEST_F(DelistTest, ListShowsWhereEachIsOnItsWayOut) {
  const Ran ran =
      RunCli(&controller_, {"delist", "list", "--all", "--incident", "i", "--host", "mx1"});
  EXPECT_EQ(ran.code, 0) << ran.err;
  EXPECT_THAT(ran.out, HasSubstr("0a1b2c3d  192.0.2.1  Spamhaus xbl  1     waiting"));
  EXPECT_THAT(ran.out, HasSubstr(", in 2 h 0 min"));
  ASSERT_THAT(controller_.listings_asked, SizeIs(1));
  EXPECT_TRUE(controller_.listings_asked[0].with_cleared());
  EXPECT_EQ(controller_.listings_asked[0].incident_id(), "i");
  EXPECT_EQ(controller_.listings_asked[0].host(), "mx1");
}

TEST_F(DelistTest, ShowEndsWithTheTextForTheForm) {
  const Ran ran = RunCli(&controller_, {"delist", "show", "192.0.2.1"});
  EXPECT_EQ(ran.code, 0) << ran.err;
  EXPECT_THAT(controller_.listings_got, ElementsAre("192.0.2.1"));
  EXPECT_THAT(ran.out, HasSubstr("form, takes up to 72 h 0 min"));
  EXPECT_THAT(ran.out, HasSubstr("https://check.example/"));
  EXPECT_THAT(ran.out, HasSubstr("For the removal form:\n\nConcerns: 192.0.2.1"));
  EXPECT_THAT(ran.out, Not(HasSubstr("\x1b")));
  const Ran alone = RunCli(&controller_, {"delist", "show", "0a1b", "--evidence"});
  EXPECT_THAT(alone.out, ::testing::StartsWith("Concerns: 192.0.2.1"));
}

TEST_F(DelistTest, ShowAsJsonIsOneDocumentWithEverything) {
  const Ran ran = RunCli(&controller_, {"delist", "show", "0a1b", "-o", "json"});
  const auto json = nlohmann::json::parse(ran.out);
  EXPECT_EQ(json["state"], "LISTING_STATE_WAITING");
  EXPECT_THAT(json["evidence"].get<std::string>(), HasSubstr("Concerns"));
  const Ran lines = RunCli(&controller_, {"delist", "list", "-o", "jsonl"});
  EXPECT_EQ(nlohmann::json::parse(lines.out)["subject"], "192.0.2.1");
}

TEST_F(DelistTest, RequestSendsHowAndWhyAndADryRunSendsNothing) {
  EXPECT_EQ(RunCli(&controller_, {"delist", "request", "0a1b"}).code, 1) << "--how is needed";
  EXPECT_EQ(RunCli(&controller_, {"delist", "request", "0a1b", "--how", "form", "--dry-run"}).code,
            0);
  EXPECT_THAT(controller_.delistings, IsEmpty());
  const Ran ran = RunCli(&controller_, {"delist", "request", "0a1b", "--how", "form, ticket 1",
                                        "--despite", "they want to be told"});
  EXPECT_EQ(ran.code, 0) << ran.err;
  ASSERT_THAT(controller_.delistings, SizeIs(1));
  EXPECT_EQ(controller_.delistings[0].listing_id(), "0a1b");
  EXPECT_EQ(controller_.delistings[0].how(), "form, ticket 1");
  EXPECT_EQ(controller_.delistings[0].despite(), "they want to be told");
}

TEST_F(DelistTest, WhatTheControllerRefusesIsSaidAsItSaysIt) {
  const auto error = ToProto(Error(absl::StatusCode::kFailedPrecondition, "ATTACK_GOES_ON",
                                   "the attack is not over; nothing was recorded"));
  controller_.delist_status = grpc::Status(grpc::StatusCode::FAILED_PRECONDITION, error.message(),
                                           error.SerializeAsString());
  const Ran ran = RunCli(&controller_, {"delist", "request", "0a1b", "--how", "form"});
  EXPECT_NE(ran.code, 0);
  EXPECT_THAT(ran.err, HasSubstr("the attack is not over; nothing was recorded"));
  EXPECT_THAT(ran.out, IsEmpty());
}

TEST_F(DelistTest, NoteSendsItsText) {
  EXPECT_EQ(RunCli(&controller_, {"delist", "note", "0a1b", "two days"}).code, 0);
  ASSERT_THAT(controller_.listing_notes, SizeIs(1));
  EXPECT_EQ(controller_.listing_notes[0].text(), "two days");
}

TEST_F(DelistTest, HistoryIsFilteredByAddressOrDomain) {
  v1::BlacklistChange* change = controller_.history.add_changes();
  change->set_kind("list_quarantined");
  change->set_zone("bl.example");
  change->set_text("not believed");
  const Ran ran = RunCli(&controller_, {"blacklist", "history", "--address", "192.0.2.1", "--zone",
                                        "bl.example", "--incident", "i", "--limit", "5"});
  EXPECT_EQ(ran.code, 0) << ran.err;
  EXPECT_THAT(ran.out, HasSubstr("list-quarantined  -        bl.example  -        not believed"));
  ASSERT_THAT(controller_.histories, SizeIs(1));
  EXPECT_EQ(controller_.histories[0].subject(), "192.0.2.1");
  EXPECT_EQ(controller_.histories[0].limit(), 5);
  EXPECT_EQ(RunCli(&controller_, {"blacklist", "history", "--address", "a", "--domain", "b"}).code,
            1);
}

TEST_F(DelistTest, ListingsAreCompleted) {
  const Ran ran = RunCli(&controller_, {"__complete", "delist", "show", "0a"});
  EXPECT_EQ(ran.out, "0a1b2c3d-0000-4000-8000-000000000000\n");
}

}  // namespace
}  // namespace mailquench::cli
