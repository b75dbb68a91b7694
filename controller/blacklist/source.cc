#include "controller/blacklist/source.h"

#include <algorithm>
#include <memory>
#include <set>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "common/blacklist/sweep.h"
#include "common/blacklist/verdict.h"

namespace mailquench::controller {
namespace {

using blacklist::List;
using blacklist::RecordType;
using blacklist::Reply;
using blacklist::Verdict;

constexpr std::size_t kMostServers = 4;

std::string ZoneOf(const List& list, const blacklist::Keys& keys) {
  const auto key = keys.find(list.zone);
  return list.key_first && key != keys.end() ? absl::StrCat(key->second, ".", list.zone)
                                             : list.zone;
}

// "192.0.2.53:53", "[2001:db8::53]:53".
std::vector<std::string> ServersOf(blacklist::Resolver* resolver,
                                   const std::string& zone,
                                   const SourceOptions& options) {
  std::set<std::string> names, servers;
  resolver->Ask(zone, RecordType::kNs,
                [&](const Reply& reply) { names.insert(reply.names.begin(), reply.names.end()); });
  resolver->Run(absl::Now() + options.patience);
  for (const std::string& name : names) {
    resolver->Ask(name, RecordType::kA, [&](const Reply& reply) {
      for (const std::uint32_t one : reply.answer.addresses)
        servers.insert(absl::StrCat(blacklist::AddressText(one), ":", options.port));
    });
    resolver->Ask(name, RecordType::kAaaa, [&](const Reply& reply) {
      for (const std::string& one : reply.addresses6)
        servers.insert(absl::StrCat("[", one, "]:", options.port));
    });
  }
  resolver->Run(absl::Now() + options.patience);
  std::vector<std::string> out(servers.begin(), servers.end());
  if (out.size() > kMostServers) out.resize(kMostServers);
  return out;
}

// Whether the list answers its own test point: an emptied zone says CLEAN of everybody.
std::string TestName(const List& list, const std::string& zone) {
  if (list.test.listed.empty()) return "";
  const std::string& point = list.test.listed.front();
  return absl::StrCat(blacklist::ReverseLabel(point).value_or(point), ".", zone);
}

struct Word {
  blacklist::Finding finding;
  bool test_point = false;
};

// An empty component is the zone's own.
bool Shows(const List& list, const blacklist::Finding& finding, const std::string& component) {
  const std::vector<std::string> all = blacklist::Components(list, finding);
  return component.empty() || all.empty() ||
         std::find(all.begin(), all.end(), component) != all.end();
}

Word AskServer(const std::string& server,
               const List& list,
               const std::string& name,
               const std::string& test_name,
               const SourceOptions& options) {
  Word word;
  blacklist::ResolverOptions one;
  one.servers = {server};
  const auto direct = blacklist::Resolver::Make(one);
  if (!direct.ok()) return word;
  (*direct)->Ask(name, RecordType::kA,
                 [&](const Reply& reply) { word.finding = Judge(list, reply.answer); });
  word.test_point = test_name.empty();
  if (!test_name.empty())
    (*direct)->Ask(test_name, RecordType::kA,
                   [&](const Reply& reply) { word.test_point = !reply.answer.addresses.empty(); });
  (*direct)->Run(absl::Now() + options.patience);
  return word;
}

}  // namespace

std::optional<bool> CleanAtSource(blacklist::Resolver* resolver,
                                  const List& list,
                                  const blacklist::Subject& subject,
                                  const std::string& component,
                                  blacklist::Pacer* pacer,
                                  const SourceOptions& options) {
  const std::string zone = ZoneOf(list, options.keys);
  const auto key = options.keys.find(list.zone);
  const absl::StatusOr<std::string> name =
      QueryName(list, subject, key == options.keys.end() ? "" : key->second);
  if (!name.ok()) return std::nullopt;
  const std::string test_name = TestName(list, zone);
  std::optional<bool> said;
  for (const std::string& server : ServersOf(resolver, zone, options)) {
    pacer->Took(list, absl::Now());
    if (!test_name.empty()) pacer->Took(list, absl::Now());
    const Word word = AskServer(server, list, *name, test_name, options);
    const bool listed = word.finding.verdict == Verdict::kListed;
    if (listed && Shows(list, word.finding, component)) return false;
    if ((listed || word.finding.verdict == Verdict::kClean) && word.test_point) said = true;
  }
  return said;
}

}  // namespace mailquench::controller
