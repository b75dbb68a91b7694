// man: manual pages as roff, from the same tree that parses.
#include <memory>
#include <ostream>

#include "absl/strings/str_cat.h"
#include "cli/core/exit_code.h"
#include "cli/tree.h"
#include "common/command/man_page.h"
#include "common/status/error.h"
#include "common/text/suggest.h"

namespace mailquench::cli {
namespace {

command::ManText Text() {
  command::ManText text;
  text.overview = true;
  text.parts = {
      {"EXIT STATUS",
       "0 ok; 1 usage or internal; 2 some hosts failed; 3 some hosts are unreachable or unknown, "
       "none failed (of `blacklist check`: 2 LISTED, 3 not known; of `notification test`: 2 a "
       "channel failed); 4 authentication or permission; 5 stopped by a gate or cancelled; 6 "
       "approval pending (of `escalation propose`); 7 no host matched; 124 deadline.",
       {}},
      {"EXIT STATUS OF CHECK",
       "The verbs of `check` are plugins for monitoring and alone have codes of their own: 0 OK, 1 "
       "WARNING, 2 CRITICAL, 3 UNKNOWN. UNKNOWN is also a mistake on the command line, a "
       "controller that cannot be reached, a refusal and the end of -t. Their one line goes to "
       "stdout whatever -o says.",
       {}},
      {"OUTPUT",
       "Data is on stdout, progress, questions and errors are on stderr. JSON and YAML are one "
       "document; of a command that may start several runs (quarantine analyse, release and "
       "discard, run restore) it is an array, also of a single run. jsonl is one line each.",
       {}},
      {"ENVIRONMENT",
       "",
       {{"MAILQUENCH_CONFIG", "The file of contexts."},
        {"MAILQUENCH_CONTEXT", "Which context to use."},
        {"NO_COLOR", "No colour when set."}}},
      {"FILES", "~/.config/mailquench/config.yaml", {}}};
  return text;
}

}  // namespace

void AddMan(CLI::App* root, Session* session) {
  auto name = std::make_shared<std::string>();
  CLI::App* app = AddCommand(root, "man", "Manual pages as roff",
                             {"mailquench man | man -l -", "mailquench man run | man -l -"});
  app->add_option("NOUN", *name, "Of one noun; none: of the whole")->type_name("NOUN");
  app->callback([=] {
    session->action = [=]() -> absl::StatusOr<int> {
      // A fresh tree: the one that was parsed remembers what was given to it.
      const std::unique_ptr<CLI::App> tree = BuildTree(session);
      const CLI::App* page = name->empty() ? tree.get() : nullptr;
      std::vector<std::string> names;
      for (const CLI::App* noun : Visible(*tree)) {
        names.push_back(noun->get_name());
        if (noun->get_name() == *name) page = noun;
      }
      if (page == nullptr) {
        return UsageError(
            absl::StrCat("There is no page '", *name, "'.", DidYouMean(*name, names)));
      }
      *session->env.out << command::ManPage(*page, Text());
      return kExitOk;
    };
  });
}

}  // namespace mailquench::cli
