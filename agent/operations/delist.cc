// delist.fetch: the one request that a list wants from the listed host itself.
#include "agent/operations/delist.h"

#include <google/protobuf/util/time_util.h>

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "agent/http/address.h"
#include "agent/http/get.h"
#include "agent/operations/executor.h"
#include "agent/os/network.h"
#include "common/status/error.h"
#include "common/text/harmless.h"

namespace mailquench::agent {
namespace {
using google::protobuf::util::TimeUtil;

constexpr absl::Duration kDefaultTimeout = absl::Seconds(20);
constexpr absl::Duration kShortestTimeout = absl::Seconds(1);
constexpr absl::Duration kLongestTimeout = absl::Minutes(2);
constexpr std::size_t kKeptBody = 4096;
constexpr std::size_t kKeptLocation = 2048;

// Of `delist: how: from-host` in common/blacklist/catalogue (others-1.yaml, others-3.yaml). Kept by
// hand: the agent does not link the catalogue, and whom a host may ask is no business of the
// controller's.
constexpr const char* kDefaultHosts[] = {"www.usenix.org.uk", "www.justspam.org"};

absl::Duration TimeoutOf(const v1::DelistFetch& request) {
  return request.has_timeout()
             ? absl::Microseconds(TimeUtil::DurationToMicroseconds(request.timeout()))
             : kDefaultTimeout;
}

std::string Cut(const std::string& text, std::size_t most) {
  std::string out = text.substr(0, most);
  if (out.size() < text.size()) out.resize(out.size() - CutAtEnd(out));
  return out;
}

// What an error leaves the operator with.
absl::Status Explain(const absl::Status& status, const std::string& host, bool asked) {
  const std::string reason = ReasonOf(status);
  // The executor's own words end in "ask again", which is wrong once the list may have been asked.
  const std::string what(status.message().substr(0, status.message().find(';')));
  std::string then = "; nothing was asked of the list";
  if (asked)
    then = absl::StrCat("; whether ", host,
                        " took the request is not known: look the address up before asking again");
  else if (reason == "PRIVATE_TARGET")
    absl::StrAppend(&then, "; 'delist_private_targets: true' in this host's agent.yaml allows it");
  else if (reason == "NO_CA_STORE")
    absl::StrAppend(&then, "; install them, then ask again");
  return Error(status.code(), reason, absl::StrCat(what, then));
}
}  // namespace

std::vector<AllowedHost> DefaultDelistHosts() {
  std::vector<AllowedHost> hosts;
  for (const char* host : kDefaultHosts) hosts.push_back({host, 0});
  return hosts;
}

absl::Status Executor::AdmitFetch(const v1::DelistFetch& request) const {
  MQ_ASSIGN_OR_RETURN(const Url url, ParseUrl(request.url()));
  if (!Allows(options_.delist_hosts, url)) {
    std::vector<std::string> known;
    for (const AllowedHost& entry : options_.delist_hosts)
      known.push_back(entry.port == 0 ? entry.host : absl::StrCat(entry.host, ":", entry.port));
    return Error(
        absl::StatusCode::kPermissionDenied, "HOST_NOT_ALLOWED",
        absl::StrCat("this host fetches nothing from ", url.HostHeader(),
                     "; nobody was asked. Its own list, delist_hosts in agent.yaml, ",
                     known.empty() ? "is empty" : "has " + absl::StrJoin(known, ", "),
                     "; names are compared whole, and another port than 80 and 443 must be in it"));
  }
  const absl::Duration timeout = TimeoutOf(request);
  if (timeout < kShortestTimeout || timeout > kLongestTimeout)
    return Error(absl::StatusCode::kInvalidArgument, "BAD_TIMEOUT",
                 "a fetch takes a timeout from 1 s to 2 min; nobody was asked");
  Endpoint source;
  if (!request.source_address().empty() && !ParseAddress(request.source_address(), 0, &source))
    return Error(absl::StatusCode::kInvalidArgument, "BAD_SOURCE",
                 "source_address is no IPv4 or IPv6 address; nobody was asked");
  return absl::OkStatus();
}

void Executor::PlanFetch(const v1::DelistFetch& request, v1::OperationPlan& plan) const {
  std::string from = request.source_address();
  if (from.empty()) {
    const std::string v4 = SourceOfDefaultRoute(false);
    const std::string v6 = SourceOfDefaultRoute(true);
    from = absl::StrCat("the address that the route gives it", v4.empty() && v6.empty() ? "" : " (",
                        v4, v4.empty() || v6.empty() ? "" : ", or ", v6,
                        v4.empty() && v6.empty() ? "" : ")");
    plan.add_warnings("no source_address is set, and the list removes the address that asks");
  }
  plan.add_steps(absl::StrCat("GET ", Harmless(request.url()), " once, from ", from,
                              ", for at most ", absl::FormatDuration(TimeoutOf(request)),
                              "; no redirect is followed"));
  plan.mutable_preview()->mutable_delist_fetch()->set_from_address(request.source_address());
}

absl::Status Executor::DoDelistFetch(const v1::DelistFetch& request,
                                     const CallContext& context,
                                     v1::OperationResult& out) {
  MQ_ASSIGN_OR_RETURN(const Url url, ParseUrl(request.url()));
  GetOptions options;
  options.source_address = request.source_address();
  // A literal address is in the host's own list as such: it was meant.
  options.private_targets = options_.delist_private_targets || url.literal;
  // By the system's clock: it is the network's time that is waited for.
  options.deadline =
      absl::Now() + std::min<absl::Duration>(TimeoutOf(request), context.deadline - clock_.Now());
  options.still_wanted = context.still_wanted;
  context.progress(absl::StrCat("asking ", url.host));
  bool asked = false;
  const absl::StatusOr<GetResult> got = Get(url, options, &asked);
  if (!got.ok()) return Explain(got.status(), url.host, asked);
  v1::DelistFetchResult& result = *out.mutable_delist_fetch();
  result.set_http_status(got->status);
  result.set_body(Cut(HarmlessLines(Cut(got->body, kKeptBody)), kKeptBody));
  result.set_body_cut(got->body_cut || got->body.size() > kKeptBody);
  result.set_from_address(got->from_address);
  result.set_peer_address(got->peer_address);
  result.set_location(Harmless(Cut(got->location, kKeptLocation)));
  if (got->status >= 300 && got->status < 400)
    return Error(absl::StatusCode::kFailedPrecondition, "REDIRECTED",
                 absl::StrCat(url.host, " took no request, but points to ", result.location(),
                              "; nobody was asked there; give that URL"));
  if (got->status >= 400)
    return Error(absl::StatusCode::kFailedPrecondition, "LIST_REFUSED",
                 absl::StrCat(url.host, " answered with status ", got->status,
                              ", so that it will not have taken the request; read its answer, and "
                              "look the address up"));
  return absl::OkStatus();
}

absl::Status CutFetch() {
  return Error(absl::StatusCode::kAborted, "INTERRUPTED",
               "interrupted; whether the list took the request is not known; look it up before "
               "asking again");
}

}  // namespace mailquench::agent
