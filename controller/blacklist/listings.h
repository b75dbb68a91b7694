// Where the fleet is listed, from first sight to gone: the memory of listings, over the store.
#ifndef MAILQUENCH_CONTROLLER_BLACKLIST_LISTINGS_H_
#define MAILQUENCH_CONTROLLER_BLACKLIST_LISTINGS_H_

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/clock/clock.h"
#include "controller/blacklist/listing_rules.h"
#include "controller/blacklist/way_out.h"
#include "controller/incidents/incidents.h"
#include "controller/store/store.h"

namespace mailquench::controller {

struct ListingsOptions {
  ListingRules rules;
  CatalogueNow catalogue = BuiltInCatalogue;
  absl::Duration keep_changes = absl::Hours(24 * 90);
  std::int64_t most_changes = 100000;
};

// Thread-safe. Each call is one change of the store: all of it, or with an error nothing. What is
// given outlives it.
class Listings {
 public:
  Listings(Store* store, Incidents* incidents, Clock* clock, ListingsOptions options = {});
  ~Listings();

  // For those who draw conclusions: every change once it is in the store, by rising sequence, never
  // two at a time, from any thread and without a lock. What a crash swallows between the store and
  // the call is found by Store::ChangesAfter(). Set before the first use.
  using ChangeCallback = std::function<void(const v1::BlacklistChange&)>;
  void OnChange(ChangeCallback callback) { callback_ = std::move(callback); }

  // Answers as they come: those of a sweep, or some of them, in any order. Each has its time; one
  // that is not newer than what its list last said changes nothing. They are stored, too. `hosts`:
  // the ids of the hosts that each subject belongs to. A subject that is missing there keeps those
  // that it had.
  using HostsOf = std::map<std::string, std::vector<std::string>>;
  absl::Status Take(const std::vector<v1::BlacklistAnswer>& answers, const HostsOf& hosts);
  // A list's health after a probe: it is stored, and a change for the worse is a doubt of all its
  // open listings.
  absl::Status TakeHealth(const std::string& zone, const v1::BlacklistHealth& health);

  // Listings whose list may have let go of them: what its own name servers say is then told to
  // SourceSaid(). Without that, one more CLEAN is waited for.
  absl::StatusOr<std::vector<v1::Listing>> ToAskAtSource();
  // Clean: those of all its zones that are asked say so.
  absl::Status SourceSaid(const std::string& listing_id, bool clean);

  // Looks at time, at incidents and at the catalogue again. After a change of an incident, and
  // every minute or so.
  absl::Status Tick();

  // A listing is named by its id, the beginning of that, or a subject that has one open listing.
  // Errors: kNotFound/LISTING_NOT_FOUND, kInvalidArgument/LISTING_AMBIGUOUS, which names them.
  absl::StatusOr<v1::Listing> Find(const std::string& name);
  // Those of TakeRequest() too.
  absl::StatusOr<v1::Listing> Request(const v1::RequestDelistingRequest& request,
                                      const std::string& actor);
  absl::StatusOr<v1::Listing> Drop(const v1::DropListingRequest& request, const std::string& actor);
  absl::StatusOr<v1::Listing> AddNote(const v1::AddListingNoteRequest& request,
                                      const std::string& actor);
  // `host`: name or id. Without history.
  absl::StatusOr<std::vector<v1::Listing>> List(const v1::ListListingsRequest& request);
  // The newest that match, oldest first. A limit of 0 is 100; at most 1000.
  absl::StatusOr<std::vector<v1::BlacklistChange>> History(v1::ListBlacklistHistoryRequest request);
  // Text for the removal form. See evidence.h.
  absl::StatusOr<std::string> EvidenceOf(const v1::Listing& listing);

 private:
  class Pass;
  // `fresh`: looks at incidents again; else what was read in the last seconds is good enough, since
  // whoever changes one calls Tick().
  absl::Status Do(bool fresh, const std::function<absl::Status(Pass*)>& work);
  absl::Status TakeOne(const v1::BlacklistAnswer& answer,
                       const std::vector<std::string>* hosts,
                       Pass* pass);
  void Deliver();

  Store* const store_;
  Incidents* const incidents_;
  Clock* const clock_;
  const ListingsOptions options_;
  ChangeCallback callback_;
  std::mutex mu_;  // Held before the locks of Incidents and Store. Guards the next two.
  absl::Time pruned_;
  struct GatesCache;
  std::unique_ptr<GatesCache> gates_;
  std::mutex delivery_mu_;  // Of the two below.
  bool delivering_ = false;
  std::deque<v1::BlacklistChange> undelivered_;
};

}  // namespace mailquench::controller

#endif  // MAILQUENCH_CONTROLLER_BLACKLIST_LISTINGS_H_
