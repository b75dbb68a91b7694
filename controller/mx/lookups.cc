#include "controller/mx/lookups.h"

#include <functional>
#include <set>

#include "absl/strings/str_cat.h"
#include "common/blacklist/resolver_address.h"
#include "common/parallel/parallel.h"
#include "common/status/error.h"
#include "controller/dns/message.h"
#include "controller/dns/query.h"
#include "controller/mx/values.h"

namespace mailquench::controller::mx {
namespace {

constexpr int kMostAliases = 8;
constexpr std::size_t kMostKept = 100000;  // What others publish decides how many are asked.
constexpr int kTogether = 24;
constexpr int kMostSilences = 3;  // One message may be lost, and its copy.

}  // namespace

Lookups::Lookups(std::vector<std::string> resolvers, const dns::Patience& patience)
    : resolvers_(std::move(resolvers)), patience_(patience) {
  if (resolvers_.empty()) resolvers_ = blacklist::SystemServers("");
}

bool Lookups::IsSilent(const std::string& resolver) {
  const std::lock_guard<std::mutex> lock(mu_);
  const auto found = silences_.find(resolver);
  return found != silences_.end() && found->second >= kMostSilences;
}

void Lookups::Count(const std::string& resolver, bool silent) {
  const std::lock_guard<std::mutex> lock(mu_);
  int& count = silences_[resolver];
  count = silent ? count + 1 : 0;
}

Told Lookups::AskResolvers(const std::string& name, const std::string& type) {
  Told told;
  for (const std::string& resolver : resolvers_) {
    const auto endpoint = dns::ParseEndpoint(resolver);
    if (!endpoint.ok()) {
      told.fault = std::string(endpoint.status().message());
      continue;
    }
    dns::Question question;
    question.name = name;
    question.type = type;
    question.recursion = true;
    if (IsSilent(resolver)) {
      told.fault = absl::StrCat("the resolver ", resolver, " does not answer");
      continue;
    }
    const auto answer = dns::Ask(*endpoint, question, patience_);
    Count(resolver, absl::IsUnavailable(answer.status()));
    if (!answer.ok()) {
      told.fault = std::string(answer.status().message());
      if (absl::IsInvalidArgument(answer.status())) return told;
      continue;
    }
    if (answer->rcode != LDNS_RCODE_NOERROR && answer->rcode != LDNS_RCODE_NXDOMAIN) {
      told.fault = absl::StrCat("the resolver ", resolver, " answered the question for ", type,
                                " of ", name, " with ", dns::RcodeText(answer->rcode));
      continue;
    }
    told.known = true;
    told.fault.clear();
    told.exists = answer->rcode == LDNS_RCODE_NOERROR;
    told.values = answer->values;
    told.ttl = answer->ttl;
    told.alias = Plain(answer->alias);
    return told;
  }
  return told;
}

Told Lookups::Ask(const std::string& name, const std::string& type) {
  Told whole;
  std::string at = Plain(name);
  std::set<std::string> seen;
  for (int step = 0; step <= kMostAliases; ++step) {
    Told told;
    bool kept = false;
    {
      const std::lock_guard<std::mutex> lock(mu_);
      if (const auto found = told_.find({at, type}); found != told_.end()) {
        told = found->second;
        kept = true;
      }
    }
    if (!kept) {
      told = AskResolvers(at, type);
      const std::lock_guard<std::mutex> lock(mu_);
      if (told_.size() < kMostKept) told_.emplace(std::make_pair(at, type), told);
    }
    const std::string first = step == 0 ? told.alias : whole.alias;
    const std::uint32_t ttl = whole.ttl;
    const std::string next = told.alias;
    const bool ends = !told.values.empty() || next.empty() || !told.known;
    whole = std::move(told);
    whole.alias = first;
    if (step > 0 && ttl != 0 && ttl < whole.ttl) whole.ttl = ttl;
    if (ends) return whole;
    if (!seen.insert(next).second) break;
    at = next;
  }
  whole.known = false;
  whole.values.clear();
  whole.fault = absl::StrCat(name, " is an alias that leads nowhere");
  return whole;
}

void Lookups::Fetch(const std::vector<std::pair<std::string, std::string>>& questions) {
  std::vector<std::function<void()>> tasks;
  tasks.reserve(questions.size());
  for (const auto& [name, type] : questions)
    tasks.emplace_back([this, &name = name, &type = type] { Ask(name, type); });
  RunTogether(tasks, kTogether);
}

void Lookups::Assume(const std::string& name,
                     const std::string& type,
                     const std::vector<std::string>& values,
                     std::uint32_t ttl) {
  Told told;
  told.known = true;
  told.values = values;
  told.ttl = ttl;
  const std::lock_guard<std::mutex> lock(mu_);
  told_[{Plain(name), type}] = std::move(told);
}

std::vector<std::string> Lookups::Addresses(const std::string& host,
                                            const std::string& type,
                                            bool* known) {
  const Told told = Ask(host, type);
  if (known != nullptr) *known = told.known;
  std::vector<std::string> out;
  for (const std::string& value : told.values) {
    const auto address = ParseAddress(value);
    if (address.ok()) out.push_back(address->text);
  }
  return out;
}

}  // namespace mailquench::controller::mx
