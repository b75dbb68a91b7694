// delist.fetch: whom it may ask where the host says nothing else, and what a crash makes of it.
#ifndef MAILQUENCH_AGENT_OPERATIONS_DELIST_H_
#define MAILQUENCH_AGENT_OPERATIONS_DELIST_H_

#include <vector>

#include "absl/status/status.h"
#include "agent/http/url.h"

namespace mailquench::agent {

// The hosts of the lists that must be asked by the listed host itself.
std::vector<AllowedHost> DefaultDelistHosts();

// kAborted/INTERRUPTED, of a request that a crash cut short: one to somebody else is not made twice
// by itself.
absl::Status CutFetch();

}  // namespace mailquench::agent

#endif  // MAILQUENCH_AGENT_OPERATIONS_DELIST_H_
