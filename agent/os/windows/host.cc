// winsock2.h before windows.h, which the room's socket.h sees to.
#include "agent/os/host.h"

#include "common/os/socket.h"
// After winsock2.h.
#include <iphlpapi.h>
#include <windows.h>

#include <functional>

#include "absl/strings/str_cat.h"
#include "common/os/wide.h"

namespace mailquench::agent {
namespace {

std::string TextOf(const sockaddr* address) {
  char text[INET6_ADDRSTRLEN] = "";
  if (address->sa_family == AF_INET)
    ::inet_ntop(AF_INET, &reinterpret_cast<const sockaddr_in*>(address)->sin_addr, text,
                sizeof text);
  else if (address->sa_family == AF_INET6)
    ::inet_ntop(AF_INET6, &reinterpret_cast<const sockaddr_in6*>(address)->sin6_addr, text,
                sizeof text);
  return text;
}

// Each address of each interface.
void ForEachAddress(const std::function<void(const IP_ADAPTER_ADDRESSES&, const sockaddr*)>& see) {
  os::StartSockets();
  constexpr ULONG kFlags = GAA_FLAG_SKIP_ANYCAST | GAA_FLAG_SKIP_MULTICAST |
                           GAA_FLAG_SKIP_DNS_SERVER | GAA_FLAG_SKIP_FRIENDLY_NAME;
  ULONG size = 16384;
  std::vector<std::uint64_t> buffer;  // Aligned.
  ULONG error = ERROR_BUFFER_OVERFLOW;
  for (int i = 0; i < 4 && error == ERROR_BUFFER_OVERFLOW; ++i) {
    buffer.resize(size / sizeof(std::uint64_t) + 1);
    error = ::GetAdaptersAddresses(AF_UNSPEC, kFlags, nullptr,
                                   reinterpret_cast<IP_ADAPTER_ADDRESSES*>(buffer.data()), &size);
  }
  if (error != NO_ERROR) return;
  for (const auto* one = reinterpret_cast<const IP_ADAPTER_ADDRESSES*>(buffer.data());
       one != nullptr; one = one->Next) {
    for (const auto* address = one->FirstUnicastAddress; address != nullptr;
         address = address->Next)
      see(*one, address->Address.lpSockaddr);
  }
}

bool IsLinkLocal(const sockaddr* address) {
  if (address->sa_family == AF_INET6)
    return IN6_IS_ADDR_LINKLOCAL(&reinterpret_cast<const sockaddr_in6*>(address)->sin6_addr) != 0;
  // What Windows gives itself where no DHCP server answers.
  return (ntohl(reinterpret_cast<const sockaddr_in*>(address)->sin_addr.s_addr) >> 16) == 0xa9fe;
}
}  // namespace

std::uint32_t ProcessId() {
  return ::GetCurrentProcessId();
}

std::string HostName() {
  wchar_t name[256] = L"";
  DWORD size = 256;
  // What hosts on the network call it; a full name where the host is in a domain.
  if (!::GetComputerNameExW(ComputerNameDnsFullyQualified, name, &size) || size == 0) {
    size = 256;
    if (!::GetComputerNameExW(ComputerNameDnsHostname, name, &size)) return "";
  }
  return os::ToUtf8(std::wstring(name, size));
}

// Windows counts its boots beside the SuperFetch parameters; where that is switched off, the moment
// of the boot stands for it, to 10 s, since the clock is set now and then.
std::string BootId() {
  DWORD count = 0;
  DWORD size = sizeof count;
  if (::RegGetValueW(HKEY_LOCAL_MACHINE,
                     L"SYSTEM\\CurrentControlSet\\Control\\Session Manager\\Memory "
                     L"Management\\PrefetchParameters",
                     L"BootId", RRF_RT_REG_DWORD, nullptr, &count, &size) == ERROR_SUCCESS)
    return absl::StrCat("boot-", count);
  FILETIME now;
  ::GetSystemTimeAsFileTime(&now);
  const std::uint64_t ticks =
      static_cast<std::uint64_t>(now.dwHighDateTime) << 32 | now.dwLowDateTime;
  const std::uint64_t booted = ticks / 10000 - ::GetTickCount64();  // ms
  return absl::StrCat("booted-", (booted + 5000) / 10000);
}

std::vector<std::string> OwnAddresses() {
  std::vector<std::string> v4;
  std::vector<std::string> v6;
  ForEachAddress([&](const IP_ADAPTER_ADDRESSES& interface_, const sockaddr* address) {
    if (interface_.IfType == IF_TYPE_SOFTWARE_LOOPBACK || interface_.OperStatus != IfOperStatusUp)
      return;
    const std::string text = TextOf(address);
    if (text.empty() || IsLinkLocal(address)) return;
    (address->sa_family == AF_INET ? v4 : v6).push_back(text);
  });
  v4.insert(v4.end(), v6.begin(), v6.end());
  return v4;
}

std::vector<std::string> AllAddresses() {
  std::vector<std::string> out;
  ForEachAddress([&](const IP_ADAPTER_ADDRESSES&, const sockaddr* address) {
    const std::string text = TextOf(address);
    if (!text.empty() && text != "::1" && text.rfind("127.", 0) != 0 && !IsLinkLocal(address))
      out.push_back(text);
  });
  return out;
}

bool IsOwnAddress(const std::string& address) {
  bool own = false;
  ForEachAddress([&](const IP_ADAPTER_ADDRESSES&, const sockaddr* one) {
    own = own || (!address.empty() && TextOf(one) == address);
  });
  return own;
}

}  // namespace mailquench::agent
