// Who is at the other end, as far as limits are concerned.
#ifndef MAILQUENCH_CONTROLLER_HTTP_PEERS_H_
#define MAILQUENCH_CONTROLLER_HTTP_PEERS_H_

#include <string>

namespace mailquench::controller {

// An IPv4 address as it is (also one that is written within IPv6), of an IPv6 address the first 64
// bits: whoever has one of those has all of them. Another text stays as it is.
std::string PeerGroup(const std::string& address);

}  // namespace mailquench::controller

#endif  // MAILQUENCH_CONTROLLER_HTTP_PEERS_H_
