#include "cli/tree.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_replace.h"
#include "tests/unit/cli/fake_controller.h"

namespace mailquench::cli {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::StartsWith;

// None of these may make a channel: the factory fails when there is no controller.
Ran Local(const std::vector<std::string>& args) {
  return RunCli(nullptr, args);
}

void ForEach(const CLI::App& app, const std::function<void(const CLI::App&)>& f) {
  f(app);
  for (const CLI::App* sub : Visible(app)) ForEach(*sub, f);
}

std::vector<std::string> PathOf(const CLI::App& app) {
  if (app.get_parent() == nullptr) return {};
  std::vector<std::string> path = PathOf(*app.get_parent());
  path.push_back(app.get_name());
  return path;
}

TEST(TreeTest, HelpBeginsWithExamplesAtEveryLevel) {
  Session session({});
  const auto root = BuildTree(&session);
  ForEach(*root, [](const CLI::App& app) {
    auto args = PathOf(app);
    args.push_back("--help");
    const Ran ran = Local(args);
    EXPECT_EQ(ran.code, 0) << FullName(app);
    EXPECT_THAT(ran.out, StartsWith("Examples:\n  ")) << FullName(app);
    EXPECT_THAT(ran.out, HasSubstr("Usage: " + FullName(app))) << FullName(app);
    EXPECT_THAT(ran.err, IsEmpty());
  });
}

TEST(TreeTest, UnknownCommandIsExitOneWithASuggestion) {
  Ran ran = Local({"incidnet", "list"});
  EXPECT_EQ(ran.code, 1);
  EXPECT_THAT(ran.err, HasSubstr("Did you mean 'incident'?"));
  EXPECT_THAT(ran.out, IsEmpty());
  ran = Local({"run", "contian", "-l", "role=edge"});
  EXPECT_EQ(ran.code, 1);
  EXPECT_THAT(ran.err, HasSubstr("Did you mean 'contain'?"));
}

TEST(TreeTest, UnknownOptionIsExitOneWithASuggestion) {
  const Ran ran = Local({"run", "contain", "--selektor", "role=edge"});
  EXPECT_EQ(ran.code, 1);
  EXPECT_THAT(ran.err, HasSubstr("Did you mean '--selector'?"));
}

TEST(TreeTest, NoCommandAtAllIsAUsageError) {
  EXPECT_EQ(Local({}).code, 1);
  EXPECT_EQ(Local({"run"}).code, 1);
}

TEST(TreeTest, ErrorsAreJsonOnStderrWhereTheOutputIsJson) {
  const Ran ran = Local({"-o", "json", "run", "contain", "-l", "role=edge"});
  EXPECT_EQ(ran.code, 1);
  EXPECT_THAT(ran.err, HasSubstr("\"reason\":\"USAGE\""));
  EXPECT_THAT(ran.out, IsEmpty());
}

TEST(TreeTest, EveryCommandThatChangesSomethingHasADryRun) {
  Session session({});
  const auto root = BuildTree(&session);
  for (const char* path :
       {"run contain",        "run restore",        "run start",          "run op",
        "run cancel",         "incident open",      "incident note",      "incident waive",
        "incident close",     "quarantine release", "quarantine discard", "quarantine move",
        "sender block",       "sender unblock",     "host label",         "host evict",
        "host ban",           "token create",       "token revoke",       "context add",
        "context use",        "host add-manual",    "host remove-manual", "run confirm",
        "escalation approve", "escalation reject",  "escalation propose", "escalation raise",
        "escalation pause",   "escalation resume"}) {
    const std::string text = path;
    const auto space = text.find(' ');
    const CLI::App* app =
        root->get_subcommand(text.substr(0, space))->get_subcommand(text.substr(space + 1));
    EXPECT_NE(app->get_option_no_throw("--dry-run"), nullptr) << path;
  }
}

TEST(ManTest, PagesContainEverySubcommand) {
  Session session({});
  const auto root = BuildTree(&session);
  const Ran whole = Local({"man"});
  EXPECT_THAT(whole.out, StartsWith(".TH mailquench 1\n"));
  for (const CLI::App* noun : Visible(*root)) {
    const Ran page = Local({"man", noun->get_name()});
    EXPECT_EQ(page.code, 0);
    for (const CLI::App* verb : Visible(*noun)) {
      const std::string name = absl::StrReplaceAll(FullName(*verb), {{"-", "\\-"}});
      EXPECT_THAT(whole.out, HasSubstr(name));
      EXPECT_THAT(page.out, HasSubstr(".SS " + name + "\n"));
    }
  }
}

TEST(ManTest, AnUnknownPageIsAUsageError) {
  const Ran ran = Local({"man", "quarantin"});
  EXPECT_EQ(ran.code, 1);
  EXPECT_THAT(ran.err, HasSubstr("Did you mean 'quarantine'?"));
}

TEST(CompletionTest, ScriptsAskTheProgram) {
  for (const char* shell : {"bash", "zsh", "fish"}) {
    const Ran ran = Local({"completion", shell});
    EXPECT_EQ(ran.code, 0);
    EXPECT_THAT(ran.out, HasSubstr("mailquench __complete")) << shell;
  }
  EXPECT_EQ(Local({"completion", "tcsh"}).code, 1);
}

TEST(CompletionTest, CommandsAndOptionsNeedNoController) {
  EXPECT_EQ(Local({"__complete", "inc"}).out, "incident\n");
  EXPECT_EQ(Local({"__complete", "run", "cont"}).out, "contain\n");
  EXPECT_EQ(Local({"__complete", "run", "contain", "--sel"}).out, "--selector\n");
  EXPECT_EQ(Local({"__complete", "run", "op", "relay."}).out, "relay.lock\nrelay.probe\n");
}

TEST(CompletionTest, HostsAndLabelsComeFromTheController) {
  FakeController controller;
  auto* host = controller.hosts.add_hosts();
  host->set_name("mx1");
  (*host->mutable_labels())["role"] = "edge";
  controller.hosts.add_hosts()->set_name("mx2");
  EXPECT_EQ(RunCli(&controller, {"__complete", "host", "show", "mx"}).out, "mx1\nmx2\n");
  EXPECT_EQ(RunCli(&controller, {"__complete", "run", "contain", "--hosts", "mx1,"}).out,
            "mx1,mx1\nmx1,mx2\n");
  EXPECT_EQ(RunCli(&controller, {"__complete", "run", "contain", "-l", "r"}).out, "role=edge\n");
}

TEST(CompletionTest, NothingIsSaidWhereThereIsNoController) {
  const Ran ran = Local({"__complete", "host", "show", ""});
  EXPECT_EQ(ran.code, 0);
  EXPECT_THAT(ran.out, IsEmpty());
  EXPECT_THAT(ran.err, IsEmpty());
}

}  // namespace
}  // namespace mailquench::cli
