// A program's command line as one CLI11 tree; help, completion and man pages are made from it.
#ifndef MAILQUENCH_COMMON_COMMAND_TREE_H_
#define MAILQUENCH_COMMON_COMMAND_TREE_H_

#include <CLI/CLI.hpp>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace mailquench::command {

// The root of a tree. Its help, and that of each of its commands, begins with the examples:
// complete command lines, kept as the app's footer.
std::unique_ptr<CLI::App> NewRoot(const std::string& program,
                                  const std::string& summary,
                                  const std::vector<std::string>& examples);

// Adds a subcommand. It belongs to its parent.
CLI::App* AddCommand(CLI::App* parent,
                     const std::string& name,
                     const std::string& summary,
                     const std::vector<std::string>& examples);

// The subcommands that a person may see, in the order of their addition.
std::vector<const CLI::App*> Visible(const CLI::App& app);

// "mailquench run contain".
std::string FullName(const CLI::App& app);

// A sentence about the first of the words that the tree does not know, with the nearest that it
// does; "" where it knows all.
std::string UnknownWord(const CLI::App& root, const std::vector<std::string>& args);

// Parses the arguments of a daemon's program. Nothing: go on. Else the exit code: 0 after a help on
// stdout, 1 after one sentence on stderr.
std::optional<int> Parse(CLI::App& root, int argc, const char* const* argv);

}  // namespace mailquench::command

#endif  // MAILQUENCH_COMMON_COMMAND_TREE_H_
