#include "agent/mail/smtpsvc/virtual_servers.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "agent/mail/folders/paths.h"
#include "agent/mail/smtpsvc/metabase_value.h"
#include "agent/quarantine/top_k.h"
#include "common/status/error.h"

namespace mailquench::agent::smtpsvc {
namespace {
constexpr std::size_t kMostDomains = 1000;

bool IsNumber(const std::string& name) {
  return !name.empty() && name.size() < 10 && std::all_of(name.begin(), name.end(), [](char c) {
    return absl::ascii_isdigit(static_cast<unsigned char>(c));
  });
}

absl::StatusOr<std::string> Text(Metabase& metabase, const std::string& key, Property property) {
  MQ_ASSIGN_OR_RETURN(const std::optional<MetabaseValue> value,
                      metabase.Read(key, property, /*inherited=*/true));
  return value.has_value() ? AsString(*value).value_or("") : "";
}

absl::StatusOr<std::string> Directory(Metabase& metabase,
                                      const std::string& key,
                                      Property property) {
  MQ_ASSIGN_OR_RETURN(const std::string text, Text(metabase, key, property));
  return Trimmed(ExpandVariables(text));
}

absl::StatusOr<VirtualServer> ReadOne(Metabase& metabase, const std::string& name) {
  VirtualServer server;
  server.name = name;
  MQ_ASSIGN_OR_RETURN(server.comment, Text(metabase, name, Property::kServerComment));
  MQ_ASSIGN_OR_RETURN(server.queue, Directory(metabase, name, Property::kQueueDirectory));
  MQ_ASSIGN_OR_RETURN(server.badmail, Directory(metabase, name, Property::kBadMailDirectory));
  MQ_ASSIGN_OR_RETURN(server.pickup, Directory(metabase, name, Property::kPickupDirectory));
  MQ_ASSIGN_OR_RETURN(server.drop, Directory(metabase, name, Property::kDropDirectory));
  MQ_ASSIGN_OR_RETURN(server.host_name, Text(metabase, name, Property::kFullyQualifiedDomainName));
  MQ_ASSIGN_OR_RETURN(server.default_domain, Text(metabase, name, Property::kDefaultDomain));
  MQ_ASSIGN_OR_RETURN(const std::optional<MetabaseValue> bindings,
                      metabase.Read(name, Property::kServerBindings, true));
  if (bindings.has_value())
    server.bindings = AsMultiString(*bindings).value_or(std::vector<std::string>());
  MQ_ASSIGN_OR_RETURN(server.state, StateOf(metabase, name));
  return server;
}
}  // namespace

absl::StatusOr<VirtualServerState> StateOf(Metabase& metabase, const std::string& name) {
  MQ_ASSIGN_OR_RETURN(const std::optional<MetabaseValue> value,
                      metabase.Read(name, Property::kServerState, true));
  const std::uint32_t state = value.has_value() ? AsDword(*value).value_or(0) : 0;
  return state <= 7 ? static_cast<VirtualServerState>(state) : VirtualServerState::kUnknown;
}

absl::StatusOr<std::vector<VirtualServer>> FindVirtualServers(Metabase& metabase,
                                                              const InstanceNames& names) {
  MQ_ASSIGN_OR_RETURN(std::vector<std::string> keys, metabase.Children(""));
  std::erase_if(keys, [](const std::string& key) { return !IsNumber(key); });
  std::sort(keys.begin(), keys.end(), [](const std::string& a, const std::string& b) {
    return std::make_pair(a.size(), a) < std::make_pair(b.size(), b);
  });
  if (keys.empty())
    return Error(absl::StatusCode::kFailedPrecondition, "NO_VIRTUAL_SERVER",
                 "the SMTP service of this host has no virtual server (an upgrade of Windows in "
                 "place removes them); nothing was done; make one in IIS' console");
  for (const std::string& name : names) {
    if (std::find(keys.begin(), keys.end(), name) == keys.end())
      return Error(absl::StatusCode::kNotFound, "UNKNOWN_INSTANCE",
                   absl::StrCat("no virtual server '", Printable(name),
                                "' is on this host; nothing was done; service.status names them"));
  }
  std::vector<VirtualServer> servers;
  for (const std::string& key : keys) {
    if (!names.empty() && std::find(names.begin(), names.end(), key) == names.end()) continue;
    MQ_ASSIGN_OR_RETURN(VirtualServer server, ReadOne(metabase, key));
    servers.push_back(std::move(server));
  }
  return servers;
}

absl::StatusOr<std::string> DirectoryOf(const VirtualServer& server,
                                        const std::string& directory,
                                        const char* setting) {
  const auto bad = [&](const std::string& why) {
    return Error(absl::StatusCode::kFailedPrecondition, "BAD_DIRECTORY",
                 absl::StrCat("virtual server ", server.name, ": its ", setting, " ", why,
                              "; nothing was touched; set it to a folder of its own in IIS' "
                              "console, then repeat"));
  };
  if (directory.empty()) return bad("is not set");
  if (!IsAbsolutePath(directory)) return bad(absl::StrCat("'", directory, "' is no absolute path"));
  if (ParentOf(directory).empty()) return bad(absl::StrCat("'", directory, "' is a whole volume"));
  return directory;
}

absl::StatusOr<std::vector<DomainKey>> DomainKeysOf(Metabase& metabase,
                                                    const VirtualServer& server) {
  constexpr std::uint32_t kLocalBits = 1 | 16 | 32 | 64, kRelayBit = 4096;
  const std::string root = absl::StrCat(server.name, "/Domain");
  const absl::StatusOr<std::vector<std::string>> below = metabase.Children(root);
  std::vector<DomainKey> out;
  if (absl::IsNotFound(below.status())) return out;
  MQ_RETURN_IF_ERROR(below.status());
  for (const std::string& name : *below) {
    DomainKey key;
    key.name = name;
    MQ_ASSIGN_OR_RETURN(const auto value,
                        metabase.Read(absl::StrCat(root, "/", name), Property::kRouteAction,
                                      /*inherited=*/false));
    const std::optional<std::uint32_t> action = value.has_value() ? AsDword(*value) : std::nullopt;
    if (action.has_value()) {
      key.kind = (*action & kLocalBits) != 0 ? DomainKey::Kind::kLocal : DomainKey::Kind::kRemote;
      key.relays = (*action & kRelayBit) != 0;
    }
    out.push_back(std::move(key));
  }
  return out;
}

absl::StatusOr<std::vector<std::string>> DomainsOf(Metabase& metabase,
                                                   const VirtualServer& server) {
  std::vector<std::string> domains;
  const auto add = [&domains](std::string domain) {
    domain = absl::AsciiStrToLower(domain);
    if (!domain.empty() && domain.find('*') == std::string::npos && domain.size() <= 253 &&
        std::find(domains.begin(), domains.end(), domain) == domains.end())
      domains.push_back(domain);
  };
  add(server.default_domain);
  MQ_ASSIGN_OR_RETURN(const std::vector<DomainKey> below, DomainKeysOf(metabase, server));
  for (const DomainKey& domain : below) {
    if (domain.kind != DomainKey::Kind::kRemote && domains.size() < kMostDomains) add(domain.name);
  }
  return domains;
}

}  // namespace mailquench::agent::smtpsvc
