// The text that goes with a request to be taken off a list.
#ifndef MAILQUENCH_CONTROLLER_BLACKLIST_EVIDENCE_H_
#define MAILQUENCH_CONTROLLER_BLACKLIST_EVIDENCE_H_

#include <string>

#include "controller/blacklist/facts.h"
#include "mailquench/v1/blacklist.pb.h"

namespace mailquench::controller {

// Plain English to paste into a form or a mail. What the operator has to fill in stands in square
// brackets. It is for strangers: no account, no recipient, no subject, nothing that an operator
// wrote into causes, and no host but the listed one. It claims what was seen and no more.
std::string Evidence(const v1::Listing& listing, const Facts& facts);

}  // namespace mailquench::controller

#endif  // MAILQUENCH_CONTROLLER_BLACKLIST_EVIDENCE_H_
