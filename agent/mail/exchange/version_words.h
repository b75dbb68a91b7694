// What a build of Exchange is called.
#ifndef MAILQUENCH_AGENT_MAIL_EXCHANGE_VERSION_WORDS_H_
#define MAILQUENCH_AGENT_MAIL_EXCHANGE_VERSION_WORDS_H_

#include <string>

#include "agent/mail/exchange/installation.h"

namespace mailquench::agent::exchange {

// "Exchange 2016 15.1.2507.6, Edge"; 15.2 is 2019 and Subscription Edition alike, whose first build
// is that of 2019 CU15.
std::string VersionWords(const Installation& installation);

}  // namespace mailquench::agent::exchange

#endif  // MAILQUENCH_AGENT_MAIL_EXCHANGE_VERSION_WORDS_H_
