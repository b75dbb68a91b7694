// run manual, run confirm.
#ifndef MAILQUENCH_CLI_NOUNS_RUN_MANUAL_H_
#define MAILQUENCH_CLI_NOUNS_RUN_MANUAL_H_

#include <CLI/CLI.hpp>

#include "cli/core/session.h"

namespace mailquench::cli {

void AddRunManual(CLI::App* run, Session* session);

}  // namespace mailquench::cli

#endif  // MAILQUENCH_CLI_NOUNS_RUN_MANUAL_H_
