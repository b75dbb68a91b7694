#include "controller/blacklist/way_out.h"

#include <arpa/inet.h>

#include <cstdlib>

#include "absl/strings/str_replace.h"
#include "common/blacklist/verdict.h"

namespace mailquench::controller {
namespace {

bool IsAsked(const blacklist::List& list) {
  return list.enabled && list.state == blacklist::State::kLive;
}

// Of several entries with this component (xbl.spamhaus.org and its old name cbl.abuseat.org) one
// that is asked, else the first.
const blacklist::List* OwnEntry(const blacklist::Catalogue& catalogue, const v1::Listing& listing) {
  const blacklist::List* own = nullptr;
  for (const blacklist::List& list : catalogue.lists()) {
    if (list.operator_name != listing.list_operator() || list.component != listing.component())
      continue;
    if (own == nullptr || (!IsAsked(*own) && IsAsked(list))) own = &list;
  }
  for (int i = 0; own == nullptr && i < listing.zones_size(); ++i)
    own = catalogue.Find(listing.zones(i));
  return own;
}

}  // namespace

std::shared_ptr<const blacklist::Catalogue> BuiltInCatalogue() {
  static const std::shared_ptr<const blacklist::Catalogue> catalogue = [] {
    auto built_in = blacklist::Catalogue::BuiltIn();
    if (!built_in.ok()) std::abort();
    return std::make_shared<const blacklist::Catalogue>(*std::move(built_in));
  }();
  return catalogue;
}

void TakeWayOut(const blacklist::Catalogue& catalogue, v1::Listing* listing) {
  for (v1::ListingZone& zone : *listing->mutable_seen()) {
    const blacklist::List* list = catalogue.Find(zone.zone());
    // A zone that the catalogue never had was asked by name.
    zone.set_unasked(list != nullptr && !IsAsked(*list));
  }
  const blacklist::List* own = OwnEntry(catalogue, *listing);
  if (own == nullptr) return;
  listing->set_lookup_link(absl::StrReplaceAll(own->lookup, {{"%IP%", listing->subject()}}));
  listing->set_delist_link(absl::StrReplaceAll(own->delist.link, {{"%IP%", listing->subject()}}));
  listing->set_delist_how(own->delist.how);
  listing->set_delist_note(own->delist.note);
  listing->clear_clears_after();
  if (own->delist.clears_after > absl::ZeroDuration())
    listing->mutable_clears_after()->set_seconds(absl::ToInt64Seconds(own->delist.clears_after));
  listing->set_alert(own->alert);
}

bool Blocks(const blacklist::Catalogue& catalogue, const std::string& zone) {
  const blacklist::List* list = catalogue.Find(zone);
  return list == nullptr || list->purpose == blacklist::Purpose::kBlock;
}

v1::BlacklistAnswer OfComponent(const blacklist::Catalogue& catalogue,
                                const v1::BlacklistAnswer& answer,
                                const std::string& component) {
  v1::BlacklistAnswer one = answer;
  const blacklist::List* list = catalogue.Find(answer.zone());
  if (answer.components_size() < 2 || list == nullptr) return one;
  blacklist::Answer raw;
  raw.rcode = blacklist::Rcode::kNoError;
  for (const std::string& text : answer.addresses()) {
    in_addr address{};
    if (inet_pton(AF_INET, text.c_str(), &address) == 1)
      raw.addresses.push_back(ntohl(address.s_addr));
  }
  one.clear_meanings();
  for (const blacklist::Meaning& meaning : blacklist::Judge(*list, raw).meanings) {
    if (!meaning.is.empty() && !meaning.good && meaning.component == component)
      one.add_meanings(meaning.is);
  }
  return one;
}

}  // namespace mailquench::controller
