// Numeric addresses: which are of the public internet, and which are this host's own.
#ifndef MAILQUENCH_AGENT_HTTP_ADDRESS_H_
#define MAILQUENCH_AGENT_HTTP_ADDRESS_H_

#include <string>

#include "common/os/socket.h"

namespace mailquench::agent {

struct Endpoint {
  sockaddr_storage address{};
  socklen_t length = 0;

  int family() const { return address.ss_family; }
  std::string Text() const;  // "192.0.2.1", "2001:db8::1"; without the port.
};

// False where `text` is no numeric address.
bool ParseAddress(const std::string& text, int port, Endpoint* endpoint);

// A host of the public internet: no loopback, private, link-local (169.254.169.254 of cloud
// providers among them), shared, documentation, benchmark, multicast or reserved range, and no IPv6
// address that stands for such an IPv4 one.
bool IsPublic(const Endpoint& endpoint);

// An interface of this host has it.
bool IsOwn(const Endpoint& endpoint);

}  // namespace mailquench::agent

#endif  // MAILQUENCH_AGENT_HTTP_ADDRESS_H_
