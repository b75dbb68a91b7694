#include "agent/mail/smtpsvc/metabase_file.h"

#ifdef MAILQUENCH_FAULT_POINTS

#include <algorithm>
#include <cstdlib>
#include <set>
#include <variant>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "agent/mail/smtpsvc/ip_block.h"
#include "agent/mail/smtpsvc/metabase_value.h"
#include "agent/os/files.h"
#include "agent/os/lock.h"
#include "common/status/error.h"
#include "nlohmann/json.hpp"

namespace mailquench::agent::smtpsvc {
namespace {
using Json = nlohmann::json;

constexpr char kOwnForm[] = "mailquench-test ";  // Of lists whose bytes only IIS knows.

// Little-endian, as in the two public samples: offsets of deny and grant lists, of addresses and
// names; then a list of no denies; then the grants: one mask, N addresses.
std::string HostListBytes(const std::vector<std::uint32_t>& hosts) {
  std::string out;
  const auto put = [&out](std::uint32_t number) {
    for (int shift = 0; shift < 32; shift += 8)
      out.push_back(static_cast<char>((number >> shift) & 0xff));
  };
  const auto n = static_cast<std::uint32_t>(hosts.size());
  for (const std::uint32_t number : {0x80000018U, 0x80000020U, 0x8000003CU, 0x80000044U, 1U, 76U,
                                     0U, 0U, 1U, n, 2U, n + 1, 4U, 0U, 0x8000004CU, 0U, 0U, 0U, 0U})
    put(number);
  out += "\xff\xff\xff\xff";
  for (const std::uint32_t host : hosts) {
    for (int shift = 24; shift >= 0; shift -= 8)
      out.push_back(static_cast<char>((host >> shift) & 0xff));
  }
  return out;
}

absl::Status BadList() {
  return Error(absl::StatusCode::kDataLoss, "BAD_IP_LIST",
               "IIS cannot read the list of addresses that is stored there");
}

absl::StatusOr<Json> Load(const std::string& path) {
  const absl::StatusOr<std::string> text = ReadFile(path);
  if (absl::IsNotFound(text.status()))
    return Error(absl::StatusCode::kUnavailable, "NO_METABASE",
                 absl::StrCat("there is no metabase at ", path));
  MQ_RETURN_IF_ERROR(text.status());
  Json json = Json::parse(*text, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object() || !json.contains("keys") || !json["keys"].is_object())
    return absl::DataLossError(absl::StrCat(path, " is no metabase"));
  return json;
}

std::string Above(const std::string& key) {
  const std::size_t slash = key.rfind('/');
  return slash == std::string::npos ? "" : key.substr(0, slash);
}

std::optional<std::string> TextAt(const Json& json, const std::string& key, Property property) {
  const auto at = json["keys"].find(key);
  if (at == json["keys"].end() || !at->is_object()) return std::nullopt;
  const auto value = at->find(PropertyName(property));
  if (value == at->end() || !value->is_string()) return std::nullopt;
  return value->get<std::string>();
}

bool Known(const Json& json, const std::string& key) {
  if (key.empty()) return true;
  for (const auto& [name, value] : json["keys"].items()) {
    if (name == key || absl::StartsWith(name, key + "/")) return true;
  }
  return false;
}

absl::Status NoKey(const std::string& key) {
  return Error(absl::StatusCode::kNotFound, "NO_KEY",
               absl::StrCat("the metabase has no key /LM/SMTPSVC/", key));
}
}  // namespace

std::string IpListBytes(const IpSecurity& value) {
  std::vector<std::uint32_t> hosts;
  const bool plain = !value.grant_by_default && value.ip_deny.empty() &&
                     value.domain_grant.empty() && value.domain_deny.empty();
  for (const std::string& grant : value.ip_grant) {
    const std::optional<IpBlock> block = ParseIisBlock(grant);
    if (block.has_value() && block->prefix == 32) hosts.push_back(block->address);
  }
  if (plain && hosts.size() == value.ip_grant.size()) return HostListBytes(hosts);
  return absl::StrCat(kOwnForm, ToText(value));
}

absl::StatusOr<IpSecurity> IpListFrom(const std::string& bytes) {
  if (absl::StartsWith(bytes, kOwnForm)) {
    const auto value = FromText(bytes.substr(sizeof kOwnForm - 1));
    if (!value.ok() || !std::holds_alternative<IpSecurity>(*value)) return BadList();
    return std::get<IpSecurity>(*value);
  }
  if (bytes.size() < 80 || bytes.size() % 4 != 0) return BadList();
  std::vector<std::uint32_t> hosts;
  IpSecurity list;
  for (std::size_t at = 80; at < bytes.size(); at += 4) {
    std::uint32_t host = 0;
    for (std::size_t i = 0; i < 4; ++i)
      host = (host << 8) | static_cast<unsigned char>(bytes[at + i]);
    hosts.push_back(host);
    list.ip_grant.push_back(IpBlock{host, 32}.ForIis());
  }
  if (HostListBytes(hosts) != bytes) return BadList();
  return list;
}

std::unique_ptr<Metabase> MetabaseOfEnvironment() {
  const char* file = std::getenv("MAILQUENCH_METABASE");
  if (file == nullptr || *file == '\0') return nullptr;
  return std::make_unique<MetabaseFile>(file);
}

absl::StatusOr<std::vector<std::string>> MetabaseFile::Children(const std::string& key) {
  MQ_ASSIGN_OR_RETURN(const Json json, Load(path_));
  if (!Known(json, key)) return NoKey(key);
  std::set<std::string> names;
  const std::string start = key.empty() ? "" : key + "/";
  for (const auto& [name, value] : json["keys"].items()) {
    if (name.empty() || !absl::StartsWith(name, start)) continue;
    const std::string rest = name.substr(start.size());
    if (!rest.empty()) names.insert(rest.substr(0, rest.find('/')));
  }
  return std::vector<std::string>(names.begin(), names.end());
}

absl::StatusOr<std::optional<MetabaseValue>> MetabaseFile::Read(const std::string& key,
                                                                Property property,
                                                                bool inherited) {
  MQ_ASSIGN_OR_RETURN(const Json json, Load(path_));
  if (!Known(json, key)) return NoKey(key);
  std::optional<std::string> text = TextAt(json, key, property);
  for (std::string at = key; inherited && !text.has_value() && !at.empty();) {
    at = Above(at);
    text = TextAt(json, at, property);
  }
  if (!text.has_value()) return std::nullopt;
  MQ_ASSIGN_OR_RETURN(const AnyValue value, FromText(*text));
  if (const auto* list = std::get_if<IpSecurity>(&value)) {  // A test wrote it so, by hand.
    return MetabaseValue{MetabaseValue::Type::kBinary, 1, 1, IpListBytes(*list)};
  }
  return std::get<MetabaseValue>(value);
}

absl::Status MetabaseFile::Put(const std::string& key, Property property, const std::string& text) {
  MQ_ASSIGN_OR_RETURN(const auto lock, FileLock::Acquire(path_ + ".lock", absl::Seconds(10)));
  MQ_ASSIGN_OR_RETURN(Json json, Load(path_));
  if (!Known(json, key)) return NoKey(key);
  const std::string name = absl::StrCat(key, "/", PropertyName(property));
  const Json faults = json.value("faults", Json::object());
  for (const Json& fails : faults.value("fail_write", Json::array())) {
    if (fails == name || fails == "*")
      return absl::PermissionDeniedError(absl::StrCat("write /LM/SMTPSVC/", name));
  }
  std::string now = text;
  const Json over = faults.value("overwrite", Json::object());
  if (over.contains(name)) now = over[name].get<std::string>();
  if (now.empty()) {
    if (json["keys"].contains(key)) json["keys"][key].erase(PropertyName(property));
  } else {
    json["keys"][key][PropertyName(property)] = now;
  }
  return WriteFileAtomically(path_, json.dump(1) + "\n", 0644);
}

absl::Status MetabaseFile::Write(const std::string& key,
                                 Property property,
                                 const MetabaseValue& value) {
  return Put(key, property, ToText(value));
}

absl::Status MetabaseFile::Delete(const std::string& key, Property property) {
  return Put(key, property, "");
}

absl::StatusOr<std::optional<IpSecurity>> MetabaseFile::ReadIpSecurity(const std::string& key,
                                                                       Property property) {
  MQ_ASSIGN_OR_RETURN(const std::optional<MetabaseValue> value, Read(key, property, true));
  if (!value.has_value()) return std::nullopt;
  MQ_ASSIGN_OR_RETURN(const IpSecurity list, IpListFrom(value->bytes));
  return list;
}

absl::Status MetabaseFile::WriteIpSecurity(const std::string& key,
                                           Property property,
                                           const IpSecurity& value) {
  return Write(key, property, {MetabaseValue::Type::kBinary, 1, 1, IpListBytes(value)});
}

}  // namespace mailquench::agent::smtpsvc

#endif  // MAILQUENCH_FAULT_POINTS
