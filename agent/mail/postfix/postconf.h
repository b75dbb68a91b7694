// What Postfix makes of its configuration: effective values, asked of postconf(1).
#ifndef MAILQUENCH_AGENT_MAIL_POSTFIX_POSTCONF_H_
#define MAILQUENCH_AGENT_MAIL_POSTFIX_POSTCONF_H_

#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace mailquench::agent::postfix {

using Parameters = std::map<std::string, std::string>;

// Effective values, $names expanded, of the parameters named. A name that Postfix does not know is
// missing in the answer. postconf is asked for all at once; its answer serves whoever asks within
// the next five seconds, as long as main.cf and master.cf are the same to the byte (a default may
// come from elsewhere: the host's name, its interfaces). Thread-safe. Errors: kNotFound (no
// postconf), kFailedPrecondition/POSTCONF_FAILED, and those of RunProcess().
absl::StatusOr<Parameters> EffectiveParameters(const std::string& config_directory,
                                               const std::vector<std::string>& names);

}  // namespace mailquench::agent::postfix

#endif  // MAILQUENCH_AGENT_MAIL_POSTFIX_POSTCONF_H_
