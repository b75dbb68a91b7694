// mailquench-controller playbook lint.
#include <cstdio>
#include <memory>

#include "common/text/harmless.h"
#include "controller/app/commands.h"
#include "controller/runs/lint.h"

namespace mailquench::controller {
namespace {

int LintFiles(const std::vector<std::string>& files) {
  const Lint lint = LintPlaybooks(files);
  for (const std::string& line : lint.good) std::printf("%s\n", Harmless(line).c_str());
  for (const std::string& line : lint.faults) std::fprintf(stderr, "%s\n", Harmless(line).c_str());
  return lint.faults.empty() ? 0 : 1;
}

}  // namespace

void AddPlaybook(CLI::App* root, Action* action) {
  const std::string example =
      "mailquench-controller playbook lint /etc/mailquench/playbooks/contain.yaml";
  CLI::App* app = AddCommand(root, "playbook", "Playbooks", {example});
  app->require_subcommand(1);
  auto files = std::make_shared<std::vector<std::string>>();
  CLI::App* lint = AddCommand(
      app, "lint", "Check files as serve would read them; exit 1 where one has a fault", {example});
  lint->add_option("FILE", *files, "A playbook")->required();
  lint->callback([=] { *action = [=] { return LintFiles(*files); }; });
}

}  // namespace mailquench::controller
