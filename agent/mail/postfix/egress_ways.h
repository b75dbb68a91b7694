// By which ways mail leaves Postfix beside the one that relayhost names.
#ifndef MAILQUENCH_AGENT_MAIL_POSTFIX_EGRESS_WAYS_H_
#define MAILQUENCH_AGENT_MAIL_POSTFIX_EGRESS_WAYS_H_

#include <string>
#include <vector>

#include "agent/mail/egress_request.h"
#include "agent/mail/postfix/master_cf.h"
#include "agent/mail/postfix/postconf.h"

namespace mailquench::agent::postfix {

// What these functions want to be in `main`, effective (postconf(5)).
inline constexpr const char* kWayParameters[] = {"relayhost",
                                                 "myhostname",
                                                 "content_filter",
                                                 "transport_maps",
                                                 "default_transport",
                                                 "relay_transport",
                                                 "relay_domains",
                                                 "mydestination",
                                                 "sender_dependent_relayhost_maps",
                                                 "sender_dependent_default_transport_maps",
                                                 "smtp_fallback_relay",
                                                 "smtp_sasl_auth_enable",
                                                 "smtp_tls_wrappermode"};

// A content filter that mail is handed to by the SMTP client.
struct FilterWay {
  std::string text;  // "scan:[127.0.0.1]:10024"
  std::string transport;
  bool to_loopback = false;
  bool of_its_own = false;  // No other mail uses the transport.
};

// Of content_filter in main.cf and of the services of master.cf, each once.
std::vector<FilterWay> FilterWays(const MasterCf& master, const Parameters& main);

// One clause for each setting that sends mail past relayhost, as it shall be, or keeps it from
// being taken there.
std::vector<std::string> OtherWays(const MasterCf& master,
                                   const Parameters& main,
                                   const EgressRequest& wanted);

}  // namespace mailquench::agent::postfix

#endif  // MAILQUENCH_AGENT_MAIL_POSTFIX_EGRESS_WAYS_H_
