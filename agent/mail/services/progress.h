// What is said while a service of Windows takes its time.
#ifndef MAILQUENCH_AGENT_MAIL_SERVICES_PROGRESS_H_
#define MAILQUENCH_AGENT_MAIL_SERVICES_PROGRESS_H_

#include <functional>
#include <string>

#include "absl/time/time.h"
#include "agent/mail/mail_system.h"
#include "agent/os/service_manager.h"

namespace mailquench::agent {

inline constexpr absl::Duration kBetweenWords = absl::Seconds(5);

// "12 s"
std::string Seconds(absl::Duration time);

// Words every few seconds: "WHAT for 10 s, at checkpoint 7; MORE". Ends the wait with the error of
// still_wanted. `more` is asked until it says something, then no more. The context outlives it.
ServiceProgress Talk(const CallContext& context,
                     const std::string& what,
                     const std::function<std::string()>& more = nullptr);

}  // namespace mailquench::agent

#endif  // MAILQUENCH_AGENT_MAIL_SERVICES_PROGRESS_H_
