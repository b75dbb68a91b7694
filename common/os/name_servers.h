// The DNS servers that this system is set up with.
#ifndef MAILQUENCH_COMMON_OS_NAME_SERVERS_H_
#define MAILQUENCH_COMMON_OS_NAME_SERVERS_H_

#include <string>
#include <vector>

namespace mailquench::os {

// In the system's order, as text without ports; an IPv6 address may have a zone ("fe80::1%eth0",
// "fe80::1%12"). Empty where there is none or it cannot be learned. Unchecked on POSIX, where they
// are the words of /etc/resolv.conf. Windows: those of the adapters that are up, the one with the
// lowest metric first. Thread-safe.
std::vector<std::string> SystemNameServers();

// The words of the nameserver lines of a resolv.conf(5), unchecked; none where it cannot be read.
std::vector<std::string> NameServersIn(const std::string& resolv_conf);

// The number of a network interface that a zone names; 0: there is none. Windows takes numbers too.
unsigned InterfaceIndex(const std::string& zone);

}  // namespace mailquench::os

#endif  // MAILQUENCH_COMMON_OS_NAME_SERVERS_H_
