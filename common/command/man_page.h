// Manual pages as roff, from the tree that parses.
#ifndef MAILQUENCH_COMMON_COMMAND_MAN_PAGE_H_
#define MAILQUENCH_COMMON_COMMAND_MAN_PAGE_H_

#include <CLI/CLI.hpp>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace mailquench::command {

// What a tree does not say of its program.
struct ManText {
  int section = 1;
  // A chapter, as EXIT STATUS: a paragraph, then terms that are explained.
  struct Part {
    std::string title;
    std::string text;
    std::vector<std::pair<std::string, std::string>> terms;
  };
  std::vector<Part> parts;  // Of the page of the root alone.
  bool overview = false;    // The root's page names the commands; each noun has a page of its own.
};

// Adds the command `man`, which prints the page of the whole program. `fresh` makes the tree again:
// the one that was parsed remembers what was given to it. `action` gets what is to be done.
void AddManCommand(CLI::App* root,
                   const std::function<std::unique_ptr<CLI::App>()>& fresh,
                   const ManText& text,
                   std::function<int()>* action);

// `app` is a root that has parsed nothing, or one of its commands.
std::string ManPage(const CLI::App& app, const ManText& text);

}  // namespace mailquench::command

#endif  // MAILQUENCH_COMMON_COMMAND_MAN_PAGE_H_
