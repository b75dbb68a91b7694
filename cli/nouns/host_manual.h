// host add-manual, host remove-manual.
#ifndef MAILQUENCH_CLI_NOUNS_HOST_MANUAL_H_
#define MAILQUENCH_CLI_NOUNS_HOST_MANUAL_H_

#include <CLI/CLI.hpp>

#include "cli/core/session.h"

namespace mailquench::cli {

void AddHostManual(CLI::App* host, Session* session);

}  // namespace mailquench::cli

#endif  // MAILQUENCH_CLI_NOUNS_HOST_MANUAL_H_
