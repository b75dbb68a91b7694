#include "cli/core/operation_text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cli/nouns/restore.h"
#include "common/status/error.h"

namespace mailquench::cli {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(OperationTextTest, EveryOperationOfTheContractHasADottedNameThatMakesIt) {
  EXPECT_THAT(OperationNames(), Contains("queue.quarantine"));
  for (const std::string& name : OperationNames()) {
    auto made = MakeOperation(name);
    ASSERT_TRUE(made.ok()) << name;
    EXPECT_EQ(NameOf(*made), name);
  }
}

TEST(OperationTextTest, AMistypedOperationGetsASuggestion) {
  const auto status = MakeOperation("queue.quarantin").status();
  EXPECT_EQ(ReasonOf(status), "UNKNOWN_OPERATION");
  EXPECT_THAT(std::string(status.message()), HasSubstr("Did you mean 'queue.quarantine'?"));
}

TEST(OperationTextTest, FieldsAreSetByTheirType) {
  v1::Operation operation = *MakeOperation("relay.lock");
  ASSERT_TRUE(SetField(&operation, "mode=authenticated-only").ok());
  ASSERT_TRUE(SetField(&operation, "clients=192.0.2.1,198.51.100.0/24").ok());
  EXPECT_EQ(operation.relay_lock().mode(), v1::RELAY_MODE_AUTHENTICATED_ONLY);
  EXPECT_THAT(operation.relay_lock().clients(), ElementsAre("192.0.2.1", "198.51.100.0/24"));
  operation = *MakeOperation("queue.quarantine");
  ASSERT_TRUE(SetField(&operation, "filter.min_age=1h30m").ok());
  ASSERT_TRUE(SetField(&operation, "filter.min_bytes=4096").ok());
  EXPECT_EQ(operation.queue_quarantine().filter().min_age().seconds(), 5400);
  EXPECT_EQ(operation.queue_quarantine().filter().min_bytes(), 4096);
}

TEST(OperationTextTest, WhatDoesNotFitIsRefusedWithTheAlternatives) {
  v1::Operation operation = *MakeOperation("relay.lock");
  const auto mode = SetField(&operation, "mode=ajar");
  EXPECT_EQ(ReasonOf(mode), "BAD_VALUE");
  EXPECT_THAT(std::string(mode.message()), HasSubstr("closed, authenticated-only, listed"));
  EXPECT_EQ(ReasonOf(SetField(&operation, "mod=closed")), "UNKNOWN_FIELD");
  operation = *MakeOperation("queue.watch");
  EXPECT_EQ(ReasonOf(SetField(&operation, "samples=99999999999")), "BAD_VALUE");
  EXPECT_EQ(ReasonOf(SetField(&operation, "interval=soon")), "BAD_DURATION");
}

v1::Incident Locked() {
  v1::Incident incident;
  for (const char* name : {"mx1", "mx2"}) {
    auto* owed = incident.add_obligations();
    owed->set_host_id(std::string("id-") + name);
    owed->set_host_name(name);
    owed->set_state(v1::Obligation::STATE_OUTSTANDING);
    auto* open = owed->add_settings();
    open->set_instance("-");
    open->set_key("main.cf:mynetworks");
    open->set_opened_relay(true);
    owed->add_settings()->set_key("main.cf:smtpd_banner");
  }
  return incident;
}

TEST(RestoreTest, ADecisionReachesOnlyTheHostThatItNames) {
  RestoreChoices choices;
  choices.put_back = {"mx1:main.cf:mynetworks=the NAT range = ours"};
  const auto decided = Decide(Locked(), choices);
  ASSERT_TRUE(decided.ok()) << decided.status();
  ASSERT_EQ(decided->size(), 2u);
  ASSERT_EQ((*decided)[0].decisions.size(), 1u);
  EXPECT_EQ((*decided)[0].decisions[0].instance(), "-");
  EXPECT_EQ((*decided)[0].decisions[0].choice(), v1::RESTORE_CHOICE_PUT_BACK);
  EXPECT_EQ((*decided)[0].decisions[0].reason(), "the NAT range = ours");
  EXPECT_TRUE((*decided)[1].decisions.empty());
}

TEST(RestoreTest, TheSimpleFormKeepsOnlyWhatOpenedTheRelay) {
  RestoreChoices choices;
  choices.keep_open_relay_as_fix = "was open";
  const auto decided = Decide(Locked(), choices);
  ASSERT_TRUE(decided.ok());
  for (const auto& host : *decided) {
    ASSERT_EQ(host.decisions.size(), 1u);
    EXPECT_EQ(host.decisions[0].key(), "main.cf:mynetworks");
    EXPECT_EQ(host.decisions[0].choice(), v1::RESTORE_CHOICE_KEEP_AS_FIX);
  }
}

TEST(RestoreTest, ADecisionAboutNothingIsRefusedWithTheNamesThatThereAre) {
  RestoreChoices choices;
  choices.keep_as_fix = {"mx1:main.cf:mynetwork=typo"};
  const auto decided = Decide(Locked(), choices);
  EXPECT_THAT(std::string(decided.status().message()), HasSubstr("mx1:main.cf:mynetworks"));
  choices.keep_as_fix = {"mx1:main.cf:mynetworks=a"};
  choices.put_back = {"*:main.cf:mynetworks=b"};
  EXPECT_FALSE(Decide(Locked(), choices).ok());
}

}  // namespace
}  // namespace mailquench::cli
