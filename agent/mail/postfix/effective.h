// What Postfix makes of its configuration: effective values, asked of postconf(1).
#ifndef MAILQUENCH_AGENT_MAIL_POSTFIX_EFFECTIVE_H_
#define MAILQUENCH_AGENT_MAIL_POSTFIX_EFFECTIVE_H_

#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace mailquench::agent::postfix {

using Parameters = std::map<std::string, std::string>;

// Effective values, $names expanded, of the parameters named. A name that Postfix does not know is
// missing in the answer. Errors: kFailedPrecondition/POSTCONF_FAILED, and those of RunProcess().
absl::StatusOr<Parameters> EffectiveParameters(const std::string& config_directory,
                                               const std::vector<std::string>& names);

// A list value split at white space and commas; what stands in braces stays whole.
std::vector<std::string> SplitList(const std::string& value);

// Whether a list of networks trusts strangers: it has a block wider than /8. Files and tables count
// as closed.
bool TrustsStrangers(const std::string& mynetworks);

// Whether a stranger's recipient passes a list of restrictions. Access tables and conditional
// deferrals are taken as not passing anything.
bool LetsStrangersPass(const std::string& restrictions, bool networks_trust_strangers);

}  // namespace mailquench::agent::postfix

#endif  // MAILQUENCH_AGENT_MAIL_POSTFIX_EFFECTIVE_H_
