// The whole command line as one CLI11 tree; help, completion and man pages are made from it.
#ifndef MAILQUENCH_CLI_TREE_H_
#define MAILQUENCH_CLI_TREE_H_

#include <CLI/CLI.hpp>
#include <memory>
#include <string>
#include <vector>

#include "cli/core/session.h"

namespace mailquench::cli {

// Adds a subcommand. `examples`: complete command lines, shown first in its help; kept as the app's
// footer.
CLI::App* AddCommand(CLI::App* parent,
                     const std::string& name,
                     const std::string& summary,
                     const std::vector<std::string>& examples);

// One function a noun. `session` must outlive the tree.
void AddContext(CLI::App* root, Session* session);
void AddHost(CLI::App* root, Session* session);
void AddToken(CLI::App* root, Session* session);
void AddIncident(CLI::App* root, Session* session);
void AddRun(CLI::App* root, Session* session);
void AddQuarantine(CLI::App* root, Session* session);
void AddSender(CLI::App* root, Session* session);
void AddRelay(CLI::App* root, Session* session);
void AddPlaybook(CLI::App* root, Session* session);
void AddAudit(CLI::App* root, Session* session);
void AddWhoAmI(CLI::App* root, Session* session);
void AddMan(CLI::App* root, Session* session);
void AddCompletion(CLI::App* root, Session* session);

std::unique_ptr<CLI::App> BuildTree(Session* session);

// The subcommands that a person may see, in the order of their addition.
std::vector<const CLI::App*> Visible(const CLI::App& app);

// "mailquench run contain".
std::string FullName(const CLI::App& app);

// Parses and does. `args` without the program's name. Returns the exit code.
int Main(const std::vector<std::string>& args, const Environment& environment);

}  // namespace mailquench::cli

#endif  // MAILQUENCH_CLI_TREE_H_
