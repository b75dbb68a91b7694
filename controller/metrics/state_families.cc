#include "controller/metrics/state_families.h"

#include <google/protobuf/util/time_util.h>

#include <algorithm>
#include <utility>

namespace mailquench::controller {
namespace {

using google::protobuf::util::TimeUtil;

// By the word, of which a state of a newer store has one with others like it.
std::string Word(v1::IncidentState state) {
  return EnumWord(v1::IncidentState_Name(state), "INCIDENT_STATE_");
}
std::string Word(v1::ListingState state) {
  return EnumWord(v1::ListingState_Name(state), "LISTING_STATE_");
}
std::string Word(v1::EscalationState state) {
  return EnumWord(v1::EscalationState_Name(state), "ESCALATION_STATE_");
}

absl::Time Begin(const v1::Incident& incident) {
  const auto& time = incident.has_contain_time() ? incident.contain_time() : incident.open_time();
  return absl::FromUnixMillis(TimeUtil::TimestampToMilliseconds(time));
}
}  // namespace

void AddIncidentFamilies(const std::vector<v1::Incident>& incidents,
                         absl::Time now,
                         Families* out) {
  std::map<std::string, int> states;
  for (int state = v1::INCIDENT_STATE_OPEN; state <= v1::IncidentState_MAX; ++state) {
    if (state != v1::INCIDENT_STATE_CLOSED && v1::IncidentState_IsValid(state))
      states[Word(static_cast<v1::IncidentState>(state))] = 0;
  }
  int owed = 0;
  absl::Duration oldest = absl::ZeroDuration();
  for (const v1::Incident& incident : incidents) {
    if (incident.state() == v1::INCIDENT_STATE_CLOSED) continue;
    ++states[Word(incident.state())];
    for (const v1::Obligation& obligation : incident.obligations()) {
      if (obligation.state() != v1::Obligation::STATE_OUTSTANDING) continue;
      ++owed;
      oldest = std::max(oldest, now - Begin(incident));
    }
  }
  Family family = GaugeFamily("mailquench_incidents", "Incidents that are not closed, by state.");
  for (const auto& [state, count] : states) family.Add({{"state", state}}, count);
  Family obligations =
      GaugeFamily("mailquench_obligations_outstanding",
                  "What open incidents still owe: settings to put back, duties of people.");
  obligations.Add({}, owed);
  Family age = GaugeFamily("mailquench_obligation_oldest_age_seconds",
                           "Since when the oldest outstanding obligation is owed; 0 without one.");
  age.Add({}, absl::ToDoubleSeconds(oldest));
  for (Family* one : {&family, &obligations, &age}) one->MoveTo(out);
}

void AddListingFamilies(const std::vector<v1::Listing>& listings, Families* out) {
  std::map<std::pair<std::string, std::string>, int> counts;
  for (const v1::Listing& listing : listings) {
    if (listing.state() != v1::LISTING_STATE_CLEARED)
      ++counts[{LabelValue(listing.list_operator()), Word(listing.state())}];
  }
  Family family = GaugeFamily("mailquench_listings",
                              "Blacklistings that are not cleared, by the list's operator.");
  for (const auto& [key, count] : counts)
    family.Add({{"list_operator", key.first}, {"state", key.second}}, count);
  family.MoveTo(out);
}

void AddHealthFamilies(const std::map<std::string, v1::BlacklistHealth>& health, Families* out) {
  Family family = GaugeFamily("mailquench_blacklist_healthy",
                              "Whether the list's answers are believed, by its zone.");
  std::map<std::string, bool> well;  // By what is shown of the zone.
  for (const auto& [zone, one] : health) {
    if (one.state() != v1::LIST_HEALTH_STATE_UNSPECIFIED)
      well[LabelValue(zone)] = one.state() == v1::LIST_HEALTH_STATE_WELL;
  }
  for (const auto& [zone, is_well] : well) family.Add({{"zone", zone}}, is_well ? 1 : 0);
  family.MoveTo(out);
}

void AddEscalationFamilies(const std::vector<v1::Escalation>& escalations, Families* out) {
  std::map<std::string, int> states;
  for (const v1::EscalationState state :
       {v1::ESCALATION_STATE_RECORDED, v1::ESCALATION_STATE_PROPOSED, v1::ESCALATION_STATE_STARTING,
        v1::ESCALATION_STATE_RUNNING, v1::ESCALATION_STATE_VERIFYING})
    states[Word(state)] = 0;
  for (const v1::Escalation& escalation : escalations) ++states[Word(escalation.state())];
  Family family = GaugeFamily("mailquench_escalations", "Escalations that are open, by state.");
  for (const auto& [state, count] : states) family.Add({{"state", state}}, count);
  family.MoveTo(out);
}

}  // namespace mailquench::controller
