// What the values of Postfix' parameters mean.
#ifndef MAILQUENCH_AGENT_MAIL_POSTFIX_EFFECTIVE_H_
#define MAILQUENCH_AGENT_MAIL_POSTFIX_EFFECTIVE_H_

#include <string>
#include <vector>

namespace mailquench::agent::postfix {

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
