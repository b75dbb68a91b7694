// The script that answers in the child, and the command line that starts it.
#ifndef MAILQUENCH_AGENT_MAIL_EXCHANGE_POWERSHELL_BOOTSTRAP_H_
#define MAILQUENCH_AGENT_MAIL_EXCHANGE_POWERSHELL_BOOTSTRAP_H_

#include <string>
#include <vector>

namespace mailquench::agent::exchange {

// bootstrap.ps1 without its comments, as -EncodedCommand takes it: UTF-16LE in Base64.
std::string EncodedBootstrap();

// `program` (empty: Windows PowerShell's own path, by %windir%) with the arguments that run it.
std::vector<std::string> BootstrapCommand(std::vector<std::string> program);

}  // namespace mailquench::agent::exchange

#endif  // MAILQUENCH_AGENT_MAIL_EXCHANGE_POWERSHELL_BOOTSTRAP_H_
