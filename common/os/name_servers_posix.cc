#include <net/if.h>

#include "common/os/name_servers.h"

namespace mailquench::os {

std::vector<std::string> SystemNameServers() {
  return NameServersIn("/etc/resolv.conf");
}

unsigned InterfaceIndex(const std::string& zone) {
  return ::if_nametoindex(zone.c_str());
}

}  // namespace mailquench::os
