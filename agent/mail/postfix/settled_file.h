// Files that Postfix reads at once.
#ifndef MAILQUENCH_AGENT_MAIL_POSTFIX_SETTLED_FILE_H_
#define MAILQUENCH_AGENT_MAIL_POSTFIX_SETTLED_FILE_H_

#include <string>

#include "absl/status/status.h"

namespace mailquench::agent::postfix {

// Sets the time of modification of a file that is whole back by a few seconds. Every Postfix
// program reads a configuration file or text table that was modified within about the last second
// again and again, 0.3 s apart, because it might be in the middle of being edited in place
// (dict_load_file_xt() and mail_conf in Postfix' source; 2 s a program as seen on 3.7.11).
absl::Status SettleFile(const std::string& path);

// WriteFileAtomically(), settled: a file that is replaced by rename is whole at any moment, so that
// nobody has to wait for it.
absl::Status WriteSettledFile(const std::string& path, const std::string& content, unsigned mode);

}  // namespace mailquench::agent::postfix

#endif  // MAILQUENCH_AGENT_MAIL_POSTFIX_SETTLED_FILE_H_
