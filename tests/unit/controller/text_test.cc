// What people write: selectors, playbooks, parameters.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "absl/strings/str_cat.h"
#include "common/status/error.h"
#include "controller/fleet/selectors.h"
#include "controller/runs/lint.h"
#include "controller/runs/operation_fields.h"
#include "controller/runs/playbooks.h"

namespace mailquench::controller {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;

TEST(Selectors, EveryFormMatchesAsDocumented) {
  const std::map<std::string, std::string> host = {{"role", "edge"}, {"site", "fra"}};
  for (const char* yes : {"", "role=edge", "site in (fra, ams)", "env!=test", "role", "!canary",
                          "role=edge,site in (fra),!canary", "site notin (ams)"}) {
    const auto selector = Selector::Parse(yes);
    ASSERT_TRUE(selector.ok()) << yes << selector.status();
    EXPECT_TRUE(selector->Matches(host)) << yes;
  }
  for (const char* no : {"role=mx", "site in (ams)", "role!=edge", "canary", "!role"}) {
    EXPECT_FALSE(Selector::Parse(no)->Matches(host)) << no;
  }
}

TEST(Selectors, AFaultIsSaidWithItsColumn) {
  for (const auto& [text, column] :
       std::map<std::string, std::string>{{"role=", "column 6"},
                                          {"site in fra", "column 9"},
                                          {"a,,b", "column 3"},
                                          {"role edge", "column 6"},
                                          {"site in (fra", "column 13"}}) {
    const auto selector = Selector::Parse(text);
    EXPECT_EQ(ReasonOf(selector.status()), "BAD_SELECTOR") << text;
    EXPECT_THAT(std::string(selector.status().message()), HasSubstr(column + ":")) << text;
  }
}

TEST(Playbooks, TheBuiltInOnesLoad) {
  const auto playbooks = LoadPlaybooks("");
  ASSERT_TRUE(playbooks.ok()) << playbooks.status();
  ASSERT_EQ(playbooks->size(), 5u);
  const v1::Playbook& contain = playbooks->at("contain");
  EXPECT_EQ(contain.waves(0), "1");
  EXPECT_EQ(contain.steps(4).operation().queue_watch().interval().seconds(), 2);
  EXPECT_EQ(playbooks->at("lockdown").steps(0).operation().relay_lock().mode(),
            v1::RELAY_MODE_CLOSED);
}

TEST(Playbooks, BadYamlIsRefusedWithFileLineAndColumn) {
  const std::string head = "name: x\nsteps:\n";
  for (const auto& [text, expected] : std::map<std::string, std::string>{
           {"name: x\nsteps: [\n", "f.yaml:3:1: "},
           {"", "f.yaml:1:1: a map is wanted here"},
           {head + "  - op: queue.survey\nwaves: 1\n", "f.yaml:4:8: 'waves' is a list"},
           {"name: x\nbogus: 1\n", "f.yaml:2:1: unknown key 'bogus'"},
           {head + "  - op: queue.burn\n", "f.yaml:3:9: there is no operation 'queue.burn'"},
           {head + "  - op: queue.watch\n    with: {sample: 5}\n",
            "f.yaml:4:12: there is no 'sample'"},
           {head + "  - op: queue.watch\n    with: {interval: soon}\n", "f.yaml:4:22: 'soon'"},
           {head + "  - op: relay.lock\n    with: {mode: ajar}\n", "f.yaml:4:18: 'ajar'"},
           {head + "  - op: relay.lock\n    with: {mode: only}\n",
            "f.yaml:4:18: 'only' is no value for mode, one of these is wanted: closed, "
            "authenticated-only, listed"},
           {head + "  - op: relay.lock\n    with: {mode: unspecified}\n", "f.yaml:4:18:"},
           {head + "  - op: relay.lock\n    with:\n      mode: closed\n      mode: listed\n",
            "f.yaml:6:7: 'mode' twice"},
           {head + "  - op: queue.quarantine\n    with: {filter: {subjects: [a], subjects: [b]}}\n",
            "f.yaml:4:36: 'subjects' twice"},
           {head + "  - op: queue.survey\n    timeout: 25h\n", "f.yaml:4:14: 'timeout'"},
           {head + "  - op: queue.survey\n    continue_on_failure: perhaps\n", "f.yaml:4:26: bad"},
           {head + "  - op: queue.survey\n    vantage: role=v\n", "f.yaml:4:14: 'vantage'"},
           {head + "  - op: contain\n    lockstep: role=edge\n",
            "f.yaml:4:15: 'role=edge' is neither 'transport' nor the name of a label"},
           {head + "  - op: contain\n    lockstep: [site]\n", "f.yaml:4:15: 'lockstep' is"},
           {head + "  - op: contain\n    lockstep: '!site'\n", "f.yaml:4:15: '!site' is neither"},
           {head + "  - op: contain\n    only_grouped: true\n",
            "f.yaml:4:19: 'only_grouped' goes with 'lockstep' only"},
           {head + "  - op: contain\n    lockstep: site\n    only_grouped: perhaps\n",
            "f.yaml:5:19: bad"},
           {head + "  - op: contain\n    with: {until: started}\n",
            "f.yaml:4:19: 'started' is no value for until, one of these is wanted: stopped, swept"},
           {head + "  - op: queue.survey\nwaves: [\"0\"]\n", "f.yaml:4:9: '0' is no wave"},
           {"name: x\n", "f.yaml:1:1: a playbook needs a list 'steps'"}}) {
    const auto playbook = ParsePlaybook(text, "f.yaml");
    EXPECT_EQ(playbook.status().code(), absl::StatusCode::kInvalidArgument) << text;
    EXPECT_THAT(std::string(playbook.status().message()), HasSubstr(expected)) << text;
  }
}

// Walked without end it would end the controller.
TEST(Playbooks, AnAliasThatStandsForItselfIsRefused) {
  const auto playbook = ParsePlaybook(
      "name: x\nsteps:\n  - {op: queue.quarantine, with: {filter: &f {except: *f}}}\n", "f.yaml");
  ASSERT_FALSE(playbook.ok());
  EXPECT_NE(std::string(playbook.status().message()).find("aliases"), std::string::npos);
}

TEST(Playbooks, ChoicesAndLengthsOfTimeThatWereTakenStillAre) {
  for (const char* mode : {"authenticated-only", "authenticated_only", "Authenticated-Only",
                           "RELAY_MODE_AUTHENTICATED_ONLY"}) {
    const auto playbook = ParsePlaybook(
        absl::StrCat("name: x\nsteps:\n  - {op: relay.lock, with: {mode: ", mode, "}}\n"), "f");
    ASSERT_TRUE(playbook.ok()) << playbook.status();
    EXPECT_EQ(playbook->steps(0).operation().relay_lock().mode(),
              v1::RELAY_MODE_AUTHENTICATED_ONLY);
  }
  const auto playbook = ParsePlaybook(
      "name: x\nsteps:\n  - {op: queue.watch, timeout: 0.5d, with: {interval: 1.5s}}\n", "f");
  ASSERT_TRUE(playbook.ok()) << playbook.status();
  EXPECT_EQ(playbook->steps(0).timeout_seconds(), 12 * 3600);
  EXPECT_EQ(playbook->steps(0).operation().queue_watch().interval().nanos(), 500'000'000);
}

TEST(Playbooks, AStepInLockstepIsOfATransportGroupOrALabel) {
  const auto playbook = ParsePlaybook(
      "name: x\nsteps:\n  - {op: contain, with: {until: stopped, lease: 10m}, lockstep: site}\n",
      "f");
  ASSERT_TRUE(playbook.ok()) << playbook.status();
  EXPECT_EQ(playbook->steps(0).lockstep(), "site");
  EXPECT_EQ(playbook->steps(0).operation().contain().until(), v1::CONTAIN_UNTIL_STOPPED);
  EXPECT_EQ(playbook->steps(0).operation().contain().lease().seconds(), 600);
  v1::Playbook contain = LoadPlaybooks("")->at("contain");
  ASSERT_EQ(contain.steps_size(), 5);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(contain.steps(i).lockstep(), "transport");
  EXPECT_TRUE(contain.steps(1).only_grouped());
  EXPECT_FALSE(contain.steps(2).only_grouped());
  // How it is parted is no parameter.
  EXPECT_EQ(ReasonOf(ApplyParameters({{"until", "stopped"}}, &contain)), "BAD_VALUE");
  EXPECT_EQ(ReasonOf(ApplyParameters({{"organisation_elsewhere", "true"}}, &contain)), "BAD_VALUE");
}

TEST(Lint, SaysOfEachFileWhatAControllerWould) {
  const std::string folder = ::testing::TempDir() + "/mailquench-lint";
  std::filesystem::create_directories(folder);
  const auto write = [&](const std::string& name, const std::string& text) {
    std::ofstream(folder + "/" + name) << text;
    return folder + "/" + name;
  };
  const std::string good = write("a.yaml", "name: mine\nsteps: [{op: queue.survey}]\n");
  const std::string again = write("b.yaml", "name: mine\nsteps: [{op: queue.survey}]\n");
  const std::string own =
      write("c.yaml", "name: contain\nsteps: [{op: contain}, {op: queue.watch}]\n");
  const std::string bad =
      write("d.yaml", "name: x\nsteps: [{op: relay.lock, with: {mode: only}}]\n");
  const Lint lint = LintPlaybooks({good, bad, again, own, folder + "/none.yaml", folder});
  EXPECT_THAT(lint.good,
              ElementsAre(good + ": good; playbook mine, 1 step",
                          again + ": good; playbook mine, 1 step; it replaces " + good,
                          own + ": good; playbook contain, 2 steps; it replaces the built-in one"));
  EXPECT_THAT(lint.faults, ElementsAre(StartsWith(bad + ":2:"), HasSubstr("none.yaml: No such"),
                                       HasSubstr("Is a directory")));
  std::filesystem::remove_all(folder);
}

TEST(Parameters, TheyReachTheStepsThatHaveSuchAField) {
  v1::Playbook playbook = LoadPlaybooks("")->at("contain");
  ASSERT_TRUE(
      ApplyParameters({{"mode", "listed"}, {"clients", "10.0.0.1,10.0.0.2"}}, &playbook).ok());
  EXPECT_EQ(playbook.steps(0).operation().contain().mode(), v1::RELAY_MODE_LISTED);
  EXPECT_EQ(playbook.steps(0).operation().contain().clients_size(), 2);
  // All that `mailquench run contain` sends.
  ASSERT_TRUE(
      ApplyParameters(
          {{"keep_notifications", "true"}, {"leave_stopped", "true"}, {"waves", "100%"}}, &playbook)
          .ok());
  EXPECT_TRUE(playbook.steps(0).operation().contain().leave_stopped());
  EXPECT_THAT(playbook.waves(), ElementsAre("100%"));
  EXPECT_EQ(ReasonOf(ApplyParameters({{"mood", "x"}}, &playbook)), "UNKNOWN_PARAMETER");
  v1::Playbook restore = LoadPlaybooks("")->at("restore");
  const std::string decisions =
      R"([{"key":"main.cf:x","choice":"RESTORE_CHOICE_KEEP_AS_FIX","reason":"r"}])";
  ASSERT_TRUE(ApplyParameters({{"decisions", decisions}}, &restore).ok());
  EXPECT_EQ(restore.steps(0).operation().restore().decisions(0).reason(), "r");
}

}  // namespace
}  // namespace mailquench::controller
