// Asks lists what shows whether they are well: their test points (RFC 5782 section 5), a name that
// nobody can have listed, their SOA and NS records.
#ifndef MAILQUENCH_COMMON_BLACKLIST_PROBE_H_
#define MAILQUENCH_COMMON_BLACKLIST_PROBE_H_

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "common/blacklist/health.h"
#include "common/blacklist/pacer.h"
#include "common/blacklist/resolver.h"

namespace mailquench::blacklist {

// Keys of private zones, by zone. Never printed: what is shown of a name has its zone alone.
using Keys = std::map<std::string, std::string>;

// An answer to one health question.
struct HealthAnswer {
  enum class Point { kListed, kClean, kSample, kRandom, kSoa, kNs };
  Point point = Point::kSoa;
  Subject::Kind kind = Subject::Kind::kIp4;  // Of the first two.
  bool by_custom = false;  // RFC 5782 names it, the list's data does not: its absence says nothing.
  std::string name;        // As the list's data has it: "127.0.0.2".
  Reply reply;
};

// What the answers of one list come to. Pure.
Probe Fold(const List& list, const std::vector<HealthAnswer>& answers, absl::Time now);

// Asks every list; `done` gets each list's probe, from this call. Where all that were asked fail at
// once it is the resolver: then `done` is called for none, and what is returned is one clause about
// it (else empty). Where only a few are asked and they fail, `witnesses`, lists of others that were
// well, are asked whether they still are; `done` gets theirs, too. A list whose key is missing is
// kBlocked without a question. Unless `allow_public`, no public resolver is asked about a list that
// answers those with errors.
// Unless `allow_public`, no public resolver is asked about a list that answers those with errors.
std::string ProbeLists(Resolver* resolver,
                       Pacer* pacer,
                       const std::vector<const List*>& lists,
                       const std::vector<const List*>& witnesses,
                       const Keys& keys,
                       bool allow_public,
                       const std::function<void(const List&, const Probe&)>& done,
                       absl::Time until);

// Why a list was not asked although there are servers.
inline constexpr char kOnlyPublic[] =
    "it answers public resolvers with errors, and no other one is given: run a recursive resolver "
    "of your own (deploy/unbound) and name it";

// Whether this list is known to answer a public resolver with errors.
bool RefusesPublicResolvers(const List& list);

}  // namespace mailquench::blacklist

#endif  // MAILQUENCH_COMMON_BLACKLIST_PROBE_H_
