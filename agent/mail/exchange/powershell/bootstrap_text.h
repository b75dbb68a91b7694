// Made by CMake of bootstrap.ps1.
#ifndef MAILQUENCH_AGENT_MAIL_EXCHANGE_POWERSHELL_BOOTSTRAP_TEXT_H_
#define MAILQUENCH_AGENT_MAIL_EXCHANGE_POWERSHELL_BOOTSTRAP_TEXT_H_

#include <string>
#include <vector>

namespace mailquench::agent::exchange {

std::vector<std::string> BootstrapTexts();  // The one.

}  // namespace mailquench::agent::exchange

#endif  // MAILQUENCH_AGENT_MAIL_EXCHANGE_POWERSHELL_BOOTSTRAP_TEXT_H_
