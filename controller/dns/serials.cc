#include "controller/dns/serials.h"

#include <algorithm>
#include <functional>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/parallel/parallel.h"
#include "common/status/error.h"
#include "controller/dns/look.h"
#include "controller/dns/message.h"
#include "controller/dns/query.h"

namespace mailquench::controller::dns {
namespace {

constexpr int kAtOnce = 16;

absl::StatusOr<Answer> AskServer(const Endpoint& server,
                                 const std::string& name,
                                 const std::string& type,
                                 const Patience& patience) {
  Question question;
  question.name = name;
  question.type = type;
  return Ask(server, question, patience);
}

bool Serves(const Answer& answer) {
  return answer.authoritative &&
         (answer.rcode == LDNS_RCODE_NOERROR || answer.rcode == LDNS_RCODE_NXDOMAIN);
}

std::string LameText(const Answer& answer) {
  if (answer.rcode != LDNS_RCODE_NOERROR && answer.rcode != LDNS_RCODE_NXDOMAIN)
    return absl::StrCat("does not serve the zone (", RcodeText(answer.rcode), ")");
  return answer.authoritative ? "has no SOA record of the zone"
                              : "does not serve the zone (its answer has no authority)";
}

struct Measure {
  const PropagationQuestion& question;
  const std::vector<std::string> values;  // Canonical.
  const std::uint32_t serial;
};

void Stand(ServerStanding& it, Standing standing, absl::string_view what) {
  it.standing = standing;
  it.sentence = absl::StrCat(it.name, it.address.empty() ? "" : absl::StrCat(" (", it.address, ")"),
                             " ", what);
}

// The serial first: where the zone changes between the two questions, the server counts as behind,
// never as current with old data.
void AskOne(const Measure& measure, const Endpoint& server, ServerStanding& it) {
  const PropagationQuestion& question = measure.question;
  const auto soa = AskServer(server, question.zone, "SOA", question.patience);
  if (!soa.ok()) return Stand(it, Standing::kSilent, "does not answer");
  if (!Serves(*soa) || soa->values.empty()) return Stand(it, Standing::kLame, LameText(*soa));
  it.serial = soa->serial;
  const SerialOrder order = CompareSerials(soa->serial, measure.serial);
  if (order == SerialOrder::kBefore || order == SerialOrder::kUndefined) {
    return Stand(
        it, Standing::kBehind,
        absl::StrCat(
            "is behind: serial ", soa->serial, ", the primary has ", measure.serial,
            order == SerialOrder::kUndefined ? " (2^31 apart: RFC 1982 gives them no order)" : ""));
  }
  const auto records = AskServer(server, question.name, question.type, question.patience);
  if (!records.ok()) {
    return Stand(it, Standing::kSilent,
                 absl::StrCat("does not answer the question for ", question.type));
  }
  if (!Serves(*records)) return Stand(it, Standing::kLame, LameText(*records));
  it.values = records->values;
  if (records->values == measure.values && records->alias.empty())
    return Stand(it, Standing::kCurrent, absl::StrCat("is current: serial ", it.serial));
  Found found;
  found.values = records->values;
  found.ttl = records->ttl;
  found.alias = records->alias;
  Stand(it, Standing::kOtherData,
        absl::StrCat("has serial ", it.serial, " but other records: ", FoundText(found)));
}

void Conclude(Propagation& out, const PropagationQuestion& question) {
  std::vector<std::string> others;
  for (const ServerStanding& server : out.servers) {
    if (server.standing != Standing::kCurrent) others.push_back(server.sentence);
  }
  out.complete = others.empty() && !out.servers.empty();
  const std::size_t current = out.servers.size() - others.size();
  out.sentence =
      absl::StrCat(current, " of ", out.servers.size(), " addresses of name servers of ",
                   question.zone, " have serial ", out.primary_serial, " and the ", question.type,
                   " of ", question.name, others.empty() ? "" : "; ", absl::StrJoin(others, "; "));
}

}  // namespace

SerialOrder CompareSerials(std::uint32_t a, std::uint32_t b) {
  if (a == b) return SerialOrder::kEqual;
  const std::uint32_t ahead = b - a;  // Of b, around the circle.
  if (ahead == 0x80000000u) return SerialOrder::kUndefined;
  return ahead < 0x80000000u ? SerialOrder::kBefore : SerialOrder::kAfter;
}

absl::StatusOr<Propagation> AskPropagation(const PropagationQuestion& question) {
  MQ_ASSIGN_OR_RETURN(const Endpoint primary, ParseEndpoint(question.primary));
  MQ_ASSIGN_OR_RETURN(auto values, Canonical(question.name, question.type, question.values));
  MQ_RETURN_IF_ERROR(ParseName(question.name).status());
  Propagation out;
  std::vector<Endpoint> endpoints;
  for (const NameServer& server : question.servers) {
    for (const std::string& address : server.addresses) {
      MQ_ASSIGN_OR_RETURN(Endpoint endpoint, ParseEndpoint(address));
      out.servers.emplace_back();
      out.servers.back().name = server.name;
      out.servers.back().address = endpoint.text;
      endpoints.push_back(std::move(endpoint));
    }
    if (!server.addresses.empty()) continue;
    out.servers.emplace_back();
    out.servers.back().name = server.name;
    Stand(out.servers.back(), Standing::kNoAddress, "has no address");
    endpoints.emplace_back();
  }

  MQ_ASSIGN_OR_RETURN(const Answer soa,
                      AskServer(primary, question.zone, "SOA", question.patience));
  if (!Serves(soa) || soa.values.empty()) {
    return Error(
        absl::StatusCode::kFailedPrecondition, "DNS_NOT_AUTHORITATIVE",
        absl::StrCat("the primary server ", primary.text, " of ", question.zone, " ", LameText(soa),
                     "; no other server was asked; name the primary's address"));
  }
  out.primary_serial = soa.serial;
  const Measure measure{question, std::move(values), soa.serial};
  std::vector<std::function<void()>> tasks;
  for (std::size_t i = 0; i < endpoints.size(); ++i) {
    if (endpoints[i].size == 0) continue;
    tasks.push_back(
        [&measure, &endpoints, &out, i] { AskOne(measure, endpoints[i], out.servers[i]); });
  }
  RunTogether(tasks, kAtOnce);
  Conclude(out, question);
  return out;
}

}  // namespace mailquench::controller::dns
