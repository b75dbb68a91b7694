#include "agent/mail/postfix/relay_values.h"

#include <cstdio>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "agent/mail/postfix/effective.h"
#include "agent/mail/relay_request.h"
#include "common/status/error.h"

namespace mailquench::agent::postfix {

absl::StatusOr<Cidr> ParseClient(const std::string& text) {
  const std::optional<Cidr> cidr = Cidr::Parse(text);
  if (cidr.has_value()) return *cidr;
  return Error(
      absl::StatusCode::kInvalidArgument, "BAD_CLIENT",
      "a client that was named is no IP address and no CIDR block; nothing was changed; name it as "
      "192.0.2.1 or 2001:db8::/32");
}

absl::StatusOr<Parameters> LockValues(const v1::RelayLock& request) {
  MQ_ASSIGN_OR_RETURN(const RelayRequest wanted, ReadRelayRequest(request));
  if (wanted.logins)
    return Parameters{{kRelay, "permit_sasl_authenticated, reject_unauth_destination"}};
  if (wanted.clients.empty())
    return Parameters{{kRelay, "reject_unauth_destination"}, {kSasl, "no"}};
  std::vector<std::string> blocks;
  for (const std::string& client : wanted.clients) {
    MQ_ASSIGN_OR_RETURN(const Cidr cidr, ParseClient(client));
    if (cidr.prefix < 8)
      return Error(absl::StatusCode::kInvalidArgument, "BAD_CLIENT",
                   absl::StrCat(cidr.ForTable(),
                                " is so wide that it would open the relay to strangers; nothing "
                                "was changed; name narrower blocks"));
    blocks.push_back(cidr.ForMynetworks());
  }
  return Parameters{{kRelay, "permit_mynetworks, reject_unauth_destination"},
                    {kNetworks, absl::StrJoin(blocks, ", ")}};
}

bool SameList(const std::string& a, const std::string& b) {
  return SplitList(a) == SplitList(b);
}

std::string Compact(const std::string& list) {
  return absl::StrJoin(SplitList(list), ",");
}

bool AtLeast(const std::string& version, int major, int minor) {
  int have_major = 0;
  int have_minor = 0;
  if (std::sscanf(version.c_str(), "%d.%d", &have_major, &have_minor) < 1) return false;
  return have_major > major || (have_major == major && have_minor >= minor);
}

}  // namespace mailquench::agent::postfix
