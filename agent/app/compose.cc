#include <spdlog/spdlog.h>
#include <yaml-cpp/yaml.h>

#include <map>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "agent/app/agent.h"
#include "agent/app/platform.h"
#include "agent/operations/delist.h"
#include "agent/os/files.h"
#include "agent/os/host.h"
#include "common/operation/names.h"
#include "common/status/error.h"

namespace mailquench::agent {
namespace {
absl::Status BadConfig(const std::string& path, int line, const std::string& what) {
  return Error(absl::StatusCode::kInvalidArgument, "BAD_CONFIG",
               absl::StrCat(path, ":", line, ": ", what, "; the agent did not start"));
}

absl::Status ReadConfig(const YAML::Node& root, const std::string& path, AgentConfig& config) {
  if (root.IsNull()) return absl::OkStatus();
  if (!root.IsMap()) return BadConfig(path, root.Mark().line + 1, "the file must be a map of keys");
  for (const auto& item : root) {
    const std::string key = item.first.as<std::string>();
    const int line = item.first.Mark().line + 1;
    if (key == "mail_system") {
      config.mail_system = item.second.as<std::string>();
      if (!KnowsMailSystem(config.mail_system))
        return BadConfig(path, line, absl::StrCat("mail_system is ", MailSystemNames()));
    } else if (key == "allow") {
      for (const auto& name : item.second) {
        const auto known = MakeOperation(name.as<std::string>(), "");
        if (!known.ok()) return BadConfig(path, line, std::string(known.status().message()));
        config.allow.insert(name.as<std::string>());
      }
      if (config.allow.empty()) return BadConfig(path, line, "allow names no operation");
    } else if (key == "postfix_config_directories") {
      for (const auto& dir : item.second) config.postfix_configs.push_back(dir.as<std::string>());
    } else if (key == "quarantine_roots") {
      for (const auto& dir : item.second) {
        const std::string name = dir.as<std::string>();
        if (!IsPlainPath(name))
          return BadConfig(
              path, line,
              absl::StrCat("quarantine_roots: '", name, "' is no absolute path without . and .."));
        config.quarantine_roots.insert(name);
      }
    } else if (key == "delist_hosts") {
      if (!item.second.IsSequence())
        return BadConfig(path, line, "delist_hosts is a list; [] means none");
      config.delist_hosts.clear();
      for (const auto& host : item.second) {
        const auto entry = ParseAllowedHost(host.as<std::string>());
        if (!entry.ok())
          return BadConfig(path, line,
                           absl::StrCat("delist_hosts: ", std::string(entry.status().message())));
        config.delist_hosts.push_back(*entry);
      }
    } else if (key == "delist_private_targets") {
      config.delist_private_targets = item.second.as<bool>();
    } else if (key == "mail_log") {
      config.mail_log = item.second.as<std::string>();
      if (!IsPlainPath(config.mail_log))
        return BadConfig(path, line, "mail_log is an absolute path without . and ..");
    } else if (key == "exchange_connection_uri") {
      config.exchange_connection_uri = item.second.as<std::string>();
      if (!absl::StartsWith(config.exchange_connection_uri, "http://") &&
          !absl::StartsWith(config.exchange_connection_uri, "https://"))
        return BadConfig(path, line, "exchange_connection_uri is http://HOST/PowerShell/");
    } else if (key == "exchange_powershell") {
      for (const auto& word : item.second)
        config.exchange_powershell.push_back(word.as<std::string>());
      if (config.exchange_powershell.empty() || !IsPlainPath(config.exchange_powershell.front()))
        return BadConfig(path, line,
                         "exchange_powershell is a list that begins with the full path of a "
                         "program");
    } else if (key == "contain_settle_seconds") {
      const int seconds = item.second.as<int>();
      if (seconds < 0 || seconds > 3600)
        return BadConfig(path, line, "contain_settle_seconds is 0 to 3600");
      config.contain_settle = absl::Seconds(seconds);
    } else if (key == "heartbeat_seconds") {
      const int seconds = item.second.as<int>();
      if (seconds < 1 || seconds > 300)
        return BadConfig(path, line, "heartbeat_seconds is 1 to 300");
      config.heartbeat = absl::Seconds(seconds);
    } else {
      const auto known = ReadAntivirusKey(key, item.second, config.antivirus);
      if (!known.ok()) return BadConfig(path, line, std::string(known.status().message()));
      if (!*known) return BadConfig(path, line, absl::StrCat("unknown key '", key, "'"));
    }
  }
  return absl::OkStatus();
}

std::unique_ptr<AntivirusSet> MakeAntivirus(const AntivirusConfig& config,
                                            const std::string& state_dir) {
  std::vector<std::unique_ptr<Antivirus>> residents = KnownAntivirus(config);
  for (const AdapterConfig& one : config.adapters)
    residents.push_back(std::make_unique<Adapter>(one));
  std::unique_ptr<Antivirus> second;
  if (config.second_opinion.has_value()) {
    AdapterConfig pinned = *config.second_opinion;
    pinned.private_folder = state_dir;
    second = std::make_unique<Adapter>(std::move(pinned));
  }
  return std::make_unique<AntivirusSet>(std::move(residents), std::move(second));
}

// The agent's own, whatever the mail system.
v1::Capability FetchCapability(const AgentConfig& config) {
  v1::Capability capability;
  capability.set_operation("delist.fetch");
  capability.set_available(!config.delist_hosts.empty());
  if (config.delist_hosts.empty()) capability.set_reason("this host's delist_hosts is empty");
  return capability;
}
}  // namespace

absl::StatusOr<AgentConfig> LoadAgentConfig(const std::string& state_dir) {
  AgentConfig config;
  config.delist_hosts = DefaultDelistHosts();
  const std::string path = absl::StrCat(state_dir, "/agent.yaml");
  const auto text = ReadFile(path, std::size_t{1024} * 1024);
  if (absl::IsNotFound(text.status())) return config;
  MQ_RETURN_IF_ERROR(text.status());
  try {
    MQ_RETURN_IF_ERROR(ReadConfig(YAML::Load(*text), path, config));
  } catch (const YAML::Exception& error) {
    return BadConfig(path, error.mark.line + 1, error.msg);
  }
  return config;
}

absl::StatusOr<std::unique_ptr<Agent>> OpenAgent(const std::string& state_dir) {
  auto agent = std::make_unique<Agent>();
  agent->state_dir = state_dir;
  MQ_RETURN_IF_ERROR(MakeStateFolder(state_dir));
  MQ_ASSIGN_OR_RETURN(agent->config, LoadAgentConfig(state_dir));
  agent->host_id = "local";
  const std::string identity = absl::StrCat(state_dir, "/identity.yaml");
  if (const auto text = ReadFile(identity, 65536); text.ok()) {
    try {
      agent->host_id = YAML::Load(*text)["host_id"].as<std::string>();
    } catch (const YAML::Exception& error) {
      return BadConfig(identity, error.mark.line + 1, error.msg);
    }
  }
  MQ_ASSIGN_OR_RETURN(agent->mail, ChooseMailSystem(agent->config, state_dir));
  agent->antivirus = MakeAntivirus(agent->config.antivirus, state_dir);
  MQ_ASSIGN_OR_RETURN(agent->journal, Journal::Open(absl::StrCat(state_dir, "/journal.db")));
  ExecutorOptions options;
  options.host_id = agent->host_id;
  options.state_dir = state_dir;
  options.allowed_operations = agent->config.allow;
  options.quarantine_roots = agent->config.quarantine_roots;
  options.scan_roots = agent->config.antivirus.scan_roots;
  options.antivirus = agent->antivirus.get();
  options.settle = agent->config.contain_settle;
  options.delist_hosts = agent->config.delist_hosts;
  options.delist_private_targets = agent->config.delist_private_targets;
  agent->executor =
      std::make_unique<Executor>(*agent->mail, *agent->journal, agent->clock, options);
  return agent;
}

v1::Hello MakeHello(Agent& agent) {
  v1::Hello hello;
  hello.set_hostname(HostName());
  hello.set_agent_version(kAgentVersion);
  hello.set_boot_id(BootId());
  const auto inventory = agent.mail->Inspect();
  if (inventory.ok()) {
    hello.set_platform(inventory->platform);
    hello.set_platform_version(inventory->version);
    std::vector<v1::Capability> capabilities = inventory->capabilities;
    capabilities.push_back(FetchCapability(agent.config));
    // Whether there is one may change from day to day: the operations say it.
    for (const char* operation : {"antivirus.status", "antivirus.update", "antivirus.scan"}) {
      v1::Capability& capability = capabilities.emplace_back();
      capability.set_operation(operation);
      capability.set_available(true);
    }
    for (v1::Capability& capability : capabilities) {
      if (!agent.config.allow.empty() && agent.config.allow.count(capability.operation()) == 0) {
        capability.set_available(false);
        capability.set_reason("not in this host's allow list");
      }
      const auto operation = MakeOperation(capability.operation(), "");
      capability.set_organisation_wide(operation.ok() &&
                                       agent.mail->OrganisationWide(operation->kind_case()));
      *hello.add_capabilities() = capability;
    }
    // So that no controller sends a part to an agent that would do the whole of it at once.
    v1::Capability* parts = hello.add_capabilities();
    parts->set_operation("contain.parts");
    parts->set_available(true);
    for (const std::string& listener : inventory->listeners) hello.add_listeners(listener);
    for (const std::string& range : inventory->trusted_ranges) hello.add_trusted_ranges(range);
    for (const std::string& one : inventory->egress_addresses) hello.add_egress_addresses(one);
    for (const std::string& domain : inventory->mail_domains) hello.add_mail_domains(domain);
    for (const std::string& helo : inventory->helo_names) hello.add_helo_names(helo);
    hello.set_mail_domains_cut(inventory->mail_domains_cut);
    hello.set_organisation(inventory->organisation);
    hello.set_transport_group(inventory->transport_group);
    for (const std::string& one : inventory->transport_members) hello.add_transport_members(one);
    hello.set_transport_group_unknown(inventory->transport_group_unknown);
    if (inventory->mail_domains_cut)
      spdlog::warn("of the mail system's domains only the first {} are told", kMaxMailDomains);
  } else {
    spdlog::error("the mail system cannot be inspected: {}", inventory.status().ToString());
  }
  for (const std::string& address : AllAddresses()) hello.add_addresses(address);
  return hello;
}

}  // namespace mailquench::agent
