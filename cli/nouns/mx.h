// The verbs of `mx`, a file each where they are large.
#ifndef MAILQUENCH_CLI_NOUNS_MX_H_
#define MAILQUENCH_CLI_NOUNS_MX_H_

#include <CLI/CLI.hpp>

#include "cli/core/session.h"

namespace mailquench::cli {

void AddMxPlan(CLI::App* noun, Session* session);    // plan, list
void AddMxSwitch(CLI::App* noun, Session* session);  // switch, watch, revert, waive, note

}  // namespace mailquench::cli

#endif  // MAILQUENCH_CLI_NOUNS_MX_H_
