#include "tests/simulation/exchange/world.h"

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "agent/os/files.h"
#include "agent/os/lock.h"
#include "common/status/error.h"
#include "tests/simulation/exchange/item.h"
#include "tests/simulation/exchange/settings.h"

namespace mailquench::simulation::exchange {
namespace {

constexpr char kAllIps[] = "0.0.0.0-255.255.255.255";

Json Connector(const std::string& name,
               const char* role,
               int port,
               const char* mechanisms,
               const char* groups) {
  return {{"Name", name},
          {"TransportRole", role},
          {"Bindings", Json::array({absl::StrCat("127.0.0.1:", port)})},
          {"RemoteIPRanges", Json::array({kAllIps})},
          {"AuthMechanism", mechanisms},
          {"PermissionGroups", groups},
          {"Enabled", true},
          {"MaxRecipientsPerMessage", 200u},
          {"Permissions", Json::array()}};
}

Json ConnectorsOf(const ServerPlan& server, bool open_relay) {
  Json all = Json::array();
  if (server.edge) {
    all.push_back(Connector("Default internal receive connector " + server.name, "HubTransport",
                            server.frontend_port, "Tls, ExchangeServer",
                            "AnonymousUsers, ExchangeServers, Partners"));
  } else {
    all.push_back(Connector("Default Frontend " + server.name, "FrontendTransport",
                            server.frontend_port,
                            "Tls, Integrated, BasicAuth, BasicAuthRequireTLS, ExchangeServer",
                            "AnonymousUsers, ExchangeServers, ExchangeLegacyServers"));
    all.push_back(Connector("Default " + server.name, "HubTransport", server.hub_port,
                            "Tls, Integrated, BasicAuth, BasicAuthRequireTLS, ExchangeServer",
                            "ExchangeUsers, ExchangeServers, ExchangeLegacyServers"));
    if (server.client_port != 0)
      all.push_back(Connector("Client Frontend " + server.name, "FrontendTransport",
                              server.client_port, "Tls, Integrated, BasicAuth", "ExchangeUsers"));
  }
  if (open_relay)
    all[0]["Permissions"].push_back(
        {{"User", "NT AUTHORITY\\ANONYMOUS LOGON"},
         {"ExtendedRights", Json::array({"ms-Exch-SMTP-Accept-Any-Recipient"})},
         {"Deny", false},
         {"IsInherited", false}});
  return all;
}

absl::Status WriteServer(const std::string& world, const std::string& server) {
  const std::string folder = ServerFolder(world, server);
  for (const char* name : {"/Bin", "/TransportRoles/Pickup", "/TransportRoles/Replay",
                           "/TransportRoles/data", "/TransportRoles/Logs/MessageTracking", "/sim"})
    MQ_RETURN_IF_ERROR(agent::MakeDirectories(folder + name, 0755));
  const std::string queue = folder + "/TransportRoles/data/Queue";
  MQ_RETURN_IF_ERROR(agent::WriteFileAtomically(
      folder + "/Bin/EdgeTransport.exe.config",
      absl::StrCat("<?xml version=\"1.0\" encoding=\"utf-8\"?>\r\n<configuration>\r\n"
                   "  <runtime>\r\n    <gcServer enabled=\"true\" />\r\n  </runtime>\r\n"
                   "  <appSettings>\r\n    <add key=\"QueueDatabasePath\" value=\"",
                   queue, "\" />\r\n    <add key=\"QueueDatabaseLoggingPath\" value=\"", queue,
                   "\" />\r\n    <add key=\"QueueDatabaseMaxConnections\" value=\"4\" />\r\n"
                   "  </appSettings>\r\n</configuration>\r\n")));
  MQ_RETURN_IF_ERROR(agent::WriteFileAtomically(folder + "/sim/registry.json",
                                                Json({{"components", Json::object()}}).dump()));
  return WriteTransportOptions(world, server, {{"pickup_every_ms", 100}, {"retry_every_ms", 200}});
}

}  // namespace

Json MakeOrganisation(const WorldPlan& plan) {
  Json servers = Json::object(), mailboxes = Json::array(), dags = Json::array();
  for (const ServerPlan& one : plan.servers) {
    servers[one.name] = {{"version", one.version},
                         {"build", one.build},
                         {"role", one.edge ? "Edge" : "Mailbox"},
                         {"site", one.site},
                         {"fqdn", absl::StrCat(absl::AsciiStrToLower(one.name), ".", plan.domain)},
                         {"components", Json::object()},
                         {"receive_connectors", ConnectorsOf(one, plan.open_relay)},
                         {"transport_service", {{"MessageTrackingLogEnabled", true}}},
                         {"firewall", Json::array()}};
    if (one.dag.empty()) continue;
    servers[one.name]["dag"] = one.dag;
    bool known = false;
    for (Json& dag : dags) {
      if (dag["Name"] != one.dag) continue;
      dag["Servers"].push_back(one.name);
      known = true;
    }
    if (!known) dags.push_back({{"Name", one.dag}, {"Servers", Json::array({one.name})}});
  }
  for (const std::string& one : plan.mailboxes)
    mailboxes.push_back(
        {{"UserPrincipalName", one}, {"PrimarySmtpAddress", one}, {"Password", "secret"}});
  Json connector = {{"Name", "Internet"},
                    {"AddressSpaces", Json::array({"SMTP:*;1"})},
                    {"SmartHosts", Json::array()},
                    {"DNSRoutingEnabled", plan.smart_host.empty()},
                    {"Enabled", true}};
  if (!plan.smart_host.empty()) connector["SmartHosts"].push_back(plan.smart_host);
  return {{"name", "Contoso"},
          {"guid", NewGuid()},
          {"transport_config",
           {{"ShadowRedundancyEnabled", true},
            {"ShadowHeartbeatFrequency", plan.heartbeat},
            {"ShadowResubmitTimeSpan", plan.resubmit_after},
            {"RejectMessageOnShadowFailure", false}}},
          {"remote_domains", Json::array({{{"Name", "Default"},
                                           {"DomainName", "*"},
                                           {"NDREnabled", true},
                                           {"DeliveryReportEnabled", true},
                                           {"AutoReplyEnabled", false},
                                           {"AutoForwardEnabled", false}}})},
          {"accepted_domains", Json::array({{{"Name", plan.domain},
                                             {"DomainName", plan.domain},
                                             {"DomainType", "Authoritative"},
                                             {"Default", true}}})},
          {"transport_rules", Json::array()},
          {"send_connectors", Json::array({connector})},
          {"dags", dags},
          {"mailboxes", mailboxes},
          {"servers", servers}};
}

absl::Status WriteWorld(const std::string& world, const WorldPlan& plan) {
  MQ_RETURN_IF_ERROR(agent::MakeDirectories(world, 0755));
  for (const ServerPlan& one : plan.servers) MQ_RETURN_IF_ERROR(WriteServer(world, one.name));
  return agent::WriteFileAtomically(world + "/organisation.json", MakeOrganisation(plan).dump(1));
}

absl::Status ChangeOrganisation(const std::string& world,
                                const std::function<void(Json&)>& change) {
  MQ_ASSIGN_OR_RETURN(const auto lock,
                      agent::FileLock::Acquire(world + "/organisation.lock", absl::Seconds(30)));
  MQ_ASSIGN_OR_RETURN(const std::string text, agent::ReadFile(world + "/organisation.json"));
  Json json = Json::parse(text, nullptr, false);
  if (!json.is_object()) return absl::InternalError("organisation.json is no JSON");
  change(json);
  return agent::WriteFileAtomically(world + "/organisation.json", json.dump(1));
}

absl::Status WriteTransportOptions(const std::string& world,
                                   const std::string& server,
                                   const Json& options) {
  return agent::WriteFileAtomically(SimFile(world, server, "transport-options.json"),
                                    options.dump());
}

}  // namespace mailquench::simulation::exchange
