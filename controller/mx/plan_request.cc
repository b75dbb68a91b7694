#include "controller/mx/plan_request.h"

#include <set>

#include "absl/strings/str_cat.h"
#include "common/status/error.h"
#include "common/text/harmless.h"
#include "controller/dns/exchange.h"

namespace mailquench::controller::mx {
namespace {

constexpr int kMostDomains = 2000;
constexpr std::uint32_t kLongestTtl = 86400;
constexpr std::size_t kMostReason = 2000;

absl::Status BadSwitch(const std::string& why) {
  return Error(absl::StatusCode::kInvalidArgument, "BAD_SWITCH",
               absl::StrCat(why, "; nothing was changed"));
}

}  // namespace

absl::StatusOr<SwitchWish> ReadWish(v1::PlanSwitchRequest* request) {
  SwitchWish wish;
  std::set<std::string> seen;
  for (const std::string& text : request->domains()) {
    MQ_ASSIGN_OR_RETURN(const std::string domain, CheckedName(text));
    if (seen.insert(domain).second) wish.domains.push_back(domain);
  }
  if (wish.domains.empty()) return BadSwitch("no domain is named");
  if (wish.domains.size() > kMostDomains)
    return BadSwitch(absl::StrCat("more than ", kMostDomains, " domains are no one switch"));
  MQ_ASSIGN_OR_RETURN(wish.to, ParseAddress(request->to_address()));
  if (!request->exchanger().empty()) {
    MQ_ASSIGN_OR_RETURN(wish.exchanger, CheckedName(request->exchanger()));
  }
  if (!request->from_address().empty()) {
    MQ_ASSIGN_OR_RETURN(wish.from, ParseAddress(request->from_address()));
  } else if (wish.exchanger.empty()) {
    return BadSwitch("the old address is not named, nor a new exchanger");
  }
  if (wish.from.text == wish.to.text) return BadSwitch("the old address is the new one");
  if (!request->helo_name().empty()) {
    MQ_ASSIGN_OR_RETURN(wish.helo, CheckedName(request->helo_name()));
  }
  if (request->ttl() > kLongestTtl)
    return BadSwitch(absl::StrCat("a TTL of more than ", kLongestTtl, " s holds up every change"));
  if (request->ttl() > 0) wish.ttl = request->ttl();
  for (const std::string& resolver : request->resolvers())
    MQ_RETURN_IF_ERROR(dns::ParseEndpoint(resolver).status());
  wish.lower_first = request->lower_ttl_first();
  wish.keep_spf = request->keep_spf();
  wish.keep_ptr = request->keep_ptr();
  wish.sends = !request->inbound_only();
  request->clear_domains();
  for (const std::string& domain : wish.domains) request->add_domains(domain);
  request->set_to_address(wish.to.text);
  request->set_from_address(wish.from.text);
  request->set_exchanger(wish.exchanger);
  request->set_helo_name(wish.helo);
  request->set_ttl(wish.ttl);
  request->set_reason(Harmless(request->reason().substr(0, kMostReason)));
  return wish;
}

}  // namespace mailquench::controller::mx
