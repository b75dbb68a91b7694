// What people write: selectors, playbooks, parameters.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/status/error.h"
#include "controller/fleet/selectors.h"
#include "controller/runs/operation_fields.h"
#include "controller/runs/playbooks.h"

namespace mailquench::controller {
namespace {

using ::testing::HasSubstr;

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
  ASSERT_EQ(playbooks->size(), 4u);
  const v1::Playbook& contain = playbooks->at("contain");
  EXPECT_EQ(contain.waves(0), "1");
  EXPECT_EQ(contain.steps(2).operation().queue_watch().interval().seconds(), 2);
  EXPECT_EQ(playbooks->at("lockdown").steps(0).operation().relay_lock().mode(),
            v1::RELAY_MODE_CLOSED);
}

TEST(Playbooks, BadYamlIsRefusedWithFileAndLine) {
  const std::string head = "name: x\nsteps:\n";
  for (const auto& [text, expected] : std::map<std::string, std::string>{
           {"name: x\nsteps: [\n", "f.yaml:"},
           {head + "  - op: queue.survey\nwaves: 1\n", "f.yaml:4: 'waves' is a list"},
           {"name: x\nbogus: 1\n", "f.yaml:2: unknown key 'bogus'"},
           {head + "  - op: queue.burn\n", "f.yaml:3: there is no operation 'queue.burn'"},
           {head + "  - op: queue.watch\n    with: {sample: 5}\n",
            "f.yaml:4: there is no 'sample'"},
           {head + "  - op: queue.watch\n    with: {interval: soon}\n", "f.yaml:4: 'soon'"},
           {head + "  - op: relay.lock\n    with: {mode: ajar}\n", "f.yaml:4: 'ajar'"},
           {head + "  - op: queue.survey\n    vantage: role=v\n", "f.yaml:4: 'vantage'"},
           {head + "  - op: queue.survey\nwaves: [\"0\"]\n", "f.yaml:4: '0' is no wave"},
           {"name: x\n", "f.yaml:1: a playbook needs a list 'steps'"}}) {
    const auto playbook = ParsePlaybook(text, "f.yaml");
    EXPECT_EQ(playbook.status().code(), absl::StatusCode::kInvalidArgument) << text;
    EXPECT_THAT(std::string(playbook.status().message()), HasSubstr(expected)) << text;
  }
}

TEST(Parameters, TheyReachTheStepsThatHaveSuchAField) {
  v1::Playbook playbook = LoadPlaybooks("")->at("contain");
  ASSERT_TRUE(
      ApplyParameters({{"mode", "listed"}, {"clients", "10.0.0.1,10.0.0.2"}}, &playbook).ok());
  EXPECT_EQ(playbook.steps(0).operation().contain().mode(), v1::RELAY_MODE_LISTED);
  EXPECT_EQ(playbook.steps(0).operation().contain().clients_size(), 2);
  EXPECT_EQ(ReasonOf(ApplyParameters({{"mood", "x"}}, &playbook)), "UNKNOWN_PARAMETER");
  v1::Playbook restore = LoadPlaybooks("")->at("restore");
  const std::string decisions =
      R"([{"key":"main.cf:x","choice":"RESTORE_CHOICE_KEEP_AS_FIX","reason":"r"}])";
  ASSERT_TRUE(ApplyParameters({{"decisions", decisions}}, &restore).ok());
  EXPECT_EQ(restore.steps(0).operation().restore().decisions(0).reason(), "r");
}

}  // namespace
}  // namespace mailquench::controller
