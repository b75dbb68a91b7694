// What a host is called and where it can be reached. Implementations under posix/ and windows/.
#ifndef MAILQUENCH_AGENT_OS_HOST_H_
#define MAILQUENCH_AGENT_OS_HOST_H_

#include <cstdint>
#include <string>
#include <vector>

namespace mailquench::agent {

std::uint32_t ProcessId();  // Of this process.

std::string HostName();  // As the host calls itself; "" where that cannot be told.

// Another one after each boot; "" where that cannot be told.
std::string BootId();

// Numeric addresses of interfaces that are up: IPv4 first, without loopback and link-local ones.
std::vector<std::string> OwnAddresses();

// Those of all interfaces in the system's order, whatever an interface is for: a balancer's
// addresses are on one for loopback. Without 127.0.0.0/8, ::1 and fe80::/10; on Windows without
// 169.254.0.0/16 too.
std::vector<std::string> AllAddresses();

// Whether any interface has it, loopback and link-local ones and those that are down included.
// `address` as inet_ntop() writes it.
bool IsOwnAddress(const std::string& address);

}  // namespace mailquench::agent

#endif  // MAILQUENCH_AGENT_OS_HOST_H_
