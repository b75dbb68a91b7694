#include "tests/simulation/smtpsvc/prepare.h"

#include "absl/strings/str_cat.h"
#include "agent/mail/smtpsvc/metabase_file.h"
#include "agent/os/files.h"
#include "common/status/error.h"
#include "nlohmann/json.hpp"
#include "tests/simulation/smtpsvc/virtual_server.h"

namespace mailquench::simulation {
using agent::smtpsvc::IpSecurity;
using agent::smtpsvc::MetabaseFile;
using agent::smtpsvc::MetabaseValue;
using agent::smtpsvc::Property;

namespace {

constexpr std::uint32_t kInherit = 1;     // METADATA_INHERIT
constexpr std::uint32_t kServerData = 1;  // IIS_MD_UT_SERVER

MetabaseValue Text(const std::string& ascii,
                   MetabaseValue::Type type = MetabaseValue::Type::kString) {
  MetabaseValue value;
  value.type = type;
  value.attributes = kInherit;
  value.user_type = kServerData;
  for (const char c :
       ascii + std::string(type == MetabaseValue::Type::kMultiString ? 2 : 1, '\0')) {
    value.bytes.push_back(c);
    value.bytes.push_back('\0');
  }
  return value;
}

MetabaseValue Number(std::uint32_t number) {
  MetabaseValue value = MakeNumber(number);
  value.attributes = kInherit;
  value.user_type = kServerData;
  return value;
}

// The keys alone, as IIS' installation makes them: a program writes into those that are there.
absl::Status AddKeys(const std::string& file, const VirtualServerPlan& plan) {
  const auto text = agent::ReadFile(file);
  auto json = text.ok() ? nlohmann::json::parse(*text, nullptr, false) : nlohmann::json::object();
  if (!json.is_object()) return absl::DataLossError(absl::StrCat(file, " is no metabase"));
  std::vector<std::string> keys = {"", plan.number, absl::StrCat(plan.number, "/Domain")};
  for (const std::string& domain : plan.domains)
    keys.push_back(absl::StrCat(plan.number, "/Domain/", domain));
  for (const std::string& key : keys) {
    if (!json["keys"].contains(key)) json["keys"][key] = nlohmann::json::object();
  }
  return agent::WriteFileAtomically(file, json.dump(1) + "\n");
}

}  // namespace

absl::Status Prepare(const std::string& metabase_file, const VirtualServerPlan& plan) {
  MQ_RETURN_IF_ERROR(AddKeys(metabase_file, plan));
  MetabaseFile metabase(metabase_file);
  const std::uint32_t login = plan.basic_login ? 7 : 1;
  MQ_RETURN_IF_ERROR(metabase.Write("", Property::kAuthFlags, Number(login)));
  MQ_RETURN_IF_ERROR(metabase.Write("", Property::kRelayForAuth, Number(0xffffffff)));
  const std::pair<Property, const char*> folders[] = {{Property::kQueueDirectory, "Queue"},
                                                      {Property::kBadMailDirectory, "Badmail"},
                                                      {Property::kPickupDirectory, "Pickup"},
                                                      {Property::kDropDirectory, "Drop"}};
  for (const auto& [property, name] : folders) {
    const std::string folder = absl::StrCat(plan.mailroot, "/", name);
    MQ_RETURN_IF_ERROR(agent::MakeDirectories(folder, 0755));
    MQ_RETURN_IF_ERROR(metabase.Write(plan.number, property, Text(folder)));
  }
  MQ_RETURN_IF_ERROR(
      metabase.Write(plan.number, Property::kFullyQualifiedDomainName, Text(plan.fqdn)));
  MQ_RETURN_IF_ERROR(metabase.Write(
      plan.number, Property::kServerBindings,
      Text(absl::StrCat(plan.address, ":", plan.port, ":"), MetabaseValue::Type::kMultiString)));
  MQ_RETURN_IF_ERROR(metabase.Write(plan.number, Property::kServerState, MakeNumber(4)));
  if (!plan.open_relay) return absl::OkStatus();
  IpSecurity everybody;
  everybody.grant_by_default = true;
  return metabase.WriteIpSecurity(plan.number, Property::kRelayIpList, everybody);
}

}  // namespace mailquench::simulation
