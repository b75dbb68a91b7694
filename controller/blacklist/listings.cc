#include "controller/blacklist/listings.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/blacklist/subject.h"
#include "common/status/error.h"
#include "common/text/harmless.h"
#include "controller/blacklist/evidence.h"
#include "controller/blacklist/facts.h"
#include "controller/blacklist/listings_pass.h"
#include "controller/store/ids.h"
#include "controller/store/times.h"

namespace mailquench::controller {
namespace {

constexpr absl::Duration kPruneEvery = absl::Hours(1);

// As the answers have it: an address in its shortest form.
std::string Canonical(const std::string& subject) {
  const auto parsed = blacklist::Subject::Parse(subject);
  return parsed.ok() ? parsed->text() : subject;
}

bool Believed(v1::ListHealthState state) {
  return state == v1::LIST_HEALTH_STATE_WELL || state == v1::LIST_HEALTH_STATE_SUSPECT ||
         state == v1::LIST_HEALTH_STATE_UNSPECIFIED;
}

// What a new state of a list is called; "": nothing that is told.
std::string HealthKind(v1::ListHealthState before, v1::ListHealthState after) {
  if (before == after) return "";
  if (after == v1::LIST_HEALTH_STATE_QUARANTINED) return "list_quarantined";
  if (after == v1::LIST_HEALTH_STATE_BLOCKED) return "list_blocked";
  if (after == v1::LIST_HEALTH_STATE_SILENT) return "list_silent";
  return !Believed(before) ? "list_returned" : "";
}

bool Names(const v1::Listing& listing, const std::string& host) {
  const auto has = [&](const auto& all) {
    return std::find(all.begin(), all.end(), host) != all.end();
  };
  return has(listing.host_ids()) || has(listing.host_names());
}

}  // namespace

Listings::Listings(Store* store, Incidents* incidents, Clock* clock, ListingsOptions options)
    : store_(store),
      incidents_(incidents),
      clock_(clock),
      options_(std::move(options)),
      pruned_(absl::InfinitePast()),
      gates_(std::make_unique<GatesCache>()) {}

Listings::~Listings() = default;

absl::Status Listings::Do(bool fresh, const std::function<absl::Status(Pass*)>& work) {
  {
    const std::lock_guard<std::mutex> lock(mu_);
    std::vector<v1::BlacklistChange> changes;
    MQ_RETURN_IF_ERROR(incidents_->Together([&]() -> absl::Status {
      Pass pass(store_, incidents_, &options_, gates_.get(), fresh, clock_->Now());
      MQ_RETURN_IF_ERROR(work(&pass));
      MQ_RETURN_IF_ERROR(pass.Finish());
      changes = std::move(pass.changes);
      return absl::OkStatus();
    }));
    const std::lock_guard<std::mutex> delivery(delivery_mu_);
    for (v1::BlacklistChange& change : changes) undelivered_.push_back(std::move(change));
  }
  Deliver();
  return absl::OkStatus();
}

void Listings::Deliver() {
  std::unique_lock<std::mutex> lock(delivery_mu_);
  if (delivering_) return;  // Whoever delivers takes these along.
  delivering_ = true;
  while (!undelivered_.empty()) {
    const v1::BlacklistChange change = std::move(undelivered_.front());
    undelivered_.pop_front();
    lock.unlock();
    if (callback_) callback_(change);
    lock.lock();
  }
  delivering_ = false;
}

absl::Status Listings::TakeOne(const v1::BlacklistAnswer& answer,
                               const std::vector<std::string>* hosts,
                               Pass* pass) {
  MQ_ASSIGN_OR_RETURN(const std::vector<v1::Listing*> known, pass->Of(answer.subject()));
  std::set<std::string> missing;
  if (answer.verdict() == v1::BLACKLIST_VERDICT_LISTED && Blocks(*pass->catalogue, answer.zone())) {
    for (const std::string& component : ComponentsOf(answer)) missing.insert(component);
  }
  for (v1::Listing* listing : known) {
    if (listing->list_operator() != answer.list_operator()) continue;
    const v1::BlacklistAnswer one = OfComponent(*pass->catalogue, answer, listing->component());
    TakeAnswer(options_.rules, one, pass->now, listing, pass->EventsOf(*listing));
    if (listing->state() == v1::LISTING_STATE_CLEARED &&
        TimeOf(listing->clear_time()) < TimeOf(answer.time()))
      continue;
    missing.erase(listing->component());
    if (hosts != nullptr) listing->mutable_host_ids()->Assign(hosts->begin(), hosts->end());
  }
  for (const std::string& component : missing) {
    ListingEvents events;
    v1::Listing listing = NewListing(OfComponent(*pass->catalogue, answer, component), component,
                                     NewId(), pass->now, &events);
    if (hosts != nullptr) listing.mutable_host_ids()->Assign(hosts->begin(), hosts->end());
    pass->Add(std::move(listing), std::move(events));
  }
  return absl::OkStatus();
}

absl::Status Listings::Take(const std::vector<v1::BlacklistAnswer>& answers, const HostsOf& hosts) {
  return Do(false, [&](Pass* pass) -> absl::Status {
    MQ_RETURN_IF_ERROR(store_->PutAnswers(answers));
    for (const v1::BlacklistAnswer& answer : answers) {
      const auto known = hosts.find(answer.subject());
      MQ_RETURN_IF_ERROR(TakeOne(answer, known == hosts.end() ? nullptr : &known->second, pass));
    }
    return absl::OkStatus();
  });
}

absl::Status Listings::TakeHealth(const std::string& zone, const v1::BlacklistHealth& health) {
  return Do(false, [&](Pass* pass) -> absl::Status {
    MQ_ASSIGN_OR_RETURN(const auto all, store_->AllBlacklistHealth());
    const auto known = all.find(zone);
    const v1::ListHealthState before =
        known == all.end() ? v1::LIST_HEALTH_STATE_UNSPECIFIED : known->second.state();
    MQ_RETURN_IF_ERROR(store_->PutBlacklistHealth(zone, health));
    const std::string kind = HealthKind(before, health.state());
    const std::string why = Harmless(health.reason());
    if (!kind.empty())
      pass->AddListChange(zone, kind,
                          absl::StrCat(kind == "list_quarantined" ? "not believed: "
                                       : kind == "list_blocked"   ? "refuses to answer: "
                                       : kind == "list_silent"    ? "does not answer: "
                                                                  : "believed again",
                                       kind == "list_returned" ? "" : why));
    if (Believed(health.state())) return absl::OkStatus();
    MQ_ASSIGN_OR_RETURN(const std::vector<v1::Listing*> open, pass->Open());
    for (v1::Listing* listing : open)
      TakeDoubt(options_.rules, zone, absl::StrCat("the list itself: ", why), pass->now, listing,
                pass->EventsOf(*listing));
    return absl::OkStatus();
  });
}

absl::StatusOr<std::vector<v1::Listing>> Listings::ToAskAtSource() {
  MQ_ASSIGN_OR_RETURN(std::vector<v1::Listing> all, store_->ListingsOf("", false));
  all.erase(
      std::remove_if(all.begin(), all.end(),
                     [&](const v1::Listing& one) { return !WantsSource(options_.rules, one); }),
      all.end());
  return all;
}

absl::Status Listings::SourceSaid(const std::string& listing_id, bool clean) {
  return Do(false, [&](Pass* pass) -> absl::Status {
    MQ_ASSIGN_OR_RETURN(v1::Listing * listing, pass->One(listing_id));
    TakeSource(options_.rules, clean, pass->now, listing, pass->EventsOf(*listing));
    return absl::OkStatus();
  });
}

absl::Status Listings::Tick() {
  MQ_RETURN_IF_ERROR(Do(true, [](Pass*) { return absl::OkStatus(); }));
  const absl::Time now = clock_->Now();
  {
    const std::lock_guard<std::mutex> lock(mu_);
    if (now - pruned_ < kPruneEvery) return absl::OkStatus();
    pruned_ = now;
  }
  return store_->PruneChanges(now - options_.keep_changes, options_.most_changes);
}

absl::StatusOr<v1::Listing> Listings::Find(const std::string& name) {
  absl::StatusOr<v1::Listing> exact = store_->FindListing(name);
  if (exact.ok() || !absl::IsNotFound(exact.status())) return exact;
  MQ_ASSIGN_OR_RETURN(const std::vector<v1::Listing> all, store_->ListingsOf("", true));
  std::vector<v1::Listing> meant, open;
  const std::string subject = Canonical(name);
  for (const v1::Listing& one : all) {
    if (!name.empty() && one.listing_id().rfind(name, 0) == 0) meant.push_back(one);
    if (one.subject() == subject && one.state() != v1::LISTING_STATE_CLEARED) open.push_back(one);
  }
  if (meant.empty()) meant = std::move(open);
  if (meant.empty()) return exact;
  if (meant.size() == 1) return meant.front();
  std::string names;
  for (const v1::Listing& one : meant)
    absl::StrAppend(&names, names.empty() ? "" : ", ", one.listing_id(), " (", one.subject(), " ",
                    one.list_operator(), " ", one.component(), ")");
  return Error(absl::StatusCode::kInvalidArgument, "LISTING_AMBIGUOUS",
               absl::StrCat("'", name, "' may be any of these listings: ", names,
                            "; nothing was done; name one of them"));
}

absl::StatusOr<v1::Listing> Listings::Request(const v1::RequestDelistingRequest& request,
                                              const std::string& actor) {
  MQ_ASSIGN_OR_RETURN(const v1::Listing found, Find(request.listing_id()));
  MQ_RETURN_IF_ERROR(Tick());  // The attack may have ended, or begun again, a moment ago.
  MQ_RETURN_IF_ERROR(Do(false, [&](Pass* pass) -> absl::Status {
    MQ_ASSIGN_OR_RETURN(v1::Listing * listing, pass->One(found.listing_id()));
    return TakeRequest(options_.rules, request, actor, pass->now, listing,
                       pass->EventsOf(*listing));
  }));
  return store_->FindListing(found.listing_id());
}

absl::StatusOr<v1::Listing> Listings::Drop(const v1::DropListingRequest& request,
                                           const std::string& actor) {
  MQ_ASSIGN_OR_RETURN(const v1::Listing found, Find(request.listing_id()));
  MQ_RETURN_IF_ERROR(Do(false, [&](Pass* pass) -> absl::Status {
    MQ_ASSIGN_OR_RETURN(v1::Listing * listing, pass->One(found.listing_id()));
    return TakeDrop(options_.rules, request.reason(), actor, pass->now, listing,
                    pass->EventsOf(*listing));
  }));
  return store_->FindListing(found.listing_id());
}

absl::StatusOr<v1::Listing> Listings::AddNote(const v1::AddListingNoteRequest& request,
                                              const std::string& actor) {
  MQ_ASSIGN_OR_RETURN(const v1::Listing found, Find(request.listing_id()));
  MQ_RETURN_IF_ERROR(Do(false, [&](Pass* pass) -> absl::Status {
    MQ_ASSIGN_OR_RETURN(v1::Listing * listing, pass->One(found.listing_id()));
    TakeNote(options_.rules, request.text(), actor, pass->now, listing, pass->EventsOf(*listing));
    return absl::OkStatus();
  }));
  return store_->FindListing(found.listing_id());
}

absl::StatusOr<std::vector<v1::Listing>> Listings::List(const v1::ListListingsRequest& request) {
  MQ_ASSIGN_OR_RETURN(
      const std::vector<v1::Listing> all,
      store_->ListingsOf(request.subject().empty() ? "" : Canonical(request.subject()),
                         request.with_cleared()));
  std::vector<v1::Listing> wanted;
  for (const v1::Listing& one : all) {
    if (!request.incident_id().empty() && one.incident_id() != request.incident_id()) continue;
    if (!request.host().empty() && !Names(one, request.host())) continue;
    wanted.push_back(one);
    wanted.back().clear_history();
  }
  return wanted;
}

absl::StatusOr<std::vector<v1::BlacklistChange>> Listings::History(
    v1::ListBlacklistHistoryRequest request) {
  if (!request.subject().empty()) request.set_subject(Canonical(request.subject()));
  if (request.limit() <= 0) request.set_limit(100);
  request.set_limit(std::min(request.limit(), 1000));
  return store_->Changes(request);
}

absl::StatusOr<std::string> Listings::EvidenceOf(const v1::Listing& listing) {
  MQ_ASSIGN_OR_RETURN(const Facts facts, FactsOf(store_, listing));
  return Evidence(listing, facts);
}

}  // namespace mailquench::controller
