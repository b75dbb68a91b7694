#include "common/blacklist/reverse.h"

#include <algorithm>
#include <memory>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"

namespace mailquench::blacklist {
namespace {

constexpr std::size_t kMostFollowed = 8;  // Of one address that are followed.

bool Answered(const Reply& reply) {
  return !reply.not_asked &&
         (reply.answer.rcode == Rcode::kNoError || reply.answer.rcode == Rcode::kNxDomain);
}

bool Has(const Reply& reply, const std::string& address) {
  for (const std::uint32_t one : reply.answer.addresses) {
    if (AddressText(one) == address) return true;
  }
  return std::any_of(reply.addresses6.begin(), reply.addresses6.end(), [&](const std::string& one) {
    const absl::StatusOr<Subject> subject = Subject::Parse(one);
    return subject.ok() && subject->text() == address;
  });
}

void Judge(ReverseFinding& finding) {
  const std::string& address = finding.address;
  if (!finding.known) {
    finding.faults.push_back(
        absl::StrCat("the reverse DNS of ", address, " could not be looked up; ask again later"));
    return;
  }
  if (finding.names.empty()) {
    finding.faults.push_back(
        absl::StrCat(address, " has no PTR record; have its provider set one to the host's name"));
  } else if (!finding.confirmed && !finding.forward_known) {
    finding.faults.push_back(
        absl::StrCat("the names of ", address, " could not all be looked up; ask again later"));
  } else if (!finding.confirmed) {
    finding.faults.push_back(absl::StrCat(
        "the name ", finding.names.front(), " of ", address,
        " does not lead back to it; give the name this address, or have the PTR record corrected"));
  }
  if (finding.generic)
    finding.faults.push_back(absl::StrCat(
        "the name ", finding.names.front(), " of ", address,
        " looks like one of a pool, which many receivers refuse; have a name of your own set"));
  if (!finding.helo.empty() && finding.helo_known && !finding.helo_matches)
    finding.faults.push_back(absl::StrCat("HELO says ", finding.helo, ", which does not lead to ",
                                          address,
                                          "; give that name this address, or say another name"));
}

}  // namespace

bool LooksGeneric(const Subject& address, const std::string& name) {
  if (address.kind() != Subject::Kind::kIp4) return false;
  const std::string lower = absl::AsciiStrToLower(name);
  std::vector<std::string> octets = absl::StrSplit(address.text(), '.');
  // Three octets in a row, joined as pools do it: 192-0-2-1, 1.2.0.192, 192_0_2_1.
  for (const char* joint : {"-", ".", "_", "x"}) {
    std::vector<std::string> backwards(octets.rbegin(), octets.rend());
    for (const auto& way : {octets, backwards}) {
      if (absl::StrContains(lower, absl::StrJoin(way.begin(), way.begin() + 3, joint)) ||
          absl::StrContains(lower, absl::StrJoin(way.begin() + 1, way.end(), joint)))
        return true;
    }
  }
  for (const std::string& label : std::vector<std::string>(absl::StrSplit(lower, '.'))) {
    for (const char* word : {"dyn", "dynamic", "dhcp", "dialup", "dial", "pool", "ppp", "dsl",
                             "adsl", "xdsl", "cable", "broadband"}) {
      const std::vector<std::string> parts = absl::StrSplit(label, absl::ByAnyChar("-_0123456789"));
      if (std::find(parts.begin(), parts.end(), word) != parts.end()) return true;
    }
  }
  return false;
}

std::vector<ReverseFinding> LookUpReverse(Resolver* resolver,
                                          const std::vector<ReverseWish>& wishes,
                                          absl::Time until) {
  std::vector<ReverseFinding> findings(wishes.size());
  for (std::size_t i = 0; i < wishes.size(); ++i) {
    ReverseFinding& finding = findings[i];
    const Subject& subject = wishes[i].address;
    finding.address = subject.text();
    finding.helo = wishes[i].helo;
    const RecordType type =
        subject.kind() == Subject::Kind::kIp6 ? RecordType::kAaaa : RecordType::kA;
    const std::string suffix = type == RecordType::kAaaa ? ".ip6.arpa" : ".in-addr.arpa";
    resolver->Ask(subject.Label() + suffix, RecordType::kPtr,
                  [resolver, &finding, &subject, type](const Reply& reply) {
                    finding.known = Answered(reply);
                    finding.names = reply.names;
                    if (finding.names.size() > kMostFollowed) finding.names.resize(kMostFollowed);
                    for (const std::string& name : finding.names) {
                      finding.generic |= LooksGeneric(subject, name);
                      resolver->Ask(name, type, [&finding](const Reply& forward) {
                        finding.forward_known &= Answered(forward);
                        finding.confirmed |= Has(forward, finding.address);
                      });
                    }
                  });
    if (!finding.helo.empty())
      resolver->Ask(finding.helo, type, [&finding](const Reply& forward) {
        finding.helo_known = Answered(forward);
        finding.helo_matches = Has(forward, finding.address);
      });
  }
  resolver->Run(until);
  for (ReverseFinding& finding : findings) Judge(finding);
  return findings;
}

}  // namespace mailquench::blacklist
