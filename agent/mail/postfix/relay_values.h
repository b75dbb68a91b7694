// What a relay lock means in Postfix' own words; plan and verification share it.
#ifndef MAILQUENCH_AGENT_MAIL_POSTFIX_RELAY_VALUES_H_
#define MAILQUENCH_AGENT_MAIL_POSTFIX_RELAY_VALUES_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "agent/mail/postfix/cidr.h"
#include "agent/mail/postfix/postconf.h"
#include "mailquench/v1/operations.pb.h"

namespace mailquench::agent::postfix {

inline constexpr char kRelay[] = "smtpd_relay_restrictions";
inline constexpr char kRecipient[] = "smtpd_recipient_restrictions";
inline constexpr char kNetworks[] = "mynetworks";
inline constexpr char kSasl[] = "smtpd_sasl_auth_enable";
inline constexpr char kLoopback[] = "127.0.0.0/8, [::1]/128";

// The parameters that the mode fixes. Errors: kInvalidArgument/NO_MODE, /BAD_CLIENT.
absl::StatusOr<Parameters> LockValues(const v1::RelayLock& request);

// Errors: kInvalidArgument/BAD_CLIENT.
absl::StatusOr<Cidr> ParseClient(const std::string& text);

// The same items in the same order, however they are separated.
bool SameList(const std::string& a, const std::string& b);
// Without white space: the form for master.cf.
std::string Compact(const std::string& list);

// Whether `version` ("3.7.11") is at least major.minor.
bool AtLeast(const std::string& version, int major, int minor);

}  // namespace mailquench::agent::postfix

#endif  // MAILQUENCH_AGENT_MAIL_POSTFIX_RELAY_VALUES_H_
