#include "agent/mail/postfix/cidr.h"

#include <arpa/inet.h>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace mailquench::agent::postfix {
namespace {
bool SamePrefix(const Cidr& a, const Cidr& b, int bits) {
  for (int bit = 0; bit < bits; ++bit) {
    const auto byte = static_cast<std::size_t>(bit / 8);
    const int mask = 0x80 >> (bit % 8);
    if ((a.address[byte] & mask) != (b.address[byte] & mask)) return false;
  }
  return true;
}
}  // namespace

std::optional<Cidr> Cidr::Parse(const std::string& text) {
  std::string address = text;
  std::string prefix;
  const std::size_t slash = text.find('/');
  if (slash != std::string::npos) {
    address = text.substr(0, slash);
    prefix = text.substr(slash + 1);
  }
  if (address.size() > 2 && address.front() == '[' && address.back() == ']')
    address = address.substr(1, address.size() - 2);
  if (address.find('\0') != std::string::npos) return std::nullopt;
  Cidr cidr;
  cidr.v6 = address.find(':') != std::string::npos;
  if (inet_pton(cidr.v6 ? AF_INET6 : AF_INET, address.c_str(), cidr.address.data()) != 1)
    return std::nullopt;
  const int most = cidr.v6 ? 128 : 32;
  cidr.prefix = most;
  if (slash != std::string::npos) {
    if (prefix.empty() || prefix.size() > 3) return std::nullopt;
    for (const char c : prefix) {
      if (!absl::ascii_isdigit(static_cast<unsigned char>(c))) return std::nullopt;
    }
    if (!absl::SimpleAtoi(prefix, &cidr.prefix) || cidr.prefix > most) return std::nullopt;
  }
  for (int bit = cidr.prefix; bit < most; ++bit)
    cidr.address[static_cast<std::size_t>(bit / 8)] &=
        static_cast<unsigned char>(~(0x80 >> (bit % 8)));
  return cidr;
}

bool Cidr::Contains(const Cidr& other) const {
  return v6 == other.v6 && prefix <= other.prefix && SamePrefix(*this, other, prefix);
}

bool Cidr::IsLoopback() const {
  return v6 ? Cidr::Parse("::1")->Contains(*this) ||
                  Cidr::Parse("::ffff:127.0.0.0/104")->Contains(*this)
            : Cidr::Parse("127.0.0.0/8")->Contains(*this);
}

std::string Cidr::Address() const {
  char buffer[INET6_ADDRSTRLEN] = "";
  inet_ntop(v6 ? AF_INET6 : AF_INET, address.data(), buffer, sizeof buffer);
  return buffer;
}

std::string Cidr::ForTable() const {
  return absl::StrCat(Address(), "/", prefix);
}

std::string Cidr::ForMynetworks() const {
  return v6 ? absl::StrCat("[", Address(), "]/", prefix) : ForTable();
}

}  // namespace mailquench::agent::postfix
