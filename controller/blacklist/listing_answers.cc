// What answers make of a listing.
#include <algorithm>

#include "absl/strings/str_cat.h"
#include "common/text/harmless.h"
#include "controller/blacklist/listing_rules.h"
#include "controller/blacklist/listing_steps.h"
#include "controller/store/times.h"

namespace mailquench::controller {
namespace {

constexpr int kMostTexts = 16;

bool Has(const google::protobuf::RepeatedPtrField<std::string>& all, const std::string& one) {
  return std::find(all.begin(), all.end(), one) != all.end();
}

// What the answer says of the list itself stays with the listing while it is open.
void TakeTexts(const v1::BlacklistAnswer& answer, v1::Listing* listing) {
  for (const std::string& meaning : answer.meanings()) {
    const std::string clean = Harmless(meaning);
    if (!clean.empty() && !Has(listing->meanings(), clean) && listing->meanings_size() < kMostTexts)
      listing->add_meanings(clean);
  }
  for (const std::string& text : answer.texts()) {
    const std::string clean = Harmless(text);
    if (clean.empty() || Has(listing->texts(), clean)) continue;
    listing->add_texts(clean);
    if (listing->texts_size() > kMostTexts) listing->mutable_texts()->DeleteSubrange(0, 1);
  }
}

void Seen(const v1::BlacklistAnswer& answer, v1::Listing* listing) {
  v1::ListingZone* zone = ZoneOf(answer.zone(), listing);
  if (zone == nullptr) {
    zone = listing->add_seen();
    zone->set_zone(answer.zone());
    listing->add_zones(answer.zone());
  }
  *zone->mutable_answer_time() = answer.time();
  *zone->mutable_listed_time() = answer.time();
  zone->set_clean_in_row(0);
  zone->clear_doubt();
  zone->set_doubts_in_row(0);
  zone->set_tier(answer.tier());
  listing->set_clean_at_source(false);
  if (TimeOf(listing->last_seen_time()) < TimeOf(answer.time()))
    *listing->mutable_last_seen_time() = answer.time();
  TakeTexts(answer, listing);
}

void Doubt(const ListingRules& rules,
           const std::string& why,
           absl::Time now,
           v1::ListingZone* zone,
           v1::Listing* listing,
           ListingEvents* events) {
  zone->set_doubt(why);
  zone->set_doubts_in_row(zone->doubts_in_row() + 1);
  // One lost answer is not worth a word.
  if (zone->doubts_in_row() == 2)
    Say(rules, now, kController, "doubt", zone->zone(),
        absl::StrCat(zone->zone(), " says nothing that counts: ", why), listing, events);
}

}  // namespace

std::vector<std::string> ComponentsOf(const v1::BlacklistAnswer& answer) {
  std::vector<std::string> all;
  for (const std::string& component : answer.components()) {
    const std::string& one = component.empty() ? answer.zone() : component;
    if (std::find(all.begin(), all.end(), one) == all.end()) all.push_back(one);
  }
  if (all.empty()) all.push_back(answer.zone());
  return all;
}

v1::Listing NewListing(const v1::BlacklistAnswer& answer,
                       const std::string& component,
                       const std::string& listing_id,
                       absl::Time now,
                       ListingEvents* events) {
  v1::Listing listing;
  listing.set_listing_id(listing_id);
  listing.set_subject(answer.subject());
  listing.set_list_operator(answer.list_operator());
  listing.set_component(component);
  listing.set_alert(answer.alert());
  *listing.mutable_first_seen_time() = answer.time();
  listing.set_state(v1::LISTING_STATE_FOUND);
  Seen(answer, &listing);
  SumUp(&listing);
  Say(ListingRules(), now, kController, "listed", answer.zone(),
      absl::StrCat("listed: ", Where(listing), ", shown by ", answer.zone()), &listing, events);
  return listing;
}

bool GoesOn(const ListingRules& rules,
            const v1::Listing& listing,
            const v1::BlacklistAnswer& answer) {
  return listing.state() == v1::LISTING_STATE_CLEARED &&
         TimeOf(answer.time()) - TimeOf(listing.clear_time()) <= rules.relisted_within;
}

void TakeAnswer(const ListingRules& rules,
                const v1::BlacklistAnswer& answer,
                absl::Time now,
                v1::Listing* listing,
                ListingEvents* events) {
  v1::ListingZone* zone = ZoneOf(answer.zone(), listing);
  const bool listed = answer.verdict() == v1::BLACKLIST_VERDICT_LISTED;
  const std::vector<std::string> components = ComponentsOf(answer);
  const bool shows = listed && std::find(components.begin(), components.end(),
                                         listing->component()) != components.end();
  // A zone that never showed it says nothing of it.
  if (zone == nullptr && !shows) return;
  const absl::Time when = TimeOf(answer.time());
  if (zone != nullptr && when <= TimeOf(zone->answer_time())) return;
  const bool cleared = listing->state() == v1::LISTING_STATE_CLEARED;
  if (cleared &&
      (!shows || when <= TimeOf(listing->clear_time()) || !GoesOn(rules, *listing, answer)))
    return;
  if (shows) {
    const bool other = zone == nullptr && !cleared;
    Seen(answer, listing);
    if (cleared) {
      listing->set_state(v1::LISTING_STATE_RELISTED);
      listing->set_times_relisted(listing->times_relisted() + 1);
      for (v1::ListingZone& one : *listing->mutable_seen()) one.set_clean_in_row(0);
      listing->clear_clear_time();
      listing->clear_dropped();
      listing->clear_request_time();
      listing->clear_requested_by();
      listing->clear_request_how();
      listing->clear_request_despite();
      listing->clear_quiet_since_time();
      listing->clear_expected_clear_time();
      listing->set_late(false);
      Say(rules, now, kController, "relisted", answer.zone(),
          absl::StrCat("listed again: ", Where(*listing), ", shown by ", answer.zone()), listing,
          events);
    } else if (listing->state() == v1::LISTING_STATE_REQUESTED &&
               when > TimeOf(listing->request_time())) {
      listing->set_state(v1::LISTING_STATE_WAITING);
      Say(rules, now, kController, "waiting", answer.zone(),
          absl::StrCat("still listed after the request, as ", answer.zone(), " shows"), listing,
          events);
    } else if (other) {
      Remember(rules.history_limit, now, kController,
               absl::StrCat("shown by ", answer.zone(), ", too"), listing);
    }
  } else if (listed || answer.verdict() == v1::BLACKLIST_VERDICT_CLEAN) {
    *zone->mutable_answer_time() = answer.time();
    zone->clear_doubt();
    zone->set_doubts_in_row(0);
    if (zone->clean_in_row() == 0 || when - TimeOf(zone->clean_time()) >= rules.spacing) {
      zone->set_clean_in_row(zone->clean_in_row() + 1);
      *zone->mutable_clean_time() = answer.time();
    }
  } else {
    *zone->mutable_answer_time() = answer.time();
    std::string verdict = v1::BlacklistVerdict_Name(answer.verdict());
    Doubt(rules,
          absl::StrCat(verdict.substr(sizeof "BLACKLIST_VERDICT_" - 1),
                       answer.reason().empty() ? "" : ", ", Harmless(answer.reason())),
          now, zone, listing, events);
  }
  SumUp(listing);
}

void TakeDoubt(const ListingRules& rules,
               const std::string& zone_name,
               const std::string& why,
               absl::Time now,
               v1::Listing* listing,
               ListingEvents* events) {
  v1::ListingZone* zone = ZoneOf(zone_name, listing);
  if (zone == nullptr || zone->doubt() == why || listing->state() == v1::LISTING_STATE_CLEARED)
    return;
  // Of the list itself: no accident of one answer.
  zone->set_doubts_in_row(std::max(zone->doubts_in_row(), 1));
  Doubt(rules, why, now, zone, listing, events);
  SumUp(listing);
}

void TakeSource(const ListingRules& rules,
                bool clean,
                absl::Time now,
                v1::Listing* listing,
                ListingEvents* events) {
  if (listing->state() == v1::LISTING_STATE_CLEARED) return;
  const bool known = clean ? listing->clean_at_source()
                           : !listing->clean_at_source() && listing->clean_in_row() == 0;
  if (known) return;
  listing->set_clean_at_source(clean);
  if (!clean) {
    // What answered CLEAN was a copy that is behind.
    for (v1::ListingZone& one : *listing->mutable_seen()) one.set_clean_in_row(0);
    Remember(rules.history_limit, now, kController,
             "its own name servers still say that it is listed", listing);
    SumUp(listing);
  }
  Settle(rules, now, listing, events);
}

bool WantsSource(const ListingRules& rules, const v1::Listing& listing) {
  return listing.state() != v1::LISTING_STATE_CLEARED && !listing.clean_at_source() &&
         listing.clean_in_row() >= rules.clean_needed;
}

}  // namespace mailquench::controller
