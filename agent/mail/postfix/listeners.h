// Where an instance listens for SMTP, and whom it trusts by address.
#ifndef MAILQUENCH_AGENT_MAIL_POSTFIX_LISTENERS_H_
#define MAILQUENCH_AGENT_MAIL_POSTFIX_LISTENERS_H_

#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "agent/mail/postfix/instance.h"
#include "agent/mail/postfix/master_cf.h"
#include "agent/mail/postfix/postconf.h"

namespace mailquench::agent::postfix {

// One smtpd service, or postscreen together with the smtpd that it passes to.
struct Listener {
  std::string service;  // Key of the entry whose -o overrides smtpd obeys.
  std::string label;    // The entry that has the address: differs behind postscreen.
  std::vector<std::string>
      addresses;  // "192.0.2.1:25", "[2001:db8::1]:25". Empty for one that is no inet service.
  Parameters overrides;
  // The re-injection listener of a content filter: bound to a loopback address of its own and
  // filtering no further.
  bool exempt = false;
};

// "" where there is none.
std::string ValueOf(const Parameters& parameters, const std::string& name);
// What a listener obeys: its override, else main.cf.
std::string ValueAt(const Listener& listener, const Parameters& main, const std::string& name);

// From master.cf's text and the interfaces of the host. Errors: those of EffectiveParameters().
absl::StatusOr<std::vector<Listener>> FindListeners(const Instance& instance,
                                                    const MasterCf& master);
// The same, with master.cf read from the instance's folder.
absl::StatusOr<std::vector<Listener>> FindListeners(const Instance& instance);

// Effective mynetworks as CIDR blocks; tables and files are given as they are written.
absl::StatusOr<std::vector<std::string>> TrustedRanges(const Instance& instance);

}  // namespace mailquench::agent::postfix

#endif  // MAILQUENCH_AGENT_MAIL_POSTFIX_LISTENERS_H_
