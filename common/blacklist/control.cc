#include "common/blacklist/control.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/clock.h"
#include "common/blacklist/random_label.h"
#include "common/blacklist/resolver_address.h"
#include "common/status/error.h"

namespace mailquench::blacklist {
namespace {

constexpr absl::Duration kPatience = absl::Seconds(3);
constexpr char kSilent[] = "does not answer";

std::string FaultIn(const Reply& reply) {
  if (reply.answer.rcode == Rcode::kTimeout) return kSilent;
  if (reply.answer.addresses.empty()) return "";
  return absl::StrCat("rewrites answers: it has the address ",
                      AddressText(reply.answer.addresses.front()), " for a name that cannot exist");
}

absl::StatusOr<std::string> Test(const ResolverOptions& options) {
  MQ_ASSIGN_OR_RETURN(const std::unique_ptr<Resolver> resolver, Resolver::Make(options));
  std::string fault = kSilent;
  // Many resolvers answer for invalid. themselves, whatever is behind them; nobody has the other.
  std::string other;
  resolver->Ask(absl::StrCat(RandomLabel(), ".invalid"), RecordType::kA,
                [&](const Reply& reply) { fault = FaultIn(reply); });
  resolver->Ask(absl::StrCat(RandomLabel(), ".org"), RecordType::kA, [&](const Reply& reply) {
    if (!reply.answer.addresses.empty()) other = FaultIn(reply);
  });
  resolver->Run(absl::Now() + kPatience);
  return other.empty() ? fault : other;
}

}  // namespace

std::string ResolverCheck::Sentence() const {
  std::vector<std::string> all;
  for (const ResolverFault& fault : faults)
    all.push_back(absl::StrCat("the resolver ", fault.server, " ", fault.what));
  return absl::StrJoin(all, "; ");
}

absl::StatusOr<ResolverCheck> CheckResolvers(const ResolverOptions& options) {
  ResolverCheck check;
  const std::vector<std::string> servers =
      options.servers.empty() ? SystemServers(options.resolv_conf) : options.servers;
  for (const std::string& server : servers) {
    ResolverOptions one = options;
    one.servers = {server};
    MQ_ASSIGN_OR_RETURN(std::string fault, Test(one));
    if (fault == kSilent && one.random_case) {
      one.random_case = false;
      MQ_ASSIGN_OR_RETURN(fault, Test(one));
      // It may have been slow once: asked again as at first.
      one.random_case = true;
      if (fault != kSilent) {
        MQ_ASSIGN_OR_RETURN(const std::string again, Test(one));
        check.random_case = check.random_case && again != kSilent;
      }
    }
    if (fault.empty())
      check.good.push_back(server);
    else
      check.faults.push_back({server, fault});
  }
  return check;
}

}  // namespace mailquench::blacklist
