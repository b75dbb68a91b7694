// Blocks of IP addresses.
#ifndef MAILQUENCH_AGENT_MAIL_POSTFIX_CIDR_H_
#define MAILQUENCH_AGENT_MAIL_POSTFIX_CIDR_H_

#include <array>
#include <optional>
#include <string>

namespace mailquench::agent::postfix {

struct Cidr {
  bool v6 = false;
  std::array<unsigned char, 16> address{};  // Host bits are zero.
  int prefix = 0;

  // "192.0.2.1", "192.0.2.0/24", "2001:db8::/32", "[::1]", "[::1]/128". Anything else is none.
  static std::optional<Cidr> Parse(const std::string& text);
  bool Contains(const Cidr& other) const;
  bool IsLoopback() const;
  std::string Address() const;        // "2001:db8::"
  std::string ForTable() const;       // "2001:db8::/32"
  std::string ForMynetworks() const;  // "[2001:db8::]/32"
};

}  // namespace mailquench::agent::postfix

#endif  // MAILQUENCH_AGENT_MAIL_POSTFIX_CIDR_H_
