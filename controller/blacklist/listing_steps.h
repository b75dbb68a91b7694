// What the rules of a listing share. Internal to controller/blacklist.
#ifndef MAILQUENCH_CONTROLLER_BLACKLIST_LISTING_STEPS_H_
#define MAILQUENCH_CONTROLLER_BLACKLIST_LISTING_STEPS_H_

#include <string>
#include <vector>

#include "controller/blacklist/listing_rules.h"

namespace mailquench::controller {

// The actor of what no person did.
constexpr char kController[] = "controller";

// Into the history, which stays within `limit` entries.
void Remember(int limit,
              absl::Time now,
              const std::string& actor,
              const std::string& text,
              v1::Listing* listing);

// The same, and an event. An empty zone is the first that showed the listing.
void Say(const ListingRules& rules,
         absl::Time now,
         const std::string& actor,
         const std::string& kind,
         const std::string& zone,
         const std::string& text,
         v1::Listing* listing,
         ListingEvents* events);

// Null where it never showed the listing.
v1::ListingZone* ZoneOf(const std::string& zone, v1::Listing* listing);

// Whether the health of each list that counts was seen after its last CLEAN.
bool WellSince(const v1::Listing& listing);

// What all zones come to: tier, CLEAN in a row, doubt.
void SumUp(v1::Listing* listing);

// "192.0.2.1 at Spamhaus (xbl)".
std::string Where(const v1::Listing& listing);

}  // namespace mailquench::controller

#endif  // MAILQUENCH_CONTROLLER_BLACKLIST_LISTING_STEPS_H_
