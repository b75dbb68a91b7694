#include "common/os/name_servers.h"

#include <cstddef>
#include <sstream>

#include "common/os/whole_file.h"

namespace mailquench::os {

std::vector<std::string> NameServersIn(const std::string& resolv_conf) {
  constexpr std::size_t kLongest = 1 << 20;
  std::vector<std::string> servers;
  std::istringstream file(ReadWhole(resolv_conf, kLongest).value_or(""));
  std::string line;
  while (std::getline(file, line)) {
    std::istringstream words(line);
    std::string word, server;
    if (words >> word >> server && word == "nameserver") servers.push_back(server);
  }
  return servers;
}

}  // namespace mailquench::os
