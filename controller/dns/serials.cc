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
  SerialMemory* const memory;
};

void Stand(ServerStanding& it, Standing standing, absl::string_view what) {
  it.standing = standing;
  it.sentence = absl::StrCat(it.name, it.address.empty() ? "" : absl::StrCat(" (", it.address, ")"),
                             " ", what);
}

// What it has of the records; false: no answer that says so.
bool AskRecords(const Measure& measure,
                const Endpoint& server,
                ServerStanding& it,
                Answer* records) {
  const PropagationQuestion& question = measure.question;
  auto answer = AskServer(server, question.name, question.type, question.patience);
  if (!answer.ok()) {
    measure.memory->SetSilent(server);
    Stand(it, Standing::kSilent, absl::StrCat("does not answer the question for ", question.type));
    return false;
  }
  if (!Serves(*answer)) {
    Stand(it, Standing::kLame, LameText(*answer));
    return false;
  }
  *records = *std::move(answer);
  it.values = records->values;
  it.ttl = records->ttl;
  it.answered = true;
  return true;
}

// The serial first: where the zone changes between the two questions, the server counts as behind,
// never as current with old data.
void AskOne(const Measure& measure, const Endpoint& server, ServerStanding& it) {
  const PropagationQuestion& question = measure.question;
  if (!HasRoute(server)) {
    return Stand(it, Standing::kNoRoute,
                 "was not asked: this machine has no route to an address of its family");
  }
  if (measure.memory->IsSilent(server)) return Stand(it, Standing::kSilent, "does not answer");
  const auto soa = measure.memory->Soa(server, question.zone, question.patience);
  if (!soa.ok()) return Stand(it, Standing::kSilent, "does not answer");
  if (!Serves(*soa) || soa->values.empty()) return Stand(it, Standing::kLame, LameText(*soa));
  it.serial = soa->serial;
  Answer records;
  const SerialOrder order = CompareSerials(soa->serial, measure.serial);
  if (order == SerialOrder::kBefore || order == SerialOrder::kUndefined) {
    // What it gives out meanwhile says for how long caches will have it.
    AskRecords(measure, server, it, &records);
    return Stand(
        it, Standing::kBehind,
        absl::StrCat(
            "is behind: serial ", soa->serial, ", the primary has ", measure.serial,
            order == SerialOrder::kUndefined ? " (2^31 apart: RFC 1982 gives them no order)" : ""));
  }
  if (!AskRecords(measure, server, it, &records)) return;
  if (records.values == measure.values && records.alias.empty())
    return Stand(it, Standing::kCurrent, absl::StrCat("is current: serial ", it.serial));
  Found found;
  found.values = records.values;
  found.ttl = records.ttl;
  found.alias = records.alias;
  Stand(it, Standing::kOtherData,
        absl::StrCat("has serial ", it.serial, " but other records: ", FoundText(found)));
}

// A family that this machine does not speak holds nothing up, unless nobody else tells of the
// server.
bool HoldsUp(const Propagation& out, const ServerStanding& server) {
  if (server.standing == Standing::kCurrent) return false;
  if (server.standing != Standing::kNoRoute) return true;
  return std::none_of(out.servers.begin(), out.servers.end(), [&](const ServerStanding& other) {
    return other.name == server.name && other.standing != Standing::kNoRoute;
  });
}

void Conclude(Propagation& out, const PropagationQuestion& question) {
  std::vector<std::string> others;
  std::size_t current = 0;
  bool held_up = false;
  for (const ServerStanding& server : out.servers) {
    if (server.standing == Standing::kCurrent)
      ++current;
    else
      others.push_back(server.sentence);
    held_up = held_up || HoldsUp(out, server);
  }
  out.complete = !held_up && current > 0;
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

absl::StatusOr<Answer> SerialMemory::Soa(const Endpoint& server,
                                         const std::string& zone,
                                         const Patience& patience) {
  std::shared_ptr<Kept> kept;
  if (IsSilent(server))
    return Error(absl::StatusCode::kUnavailable, "DNS_NO_ANSWER",
                 absl::StrCat("the DNS server ", server.text, " did not answer before"));
  {
    const std::lock_guard<std::mutex> lock(mu_);
    std::shared_ptr<Kept>& at = kept_[absl::StrCat(server.text, " ", zone)];
    if (at == nullptr) at = std::make_shared<Kept>();
    kept = at;
  }
  const std::lock_guard<std::mutex> lock(kept->mu);
  if (!kept->answer.has_value()) {
    kept->answer = AskServer(server, zone, "SOA", patience);
    if (absl::IsUnavailable(kept->answer->status())) SetSilent(server);
  }
  return *kept->answer;
}

bool SerialMemory::IsSilent(const Endpoint& server) {
  const std::lock_guard<std::mutex> lock(mu_);
  return silent_.count(server.text) > 0;
}

void SerialMemory::SetSilent(const Endpoint& server) {
  const std::lock_guard<std::mutex> lock(mu_);
  silent_.insert(server.text);
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
    if (!server.addresses.empty() && !server.partly) continue;
    out.servers.emplace_back();
    out.servers.back().name = server.name;
    Stand(out.servers.back(), Standing::kNoAddress,
          server.partly ? "has addresses that could not be looked up; see the resolvers"
                        : "has no address");
    endpoints.emplace_back();
  }

  SerialMemory own;
  SerialMemory* const memory = question.memory != nullptr ? question.memory : &own;
  MQ_ASSIGN_OR_RETURN(const Answer soa, memory->Soa(primary, question.zone, question.patience));
  if (!Serves(soa) || soa.values.empty()) {
    return Error(
        absl::StatusCode::kFailedPrecondition, "DNS_NOT_AUTHORITATIVE",
        absl::StrCat("the primary server ", primary.text, " of ", question.zone, " ", LameText(soa),
                     "; no other server was asked; name the primary's address"));
  }
  out.primary_serial = soa.serial;
  const Measure measure{question, std::move(values), soa.serial, memory};
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
