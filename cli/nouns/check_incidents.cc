// check incidents, check obligations, check listings.
#include <algorithm>
#include <cstdint>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "cli/core/duration.h"
#include "cli/nouns/check.h"
#include "cli/output/printer.h"
#include "cli/tree.h"
#include "common/operation/duration.h"
#include "common/status/error.h"
#include "mailquench/v1/blacklist.grpc.pb.h"
#include "mailquench/v1/incidents.grpc.pb.h"

namespace mailquench::cli {
namespace {

absl::StatusOr<v1::ListIncidentsResponse> OpenIncidents(Session* session) {
  return session->Call(&v1::Incidents::Stub::ListIncidents, v1::ListIncidentsRequest());
}

std::int64_t AgeOf(const google::protobuf::Timestamp& since) {
  return std::max<std::int64_t>(0, absl::ToUnixSeconds(absl::Now()) - since.seconds());
}

bool Contained(const v1::Incident& incident) {
  return incident.state() != v1::INCIDENT_STATE_OPEN &&
         incident.state() != v1::INCIDENT_STATE_CONTAINING &&
         incident.state() != v1::INCIDENT_STATE_REFILLING;
}

absl::StatusOr<PluginResult> Incidents(Session* session, const Thresholds& thresholds) {
  MQ_ASSIGN_OR_RETURN(const v1::ListIncidentsResponse all, OpenIncidents(session));
  PluginResult result;
  std::size_t open = 0, burning = 0, refilling = 0;
  for (const v1::Incident& one : all.incidents()) {
    if (one.state() == v1::INCIDENT_STATE_CLOSED) continue;
    ++open;
    burning += Contained(one) ? 0 : 1;
    refilling += one.state() == v1::INCIDENT_STATE_REFILLING ? 1 : 0;
    result.details.push_back(absl::StrCat(
        one.incident_id(), " ", EnumWord(v1::IncidentState_Name(one.state()), "INCIDENT_STATE_"),
        " since ", HumanTime(one.open_time()), ": ", one.title()));
  }
  result.state = thresholds.Of(static_cast<double>(open));
  if (refilling > 0) result.state = PluginState::kCritical;
  result.text = absl::StrCat(Counted(open, "incident", "incidents"), " open, ", burning,
                             " not contained, ", refilling, " refilling");
  result.figures.push_back(MakeFigure("open", static_cast<std::int64_t>(open), thresholds));
  result.figures.push_back(MakeFigure("uncontained", static_cast<std::int64_t>(burning), {}));
  result.figures.push_back(MakeFigure("refilling", static_cast<std::int64_t>(refilling), {}));
  return result;
}

struct AgeLimits {
  std::string warning = "24h", critical = "72h";
};

absl::StatusOr<Thresholds> AgeThresholds(const AgeLimits& limits) {
  MQ_ASSIGN_OR_RETURN(const absl::Duration warning, ParseDuration(limits.warning));
  MQ_ASSIGN_OR_RETURN(const absl::Duration critical, ParseDuration(limits.critical));
  return Thresholds::Parse(std::to_string(absl::ToInt64Seconds(warning)),
                           std::to_string(absl::ToInt64Seconds(critical)));
}

absl::StatusOr<PluginResult> Obligations(Session* session,
                                         const AgeLimits& limits,
                                         const Thresholds& thresholds) {
  MQ_ASSIGN_OR_RETURN(const Thresholds age, AgeThresholds(limits));
  MQ_ASSIGN_OR_RETURN(const v1::ListIncidentsResponse all, OpenIncidents(session));
  PluginResult result;
  std::size_t owed = 0, incidents = 0;
  std::int64_t oldest = 0;
  for (const v1::Incident& one : all.incidents()) {
    std::size_t here = 0;
    for (const v1::Obligation& obligation : one.obligations()) {
      if (obligation.state() != v1::Obligation::STATE_OUTSTANDING) continue;
      ++here;
      result.details.push_back(
          absl::StrCat(one.incident_id(), " ", HumanTime(one.open_time()), ": ",
                       obligation.duty().empty()
                           ? absl::StrCat(obligation.host_name(), " ", obligation.operation())
                           : absl::StrCat("by a person: ", obligation.duty())));
    }
    owed += here;
    if (here == 0) continue;
    ++incidents;
    oldest = std::max(oldest, AgeOf(one.open_time()));
  }
  result.state = Worse(thresholds.Of(static_cast<double>(owed)),
                       owed == 0 ? PluginState::kOk : age.Of(static_cast<double>(oldest)));
  result.text = owed == 0
                    ? "nothing is owed"
                    : absl::StrCat(Counted(owed, "obligation", "obligations"), " outstanding of ",
                                   Counted(incidents, "incident", "incidents"), ", the oldest for ",
                                   HumanSeconds(static_cast<double>(oldest)));
  result.figures.push_back(MakeFigure("outstanding", static_cast<std::int64_t>(owed), thresholds));
  Figure figure = MakeFigure("oldest", oldest, age);
  figure.unit = "s";
  result.figures.push_back(figure);
  return result;
}

absl::StatusOr<PluginResult> Listings(Session* session,
                                      const std::string& host,
                                      const Thresholds& thresholds) {
  v1::ListListingsRequest request;
  request.set_host(host);
  MQ_ASSIGN_OR_RETURN(const v1::ListListingsResponse all,
                      session->Call(&v1::Blacklists::Stub::ListListings, request));
  PluginResult result;
  std::size_t listed = 0, silent = 0, late = 0;
  for (const v1::Listing& one : all.listings()) {
    if (one.state() == v1::LISTING_STATE_CLEARED) continue;
    if (!one.alert()) {  // A whole network on a list that tells nothing alone.
      ++silent;
      continue;
    }
    ++listed;
    late += one.late() ? 1 : 0;
    result.details.push_back(
        absl::StrCat(one.subject(), " on ", one.list_operator(), " ", one.component(), ", ",
                     EnumWord(v1::ListingState_Name(one.state()), "LISTING_STATE_"), " since ",
                     HumanTime(one.first_seen_time()), one.late() ? ", late" : ""));
  }
  result.state = thresholds.Of(static_cast<double>(listed));
  result.text = absl::StrCat(Counted(listed, "listing", "listings"), " not cleared, ", late,
                             " later than expected; ", silent, " on lists that tell nothing alone");
  result.figures.push_back(MakeFigure("listed", static_cast<std::int64_t>(listed), thresholds));
  result.figures.push_back(MakeFigure("late", static_cast<std::int64_t>(late), {}));
  result.figures.push_back(MakeFigure("silent", static_cast<std::int64_t>(silent), {}));
  return result;
}

}  // namespace

void AddIncidentChecks(CLI::App* noun, Session* session) {
  CheckFlags any;
  any.warning = "0";
  AddCheckVerb(noun, session, "incidents",
               "Incidents that are open; one that refills is CRITICAL by itself",
               {"mailquench check incidents", "mailquench check incidents -w 0 -c 2"},
               "number of open incidents", any,
               [=](const Thresholds& thresholds) { return Incidents(session, thresholds); });

  auto limits = std::make_shared<AgeLimits>();
  CLI::App* obligations = AddCheckVerb(
      noun, session, "obligations",
      "What incidents still owe (settings to put back, duties of a person), and for how long",
      {"mailquench check obligations", "mailquench check obligations --age-warning 8h -c 50"},
      "number of outstanding obligations", CheckFlags(),
      [=](const Thresholds& thresholds) { return Obligations(session, *limits, thresholds); });
  obligations
      ->add_option("--age-warning", limits->warning,
                   "WARNING when the incident of one is older than this; 24h if not given")
      ->type_name("DURATION");
  obligations
      ->add_option("--age-critical", limits->critical,
                   "CRITICAL when the incident of one is older than this; 72h if not given")
      ->type_name("DURATION");

  auto host = std::make_shared<std::string>();
  CLI::App* listings = AddCheckVerb(
      noun, session, "listings",
      "Listings on blacklists that are not cleared; lists that tell nothing alone do not count",
      {"mailquench check listings", "mailquench check listings --host mx1 -w 0 -c 3"},
      "number of listings", any,
      [=](const Thresholds& thresholds) { return Listings(session, *host, thresholds); });
  listings->add_option("--host", *host, "Only of this host")->type_name("HOST");
}

}  // namespace mailquench::cli
