// What resolvers say, each question once: with aliases followed, and with records that are still to
// come in the place of those that there are.
#ifndef MAILQUENCH_CONTROLLER_MX_LOOKUPS_H_
#define MAILQUENCH_CONTROLLER_MX_LOOKUPS_H_

#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "controller/dns/exchange.h"

namespace mailquench::controller::mx {

struct Told {
  bool known = false;               // False: no resolver gave an answer; `fault` says why.
  bool exists = true;               // False: no such name (NXDOMAIN).
  std::vector<std::string> values;  // Canonical presentation format, sorted; at the alias' end.
  std::uint32_t ttl = 0;            // Seconds, the smallest.
  std::string alias;                // The name is an alias: for what. Plain.
  std::string fault;                // One clause.
};

// Thread-safe. Blocks as long as its patience has it.
class Lookups {
 public:
  // `resolvers`: see dns::ParseEndpoint(); asked in turn until one answers. Empty: the system's.
  // One that was silent several times in a row is not asked again.
  Lookups(std::vector<std::string> resolvers, const dns::Patience& patience);

  Told Ask(const std::string& name, const std::string& type);
  // All at the same time; the answers are then there for Ask().
  void Fetch(const std::vector<std::pair<std::string, std::string>>& questions);
  // From now on the name has these, whatever DNS says.
  void Assume(const std::string& name,
              const std::string& type,
              const std::vector<std::string>& values,
              std::uint32_t ttl);
  // Of one host: A or AAAA, as text. `known` false: could not be asked.
  std::vector<std::string> Addresses(const std::string& host, const std::string& type, bool* known);
  const std::vector<std::string>& resolvers() const { return resolvers_; }

 private:
  Told AskResolvers(const std::string& name, const std::string& type);
  bool IsSilent(const std::string& resolver);
  void Count(const std::string& resolver, bool silent);

  std::vector<std::string> resolvers_;
  const dns::Patience patience_;
  std::mutex mu_;
  std::map<std::pair<std::string, std::string>, Told> told_;  // Guarded by mu_, as silences_.
  std::map<std::string, int> silences_;                       // In a row, by resolver.
};

}  // namespace mailquench::controller::mx

#endif  // MAILQUENCH_CONTROLLER_MX_LOOKUPS_H_
