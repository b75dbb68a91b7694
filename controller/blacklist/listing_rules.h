// From first sight to gone: what an answer, the attack's end, a request and time make of a listing.
#ifndef MAILQUENCH_CONTROLLER_BLACKLIST_LISTING_RULES_H_
#define MAILQUENCH_CONTROLLER_BLACKLIST_LISTING_RULES_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "controller/incidents/incident_gates.h"
#include "mailquench/v1/blacklist.pb.h"

namespace mailquench::controller {

struct ListingRules {
  absl::Duration spacing = absl::Minutes(5);  // Between two CLEAN that both count.
  int clean_needed = 2;  // In a row, of every zone, with the word of its own name servers.
  int clean_alone = 3;   // The same, without it.
  absl::Duration relisted_within = absl::Hours(24 * 30);  // Later it is a new listing.
  int history_limit = 200;  // At least 3: the first, a word on what is left out, the last ones.
};

// A change, as BlacklistChange has it.
struct ListingEvent {
  std::string kind;
  std::string zone;
  std::string text;
  std::string actor;
};
using ListingEvents = std::vector<ListingEvent>;

// Pure: all that is remembered is in the listing. Each adds to `events` what it has changed, and to
// the listing's history; what was taken already changes nothing.

// A listing of this answer, which is LISTED. The component of an answer that names none is the
// zone: see ComponentsOf().
v1::Listing NewListing(const v1::BlacklistAnswer& answer,
                       const std::string& component,
                       const std::string& listing_id,
                       absl::Time now,
                       ListingEvents* events);

// The components that a LISTED answer shows, each once; an empty one is the zone.
std::vector<std::string> ComponentsOf(const v1::BlacklistAnswer& answer);

// Whether the answer shows a cleared listing again, so that it goes on.
bool GoesOn(const ListingRules& rules,
            const v1::Listing& listing,
            const v1::BlacklistAnswer& answer);

// An answer about the listing's subject from a list of its operator. Only LISTED is seen and only
// CLEAN, or LISTED without the component, is clean; everything else is a doubt.
void TakeAnswer(const ListingRules& rules,
                const v1::BlacklistAnswer& answer,
                absl::Time now,
                v1::Listing* listing,
                ListingEvents* events);

// What the list's own name servers say. LISTED there is as good as an answer.
void TakeSource(const ListingRules& rules,
                bool clean,
                absl::Time now,
                v1::Listing* listing,
                ListingEvents* events);

// That a list is not to be believed: what it said stays, what it says is doubted.
void TakeDoubt(const ListingRules& rules,
               const std::string& zone,
               const std::string& why,
               absl::Time now,
               v1::Listing* listing,
               ListingEvents* events);

void TakeGate(const ListingRules& rules,
              const AttackGate& gate,
              absl::Time now,
              v1::Listing* listing,
              ListingEvents* events);

// Errors: kInvalidArgument/MISSING_HOW, kFailedPrecondition/LISTING_CLEARED, /ATTACK_GOES_ON,
// /REQUESTED_ALREADY. Nothing is changed then.
absl::Status TakeRequest(const ListingRules& rules,
                         const v1::RequestDelistingRequest& request,
                         const std::string& actor,
                         absl::Time now,
                         v1::Listing* listing,
                         ListingEvents* events);

// Errors: kInvalidArgument/MISSING_REASON, kFailedPrecondition/LISTING_CLEARED.
absl::Status TakeDrop(const ListingRules& rules,
                      const std::string& reason,
                      const std::string& actor,
                      absl::Time now,
                      v1::Listing* listing,
                      ListingEvents* events);

void TakeNote(const ListingRules& rules,
              const std::string& text,
              const std::string& actor,
              absl::Time now,
              v1::Listing* listing,
              ListingEvents* events);

// What follows from all of these: cleared, when it is expected to be, and that it is late. It is
// not cleared before each of its lists whose health is known was found well after its last CLEAN.
void Settle(const ListingRules& rules, absl::Time now, v1::Listing* listing, ListingEvents* events);

// Enough CLEAN for the question at its own name servers to be worth it.
bool WantsSource(const ListingRules& rules, const v1::Listing& listing);

// Whether nobody can ask for it: it ends by itself, or not at all.
bool TimeAlone(const v1::Listing& listing);

// "cause open".
std::string StateWord(v1::ListingState state);

}  // namespace mailquench::controller

#endif  // MAILQUENCH_CONTROLLER_BLACKLIST_LISTING_RULES_H_
