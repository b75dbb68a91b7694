// What the attack's end, a request and time make of a listing.
#include "controller/blacklist/listing_rules.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "common/status/error.h"
#include "controller/blacklist/listing_steps.h"
#include "controller/store/times.h"

namespace mailquench::controller {

std::string StateWord(v1::ListingState state) {
  std::string word = v1::ListingState_Name(state).substr(sizeof "LISTING_STATE_" - 1);
  for (char& c : word) c = c == '_' ? ' ' : static_cast<char>(c | 0x20);
  return word;
}

bool TimeAlone(const v1::Listing& listing) {
  return listing.delist_how() == "expires" || listing.delist_how() == "none" ||
         listing.delist_how() == "not-per-host";
}

void TakeGate(const ListingRules& rules,
              const AttackGate& gate,
              absl::Time now,
              v1::Listing* listing,
              ListingEvents* events) {
  const v1::ListingState state = listing->state();
  if (state == v1::LISTING_STATE_CLEARED) return;
  const bool waits_for_incident =
      state == v1::LISTING_STATE_FOUND || state == v1::LISTING_STATE_RELISTED;
  switch (gate.kind) {
    case AttackGate::Kind::kOver:
      StampTime(gate.since, listing->mutable_quiet_since_time());
      if (!waits_for_incident && state != v1::LISTING_STATE_CAUSE_OPEN) return;
      if (TimeAlone(*listing)) {
        listing->set_state(v1::LISTING_STATE_WAITING);
        Say(rules, now, kController, "waiting", "",
            "the attack is over; it ends by time alone, there is nobody to ask", listing, events);
      } else {
        listing->set_state(v1::LISTING_STATE_READY);
        Say(rules, now, kController, "ready", "",
            "the attack is over; the removal can be requested", listing, events);
      }
      return;
    case AttackGate::Kind::kGoesOn: {
      // A request that was made despite it is not taken back for what was known then.
      const bool again = listing->has_quiet_since_time() && state != v1::LISTING_STATE_CAUSE_OPEN;
      listing->clear_quiet_since_time();
      if (!waits_for_incident && !again) return;
      listing->set_state(v1::LISTING_STATE_CAUSE_OPEN);
      Say(rules, now, kController, "cause_open", "",
          absl::StrCat(
              waits_for_incident ? "the attack is not over: " : "the attack goes on again: ",
              gate.why),
          listing, events);
      return;
    }
    case AttackGate::Kind::kNone:
      if (state != v1::LISTING_STATE_CAUSE_OPEN && state != v1::LISTING_STATE_READY) return;
      listing->clear_quiet_since_time();
      listing->set_state(v1::LISTING_STATE_FOUND);
      Say(rules, now, kController, "found", "", "no incident covers its hosts any more", listing,
          events);
      return;
  }
}

absl::Status TakeRequest(const ListingRules& rules,
                         const v1::RequestDelistingRequest& request,
                         const std::string& actor,
                         absl::Time now,
                         v1::Listing* listing,
                         ListingEvents* events) {
  const std::string where = Where(*listing);
  if (request.how().empty()) {
    return Error(absl::StatusCode::kInvalidArgument, "MISSING_HOW",
                 "say how the removal was requested; nothing was recorded");
  }
  const v1::ListingState state = listing->state();
  if (state == v1::LISTING_STATE_CLEARED) {
    return Error(absl::StatusCode::kFailedPrecondition, "LISTING_CLEARED",
                 absl::StrCat(where, " is cleared; nothing was recorded"));
  }
  if (request.despite().empty()) {
    if (state == v1::LISTING_STATE_REQUESTED || state == v1::LISTING_STATE_WAITING) {
      return Error(absl::StatusCode::kFailedPrecondition, "REQUESTED_ALREADY",
                   absl::StrCat(where, " is ", StateWord(state),
                                TimeAlone(*listing) ? ": it ends by time alone"
                                                    : ": its removal was requested before",
                                ", and some lists keep those longer who ask again; nothing was "
                                "recorded; give a reason to do it despite that"));
    }
    if (state != v1::LISTING_STATE_READY) {
      return Error(absl::StatusCode::kFailedPrecondition, "ATTACK_GOES_ON",
                   absl::StrCat("the attack behind ", where,
                                state == v1::LISTING_STATE_CAUSE_OPEN
                                    ? " is not over"
                                    : " belongs to no incident, so that nobody knows whether it "
                                      "is over",
                                "; a request now would only be followed by the next listing; "
                                "nothing was recorded; wait for `ready`, or give a reason to do "
                                "it despite that"));
    }
  }
  listing->set_state(v1::LISTING_STATE_REQUESTED);
  StampTime(now, listing->mutable_request_time());
  listing->set_requested_by(actor);
  listing->set_request_how(request.how());
  listing->set_request_despite(request.despite());
  Say(rules, now, actor, "requested", "",
      absl::StrCat("removal requested: ", request.how(),
                   request.despite().empty() ? ""
                                             : "; despite the state " + StateWord(state) +
                                                   ", because: " + request.despite()),
      listing, events);
  return absl::OkStatus();
}

absl::Status TakeDrop(const ListingRules& rules,
                      const std::string& reason,
                      const std::string& actor,
                      absl::Time now,
                      v1::Listing* listing,
                      ListingEvents* events) {
  const std::string where = Where(*listing);
  if (reason.empty())
    return Error(absl::StatusCode::kInvalidArgument, "MISSING_REASON",
                 "say why it is followed no further; nothing was changed");
  if (listing->state() == v1::LISTING_STATE_CLEARED)
    return Error(absl::StatusCode::kFailedPrecondition, "LISTING_CLEARED",
                 absl::StrCat(where, " is cleared; nothing was changed"));
  listing->set_state(v1::LISTING_STATE_CLEARED);
  listing->set_dropped(reason);
  StampTime(now, listing->mutable_clear_time());
  listing->clear_expected_clear_time();
  listing->set_late(false);
  Say(rules, now, actor, "dropped", "", absl::StrCat("followed no further: ", where, ": ", reason),
      listing, events);
  return absl::OkStatus();
}

void TakeNote(const ListingRules& rules,
              const std::string& text,
              const std::string& actor,
              absl::Time now,
              v1::Listing* listing,
              ListingEvents* events) {
  Say(rules, now, actor, "note", "", text, listing, events);
}

void Settle(const ListingRules& rules,
            absl::Time now,
            v1::Listing* listing,
            ListingEvents* events) {
  SumUp(listing);
  if (listing->state() == v1::LISTING_STATE_CLEARED) return;
  const int clean = listing->clean_in_row();
  const bool enough =
      clean >= rules.clean_alone || (clean >= rules.clean_needed && listing->clean_at_source());
  if (enough && WellSince(*listing)) {
    listing->set_state(v1::LISTING_STATE_CLEARED);
    StampTime(now, listing->mutable_clear_time());
    listing->clear_expected_clear_time();
    listing->set_late(false);
    Say(rules, now, kController, "cleared", "",
        absl::StrCat("cleared: ", Where(*listing), ", ", clean, " times in a row",
                     listing->clean_at_source() ? ", as its own name servers say too" : ""),
        listing, events);
    return;
  }
  absl::Time from = TimeOf(listing->quiet_since_time());
  if (!TimeAlone(*listing)) {
    // A request that an attack has undone is none.
    const bool requested = listing->state() == v1::LISTING_STATE_REQUESTED ||
                           listing->state() == v1::LISTING_STATE_WAITING;
    from = requested ? std::max(from, TimeOf(listing->request_time())) : absl::InfinitePast();
  }
  if (from == absl::InfinitePast() || !listing->has_clears_after()) {
    listing->clear_expected_clear_time();
    listing->set_late(false);
    return;
  }
  const absl::Time expected = from + absl::Seconds(listing->clears_after().seconds());
  if (expected != TimeOf(listing->expected_clear_time())) listing->set_late(false);
  StampTime(expected, listing->mutable_expected_clear_time());
  if (listing->late() || TimeOf(listing->last_seen_time()) <= expected) return;
  listing->set_late(true);
  Say(rules, now, kController, "late", "",
      absl::StrCat("late: ", Where(*listing), " was expected to be cleared at ",
                   absl::FormatTime("%Y-%m-%d %H:%M", expected, absl::UTCTimeZone()),
                   " UTC and is still listed"),
      listing, events);
}

}  // namespace mailquench::controller
