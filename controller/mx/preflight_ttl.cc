// The check of a preflight that looks at TTLs: what is to be changed must be forgotten soon.
#include <algorithm>
#include <map>

#include "absl/strings/str_cat.h"
#include "common/parallel/parallel.h"
#include "common/status/error.h"
#include "controller/mx/preflight.h"
#include "controller/mx/values.h"
#include "controller/mx/zone_servers.h"

namespace mailquench::controller::mx {
namespace {

constexpr std::size_t kMostChanging = 8;  // Without a plan, of one domain.

// The MX of the domain and the addresses of its exchangers, from those who have authority.
std::vector<v1::RecordSet> Changing(const Options& options,
                                    Lookups* lookups,
                                    const std::string& domain) {
  std::vector<v1::RecordSet> sets;
  const auto add = [&](const std::string& name, const std::string& type) {
    const auto found = AskAuthority(options, lookups, name, type);
    if (!found.ok() || found->values().empty() || sets.size() >= kMostChanging) return;
    sets.push_back(*found);
  };
  add(domain, "MX");
  if (sets.empty()) {
    add(domain, "A");
    return sets;
  }
  const v1::RecordSet exchangers = sets[0];
  for (const std::string& value : exchangers.values()) {
    if (const auto mx = ParseMx(value); mx && !mx->host.empty()) add(mx->host, "A");
  }
  return sets;
}

// What is left of the record in caches; 0 where nobody says.
std::uint32_t LeftInCaches(const Options& options, const v1::RecordSet& set, std::string* where) {
  std::uint32_t most = 0;
  for (const std::string& resolver :
       options.watch_resolvers.empty() ? options.resolvers : options.watch_resolvers) {
    Lookups one({resolver}, options.patience);
    const Told told = one.Ask(set.name(), set.type());
    if (told.known && told.ttl > most) {
      most = told.ttl;
      *where = resolver;
    }
  }
  return most;
}

v1::Check JudgeTtl(const Options& options, const PreflightWish& wish, const v1::RecordSet& set) {
  const std::string id = absl::StrCat("ttl:", set.name(), "/", set.type());
  const std::string found =
      absl::StrCat(set.type(), " of ", set.name(), " has a TTL of ", set.ttl(), " s");
  if (wish.lowers)
    return MakeCheck(id, set.name(), v1::CHECK_STATE_SKIPPED,
                     absl::StrCat(found, ", which the switch itself lowers and waits out"));
  if (set.ttl() > wish.short_ttl)
    return MakeCheck(
        id, set.name(), v1::CHECK_STATE_FAILED, found,
        absl::StrCat("let the switch lower it first (--lower-ttl-first), or set it to ",
                     wish.short_ttl, " and wait ", set.ttl(),
                     " s; waived, the old one is used for that long"));
  std::string where;
  const std::uint32_t left = LeftInCaches(options, set, &where);
  if (left > wish.short_ttl)
    return MakeCheck(
        id, set.name(), v1::CHECK_STATE_FAILED,
        absl::StrCat(found, ", but ", where, " keeps the old one for ", left, " s more"),
        absl::StrCat("wait ", left, " s: the old TTL is not over"));
  return MakeCheck(id, set.name(), v1::CHECK_STATE_PASSED, found);
}

}  // namespace

std::vector<v1::Check> TtlChecks(const Options& options,
                                 Lookups* lookups,
                                 const PreflightWish& wish) {
  std::vector<v1::RecordSet> changing = wish.changing;
  if (changing.empty()) {
    std::map<std::string, v1::RecordSet> each;
    for (const std::string& domain : wish.domains) {
      for (const v1::RecordSet& set : Changing(options, lookups, domain))
        each[absl::StrCat(set.name(), "/", set.type())] = set;
    }
    for (const auto& [key, set] : each) changing.push_back(set);
  }
  std::vector<v1::Check> checks(changing.size());
  std::vector<std::function<void()>> tasks;
  for (std::size_t i = 0; i < changing.size(); ++i)
    tasks.emplace_back([&, i] { checks[i] = JudgeTtl(options, wish, changing[i]); });
  RunTogether(tasks, 16);
  return checks;
}

}  // namespace mailquench::controller::mx
