#include "agent/mail/postfix/relay_traffic.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <map>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/status/error.h"

namespace mailquench::agent::postfix {
namespace {
constexpr std::size_t kMost = 20;

// The text after `name` up to a comma, a space or the end.
std::string Field(const std::string& line, const std::string& name) {
  const std::size_t at = line.find(name);
  if (at == std::string::npos) return "";
  const std::size_t begin = at + name.size();
  return line.substr(begin, line.find_first_of(", ", begin) - begin);
}

std::string InBrackets(const std::string& host) {
  const std::size_t open = host.rfind('[');
  const std::size_t close = host.rfind(']');
  if (open == std::string::npos || close == std::string::npos || close < open) return "";
  return host.substr(open + 1, close - open - 1);
}

bool IsOurs(const std::string& domain, const TrafficRules& rules) {
  if (domain.empty() || rules.own_domains.count(domain) > 0) return true;
  for (std::string part = domain;;) {
    if (rules.relay_domains.count(part) > 0) return true;
    const std::size_t dot = part.find('.');
    if (dot == std::string::npos) return false;
    part = part.substr(dot + 1);
  }
}

bool Stays(const std::string& client, const std::string& account, const TrafficRules& rules) {
  if (!account.empty() && rules.accounts_stay) return true;
  const std::optional<Cidr> address = Cidr::Parse(client);
  if (!address.has_value()) return false;
  return std::any_of(rules.clients_stay.begin(), rules.clients_stay.end(),
                     [&](const Cidr& block) { return block.Contains(*address); });
}
}  // namespace

absl::StatusOr<std::string> ReadTail(const std::string& path, std::size_t max_bytes) {
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) return SystemError(errno, absl::StrCat("open ", path));
  struct stat info {};
  std::string text;
  if (fstat(fd, &info) == 0 && S_ISREG(info.st_mode)) {
    const auto size = static_cast<std::size_t>(info.st_size);
    std::size_t at = size > max_bytes ? size - max_bytes : 0;
    const bool cut = at > 0;
    text.resize(size - at);
    std::size_t have = 0;
    while (have < text.size()) {
      const ssize_t n =
          pread(fd, text.data() + have, text.size() - have, static_cast<off_t>(at + have));
      if (n < 0 && errno == EINTR) continue;
      if (n <= 0) break;
      have += static_cast<std::size_t>(n);
    }
    text.resize(have);
    if (cut)
      text.erase(0, text.find('\n') == std::string::npos ? text.size() : text.find('\n') + 1);
  }
  close(fd);
  return text;
}

std::vector<v1::LegitimateUse> RelayersIn(const std::string& log, const TrafficRules& rules) {
  using Who = std::pair<std::string, std::string>;  // Client, account.
  std::map<std::string, Who>
      senders;  // By queue id, until the message is counted or its id is used again.
  std::map<Who, std::int64_t> counts;
  const std::string program = absl::StrCat(" ", rules.syslog_name, "/");
  for (std::size_t at = 0; at < log.size();) {
    const std::size_t end = std::min(log.find('\n', at), log.size());
    const std::string line = log.substr(at, end - at);
    at = end + 1;
    const std::size_t tag = line.find(program);
    const std::size_t colon = tag == std::string::npos ? tag : line.find("]: ", tag);
    if (colon == std::string::npos) continue;
    const std::string daemon = line.substr(tag + 1, colon - tag);
    const std::string rest = line.substr(colon + 3);
    const std::size_t id_end = rest.find(": ");
    if (id_end == std::string::npos) continue;
    const std::string id = rest.substr(0, id_end);
    const std::string body = rest.substr(id_end + 2);
    if (absl::StartsWith(body, "client=")) {
      senders[id] = {InBrackets(Field(body, "client=")), Field(body, "sasl_username=")};
    } else if (absl::StartsWith(body, "to=<") && absl::StrContains(daemon, "/smtp[") &&
               !absl::StrContains(daemon, "/relay/smtp[")) {
      const auto sender = senders.find(id);
      if (sender == senders.end()) continue;
      const std::string to = body.substr(4, body.find('>') - 4);
      const std::size_t sign = to.rfind('@');
      const std::string domain =
          sign == std::string::npos ? "" : absl::AsciiStrToLower(to.substr(sign + 1));
      if (IsOurs(domain, rules) || Stays(sender->second.first, sender->second.second, rules))
        continue;
      ++counts[sender->second];
      senders.erase(sender);
    }
  }
  std::vector<std::pair<Who, std::int64_t>> ranked(counts.begin(), counts.end());
  std::stable_sort(ranked.begin(), ranked.end(),
                   [](const auto& a, const auto& b) { return a.second > b.second; });
  std::vector<v1::LegitimateUse> uses;
  for (const auto& [who, messages] : ranked) {
    if (uses.size() == kMost) break;
    v1::LegitimateUse use;
    use.set_instance(rules.instance);
    use.set_client(who.first);
    use.set_account(who.second);
    use.set_messages(messages);
    uses.push_back(use);
  }
  return uses;
}

}  // namespace mailquench::agent::postfix
