// What the system knows of its routes.
#ifndef MAILQUENCH_AGENT_OS_NETWORK_H_
#define MAILQUENCH_AGENT_OS_NETWORK_H_

#include <string>

namespace mailquench::agent {

// The address that this host puts on what it sends to the internet over IPv4 or IPv6. Sends
// nothing.
// "" where there is no such route, or only a loopback or link-local address for it.
std::string SourceOfDefaultRoute(bool v6);

}  // namespace mailquench::agent

#endif  // MAILQUENCH_AGENT_OS_NETWORK_H_
