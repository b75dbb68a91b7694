// The checks of a preflight that ask blacklists: the address, its neighbours, the domains.
#include <map>
#include <set>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/status/error.h"
#include "controller/mx/preflight.h"
#include "controller/mx/values.h"

namespace mailquench::controller::mx {
namespace {

// Lists whole networks where its neighbours send spam, and says so of each of them.
constexpr char kNeighbourList[] = "zen.spamhaus.org";

// What the lists said of one subject.
struct Standing {
  std::set<std::string> listed;  // "zone (meaning)", of those that alarm.
  std::set<std::string> told;    // The same, of those that wake nobody.
  int clean = 0, silent = 0;
};

void Take(const v1::BlacklistAnswer& answer, Standing* standing) {
  if (answer.verdict() == v1::BLACKLIST_VERDICT_CLEAN) {
    ++standing->clean;
  } else if (answer.verdict() == v1::BLACKLIST_VERDICT_LISTED) {
    const std::string text =
        absl::StrCat(answer.zone(), answer.meanings().empty() ? "" : " (",
                     absl::StrJoin(answer.meanings(), ", "), answer.meanings().empty() ? "" : ")");
    (answer.alert() ? standing->listed : standing->told).insert(text);
  } else {
    ++standing->silent;
  }
}

v1::Check JudgeListed(const std::string& subject,
                      const Standing& standing,
                      const std::string& why) {
  const std::string id = absl::StrCat("listed:", subject);
  if (!standing.listed.empty())
    return MakeCheck(id, subject, v1::CHECK_STATE_FAILED,
                     absl::StrCat("listed by ", absl::StrJoin(standing.listed, ", ")),
                     "take another address, or ask the list to remove it first");
  if (standing.clean == 0)
    return MakeCheck(id, subject, v1::CHECK_STATE_UNKNOWN,
                     why.empty() ? "no list that is believed has answered" : why,
                     "see `mailquench blacklist status`; ask again");
  return MakeCheck(
      id, subject, v1::CHECK_STATE_PASSED,
      absl::StrCat(
          "clean at ", standing.clean, " lists",
          standing.silent > 0 ? absl::StrCat(", ", standing.silent, " gave no answer") : "",
          standing.told.empty() ? ""
                                : absl::StrCat("; listed where it wakes nobody: ",
                                               absl::StrJoin(standing.told, ", "))));
}

v1::Check NeighbourCheck(const PreflightHands& hands, const Address& address) {
  if (address.is6())
    return MakeCheck("neighbours", address.text, v1::CHECK_STATE_SKIPPED,
                     "lists take an IPv6 network as one: the address itself tells");
  std::string bytes = address.bytes;
  const std::string network =
      absl::StrCat(static_cast<unsigned char>(bytes[0]), ".", static_cast<unsigned char>(bytes[1]),
                   ".", static_cast<unsigned char>(bytes[2]), ".");
  v1::BlacklistCheckRequest request;
  request.add_zones(kNeighbourList);
  for (int last = 1; last < 255; ++last) request.add_subjects(absl::StrCat(network, last));
  int clean = 0;
  std::set<std::string> listed;
  const absl::Status asked = hands.lists(request, [&](const v1::BlacklistCheckEvent& event) {
    if (!event.has_answer()) return;
    const v1::BlacklistAnswer& answer = event.answer();
    if (answer.verdict() == v1::BLACKLIST_VERDICT_CLEAN) ++clean;
    if (answer.verdict() != v1::BLACKLIST_VERDICT_LISTED) return;
    for (const std::string& component : answer.components()) {
      const std::string lower = absl::AsciiStrToLower(component);
      if (absl::EndsWith(lower, " css") || absl::EndsWith(lower, " sbl"))
        listed.insert(answer.subject());
    }
  });
  const std::string subject = absl::StrCat(network, "0/24");
  if (!asked.ok() || (clean == 0 && listed.empty()))
    return MakeCheck("neighbours", subject, v1::CHECK_STATE_SKIPPED,
                     absl::StrCat(kNeighbourList, " does not answer for its network: ",
                                  asked.ok() ? "no answer" : std::string(asked.message())));
  if (listed.empty())
    return MakeCheck("neighbours", subject, v1::CHECK_STATE_PASSED,
                     absl::StrCat("none of its network is on SBL or CSS of ", kNeighbourList));
  return MakeCheck("neighbours", subject, v1::CHECK_STATE_FAILED,
                   absl::StrCat(listed.size(), " of its neighbours are on SBL or CSS, such as ",
                                *listed.begin()),
                   "take an address of another network: lists go on to whole networks");
}

}  // namespace

std::vector<v1::Check> ListChecks(const PreflightHands& hands, const PreflightWish& wish) {
  std::vector<std::string> subjects = {wish.address};
  subjects.insert(subjects.end(), wish.domains.begin(), wish.domains.end());
  std::vector<v1::Check> checks;
  if (!hands.lists) {
    for (const std::string& one : subjects)
      checks.push_back(JudgeListed(one, {}, "blacklists cannot be asked"));
    return checks;
  }
  v1::BlacklistCheckRequest request;
  for (const std::string& one : subjects) request.add_subjects(one);
  std::map<std::string, Standing> standings;
  std::string fault;
  const absl::Status asked = hands.lists(request, [&](const v1::BlacklistCheckEvent& event) {
    if (event.has_answer()) Take(event.answer(), &standings[event.answer().subject()]);
    if (event.has_done()) fault = event.done().resolver_fault();
  });
  if (!asked.ok()) fault = std::string(asked.message());
  for (const std::string& one : subjects) checks.push_back(JudgeListed(one, standings[one], fault));
  if (const auto address = ParseAddress(wish.address); address.ok())
    checks.push_back(NeighbourCheck(hands, *address));
  return checks;
}

}  // namespace mailquench::controller::mx
