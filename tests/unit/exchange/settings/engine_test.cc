// The settings on the real engine, over the documented signatures of each version.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <nlohmann/json.hpp>
#include <set>
#include <thread>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "agent/mail/exchange/powershell/session.h"
#include "agent/mail/exchange/settings_ops.h"
#include "common/status/error.h"

namespace mailquench::agent::exchange {
namespace {
namespace fs = std::filesystem;
using nlohmann::json;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// A world of the stand-in, made by its own tool.
class World {
 public:
  // "EX1,EX2019,Mailbox"
  explicit World(const std::vector<std::string>& servers) {
    std::string made = (fs::temp_directory_path() / "mq settings 'world XXXXXX").string();
    path_ = mkdtemp(made.data());
    std::string command = absl::StrCat("'", MAILQUENCH_EXCHANGE_SIM, "' world \"", path_,
                                       "\" --mailbox anna@contoso.test:secret");
    // Nobody listens at port 1: what is asked is not some other server of this machine.
    for (const std::string& server : servers)
      absl::StrAppend(&command, " --server ", server, ",address=127.0.0.1");
    EXPECT_EQ(std::system(command.c_str()), 0) << command;
    Change([](json& all) {
      for (auto& [name, server] : all["servers"].items()) {
        int port = 1;
        for (auto& connector : server["receive_connectors"])
          connector["Bindings"] = {absl::StrCat("127.0.0.1:", port++)};
      }
    });
  }
  ~World() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  World(const World&) = delete;
  World& operator=(const World&) = delete;

  json Read() const {
    std::ifstream in(path_ + "/organisation.json");
    return json::parse(in);
  }
  void Change(const std::function<void(json&)>& change) const {
    json all = Read();
    change(all);
    std::ofstream(path_ + "/organisation.json.new") << all.dump(1);
    fs::rename(path_ + "/organisation.json.new", path_ + "/organisation.json");
  }
  // Calls are counted from here on.
  void Faults(const std::string& server, const json& faults) const {
    fs::remove(absl::StrCat(path_, "/servers/", server, "/sim/fault-counts.json"));
    std::ofstream(absl::StrCat(path_, "/servers/", server, "/sim/faults.json")) << faults.dump();
  }
  std::string FaultCounts(const std::string& server) const {
    std::ifstream in(absl::StrCat(path_, "/servers/", server, "/sim/fault-counts.json"));
    return {std::istreambuf_iterator<char>(in), {}};
  }
  std::string Calls(const std::string& server) const {
    std::ifstream in(absl::StrCat(path_, "/servers/", server, "/sim/calls.jsonl"));
    return {std::istreambuf_iterator<char>(in), {}};
  }
  SessionOptions Session(const std::string& server, Role role) const {
    SessionOptions options;
    options.program = {MAILQUENCH_EXCHANGE_SIM};
    options.environment = {absl::StrCat("MAILQUENCH_EXCHANGE_WORLD=", path_),
                           absl::StrCat("MAILQUENCH_EXCHANGE_SERVER=", server)};
    options.role = role;
    std::string host = server;
    for (char& c : host) c = static_cast<char>(std::tolower(c));
    options.connection_uri = absl::StrCat("http://", host, ".contoso.test/PowerShell/");
    options.install_path = absl::StrCat(path_, "/servers/", server);
    std::error_code there;  // Windows does not tell Bin from bin.
    fs::create_directory_symlink("Bin", options.install_path + "/bin", there);
    options.retry_after = absl::Milliseconds(10);
    return options;
  }

 private:
  std::string path_;
};

SettingsOptions Options(const std::string& server, Role role) {
  SettingsOptions options;
  options.server = server;
  options.role = role;
  options.organisation = "contoso";
  options.listener_wait = absl::ZeroDuration();
  return options;
}

// What a server's part says, without the order of entries and flags, and the times of changes.
json Meaning(const json& server) {
  json out = server;
  for (auto& connector : out["receive_connectors"]) {
    connector.erase("WhenChangedUTC");
    connector.erase("Server");
    std::set<std::string> entries;
    for (const auto& entry : connector.value("Permissions", json::array())) {
      for (const auto& right : entry["ExtendedRights"])
        entries.insert(absl::StrCat(entry["User"].get<std::string>(), "/", right.get<std::string>(),
                                    entry["Deny"].dump()));
    }
    connector["Permissions"] = entries;
    for (const char* flags : {"AuthMechanism", "PermissionGroups"}) {
      std::set<std::string> all;
      for (const auto& flag : absl::StrSplit(connector[flags].get<std::string>(), ", "))
        all.insert(std::string(flag));
      connector[flags] = all;
    }
  }
  return out;
}

std::string Difference(const json& before, const json& after) {
  return json::diff(Meaning(before), Meaning(after)).dump();
}

json Relay(const std::string& name, int port) {
  return {{"Name", name},
          {"TransportRole", "FrontendTransport"},
          {"Bindings", {absl::StrCat("127.0.0.1:", port)}},
          {"RemoteIPRanges", {"10.1.0.0-10.1.0.255"}},
          {"AuthMechanism", "Tls"},
          {"PermissionGroups", "AnonymousUsers, Custom"},
          {"Enabled", true},
          {"Permissions",
           json::array({json::object(
               {{"User", "NT AUTHORITY\\ANONYMOUS LOGON"},
                {"ExtendedRights",
                 {"ms-Exch-Accept-Headers-Routing", "ms-Exch-SMTP-Accept-Any-Recipient",
                  "ms-Exch-SMTP-Accept-Any-Sender",
                  "ms-Exch-SMTP-Accept-Authoritative-Domain-Sender", "ms-Exch-SMTP-Submit"}},
                {"Deny", false},
                {"IsInherited", false}})})}};
}

v1::RelayLock Closed() {
  v1::RelayLock lock;
  lock.set_mode(v1::RELAY_MODE_CLOSED);
  return lock;
}

std::vector<v1::Setting> Of(const SettingsChange& change) {
  return {change.result.settings().begin(), change.result.settings().end()};
}

class EngineTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (MAILQUENCH_HAS_DOTNET == 0) GTEST_SKIP() << "dotnet is missing";
  }
};

// Once through the shell as it is, so that what it writes by itself is written (times, entries of
// groups).
void LockAndRestore(World& world, const std::string& server, Role role) {
  const auto shell = MakeSession(world.Session(server, role));
  const ExchangeSettings settings(*shell, Options(server, role));
  const json before = world.Read();
  const auto change = settings.PlanRelayLock(Closed());
  ASSERT_TRUE(change.ok()) << change.status();
  const absl::Status applied = settings.Apply(*change, {});
  ASSERT_TRUE(applied.ok()) << applied << world.Calls(server);
  EXPECT_NE(Meaning(world.Read()["servers"][server]), Meaning(before["servers"][server]));
  const absl::Status verified = settings.VerifyLocked(Closed());
  EXPECT_TRUE(verified.ok()) << verified;
  const auto plan = settings.PlanRestore(Of(*change), {}, {});
  ASSERT_TRUE(plan.ok()) << plan.status();
  EXPECT_EQ(plan->result.needs_decision(), 0) << plan->result.ShortDebugString();
  const absl::Status restored = settings.Apply(plan->change, {});
  ASSERT_TRUE(restored.ok()) << restored << world.Calls(server);
  EXPECT_EQ(settings.Drifted(Of(*change))->size(),
            static_cast<std::size_t>(change->result.settings_size()));
  const json after = world.Read();
  for (const auto& [name, part] : after["servers"].items())
    EXPECT_EQ(Difference(before["servers"][name], part), "[]") << name;
}

class VersionTest : public EngineTest, public ::testing::WithParamInterface<const char*> {};

TEST_P(VersionTest, LockThenRestoreGivesBackTheServer) {
  World world(
      {absl::StrCat("EX1,", GetParam(), ",Mailbox"), absl::StrCat("EX2,", GetParam(), ",Mailbox")});
  world.Change([](json& all) {
    auto& connectors = all["servers"]["EX1"]["receive_connectors"];
    int port = 20;
    for (const char* name :
         {"Printers", "'; Remove-Item -Recurse C: #", "M\xc3\xbcnchen \xe2\x80\x98x\xe2\x80\x99",
          "a/b:c", "100% $(Get-Date) `n \"q\""})
      connectors.push_back(Relay(name, port++));
  });
  LockAndRestore(world, "EX1", Role::kMailbox);
}
INSTANTIATE_TEST_SUITE_P(Versions,
                         VersionTest,
                         ::testing::Values("EX2013", "EX2016", "EX2019", "EXSE"));

TEST_F(EngineTest, AnEdgeServerIsLockedAndRestored) {
  World world({"EDGE1,EX2019,Edge,subscribed"});
  world.Change([](json& all) {
    all["servers"]["EDGE1"]["receive_connectors"].push_back(Relay("Scanners", 20));
  });
  LockAndRestore(world, "EDGE1", Role::kEdge);
  const auto shell = MakeSession(world.Session("EDGE1", Role::kEdge));
  const ExchangeSettings settings(*shell, Options("EDGE1", Role::kEdge));
  v1::SenderBlock block;
  for (const char* client : {"192.0.2.1", "2001:db8::/64"}) {
    block.set_client(client);
    const auto change = settings.PlanSenderBlock(block);
    ASSERT_TRUE(change.ok()) << change.status();
    const absl::Status applied = settings.Apply(*change, {});
    ASSERT_TRUE(applied.ok()) << applied << world.Calls("EDGE1");
  }
  EXPECT_EQ(world.Read()["ip_block_list"].size(), 2U);
  v1::SenderUnblock unblock;
  unblock.set_client("192.0.2.1");
  const auto lifted = settings.PlanSenderUnblock(unblock);
  ASSERT_TRUE(lifted.ok()) << lifted.status();
  ASSERT_TRUE(settings.Apply(*lifted, {}).ok());
  EXPECT_EQ(world.Read()["ip_block_list"].size(), 1U);
}

TEST_F(EngineTest, SilenceShadowAndBlocksComeAndGo) {
  World world({"EX1,EX2019,Mailbox"});
  const auto shell = MakeSession(world.Session("EX1", Role::kMailbox));
  const ExchangeSettings settings(*shell, Options("EX1", Role::kMailbox));
  const auto silence = settings.PlanNdrSilence({});
  ASSERT_TRUE(silence.ok()) << silence.status();
  const auto shadow = settings.PlanShadowSuspend({});
  ASSERT_TRUE(shadow.ok()) << shadow.status();
  v1::SenderBlock anna;
  anna.set_account("anna@contoso.test");
  const auto block = settings.PlanSenderBlock(anna);
  ASSERT_TRUE(block.ok()) << block.status();
  v1::SenderBlock client;
  client.set_client("192.0.2.0/24");
  const auto ranges = settings.PlanSenderBlock(client);
  ASSERT_TRUE(ranges.ok()) << ranges.status();
  for (const auto* change : {&*silence, &*shadow, &*block, &*ranges}) {
    const absl::Status applied = settings.Apply(*change, {});
    ASSERT_TRUE(applied.ok()) << applied << world.Calls("EX1");
  }
  json now = world.Read();
  EXPECT_EQ(now["remote_domains"][0]["NDREnabled"], false);
  EXPECT_EQ(now["transport_config"]["ShadowRedundancyEnabled"], false);
  EXPECT_EQ(now["transport_rules"].size(), 2U);
  EXPECT_THAT(now["transport_rules"].dump(), HasSubstr("anna@contoso.test"));
  for (const auto* change : {&*silence, &*shadow, &*block, &*ranges}) {
    const auto plan = settings.PlanRestore(Of(*change), {}, {});
    ASSERT_TRUE(plan.ok()) << plan.status();
    const absl::Status applied = settings.Apply(plan->change, {});
    ASSERT_TRUE(applied.ok()) << applied << world.Calls("EX1");
  }
  now = world.Read();
  EXPECT_EQ(now["remote_domains"][0]["NDREnabled"], true);
  EXPECT_EQ(now["transport_config"]["ShadowRedundancyEnabled"], true);
  EXPECT_THAT(now["transport_rules"], IsEmpty());
}

TEST_F(EngineTest, TheWayOutOfAMailboxServerComesAndGoes) {
  World world({"EX1,EX2019,Mailbox", "EX2,EXSE,Mailbox"});
  const auto shell = MakeSession(world.Session("EX1", Role::kMailbox));
  const ExchangeSettings settings(*shell, Options("EX1", Role::kMailbox));
  const auto internet = [&] {
    json one = world.Read()["send_connectors"][0];
    one.erase("WhenChangedUTC");
    return one;
  };
  const json before = internet();
  v1::EgressSet request;
  request.set_source_address("192.0.2.5");
  EXPECT_EQ(ReasonOf(settings.PlanEgress(request).status()), "NO_SOURCE_ADDRESS");
  request.clear_source_address();
  request.set_helo_name("out.contoso.test");
  request.set_smarthost("[192.0.2.9]:587");
  const auto change = settings.PlanEgress(request);
  ASSERT_TRUE(change.ok()) << change.status();
  const absl::Status applied = settings.Apply(*change, {});
  ASSERT_TRUE(applied.ok()) << applied << world.Calls("EX1");
  EXPECT_EQ(internet()["SmartHosts"].size(), 1U);
  EXPECT_EQ(internet()["Port"], 587);
  EXPECT_EQ(internet()["Fqdn"], "out.contoso.test");
  // A server of another version finds it so.
  const auto other = MakeSession(world.Session("EX2", Role::kMailbox));
  EXPECT_THAT(ExchangeSettings(*other, Options("EX2", Role::kMailbox)).PlanEgress(request)->files,
              IsEmpty());
  EXPECT_THAT(*settings.Drifted(Of(*change)), IsEmpty());
  const auto plan = settings.PlanRestore(Of(*change), {}, {});
  ASSERT_TRUE(plan.ok()) << plan.status();
  const absl::Status restored = settings.Apply(plan->change, {});
  ASSERT_TRUE(restored.ok()) << restored << world.Calls("EX1");
  EXPECT_EQ(internet(), before);
}

TEST_F(EngineTest, TheWayOutOfAnEdgeServerIsItsOwnUnlessItIsSubscribed) {
  for (const bool subscribed : {false, true}) {
    World world({subscribed ? "EDGE1,EX2019,Edge,subscribed" : "EDGE1,EX2019,Edge"});
    const auto shell = MakeSession(world.Session("EDGE1", Role::kEdge));
    SettingsOptions options = Options("EDGE1", Role::kEdge);
    options.own_addresses = [] { return std::vector<std::string>{"192.0.2.5"}; };
    const ExchangeSettings settings(*shell, options);
    v1::EgressSet request;
    request.set_source_address("192.0.2.5");
    const auto change = settings.PlanEgress(request);
    if (subscribed) {
      EXPECT_EQ(ReasonOf(change.status()), "ON_MAILBOX_SERVER") << change.status();
      continue;
    }
    ASSERT_TRUE(change.ok()) << change.status();
    const absl::Status applied = settings.Apply(*change, {});
    ASSERT_TRUE(applied.ok()) << applied << world.Calls("EDGE1");
    EXPECT_EQ(world.Read()["send_connectors"][0]["SourceIPAddress"], "192.0.2.5");
    const auto plan = settings.PlanRestore(Of(*change), {}, {});
    ASSERT_TRUE(plan.ok()) << plan.status();
    ASSERT_TRUE(settings.Apply(plan->change, {}).ok());
    EXPECT_EQ(world.Read()["send_connectors"][0]["SourceIPAddress"], "0.0.0.0");
  }
}

TEST_F(EngineTest, EightServersSilenceAtOnceAndTheOriginalIsRecorded) {
  std::vector<std::string> servers;
  for (int i = 1; i <= 8; ++i) servers.push_back(absl::StrCat("EX", i, ",EX2019,Mailbox"));
  World world(servers);
  const bool before = world.Read()["remote_domains"][0]["NDREnabled"];
  ASSERT_TRUE(before);
  std::vector<std::vector<v1::Setting>> recorded(8);
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < 8; ++i) {
    threads.emplace_back([&, i] {
      const std::string name = absl::StrCat("EX", i + 1);
      const auto shell = MakeSession(world.Session(name, Role::kMailbox));
      const ExchangeSettings settings(*shell, Options(name, Role::kMailbox));
      const auto change = settings.PlanNdrSilence({});
      EXPECT_TRUE(change.ok()) << change.status();
      if (!change.ok()) return;
      const absl::Status applied = settings.Apply(*change, {});
      EXPECT_TRUE(applied.ok()) << applied;
      recorded[i] = Of(*change);
    });
  }
  for (std::thread& thread : threads) thread.join();
  int originals = 0;
  for (const auto& one : recorded) {
    for (const v1::Setting& setting : one) {
      EXPECT_EQ(setting.before(), "True") << setting.key();
      ++originals;
    }
  }
  EXPECT_GE(originals, 1);
  EXPECT_EQ(world.Read()["remote_domains"][0]["NDREnabled"], false);
}

TEST_F(EngineTest, FaultsOfTheShellEndInOneOfTheTwoStates) {
  World world({"EX1,EX2019,Mailbox"});
  world.Change([](json& all) {
    all["servers"]["EX1"]["receive_connectors"].push_back(Relay("Printers", 20));
  });
  const json before = world.Read()["servers"]["EX1"];
  const auto shell = MakeSession(world.Session("EX1", Role::kMailbox));
  const ExchangeSettings settings(*shell, Options("EX1", Role::kMailbox));
  for (const char* fault : {"drop", "throw", "error", "die", "rubbish"}) {
    const auto change = settings.PlanRelayLock(Closed());
    ASSERT_TRUE(change.ok()) << change.status();
    world.Faults("EX1", json::array({json::object(
                            {{"cmdlet", "Set-ReceiveConnector"}, {"nth", 2}, {"do", fault}})}));
    const absl::Status applied = settings.Apply(*change, {});
    EXPECT_THAT(world.FaultCounts("EX1"), HasSubstr("set-receiveconnector")) << fault;
    // What is read decides, whatever the call says: an error may come with the work done.
    // Not done at all after a throw alone. After any other what is read decides, whatever the call
    // says: the work is done, or is done by a second call.
    EXPECT_EQ(ReasonOf(applied), std::string(fault) == "throw" ? "ROLLED_BACK" : "")
        << fault << " " << applied;
    if (applied.ok()) {
      EXPECT_TRUE(settings.VerifyLocked(Closed()).ok()) << fault;
      const auto plan = settings.PlanRestore(Of(*change), {}, {});
      ASSERT_TRUE(plan.ok()) << plan.status();
      EXPECT_TRUE(settings.Apply(plan->change, {}).ok()) << fault;
    }
    EXPECT_EQ(Difference(before, world.Read()["servers"]["EX1"]), "[]") << fault;
  }
}
}  // namespace
}  // namespace mailquench::agent::exchange
