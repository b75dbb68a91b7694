#include "controller/dns/look.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/status/error.h"
#include "controller/dns/message.h"
#include "controller/dns/query.h"

namespace mailquench::controller::dns {

std::string FoundText(const Found& found) {
  if (!found.values.empty())
    return absl::StrCat(absl::StrJoin(found.values, ", "), " with TTL ", found.ttl);
  if (!found.alias.empty()) return absl::StrCat("an alias for ", found.alias);
  return "nothing";
}

absl::StatusOr<Found> Look(const Primary& primary,
                           const std::string& name,
                           const std::string& type,
                           absl::Time now) {
  MQ_ASSIGN_OR_RETURN(const Endpoint server, ParseEndpoint(primary.server));
  Question question;
  question.name = name;
  question.type = type;
  question.key = &primary.key;
  question.now = now;
  MQ_ASSIGN_OR_RETURN(Answer answer, Ask(server, question, primary.patience));
  if (answer.rcode != LDNS_RCODE_NOERROR && answer.rcode != LDNS_RCODE_NXDOMAIN) {
    return Error(absl::StatusCode::kFailedPrecondition, "DNS_LOOK_FAILED",
                 absl::StrCat("the DNS server ", server.text, " answered the question for ", type,
                              " of ", name, " with ", RcodeText(answer.rcode),
                              "; see whether it serves the zone and the server's log"));
  }
  if (!answer.authoritative) {
    return Error(absl::StatusCode::kFailedPrecondition, "DNS_NOT_AUTHORITATIVE",
                 absl::StrCat("the DNS server ", server.text, " has no authority over ", name,
                              ": its answer was not used; name the zone's primary server"));
  }
  Found found;
  found.values = std::move(answer.values);
  found.ttl = answer.ttl;
  found.alias = std::move(answer.alias);
  return found;
}

}  // namespace mailquench::controller::dns
