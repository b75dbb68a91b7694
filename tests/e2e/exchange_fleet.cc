#include "tests/e2e/exchange_fleet.h"

#include <stdlib.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "agent/os/files.h"
#include "agent/os/process.h"
#include "common/operation/names.h"
#include "tests/contract/send_mail.h"
#include "tests/simulation/common/line_socket.h"
#include "tests/simulation/exchange/world.h"

namespace mailquench::fleet {
namespace {
using nlohmann::json;
using simulation::exchange::ChangeOrganisation;

constexpr char kHeartbeat[] = "00:00:00.2";
constexpr absl::Duration kHeartbeats = absl::Milliseconds(1500);

void SortFlags(json& connector) {
  for (const char* flags : {"AuthMechanism", "PermissionGroups"}) {
    std::vector<std::string> words =
        absl::StrSplit(connector[flags].get<std::string>(), ", ", absl::SkipEmpty());
    std::sort(words.begin(), words.end());
    connector[flags] = words;
  }
}
void SortRights(json& connector) {
  std::vector<std::string> rights;
  for (const json& entry : connector["Permissions"]) {
    for (const json& right : entry["ExtendedRights"])
      rights.push_back(absl::StrCat(entry["User"].dump(), right.dump(), entry["Deny"].dump(),
                                    entry["IsInherited"].dump()));
  }
  std::sort(rights.begin(), rights.end());
  connector["Permissions"] = rights;
}
void RelayForAll(json& all) {
  for (auto& server : all["servers"]) {
    for (auto& connector : server["receive_connectors"]) {
      if (!absl::StartsWith(connector["Name"].get<std::string>(), "Default Frontend")) continue;
      connector["PermissionGroups"] = connector["PermissionGroups"].get<std::string>() + ", Custom";
      connector["Permissions"].push_back(
          {{"User", "NT AUTHORITY\\ANONYMOUS LOGON"},
           {"ExtendedRights", json::array({"ms-Exch-SMTP-Accept-Any-Recipient"})},
           {"Deny", false},
           {"IsInherited", false}});
    }
  }
}
void KeepDefaultConnectors(json& all) {
  for (auto& server : all["servers"]) {
    json kept = json::array();
    for (auto& connector : server["receive_connectors"]) {
      if (absl::StartsWith(connector["Name"].get<std::string>(), "Default "))
        kept.push_back(connector);
    }
    server["receive_connectors"] = kept;
  }
}
}  // namespace

void ExchangeFleet::SetUp() {
  if (MAILQUENCH_HAS_DOTNET == 0)
    GTEST_SKIP() << "dotnet is not here, which the Exchange stand-in needs";
  std::string name = (std::filesystem::temp_directory_path() / "mq-fleet-XXXXXX").string();
  folder_ = ::mkdtemp(name.data());
  OpenController();
}

void ExchangeFleet::TearDown() {
  wire_.SetController(nullptr);
  core_.reset();
  agents_.clear();
  if (folder_.empty()) return;
  std::error_code ignored;
  std::filesystem::remove_all(folder_, ignored);
}

void ExchangeFleet::Add(const std::string& organisation,
                        const std::vector<ServerWish>& servers,
                        bool open_relay,
                        bool few_connectors) {
  const std::string world = absl::StrCat(folder_, "/", organisation);
  const int base = simulation::FreePort() - 25;
  std::vector<std::string> made = {
      MAILQUENCH_EXCHANGE_SIM,   "world", world, "--name", organisation, "--mailbox",
      "anna@contoso.test:secret"};
  ++worlds_;
  int number = 0;
  for (const ServerWish& one : servers) {
    // Each server has an address of its own, so that their ports do not meet.
    const std::string address =
        absl::StrCat("127.", 20 + ::getpid() % 200, ".", worlds_, ".", ++number);
    made.push_back("--server");
    made.push_back(absl::StrCat(one.name, ",EX2019,Mailbox,dag=", one.dag, ",address=", address,
                                ",ports=25+", base, ",build=15.2.1748.10"));
    targets_[absl::AsciiStrToLower(one.name)] = absl::StrCat(address, ":", base + 25);
  }
  const auto world_made = agent::RunProcess(made, agent::ProcessOptions());
  ASSERT_TRUE(world_made.ok()) << world_made.status();
  ASSERT_TRUE(ChangeOrganisation(world, [&](json& all) {
                all["transport_config"]["ShadowHeartbeatFrequency"] = kHeartbeat;
                if (open_relay) RelayForAll(all);
                if (few_connectors) KeepDefaultConnectors(all);
              }).ok());
  for (const ServerWish& one : servers) {
    ASSERT_TRUE(simulation::exchange::WriteTransportOptions(
                    world, one.name, {{"pickup_every_ms", 100}, {"retry_every_ms", 200}})
                    .ok());
    const std::string host = absl::AsciiStrToLower(one.name);
    agents_[host] = std::make_unique<ExchangeAgent>(
        world, one.name, host + ".contoso.test", call_wait_,
        [this, host](const std::function<void(controller::AgentEvents&)>& say) {
          return wire_.Tell(host, say);
        });
    agents_[host]->StartServices();
    wire_.Add(host, agents_[host].get());
    ASSERT_TRUE(core_->UpsertEnrolledHost(host, host, {{"role", "exchange"}}, "1").ok());
  }
  // The hello asks each one's shell: side by side.
  std::vector<std::thread> hellos;
  for (const ServerWish& one : servers)
    hellos.emplace_back([this, host = absl::AsciiStrToLower(one.name)] { Connect(host); });
  for (std::thread& one : hellos) one.join();
}

std::vector<ExchangeAgent*> ExchangeFleet::All() {
  std::vector<ExchangeAgent*> all;
  for (const auto& entry : agents_) all.push_back(entry.second.get());
  return all;
}

std::string ExchangeFleet::Relay(const std::string& host, const std::string& subject) {
  return contract::SendMail(Target(host), "spam@evil.test", "somebody@elsewhere.test", subject);
}

json ExchangeFleet::Organisation(const std::string& name) const {
  return json::parse(
      agent::ReadFile(absl::StrCat(folder_, "/", name, "/organisation.json")).value_or("{}"),
      nullptr, false);
}

json ExchangeFleet::Settings(const std::string& organisation) const {
  json all = Organisation(organisation);
  for (auto& server : all["servers"]) {
    for (auto& connector : server["receive_connectors"]) {
      SortFlags(connector);
      SortRights(connector);
      connector.erase("WhenChangedUTC");
    }
    server.erase("components");  // States, no settings.
  }
  for (const char* list : {"remote_domains", "accepted_domains", "transport_rules"}) {
    for (json& one : all[list]) one.erase("WhenChangedUTC");
  }
  all["transport_config"].erase("WhenChangedUTC");
  return all;
}

void ExchangeFleet::OpenController() {
  controller::CoreOptions options;
  options.store_path = folder_ + "/store";
  options.clock = &clock_;
  options.link = &wire_;
  options.blacklists.scheduled = false;  // Nothing here asks the DNS of the machine.
  options.patience = absl::Seconds(1);
  options.resume_patience = absl::Seconds(30);
  auto core = controller::Core::Open(options);
  ASSERT_TRUE(core.ok()) << core.status();
  core_ = *std::move(core);
  ASSERT_TRUE(core_->Resume().ok());
  wire_.SetController(&core_->events());
}

void ExchangeFleet::KillController() {
  wire_.SetController(nullptr);
  core_.reset();
  for (const auto& entry : agents_) wire_.SetOnline(entry.first, false);
}

void ExchangeFleet::Connect(const std::string& host) {
  const v1::Hello hello = At(host).Hello();
  wire_.SetOnline(host, true);
  ASSERT_TRUE(wire_.Tell(host, [&](controller::AgentEvents& events) {
    events.OnConnected(host, hello);
  })) << "there is no controller";
  At(host).SendUnreported();
}

bool ExchangeFleet::Until(const std::function<bool()>& what) {
  const absl::Time end = absl::Now() + absl::Minutes(5);
  while (!what()) {
    if (absl::Now() > end) return false;
    absl::SleepFor(absl::Milliseconds(20));
  }
  return true;
}

void ExchangeFleet::ExpectContained(const std::string& host) {
  ExchangeAgent& agent = At(host);
  EXPECT_TRUE(agent.Runs()) << host;
  EXPECT_EQ(agent.Queued(), 0) << host << agent.Messages();
  EXPECT_THAT(Relay(host, "after"), ::testing::StartsWith("5")) << host;
  const json organisation = json::parse(
      agent::ReadFile(agent.world() + "/organisation.json").value_or("{}"), nullptr, false);
  for (const json& where : {organisation["servers"][agent.server()]["components"],
                            agent.Sim("registry.json")["components"]}) {
    const json held = where.value("RecoveryActionsEnabled", json::object());
    EXPECT_EQ(held.value("Functional", "Active"), "Active") << host;
  }
  EXPECT_TRUE(agent.journal().Leases()->empty()) << host;
  EXPECT_EQ(agent.Alarm(), "") << host;
}

void ExchangeFleet::ExpectNothingResubmitted() {
  absl::SleepFor(kHeartbeats);
  for (ExchangeAgent* agent : All()) {
    EXPECT_EQ(agent->Resubmitted(), 0) << agent->id();
    EXPECT_EQ(agent->Queued(), 0) << agent->id() << agent->Messages();
  }
}

}  // namespace mailquench::fleet
