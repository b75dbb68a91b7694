#include "common/blacklist/anomaly.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"

namespace mailquench::blacklist {
namespace {

constexpr std::size_t kFewest = 4;

}  // namespace

std::string NetworkOf(const Subject& subject) {
  if (subject.kind() == Subject::Kind::kDomain) return subject.text();
  std::vector<std::string> parts = absl::StrSplit(subject.Label(), '.');  // Reversed.
  const std::size_t host = subject.kind() == Subject::Kind::kIp4 ? 1 : 20;
  parts.erase(parts.begin(), parts.begin() + static_cast<std::ptrdiff_t>(host));
  std::reverse(parts.begin(), parts.end());
  return absl::StrJoin(parts, ".");
}

void AnomalyWatch::Add(const List& list, const Subject& subject, bool listed, bool known) {
  const std::string network = NetworkOf(subject);
  Zone& zone = zones_[list.zone];
  zone.operator_name = list.operator_name;
  zone.asked.insert(network);
  // One that lists whole providers agrees with everybody.
  if (listed && list.alert) listed_by_[network].insert(list.operator_name);
  if (listed && !known) zone.listed.insert(network);
}

std::vector<AnomalyWatch::Suspect> AnomalyWatch::Suspects() const {
  std::vector<Suspect> out;
  for (const auto& [name, zone] : zones_) {
    if (zone.listed.size() < kFewest || zone.listed.size() * 2 < zone.asked.size()) continue;
    std::size_t alone = 0;
    for (const std::string& network : zone.listed) {
      const auto at = listed_by_.find(network);
      if (at == listed_by_.end() || at->second.size() <= 1) ++alone;
    }
    // An attack on the whole fleet shows on several operators' lists.
    if (alone * 2 <= zone.listed.size()) continue;
    out.push_back({name, absl::StrCat("it began to list ", zone.listed.size(), " of ",
                                      zone.asked.size(), " unrelated networks at once, and ", alone,
                                      " of them nobody else lists")});
  }
  return out;
}

}  // namespace mailquench::blacklist
