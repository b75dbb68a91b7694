// What the catalogue says of getting off a list.
#ifndef MAILQUENCH_CONTROLLER_BLACKLIST_WAY_OUT_H_
#define MAILQUENCH_CONTROLLER_BLACKLIST_WAY_OUT_H_

#include <functional>
#include <memory>
#include <string>

#include "common/blacklist/catalogue.h"
#include "mailquench/v1/blacklist.pb.h"

namespace mailquench::controller {

// The catalogue as it is now; never null. Thread-safe.
using CatalogueNow = std::function<std::shared_ptr<const blacklist::Catalogue>()>;

// The one that is compiled in, read once. Ends the program where it is not well formed, which a
// test sees.
std::shared_ptr<const blacklist::Catalogue> BuiltInCatalogue();

// Fills in link, how, note and time: from the entry of the component's own zone where there is one
// (XBL in zen: that of xbl.spamhaus.org), else from that of the zone that showed it. Also whether
// it alarms, and which zones are not asked any more. What the catalogue does not know stays.
void TakeWayOut(const blacklist::Catalogue& catalogue, v1::Listing* listing);

// Whether being on it is bad: lists that allow or inform make no listings.
bool Blocks(const blacklist::Catalogue& catalogue, const std::string& zone);

// The answer as if it showed this component alone: meanings of the others are left out.
v1::BlacklistAnswer OfComponent(const blacklist::Catalogue& catalogue,
                                const v1::BlacklistAnswer& answer,
                                const std::string& component);

}  // namespace mailquench::controller

#endif  // MAILQUENCH_CONTROLLER_BLACKLIST_WAY_OUT_H_
