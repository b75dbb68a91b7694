#include "controller/blacklist/listing_steps.h"

#include <algorithm>
#include <cstdlib>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "controller/store/times.h"

namespace mailquench::controller {
namespace {

// Zones whose word is waited for: those that are asked; where none is, all of them, so that only
// who asks by hand can clear it.
std::vector<const v1::ListingZone*> Counting(const v1::Listing& listing) {
  std::vector<const v1::ListingZone*> asked, all;
  for (const v1::ListingZone& one : listing.seen()) {
    all.push_back(&one);
    if (!one.unasked()) asked.push_back(&one);
  }
  return asked.empty() ? all : asked;
}

int CleanInRow(const v1::Listing& listing) {
  int least = -1;
  for (const v1::ListingZone* one : Counting(listing))
    least = least < 0 ? one->clean_in_row() : std::min(least, one->clean_in_row());
  return std::max(least, 0);
}

}  // namespace

// The first entry stays: it says when and where it all began. The second then counts what is gone.
void Remember(int limit,
              absl::Time now,
              const std::string& actor,
              const std::string& text,
              v1::Listing* listing) {
  static const std::string kGone = " older entries are left out";
  auto* history = listing->mutable_history();
  v1::TimelineEntry* entry = history->Add();
  StampTime(now, entry->mutable_time());
  entry->set_actor(actor);
  entry->set_text(text);
  if (history->size() <= limit) return;
  int gone = 0;
  const std::string& second = history->Get(1).text();
  const bool said = second.size() > kGone.size() && history->Get(1).actor() == kController &&
                    second.compare(second.size() - kGone.size(), kGone.size(), kGone) == 0;
  if (said) gone = std::atoi(second.c_str());
  // Room for the word itself, the first time.
  const int surplus = history->size() - limit + (said ? 0 : 1);
  const int first = said ? 2 : 1;
  history->DeleteSubrange(first, surplus);
  v1::TimelineEntry word;
  StampTime(now, word.mutable_time());
  word.set_actor(kController);
  word.set_text(absl::StrCat(gone + surplus, kGone));
  if (said) {
    *history->Mutable(1) = word;
    return;
  }
  *history->Add() = word;
  for (int i = history->size() - 1; i > 1; --i) history->SwapElements(i, i - 1);
}

void Say(const ListingRules& rules,
         absl::Time now,
         const std::string& actor,
         const std::string& kind,
         const std::string& zone,
         const std::string& text,
         v1::Listing* listing,
         ListingEvents* events) {
  Remember(rules.history_limit, now, actor, text, listing);
  events->push_back({kind,
                     zone.empty() && listing->seen_size() > 0 ? listing->seen(0).zone() : zone,
                     text, actor});
}

v1::ListingZone* ZoneOf(const std::string& zone, v1::Listing* listing) {
  for (v1::ListingZone& one : *listing->mutable_seen()) {
    if (one.zone() == zone) return &one;
  }
  return nullptr;
}

// A list that was emptied says CLEAN, its own name servers too, until its health test finds it out.
bool WellSince(const v1::Listing& listing) {
  for (const v1::ListingZone* one : Counting(listing)) {
    if (one->has_well_time() && TimeOf(one->well_time()) < TimeOf(one->clean_time())) return false;
  }
  return true;
}

void SumUp(v1::Listing* listing) {
  listing->set_clean_in_row(CleanInRow(*listing));
  std::vector<std::string> doubts;
  int tier = 0;
  for (const v1::ListingZone* zone : Counting(*listing)) {
    if (zone->unasked()) doubts.push_back(absl::StrCat(zone->zone(), " is not asked any more"));
    if (!zone->doubt().empty()) doubts.push_back(absl::StrCat(zone->zone(), ": ", zone->doubt()));
  }
  for (const v1::ListingZone& one : listing->seen()) {
    if (one.tier() > 0 && (tier == 0 || one.tier() < tier)) tier = one.tier();
  }
  listing->set_doubt(absl::StrJoin(doubts, "; "));
  listing->set_tier(tier);
}

std::string Where(const v1::Listing& listing) {
  return absl::StrCat(listing.subject(), " at ", listing.list_operator(), " (", listing.component(),
                      ")");
}

}  // namespace mailquench::controller
