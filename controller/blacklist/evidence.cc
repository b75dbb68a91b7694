#include "controller/blacklist/evidence.h"

#include <algorithm>
#include <set>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/text/harmless.h"
#include "controller/store/times.h"

namespace mailquench::controller {
namespace {

constexpr std::size_t kLongestText = 300;
constexpr int kMostTextsShown = 3;

std::string Utc(absl::Time when) {
  return absl::StrCat(absl::FormatTime("%Y-%m-%d %H:%M", when, absl::UTCTimeZone()), " UTC");
}

std::string Short(const std::string& text) {
  std::string one = Harmless(text);
  if (one.size() <= kLongestText) return one;
  one.resize(kLongestText);
  one.resize(one.size() - CutAtEnd(one));
  return absl::StrCat(one, "...");
}

// What kind of cause it was, and whether a block shut it: names and free text stay inside.
std::string CauseText(const v1::Cause& cause) {
  const bool blocked = absl::StartsWith(cause.how(), "blocked on ");
  std::string text;
  if (cause.kind() == "account") {
    text = blocked ? "The mail account that was abused was blocked"
                   : "The mail account that was abused was secured";
  } else if (cause.kind() == "client") {
    text = blocked ? "The client that sent the mail was blocked"
                   : "The client that sent the mail was dealt with";
  } else if (cause.kind() == "local_user") {
    text = blocked ? "The local user that sent the mail was blocked"
                   : "The local user that sent the mail was dealt with";
  } else if (cause.kind() == "open_relay") {
    text = "The setting that let strangers relay was closed for good";
  } else {
    text = "A further cause was found and removed";
  }
  if (cause.has_resolve_time())
    absl::StrAppend(&text, " (", Utc(TimeOf(cause.resolve_time())), ")");
  return absl::StrCat(text, ".");
}

std::vector<std::string> Done(const Facts& facts) {
  std::vector<std::string> lines;
  if (facts.contained != absl::InfinitePast())
    lines.push_back(absl::StrCat("The host was taken out of service, contained and started again (",
                                 Utc(facts.contained), ")."));
  if (facts.set_aside > 0)
    lines.push_back(absl::StrCat(facts.uncounted ? "At least " : "", facts.set_aside,
                                 " queued messages were set aside and not sent."));
  if (facts.locked != absl::InfinitePast())
    lines.push_back(
        absl::StrCat("Relaying through the host was locked (", Utc(facts.locked), ")."));
  if (facts.proved != absl::InfinitePast())
    lines.push_back(absl::StrCat("Every listener was probed from outside and refused to relay (",
                                 Utc(facts.proved), ")."));
  std::set<std::string> said;  // Two accounts read alike.
  for (const v1::Cause& cause : facts.causes) {
    if (!cause.resolved()) continue;
    const std::string text = CauseText(cause);
    if (said.insert(text).second) lines.push_back(text);
  }
  return lines;
}

}  // namespace

std::string Evidence(const v1::Listing& listing, const Facts& facts) {
  const bool over = listing.has_quiet_since_time();
  std::string out;
  if (listing.state() == v1::LISTING_STATE_CLEARED) {
    out += "[This listing is cleared. There is nothing to ask for.]\n\n";
  } else if (!over) {
    out +=
        "[Do not send this yet: the attack is not known to be over, and the next listing would "
        "follow.]\n\n";
  }
  std::string subject = Harmless(listing.subject());
  if (listing.host_names_size() > 0)
    absl::StrAppend(&subject, " (", Harmless(absl::StrJoin(listing.host_names(), ", ")), ")");
  absl::StrAppend(&out, "From: [your name, organisation, role and contact address]\n");
  absl::StrAppend(&out, "Concerns: ", subject, "\n");
  absl::StrAppend(&out, "List: ", Harmless(listing.list_operator()), ", ",
                  Harmless(listing.component()), "; shown by ",
                  Harmless(absl::StrJoin(listing.zones(), ", ")), "\n");
  absl::StrAppend(&out, "First seen listed: ", Utc(TimeOf(listing.first_seen_time())), "\n");
  absl::StrAppend(&out, "Last seen listed: ", Utc(TimeOf(listing.last_seen_time())), "\n");
  for (int i = 0; i < std::min(listing.texts_size(), kMostTextsShown); ++i)
    absl::StrAppend(&out, "Your entry says: ", Short(listing.texts(i)), "\n");
  out += "\nWhat was done:\n";
  const std::vector<std::string> done = Done(facts);
  for (const std::string& line : done) absl::StrAppend(&out, "- ", line, "\n");
  if (done.empty()) out += "- [what you found, and what you did about it]\n";
  if (over) {
    absl::StrAppend(&out,
                    "\nThe mail queue was watched and stayed quiet; the attack is over since ",
                    Utc(TimeOf(listing.quiet_since_time())), ".\n");
  }
  absl::StrAppend(&out, "\nPlease remove ", Harmless(listing.subject()),
                  " from your list, or tell us what else you need.\n");
  return out;
}

}  // namespace mailquench::controller
