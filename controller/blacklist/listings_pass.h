// One change of the listings: what it has read, and what goes into the store at its end. Internal
// to controller/blacklist.
#ifndef MAILQUENCH_CONTROLLER_BLACKLIST_LISTINGS_PASS_H_
#define MAILQUENCH_CONTROLLER_BLACKLIST_LISTINGS_PASS_H_

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "controller/blacklist/listings.h"

namespace mailquench::controller {

// Incidents as they were read last.
struct Listings::GatesCache {
  absl::Time read = absl::InfinitePast();
  std::set<std::string> joined;  // What it was read with.
  std::optional<Gates> gates;
};

// Lives inside Incidents::Together(), on one thread.
class Listings::Pass {
 public:
  Pass(Store* store,
       Incidents* incidents,
       const ListingsOptions* options,
       GatesCache* cache,
       bool fresh,
       absl::Time at)
      : now(at),
        catalogue(options->catalogue()),
        store_(store),
        incidents_(incidents),
        options_(options),
        cache_(cache),
        fresh_(fresh) {}

  // The listings of a subject, cleared ones too, oldest first. They are changed in place.
  absl::StatusOr<std::vector<v1::Listing*>> Of(const std::string& subject);
  absl::StatusOr<std::vector<v1::Listing*>> Open();
  absl::StatusOr<v1::Listing*> One(const std::string& listing_id);
  v1::Listing* Add(v1::Listing listing, ListingEvents events);
  ListingEvents* EventsOf(const v1::Listing& listing) { return &events_[listing.listing_id()]; }
  void AddListChange(const std::string& zone, const std::string& kind, const std::string& text);

  // What the catalogue, the incidents and time make of every open listing; then all that has
  // changed goes into the store.
  absl::Status Finish();

  const absl::Time now;
  const std::shared_ptr<const blacklist::Catalogue> catalogue;
  std::vector<v1::BlacklistChange> changes;  // After Finish().

 private:
  struct Row {
    v1::Listing listing;
    std::string before;  // As it was in the store.
  };
  v1::Listing* Load(v1::Listing listing);
  absl::Status ReadGates(const std::vector<v1::Listing*>& followed);
  void Look(v1::Listing* listing);
  void Join(const AttackGate& gate, v1::Listing* listing);
  absl::Status Write(const Row& row);
  absl::Status Emit(const std::string& incident_id, v1::BlacklistChange change);

  Store* const store_;
  Incidents* const incidents_;
  const ListingsOptions* const options_;
  GatesCache* const cache_;
  const bool fresh_;
  std::map<std::string, std::unique_ptr<Row>> rows_;  // By listing id.
  std::vector<std::string> order_;                    // Of rows_, as they came.
  std::map<std::string, std::vector<v1::Listing*>> subjects_;
  std::map<std::string, ListingEvents> events_;
  std::vector<v1::BlacklistChange> list_changes_;
  std::map<std::string, std::string> host_names_;
  std::map<std::string, v1::BlacklistHealth> health_;   // By zone.
  std::map<std::string, Incidents::ListingNews> news_;  // By incident id.
};

}  // namespace mailquench::controller

#endif  // MAILQUENCH_CONTROLLER_BLACKLIST_LISTINGS_PASS_H_
