// A pipeline as PowerShell reads it.
#ifndef MAILQUENCH_AGENT_MAIL_EXCHANGE_POWERSHELL_PIPELINE_TEXT_H_
#define MAILQUENCH_AGENT_MAIL_EXCHANGE_POWERSHELL_PIPELINE_TEXT_H_

#include <string>

#include "absl/status/statusor.h"
#include "agent/mail/exchange/shell.h"

namespace mailquench::agent::exchange {

// "Get-Message -Queue 'EX1\\3' -ResultSize 10 | Suspend-Message -Confirm:$false". Literals alone.
// Error: kInvalidArgument/BAD_COMMAND: no cmdlet, a name of a cmdlet, parameter or field that is
// none, a value that cannot be sent.
absl::StatusOr<std::string> PipelineText(const Pipeline& pipeline);

}  // namespace mailquench::agent::exchange

#endif  // MAILQUENCH_AGENT_MAIL_EXCHANGE_POWERSHELL_PIPELINE_TEXT_H_
