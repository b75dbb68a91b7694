// The verbs of `antivirus`, one file a few.
#ifndef MAILQUENCH_CLI_NOUNS_ANTIVIRUS_H_
#define MAILQUENCH_CLI_NOUNS_ANTIVIRUS_H_

#include "cli/tree.h"

namespace mailquench::cli {

void AddAntivirusRuns(CLI::App* antivirus, Session* session);     // status, update, scan
void AddAntivirusPosture(CLI::App* antivirus, Session* session);  // posture, import, waive

}  // namespace mailquench::cli

#endif  // MAILQUENCH_CLI_NOUNS_ANTIVIRUS_H_
