// What blacklists say, in the form in which the wire, the store and the command line have it.
#ifndef MAILQUENCH_COMMON_LISTING_MESSAGES_H_
#define MAILQUENCH_COMMON_LISTING_MESSAGES_H_

#include <vector>

#include "common/blacklist/catalogue.h"
#include "common/blacklist/health.h"
#include "common/blacklist/reverse.h"
#include "common/blacklist/sweep.h"
#include "mailquench/v1/blacklist.pb.h"

namespace mailquench::blacklist {

// `keys`: whatever of them is in a text becomes "KEY".
v1::BlacklistAnswer ToMessage(const Check& check, const Keys& keys);
v1::BlacklistVerdict ToMessage(Verdict verdict);
v1::BlacklistHealth ToMessage(const ListHealth& health);
ListHealth FromMessage(const v1::BlacklistHealth& message);
// Without health and use.
v1::BlacklistInfo ToMessage(const List& list, bool has_key);
v1::AddressIdentity ToMessage(const ReverseFinding& finding);

}  // namespace mailquench::blacklist

#endif  // MAILQUENCH_COMMON_LISTING_MESSAGES_H_
