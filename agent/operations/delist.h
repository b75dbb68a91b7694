// Whom delist.fetch may ask where the host's own configuration says nothing else.
#ifndef MAILQUENCH_AGENT_OPERATIONS_DELIST_H_
#define MAILQUENCH_AGENT_OPERATIONS_DELIST_H_

#include <vector>

#include "agent/http/url.h"

namespace mailquench::agent {

// The hosts of the lists that must be asked by the listed host itself.
std::vector<AllowedHost> DefaultDelistHosts();

}  // namespace mailquench::agent

#endif  // MAILQUENCH_AGENT_OPERATIONS_DELIST_H_
