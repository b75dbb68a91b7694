// The whole command line as one CLI11 tree; help, completion and man pages are made from it.
#ifndef MAILQUENCH_CLI_TREE_H_
#define MAILQUENCH_CLI_TREE_H_

#include <CLI/CLI.hpp>
#include <memory>
#include <string>
#include <vector>

#include "cli/core/session.h"
#include "common/command/tree.h"

namespace mailquench::cli {

using command::AddCommand;
using command::FullName;
using command::Visible;

// One function a noun. `session` must outlive the tree.
void AddContext(CLI::App* root, Session* session);
void AddHost(CLI::App* root, Session* session);
void AddToken(CLI::App* root, Session* session);
void AddIncident(CLI::App* root, Session* session);
void AddEscalation(CLI::App* root, Session* session);
void AddNotification(CLI::App* root, Session* session);
void AddCheck(CLI::App* root, Session* session);
void AddRun(CLI::App* root, Session* session);
void AddQuarantine(CLI::App* root, Session* session);
void AddSender(CLI::App* root, Session* session);
void AddRelay(CLI::App* root, Session* session);
void AddShadow(CLI::App* root, Session* session);
void AddEgress(CLI::App* root, Session* session);
void AddPlaybook(CLI::App* root, Session* session);
void AddBlacklistHistory(CLI::App* blacklist, Session* session);  // A verb of it.
void AddDelist(CLI::App* root, Session* session);
void AddAntivirus(CLI::App* root, Session* session);
void AddMx(CLI::App* root, Session* session);
void AddAudit(CLI::App* root, Session* session);
void AddBlacklist(CLI::App* root, Session* session);
void AddWhoAmI(CLI::App* root, Session* session);
void AddMan(CLI::App* root, Session* session);
void AddCompletion(CLI::App* root, Session* session);

std::unique_ptr<CLI::App> BuildTree(Session* session);

// Parses and does. `args` without the program's name. Returns the exit code.
int Main(const std::vector<std::string>& args, const Environment& environment);

}  // namespace mailquench::cli

#endif  // MAILQUENCH_CLI_TREE_H_
