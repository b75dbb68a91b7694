#include "tests/contract/exchange_server.h"

#include <stdlib.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "agent/mail/exchange/powershell/session.h"
#include "agent/os/files.h"
#include "agent/os/process.h"
#include "nlohmann/json.hpp"
#include "tests/simulation/common/line_socket.h"

namespace mailquench::contract {
namespace {
namespace fs = std::filesystem;
constexpr int kPorts[] = {25, 465, 475, 587, 717, 2525};  // Of the default connectors.

std::string BuildOf(const std::string& version) {
  if (version == "EX2013") return "15.0.1497.48";
  if (version == "EX2016") return "15.1.2507.6";
  return version == "EXSE" ? "15.2.2562.17" : "15.2.1748.10";
}

// So that each port of the default connectors is free above it. Below those that the system gives
// to whoever connects (32768 and up), since a server that is stopped has its ports back when it
// starts.
int FreeBase() {
  std::random_device random;
  for (;;) {
    const int base = 10000 + static_cast<int>(random() % 20000);
    const bool is_free = std::all_of(std::begin(kPorts), std::end(kPorts), [&](int port) {
      return simulation::ListenOn("127.0.0.1", base + port).valid();
    });
    if (is_free) return base;
  }
}

// The cmdlets that docs/exchange.md tells an administrator to give the agent's account, a table of
// which is all that there is at the endpoint.
nlohmann::json DocumentedCmdlets() {
  std::ifstream document(MAILQUENCH_DOCUMENTS "/exchange.md");
  nlohmann::json out = nlohmann::json::array();
  bool inside = false;
  for (std::string line; std::getline(document, line);) {
    inside = line.rfind("| cmdlet |", 0) == 0 || (inside && line.rfind('|', 0) == 0);
    if (!inside || line.rfind("| `", 0) != 0) continue;
    out.push_back(line.substr(3, line.find('`', 3) - 3));
  }
  if (out.empty()) std::abort();
  return out;
}
}  // namespace

// The folders and the directory as the stand-in's own tool makes them, with the presets of the
// permission groups; then what makes an open relay.
void ExchangeServer::MakeWorld(const std::string& version) {
  const std::string wish =
      absl::StrCat(kName, ",", version, ",", edge_ ? "Edge" : "Mailbox",
                   ",address=127.0.0.1,ports=25+", port_ - 25, ",build=", BuildOf(version));
  const absl::StatusOr<agent::ProcessResult> made = agent::RunProcess(
      {MAILQUENCH_EXCHANGE_SIM, "world", dir, "--server", wish}, agent::ProcessOptions());
  if (!made.ok()) std::abort();
  const absl::Status opened =
      simulation::exchange::ChangeOrganisation(dir, [](nlohmann::json& all) {
        for (auto& connector : all["servers"][kName]["receive_connectors"]) {
          const std::string name = connector["Name"];
          if (name != std::string("Default Frontend ") + kName &&
              name.find("internal receive") == std::string::npos)
            continue;
          // Of an Edge server, too, there is more than one thing that a lock closes.
          if (name.find("internal receive") != std::string::npos)
            connector["AuthMechanism"] = "Tls, ExternalAuthoritative";
          // An entry that no group has makes them Custom.
          connector["PermissionGroups"] =
              connector["PermissionGroups"].get<std::string>() + ", Custom";
          connector["Permissions"].push_back(
              {{"User", "NT AUTHORITY\\ANONYMOUS LOGON"},
               {"ExtendedRights", nlohmann::json::array({"ms-Exch-SMTP-Accept-Any-Recipient"})},
               {"Deny", false},
               {"IsInherited", false}});
        }
      });
  const absl::Status fast = simulation::exchange::WriteTransportOptions(
      dir, kName, {{"pickup_every_ms", 100}, {"retry_every_ms", 200}});
  const absl::Status account =
      agent::WriteFileAtomically(absl::StrCat(dir, "/servers/", kName, "/sim/shell.json"),
                                 nlohmann::json{{"roles", DocumentedCmdlets()}}.dump(), 0600);
  if (!opened.ok() || !fast.ok() || !account.ok()) std::abort();
}

ExchangeServer::ExchangeServer(const std::string& version, absl::Duration recovers_after) {
  // A path as an administrator may have chosen it.
  std::string made = (fs::temp_directory_path() / "mq ex'ch [ä] XXXXXX").string();
  dir = ::mkdtemp(made.data());
  fs::create_directories(dir + "/state");
  edge_ = version == "Edge";
  port_ = FreeBase() + 25;
  MakeWorld(edge_ ? "EX2019" : version);
  installation.path = dir + "/servers/" + kName;
  installation.server = kName;
  installation.fqdn = absl::StrCat(absl::AsciiStrToLower(kName), ".contoso.test");
  installation.version = BuildOf(edge_ ? "EX2019" : version);
  installation.role = edge_ ? agent::exchange::Role::kEdge : agent::exchange::Role::kMailbox;
  services = std::make_unique<simulation::exchange::Services>(dir, kName, recovers_after);
  options.state_directory = dir + "/state";
  options.service.settle = absl::Milliseconds(50);
  options.service.between_looks = absl::Milliseconds(50);
  options.service.ready_wait = absl::Seconds(20);
  options.queue.swap.busy_wait = absl::Milliseconds(100);
  options.queue.swap.between_tries = absl::Milliseconds(5);
  options.queue.replay_poll = absl::Milliseconds(20);
  options.queue.replay_wait = absl::Seconds(20);
  options.settings.own_addresses = [] { return std::vector<std::string>(); };
}

ExchangeServer::~ExchangeServer() {
  mail.reset();
  shell.reset();
  services.reset();
  std::error_code ignored;
  fs::remove_all(dir, ignored);
}

std::string ExchangeServer::WhyNot() {
  return MAILQUENCH_HAS_DOTNET != 0 ? "" : "dotnet is not here, which the stand-in needs";
}

std::unique_ptr<agent::exchange::Shell> ExchangeServer::MakeShell() const {
  agent::exchange::SessionOptions session = agent::exchange::OptionsFor(installation);
  session.program = {MAILQUENCH_EXCHANGE_SIM};
  session.environment = {absl::StrCat("MAILQUENCH_EXCHANGE_WORLD=", dir),
                         absl::StrCat("MAILQUENCH_EXCHANGE_SERVER=", kName)};
  return agent::exchange::MakeSession(std::move(session));
}

void ExchangeServer::Open(std::unique_ptr<agent::exchange::Shell> other) {
  mail.reset();
  shell = other != nullptr ? std::move(other) : MakeShell();
  mail = std::make_unique<agent::exchange::ExchangeMailSystem>(installation, *shell, *services,
                                                               options);
}

std::string ExchangeServer::Path(const std::string& below) const {
  return installation.path + "/" + below;
}

}  // namespace mailquench::contract
