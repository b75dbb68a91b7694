// The verbs of `blacklist`, one file each. Internal to cli.
#ifndef MAILQUENCH_CLI_NOUNS_BLACKLIST_H_
#define MAILQUENCH_CLI_NOUNS_BLACKLIST_H_

#include <CLI/CLI.hpp>

#include "cli/core/check_here.h"
#include "cli/core/session.h"

namespace mailquench::cli {

void AddBlacklistCheck(CLI::App* blacklist, Session* session);
void AddBlacklistLists(CLI::App* blacklist, Session* session);
void AddBlacklistStatus(CLI::App* blacklist, Session* session);  // status, explain

// --resolver, --catalogue, --keys, --allow-public-resolver. `options` outlives the tree.
void AddHereOptions(CLI::App* command, HereOptions* options);
// What the environment adds to flags that were not given.
HereOptions WithEnvironment(HereOptions options, const Session& session);
// One of the options that only mean something without a controller was given.
bool IsForHere(const HereOptions& options);

}  // namespace mailquench::cli

#endif  // MAILQUENCH_CLI_NOUNS_BLACKLIST_H_
