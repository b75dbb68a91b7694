#include "controller/dns/name_servers.h"

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "common/status/error.h"
#include "controller/dns/message.h"
#include "controller/dns/query.h"

namespace mailquench::controller::dns {
namespace {

absl::StatusOr<std::vector<std::string>> Resolve(const Endpoint& resolver,
                                                 const std::string& name,
                                                 const std::string& type,
                                                 const Patience& patience) {
  Question question;
  question.name = name;
  question.type = type;
  question.recursion = true;
  MQ_ASSIGN_OR_RETURN(const Answer answer, Ask(resolver, question, patience));
  if (answer.rcode == LDNS_RCODE_NOERROR || answer.rcode == LDNS_RCODE_NXDOMAIN)
    return answer.values;
  return Error(absl::StatusCode::kUnavailable, "DNS_RESOLVER_FAILED",
               absl::StrCat("the resolver ", resolver.text, " answered the question for ", type,
                            " of ", name, " with ", RcodeText(answer.rcode),
                            "; the name servers are not known; name another resolver, or the "
                            "servers' addresses"));
}

}  // namespace

absl::StatusOr<std::vector<NameServer>> FindNameServers(const std::string& zone,
                                                        const std::string& resolver,
                                                        const Patience& patience,
                                                        int port) {
  MQ_ASSIGN_OR_RETURN(const Endpoint endpoint, ParseEndpoint(resolver));
  MQ_ASSIGN_OR_RETURN(const auto names, Resolve(endpoint, zone, "NS", patience));
  if (names.empty()) {
    return Error(absl::StatusCode::kNotFound, "DNS_NO_NAME_SERVERS",
                 absl::StrCat("the resolver ", endpoint.text, " knows no name server of ", zone,
                              "; name the zone itself, not a name in it"));
  }
  std::vector<NameServer> servers;
  for (const std::string& name : names) {
    NameServer server;
    server.name = std::string(absl::StripSuffix(name, "."));
    for (const char* type : {"A", "AAAA"}) {
      MQ_ASSIGN_OR_RETURN(const auto addresses, Resolve(endpoint, server.name, type, patience));
      for (const std::string& address : addresses) {
        server.addresses.push_back(absl::StrContains(address, ':')
                                       ? absl::StrCat("[", address, "]:", port)
                                       : absl::StrCat(address, ":", port));
      }
    }
    servers.push_back(std::move(server));
  }
  return servers;
}

}  // namespace mailquench::controller::dns
