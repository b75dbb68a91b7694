// What a person is told, on every platform, for every operation; and what is taken of what is said.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/operation/names.h"
#include "common/status/error.h"
#include "controller/manual/confirmation.h"
#include "controller/manual/instructions.h"

namespace mailquench::controller {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

class GuideTest : public ::testing::Test {
 protected:
  GuideTest() {
    auto guide = Guide::BuiltIn();
    if (!guide.ok()) ADD_FAILURE() << guide.status();
    guide_ = *std::move(guide);
  }
  HandOrder Order(const std::string& platform,
                  const std::string& operation,
                  const std::string& json = "") {
    HandOrder order;
    order.operation = *MakeOperation(operation, json);
    order.platform = platform;
    order.host_name = "old1";
    order.since = absl::FromUnixSeconds(1700000000);
    return order;
  }
  std::string TextOf(const HandOrder& order) {
    v1::ManualStep step;
    Instruct(guide_, order, &step);
    std::string all;
    for (const auto& one : step.instructions()) all += one.text() + "\n" + one.command() + "\n";
    return all;
  }
  static v1::ManualConfirmation Say(v1::Outcome outcome, const std::string& seen) {
    v1::ManualConfirmation said;
    said.set_outcome(outcome);
    said.set_seen(seen);
    return said;
  }
  static void Note(const std::string& key,
                   const std::string& value,
                   v1::ManualConfirmation* said,
                   bool opened = false) {
    v1::ManualNote* note = said->add_notes();
    note->set_key(key);
    note->set_value(value);
    note->set_opened_relay(opened);
  }
  // Everything that is asked for.
  void Answer(const HandOrder& order, v1::ManualConfirmation* said) {
    for (const AskedQuestion& one : QuestionsOf(guide_, order)) {
      Note(one.question.key, "was " + one.question.key, said);
      said->mutable_notes()->rbegin()->set_relay_was_closed(one.question.relay);
    }
  }
  Guide guide_;
};

TEST_F(GuideTest, EveryPlatformSaysOfEveryOperationHowOrWhyNot) {
  EXPECT_THAT(guide_.Platforms(),
              ElementsAre("appliance", "exchange-2000", "exchange-2003", "iis-smtp"));
  for (const std::string& platform : guide_.Platforms()) {
    for (const std::string& operation : AllOperationNames()) {
      if (operation == "blacklist.clear" || operation == "antivirus.clear")
        continue;  // The controller does it itself.
      const GuideEntry* entry = guide_.Find(platform, operation);
      ASSERT_NE(entry, nullptr) << platform << " " << operation;
      if (!entry->refused.empty()) continue;
      const bool who = operation == "sender.block" || operation == "sender.unblock";
      v1::ManualStep step;
      Instruct(guide_, Order(platform, operation, who ? "{\"account\":\"ada\"}" : ""), &step);
      EXPECT_GT(step.instructions_size(), 0) << platform << " " << operation;
      for (const auto& one : step.instructions()) {
        EXPECT_THAT(one.text(), Not(HasSubstr("{"))) << platform << " " << operation;
        EXPECT_THAT(one.command(), Not(HasSubstr("{"))) << platform << " " << operation;
      }
    }
  }
}

TEST_F(GuideTest, WhatNobodyHasWrittenDownIsRefusedAndNeverPassed) {
  EXPECT_THAT(guide_.WhyNot("exchange-2003", "nosuch"), HasSubstr("nobody has written down"));
  EXPECT_THAT(guide_.WhyNot("nosuch", "contain"), HasSubstr("nobody has written down"));
  EXPECT_EQ(guide_.WhyNot("exchange-2003", "contain"), "");
  EXPECT_THAT(guide_.WhyNot("iis-smtp", "ndr.silence"), HasSubstr("no switch"));
  EXPECT_EQ(ReasonOf(guide_.Check("sendmail")), "UNKNOWN_PLATFORM");
}

TEST_F(GuideTest, AChangeAsksHowItWasBefore) {
  for (const std::string& platform : guide_.Platforms()) {
    for (const char* operation :
         {"relay.lock", "ndr.silence", "sender.block", "contain", "egress.set"}) {
      if (!guide_.WhyNot(platform, operation).empty()) continue;
      EXPECT_THAT(QuestionsOf(guide_, Order(platform, operation)), Not(IsEmpty()))
          << platform << " " << operation;
    }
  }
}

TEST_F(GuideTest, TheWayOutIsSetByWhatIsNamedAlone) {
  for (const char* platform : {"appliance", "exchange-2003", "iis-smtp"}) {
    const std::string smarthost =
        TextOf(Order(platform, "egress.set", "{\"smarthost\":\"relay.example.net\"}"));
    EXPECT_THAT(smarthost, HasSubstr("relay.example.net")) << platform;
    EXPECT_THAT(smarthost, Not(HasSubstr("(not given)"))) << platform;
    const std::string all =
        TextOf(Order(platform, "egress.set",
                     "{\"sourceAddress\":\"192.0.2.5\",\"heloName\":\"out.example.org\","
                     "\"smarthost\":\"direct\"}"));
    EXPECT_THAT(all, HasSubstr("192.0.2.5")) << platform;
    EXPECT_THAT(all, HasSubstr("out.example.org")) << platform;
    EXPECT_THAT(all, Not(HasSubstr("{"))) << platform;
  }
  const HandOrder order = Order("exchange-2003", "egress.set", "{\"smarthost\":\"direct\"}");
  v1::ManualConfirmation said;
  said.set_outcome(v1::OUTCOME_SUCCEEDED);
  said.set_seen("sent a mail");
  Answer(order, &said);
  const auto checked = Checked(guide_, order, said);
  ASSERT_TRUE(checked.ok()) << checked.status();
  const v1::OperationReport report = ReportByHand(guide_, order, *checked, "c1", true);
  EXPECT_EQ(report.result().egress_set().settings_size(), 3);
  EXPECT_NE(report.result().egress_set().snapshot_id(), "");
}

TEST_F(GuideTest, ContainIsItsPartsInTheirOrder) {
  const std::string text = TextOf(Order("exchange-2003", "contain"));
  std::size_t at = 0;
  for (const char* part :
       {"== service.stop", "net stop smtpsvc", "start= demand", "== queue.survey",
        "QUEUE_DIR\\NTFS_*.EML", "== queue.quarantine", "ren \"QUEUE_DIR\" Queue.mq-20231114-2213",
        "== relay.lock", "== ndr.silence", "Allow non-delivery reports", "== service.start",
        "start= auto", "net start smtpsvc"}) {
    const std::size_t next = text.find(part, at);
    ASSERT_NE(next, std::string::npos) << part << " after " << at;
    at = next;
  }
  EXPECT_THAT(TextOf(Order("exchange-2003", "contain", "{\"leaveStopped\":true}")),
              Not(HasSubstr("net start smtpsvc\n")));
  EXPECT_THAT(TextOf(Order("exchange-2003", "contain", "{\"keepNotifications\":true}")),
              Not(HasSubstr("ndr.silence")));
  // What the platform cannot do is said, and is no reason to do nothing.
  EXPECT_THAT(TextOf(Order("iis-smtp", "contain")), HasSubstr("== ndr.silence: leave it out"));
}

TEST_F(GuideTest, TheFactsThatCostMailOrOpenARelayStandInTheWords) {
  const std::string sweep = TextOf(Order("exchange-2003", "queue.quarantine"));
  EXPECT_THAT(sweep, HasSubstr("Never copy it"));
  EXPECT_THAT(sweep, HasSubstr("cacls"));
  EXPECT_THAT(TextOf(Order("exchange-2000", "service.stop")), HasSubstr("many minutes"));
  EXPECT_THAT(TextOf(Order("exchange-2000", "service.start")), HasSubstr("hands it out again"));
  const std::string exchange =
      TextOf(Order("exchange-2003", "relay.lock", "{\"mode\":\"RELAY_MODE_CLOSED\"}"));
  EXPECT_THAT(exchange, HasSubstr("OPEN relay"));
  EXPECT_THAT(exchange, HasSubstr("Do not use adsutil"));
  EXPECT_THAT(exchange, Not(HasSubstr("adsutil.vbs set")));
  // No directory stands behind the service of IIS, so none may be spoken of.
  for (const std::string& operation : AllOperationNames()) {
    if (!guide_.WhyNot("iis-smtp", operation).empty()) continue;
    const std::string text = TextOf(Order("iis-smtp", operation));
    EXPECT_THAT(text, Not(HasSubstr("ESM"))) << operation;
    EXPECT_THAT(text, Not(HasSubstr("System Attendant"))) << operation;
  }
}

TEST_F(GuideTest, TheModeOfALockChoosesTheClicks) {
  const std::string closed = TextOf(Order("iis-smtp", "relay.lock"));
  EXPECT_THAT(closed, HasSubstr("clear Basic"));
  const std::string logins =
      TextOf(Order("iis-smtp", "relay.lock", "{\"mode\":\"RELAY_MODE_AUTHENTICATED_ONLY\"}"));
  EXPECT_THAT(logins, Not(HasSubstr("clear Basic")));
  const std::string listed =
      TextOf(Order("iis-smtp", "relay.lock",
                   "{\"mode\":\"RELAY_MODE_LISTED\",\"clients\":[\"192.0.2.1\",\"192.0.2.2\"]}"));
  EXPECT_THAT(listed, HasSubstr("192.0.2.1, 192.0.2.2"));
}

TEST_F(GuideTest, AValueThatACommandLineWouldActOnIsTypedByThePerson) {
  const std::string plain =
      TextOf(Order("exchange-2003", "sender.block", "{\"account\":\"DOM\\\\ada\"}"));
  EXPECT_THAT(plain, HasSubstr("DOM\\ada"));
  EXPECT_THAT(plain, HasSubstr("net user \"ada\" /domain"));
  EXPECT_THAT(TextOf(Order("iis-smtp", "sender.block", "{\"account\":\"ada@example.org\"}")),
              HasSubstr("net user \"ada\" /active:no"));
  const std::string bad = TextOf(
      Order("exchange-2003", "sender.block", "{\"account\":\"x\\\" & rd /s C: & \\u001b[2J\"}"));
  EXPECT_THAT(bad, HasSubstr("net user \"USER\""));
  EXPECT_THAT(bad, Not(HasSubstr("\x1b")));
  const std::string nested =
      TextOf(Order("exchange-2003", "sender.block", "{\"account\":\"{client}\"}"));
  EXPECT_THAT(nested, HasSubstr("{client}"));  // A value is not taken for a placeholder.
}

TEST_F(GuideTest, WhatIsSaidIsLookedAtAndMadeHarmless) {
  const HandOrder order = Order("exchange-2003", "service.status");
  const auto taken =
      Checked(guide_, order, Say(v1::OUTCOME_SUCCEEDED, " gone\x1b[2J\nfrom the list "));
  ASSERT_TRUE(taken.ok()) << taken.status();
  EXPECT_EQ(taken->seen(), "gone [2J from the list");
  for (const auto& said : {Say(v1::OUTCOME_SUCCEEDED, " \n"), Say(v1::OUTCOME_UNSPECIFIED, "x"),
                           Say(v1::OUTCOME_UNREACHABLE, "x"), Say(v1::OUTCOME_UNKNOWN, "x"),
                           Say(v1::OUTCOME_FAILED, std::string(5000, 'x'))}) {
    EXPECT_EQ(ReasonOf(Checked(guide_, order, said).status()), "BAD_CONFIRMATION");
  }
  v1::ManualConfirmation verdict = Say(v1::OUTCOME_SUCCEEDED, "x");
  verdict.set_verdict("quiet");
  EXPECT_EQ(ReasonOf(Checked(guide_, order, verdict).status()), "BAD_CONFIRMATION");
  const HandOrder watch = Order("exchange-2003", "queue.watch");
  EXPECT_TRUE(Checked(guide_, watch, verdict).ok());
  EXPECT_EQ(ReasonOf(Checked(guide_, watch, Say(v1::OUTCOME_SUCCEEDED, "x")).status()),
            "BAD_CONFIRMATION");
  EXPECT_TRUE(Checked(guide_, watch, Say(v1::OUTCOME_FAILED, "x")).ok());
}

TEST_F(GuideTest, ASuccessWithoutTheValuesFromBeforeIsNotTaken) {
  const HandOrder order = Order("exchange-2003", "relay.lock");
  v1::ManualConfirmation said = Say(v1::OUTCOME_SUCCEEDED, "RelayForAuth is 0");
  const auto refused = Checked(guide_, order, said);
  EXPECT_EQ(ReasonOf(refused.status()), "BAD_CONFIRMATION");
  EXPECT_THAT(std::string(refused.status().message()), HasSubstr("relay.list"));
  Answer(order, &said);
  EXPECT_TRUE(Checked(guide_, order, said).ok());
  Note("relay.list", "twice", &said);
  EXPECT_FALSE(Checked(guide_, order, said).ok());
  // It did not work: nobody has to know what was before. That nothing was to be changed is shown by
  // the values.
  v1::ManualConfirmation unchanged = Say(v1::OUTCOME_UNCHANGED, "was closed");
  for (const char* operation : {"relay.lock", "contain"}) {
    const HandOrder closing = Order("exchange-2003", operation);
    EXPECT_THAT(std::string(Checked(guide_, closing, unchanged).status().message()),
                HasSubstr("relay.list"))
        << operation;
    v1::ManualConfirmation values = unchanged;
    for (const AskedQuestion& one : QuestionsOf(guide_, closing)) {
      if (one.question.place) continue;
      Note(one.question.key, "only the list below", &values);
      values.mutable_notes()->rbegin()->set_relay_was_closed(one.question.relay);
    }
    EXPECT_TRUE(Checked(guide_, closing, values).ok()) << Checked(guide_, closing, values).status();
    values.mutable_notes(0)->set_value("All except the list below");
    for (v1::ManualNote& note : *values.mutable_notes()) {
      if (note.key() == "relay.list") note.set_value("All except the list below");
    }
    EXPECT_EQ(ReasonOf(Checked(guide_, closing, values).status()), "BAD_CONFIRMATION");
  }
  EXPECT_TRUE(Checked(guide_, Order("exchange-2003", "ndr.silence"), unchanged).ok());
  EXPECT_TRUE(Checked(guide_, order, Say(v1::OUTCOME_FAILED, "no ESM")).ok());
}

TEST_F(GuideTest, WhetherAValueOpenedTheRelayIsSaidAndNeverGuessed) {
  const HandOrder order = Order("exchange-2003", "relay.lock");
  for (const v1::Outcome outcome : {v1::OUTCOME_SUCCEEDED, v1::OUTCOME_FAILED}) {
    v1::ManualConfirmation said = Say(outcome, "0");
    Answer(order, &said);
    v1::ManualNote* list = said.mutable_notes(0);
    ASSERT_EQ(list->key(), "relay.list");
    EXPECT_FALSE(Checked(guide_, order, said)->notes(0).opened_relay());
    list->clear_relay_was_closed();
    const auto guessed = Checked(guide_, order, said).status();
    EXPECT_EQ(ReasonOf(guessed), "BAD_CONFIRMATION");
    EXPECT_THAT(std::string(guessed.message()), HasSubstr("--relay-was-closed"));
    list->set_opened_relay(true);
    EXPECT_TRUE(Checked(guide_, order, said)->notes(0).opened_relay());
    list->set_relay_was_closed(true);
    EXPECT_FALSE(Checked(guide_, order, said).ok());
    for (const char* value : {"unknown", "Unknown", "ALL EXCEPT the list below: 10.0.0.1"}) {
      list->set_opened_relay(false);
      list->set_relay_was_closed(true);
      list->set_value(value);
      const auto taken = Checked(guide_, order, said);
      ASSERT_TRUE(taken.ok()) << taken.status();
      EXPECT_TRUE(taken->notes(0).opened_relay()) << value;
      EXPECT_FALSE(taken->notes(0).relay_was_closed()) << value;
      EXPECT_FALSE(taken->notes(1).opened_relay());
    }
  }
}

TEST_F(GuideTest, AProbeByHandCallsClosedOnlyWhatSpeaksOfRelaying) {
  for (const std::string& platform : guide_.Platforms()) {
    const std::string text = TextOf(Order(platform, "relay.probe"));
    EXPECT_THAT(text, HasSubstr("Closed: only where the answer speaks of relaying or of a login"));
    EXPECT_THAT(text, HasSubstr("All else is unknown: a refusal of the sender"));
    EXPECT_THAT(text, HasSubstr("is listed or blocked"));
  }
}

TEST_F(GuideTest, OnlyAFolderThatWasSetAsideIsOfferedForDeletion) {
  HandOrder order = Order("exchange-2003", "quarantine.discard");
  order.quarantine_directory = "C:\\Exchsrvr\\Mailroot\\vsi 1\\Queue.mq-20231114-2213";
  EXPECT_THAT(TextOf(order), HasSubstr("rd /s \"C:\\Exchsrvr\\Mailroot\\vsi 1\\Queue.mq-"));
  order.quarantine_directory = "C:\\";
  EXPECT_THAT(TextOf(order), HasSubstr("rd /s \"ASIDE_DIRECTORY\""));
}

TEST_F(GuideTest, AfterItsStopOnlyAPersonStartsTheService) {
  for (const char* platform : {"exchange-2000", "exchange-2003", "iis-smtp"}) {
    EXPECT_THAT(TextOf(Order(platform, "service.stop")),
                HasSubstr("sc config smtpsvc start= demand"));
    EXPECT_THAT(TextOf(Order(platform, "service.start")),
                HasSubstr("sc config smtpsvc start= auto"));
    EXPECT_EQ(QuestionsOf(guide_, Order(platform, "service.stop")).at(0).question.key,
              "service.start_type");
    // Stopped first: what is counted does not grow meanwhile, and no manager shows a queue.
    const std::string contain = TextOf(Order(platform, "contain"));
    EXPECT_LT(contain.find("== service.stop"), contain.find("== queue.survey"));
    EXPECT_THAT(contain, Not(HasSubstr("two longest queues")));
  }
  EXPECT_THAT(TextOf(Order("exchange-2003", "queue.survey")), HasSubstr("two longest queues"));
}

TEST_F(GuideTest, WhatIsNotedIsBoundedAndCutInTheTimelineAlone) {
  const HandOrder order = Order("exchange-2003", "relay.lock");
  v1::ManualConfirmation said = Say(v1::OUTCOME_FAILED, "x");
  Note("a", std::string(4000, 'y'), &said);
  const auto taken = Checked(guide_, order, said);
  ASSERT_TRUE(taken.ok()) << taken.status();
  EXPECT_EQ(taken->notes(0).value().size(), 4000u);
  EXPECT_LT(InWords(*taken).size(), 400u);
  for (char key = 'b'; key < 'k'; ++key) Note(std::string(1, key), std::string(4000, 'y'), &said);
  EXPECT_EQ(ReasonOf(Checked(guide_, order, said).status()), "BAD_CONFIRMATION");
  v1::ManualConfirmation key = Say(v1::OUTCOME_FAILED, "x");
  Note("a b", "y", &key);
  EXPECT_EQ(ReasonOf(Checked(guide_, order, key).status()), "BAD_CONFIRMATION");
}

TEST_F(GuideTest, ALockBecomesARecordThatIsOwed) {
  const HandOrder order = Order("exchange-2003", "relay.lock");
  v1::ManualConfirmation said = Say(v1::OUTCOME_SUCCEEDED, "0");
  Answer(order, &said);
  said.mutable_notes(0)->set_opened_relay(true);
  Note("firewall25", "open", &said);  // One of the operator's own.
  const auto report = ReportByHand(guide_, order, said, "c1", true);
  EXPECT_EQ(report.outcome(), v1::OUTCOME_SUCCEEDED);
  const v1::ChangeResult& change = report.result().relay_lock();
  EXPECT_EQ(change.snapshot_id(), "manual-c1");
  ASSERT_EQ(change.settings_size(), 5);
  EXPECT_EQ(change.settings(0).key(), "relay.list");
  EXPECT_EQ(change.settings(0).before(), "was relay.list");
  EXPECT_TRUE(change.settings(0).opened_relay());
  EXPECT_EQ(change.settings(4).key(), "firewall25");
  said.set_outcome(v1::OUTCOME_UNCHANGED);
  EXPECT_EQ(ReportByHand(guide_, order, said, "c1", true).result().relay_lock().snapshot_id(), "");
  said.set_outcome(v1::OUTCOME_FAILED);  // Half of it may have been done.
  EXPECT_EQ(ReportByHand(guide_, order, said, "c1", true).result().relay_lock().snapshot_id(),
            "manual-c1");
}

TEST_F(GuideTest, AContainTellsOfItsQuarantineItsLockAndItsSilence) {
  const HandOrder order = Order("exchange-2003", "contain", "{\"incidentId\":\"i\"}");
  v1::ManualConfirmation said = Say(v1::OUTCOME_SUCCEEDED, "it runs");
  Answer(order, &said);
  const auto contain = ReportByHand(guide_, order, said, "c1", true).result().contain();
  ASSERT_EQ(contain.quarantine().quarantines_size(), 1);
  EXPECT_EQ(contain.quarantine().quarantines(0).directory(), "was quarantine.directory");
  EXPECT_EQ(contain.quarantine().quarantines(0).incident_id(), "i");
  EXPECT_EQ(contain.quarantine().quarantines(0).messages(), -1);
  EXPECT_EQ(contain.lock().settings_size(), 4);
  EXPECT_EQ(contain.lock().snapshot_id(), contain.silence().snapshot_id());
  ASSERT_EQ(contain.silence().settings_size(), 1);
  EXPECT_EQ(contain.silence().settings(0).key(), "ndr.formats");
}

TEST_F(GuideTest, RestoreShowsWhatWasRecordedAndLeavesTheHoleShut) {
  HandOrder order = Order("exchange-2003", "restore");
  EXPECT_THAT(TextOf(order), HasSubstr("Answer 'unchanged'"));
  v1::Obligation owed;
  owed.set_snapshot_id("s1");
  owed.set_operation("relay.lock");
  owed.set_state(v1::Obligation::STATE_OUTSTANDING);
  v1::Setting* hole = owed.add_settings();
  hole->set_instance("-");
  hole->set_key("relay.list");
  hole->set_before("All except the list below");
  hole->set_opened_relay(true);
  v1::Setting* logins = owed.add_settings();
  logins->set_instance("-");
  logins->set_key("authentication");
  logins->set_before("Basic\x1b[2J");
  order.owed.push_back(owed);
  owed.set_snapshot_id("s3");  // Changed a second time: the first value is the one.
  owed.mutable_settings(1)->set_before("in between");
  order.owed.push_back(owed);
  owed.set_operation("sender.block");
  owed.set_snapshot_id("s2");
  owed.clear_settings();
  owed.add_settings()->set_key("block.before/ada");
  order.owed.push_back(owed);
  const std::string text = TextOf(order);
  EXPECT_THAT(text, HasSubstr("LEAVE relay.list"));
  EXPECT_THAT(text, HasSubstr("PUT BACK authentication (relay.lock), as it was: Basic [2J"));
  EXPECT_THAT(text, Not(HasSubstr("in between")));
  EXPECT_EQ(text.find("LEAVE relay.list"), text.rfind("LEAVE relay.list"));
  EXPECT_THAT(text, HasSubstr("LEAVE block.before/ada as it is now: a block stays"));
  const auto result =
      ReportByHand(guide_, order, Say(v1::OUTCOME_SUCCEEDED, "done"), "c", false).result();
  ASSERT_EQ(result.restore().settings_size(), 5);
  EXPECT_EQ(result.restore().kept_as_fix(), 1);
  EXPECT_EQ(result.restore().needs_decision(), 2);
  EXPECT_EQ(result.restore().put_back(), 2);
  v1::RestoreDecision* decision = order.operation.mutable_restore()->add_decisions();
  decision->set_key("relay.list");
  decision->set_choice(v1::RESTORE_CHOICE_KEEP_AS_FIX);
  decision->set_reason("was open");
  EXPECT_EQ(ReportByHand(guide_, order, Say(v1::OUTCOME_SUCCEEDED, "done"), "c", false)
                .result()
                .restore()
                .kept_as_fix(),
            3);
  EXPECT_FALSE(ReportByHand(guide_, order, Say(v1::OUTCOME_FAILED, "no"), "c", false).has_result());
}

TEST_F(GuideTest, ARelayThatIsStillOpenFailsTheRunThatClosesIt) {
  HandOrder order = Order("exchange-2003", "relay.probe");
  order.listeners = {"192.0.2.1:25"};
  v1::ManualConfirmation said = Say(v1::OUTCOME_SUCCEEDED, "250 ok");
  said.set_verdict("open");
  const auto closing = ReportByHand(guide_, order, said, "c", true);
  EXPECT_EQ(closing.outcome(), v1::OUTCOME_FAILED);
  EXPECT_EQ(ReasonOf(FromProto(closing.error())), "RELAY_STILL_OPEN");
  const auto looking = ReportByHand(guide_, order, said, "c", false);
  EXPECT_EQ(looking.outcome(), v1::OUTCOME_SUCCEEDED);
  EXPECT_EQ(looking.result().relay_probe().listeners(0).target(), "192.0.2.1:25");
  EXPECT_EQ(looking.result().relay_probe().listeners(0).verdict(), v1::RELAY_VERDICT_OPEN);
}

TEST_F(GuideTest, TheSameIsTheSameWhoeverSaysItInWhateverOrder) {
  v1::ManualConfirmation a = Say(v1::OUTCOME_SUCCEEDED, "x"), b = a;
  Note("k", "1", &a);
  Note("l", "2", &a);
  Note("l", "2", &b);
  Note("k", "1", &b);
  a.set_confirmed_by("ada");
  b.set_confirmed_by("bob");
  EXPECT_TRUE(SameConfirmation(a, b));
  b.mutable_notes(0)->set_value("3");
  EXPECT_FALSE(SameConfirmation(a, b));
}

TEST(GuideTexts, AFaultIsNamedWithItsLine) {
  const auto bad = [](const std::string& text) {
    const auto guide = Guide::Read({text});
    return std::string(guide.ok() ? "taken" : guide.status().message());
  };
  EXPECT_THAT(bad("platform: p\noperations:\n  nosuch: {refused: x}\n"), HasSubstr(":3:3: there"));
  EXPECT_THAT(bad("platform: p\noperations:\n  restore: {}\n"), HasSubstr("one of 'refused'"));
  EXPECT_THAT(bad("platform: p\noperations:\n  restore: {steps: [{do: x, when: rain}]}\n"),
              HasSubstr("no fact 'rain'"));
  EXPECT_THAT(bad("platform: p\nlike: q\noperations: {restore: {refused: x}}\n"),
              HasSubstr("no model"));
  EXPECT_THAT(bad("operations: {}\n"), HasSubstr("'platform' is missing"));
}

}  // namespace
}  // namespace mailquench::controller
