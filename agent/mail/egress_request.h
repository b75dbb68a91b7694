// What a change of the way out asks for, before a mail system makes its own of it.
#ifndef MAILQUENCH_AGENT_MAIL_EGRESS_REQUEST_H_
#define MAILQUENCH_AGENT_MAIL_EGRESS_REQUEST_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "mailquench/v1/operations.pb.h"

namespace mailquench::agent {

// Each part may be as it is: empty, or false.
struct EgressRequest {
  std::string source;  // A numeric address as inet_ntop() writes it.
  bool source_v6 = false;
  std::string helo_name;  // Lower case.
  bool direct = false;    // No smarthost any more.
  std::string smarthost;  // A name in lower case, or a numeric address; without brackets.
  bool smarthost_is_address = false;
  bool smarthost_in_brackets = false;  // Its own address is meant, not its MX.
  int smarthost_port = 0;              // 0: none was named.

  bool ChangesRoute() const { return direct || !smarthost.empty(); }
};

// Errors, with nothing changed: kInvalidArgument/NOTHING_NAMED, /BAD_ADDRESS, /BAD_HELO_NAME (no
// host name with a dot, RFC 5321 2.3.5), /BAD_SMARTHOST.
absl::StatusOr<EgressRequest> ReadEgressRequest(const v1::EgressSet& request);

// That the source is one of `own`, a host's numeric addresses, or a loopback one; and that the
// smarthost is none of them at port 25, which would send mail in a circle. Errors, with nothing
// changed: kInvalidArgument/NOT_OUR_ADDRESS, naming those there are; /SMARTHOST_IS_THIS_HOST.
absl::Status CheckOwnAddresses(const EgressRequest& request, const std::vector<std::string>& own);

// "relay.example.net", "192.0.2.9 at port 587": for a sentence.
std::string SmarthostWords(const EgressRequest& request);

}  // namespace mailquench::agent

#endif  // MAILQUENCH_AGENT_MAIL_EGRESS_REQUEST_H_
