// EdgeTransport.exe.config: the settings of Transport that are in no directory. An update of
// Exchange writes the file anew, so it is read each time.
#ifndef MAILQUENCH_AGENT_MAIL_EXCHANGE_CONFIG_FILE_H_
#define MAILQUENCH_AGENT_MAIL_EXCHANGE_CONFIG_FILE_H_

#include <map>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace mailquench::agent::exchange {

// The values of <configuration><appSettings><add key= value=/>, by key in lower case, as .NET looks
// them up; the last of a repeated key wins, <remove/> and <clear/> are obeyed. UTF-8. What is no
// well-formed document, has a DOCTYPE, or keeps its settings in another file is
// kDataLoss/BAD_CONFIG: better no path than a wrong one.
absl::StatusOr<std::map<std::string, std::string>> ParseAppSettings(absl::string_view text);

}  // namespace mailquench::agent::exchange

#endif  // MAILQUENCH_AGENT_MAIL_EXCHANGE_CONFIG_FILE_H_
