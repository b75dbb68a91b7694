// The queue database of the simulated transport: what a kill, a swap and damage do to it.
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/exchange/simulation/simulated_world.h"

namespace mailquench::simulation::exchange {
namespace {
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::StartsWith;

// The transport as a process of its own.
class Process {
 public:
  explicit Process(const std::string& world) {
    int out[2];
    EXPECT_EQ(::pipe(out), 0);
    pid_ = ::fork();
    if (pid_ == 0) {
      ::dup2(out[1], 1);
      ::execl(EXCHANGE_TRANSPORT_SIM, "exchange_transport_sim", world.c_str(), "EX1", "transport",
              static_cast<char*>(nullptr));
      ::_exit(127);
    }
    ::close(out[1]);
    char text[6] = "";
    EXPECT_EQ(::read(out[0], text, 5), 5) << "it did not start";
    ::close(out[0]);
  }
  ~Process() { End(SIGKILL); }
  int End(int signal) {
    if (pid_ <= 0) return 0;
    int status = 0;
    ::kill(pid_, signal);
    ::waitpid(pid_, &status, 0);
    pid_ = 0;
    return status;
  }

 private:
  pid_t pid_ = 0;
};

class Database : public ::testing::Test {
 protected:
  Database() : world(1, OpenRelay()) {
    // Strangers may use the transport's own connector, which has no front end here.
    world.Change([](Json& json) {
      Json& connector = json["servers"]["EX1"]["receive_connectors"][1];
      connector["PermissionGroups"] = "AnonymousUsers, ExchangeServers";
      connector["Permissions"] = json["servers"]["EX1"]["receive_connectors"][0]["Permissions"];
    });
    hub = world.plan.servers[0].hub_port;
  }
  std::string Accept(const std::string& subject) {
    return world.Send(hub, "bot@spam.test", {SimulatedWorld::kVictim}, Text(subject));
  }
  SimulatedWorld world;
  int hub = 0;
};

TEST_F(Database, AKillLosesNothingThatWasAccepted) {
  std::string id;
  {
    Process process(world.dir);
    id = world.Database();
    for (int i = 0; i < 20; ++i) ASSERT_THAT(Accept(absl::StrCat("n", i)), StartsWith("250"));
    process.End(SIGKILL);
  }
  Process process(world.dir);
  EXPECT_EQ(world.Database(), id);
  ASSERT_TRUE(Eventually([&] { return world.CountIn("DnsConnectorDelivery") == 20; }));
  std::set<std::string> subjects;
  for (const Json& one : world.Messages()) subjects.insert(one["Subject"].get<std::string>());
  EXPECT_EQ(subjects.size(), 20U);
  EXPECT_EQ(subjects.count("n19"), 1U);
}

TEST_F(Database, ACleanStopCommitsAllIntoMailQue) {
  {
    Process process(world.dir);
    ASSERT_THAT(Accept("one"), StartsWith("250"));
    EXPECT_EQ(process.End(SIGTERM), 0);
  }
  EXPECT_FALSE(std::filesystem::exists(SimFile(world.dir, "EX1", "transport.json")));
  EXPECT_THAT(SimulatedWorld::Read(world.QueueFolder() + "/trn.chk"), HasSubstr("-"));
  for (const std::string& name : SimulatedWorld::Names(world.QueueFolder())) {
    if (name != "mail.que" && name != "trn.chk")
      std::filesystem::remove(world.QueueFolder() + "/" + name);
  }
  Process process(world.dir);
  ASSERT_TRUE(Eventually([&] { return world.Messages().size() == 1; }));
}

TEST_F(Database, AfterAKillMailQueAloneIsNoDatabase) {
  std::string id;
  {
    Process process(world.dir);
    id = world.Database();
    ASSERT_THAT(Accept("one"), StartsWith("250"));
  }
  std::filesystem::remove(world.QueueFolder() + "/trn.log");
  Process process(world.dir);
  EXPECT_NE(world.Database(), id);
  EXPECT_THAT(SimulatedWorld::Names(world.QueueFolder()), Contains(StartsWith("Messaging.old-20")));
}

TEST_F(Database, AMissingFolderBecomesANewDatabaseAndTheOldOneComesBack) {
  world.Start();
  const std::string first = world.Database();
  ASSERT_THAT(Accept("spam"), StartsWith("250"));
  world.Stop();
  std::filesystem::rename(world.QueueFolder(), world.dir + "/aside");
  world.Start();
  const std::string second = world.Database();
  EXPECT_NE(second, first);
  EXPECT_EQ(world.Messages().size(), 0U);
  for (const char* name : {"mail.que", "trn.chk", "trn.log", "trntmp.log", "trnres00001.jrs",
                           "trnres00002.jrs", "temp.edb"})
    EXPECT_TRUE(std::filesystem::exists(world.QueueFolder() + "/" + name)) << name;
  world.Stop();
  std::filesystem::rename(world.QueueFolder(), world.dir + "/new");
  std::filesystem::rename(world.dir + "/aside", world.QueueFolder());
  world.Start();
  EXPECT_EQ(world.Database(), first);
  EXPECT_EQ(world.Messages().size(), 1U);
}

TEST_F(Database, DamageMovesItAside) {
  world.Start();
  const std::string first = world.Database();
  ASSERT_THAT(Accept("spam"), StartsWith("250"));
  world.Stop();
  std::string text = SimulatedWorld::Read(world.QueueFolder() + "/mail.que");
  text[text.size() / 2] ^= 1;
  SimulatedWorld::Write(world.QueueFolder() + "/mail.que", text);
  world.Start();
  EXPECT_NE(world.Database(), first);
  EXPECT_EQ(world.Messages().size(), 0U);
  bool kept = false;
  for (const std::string& name : SimulatedWorld::Names(world.QueueFolder())) {
    if (absl::StartsWith(name, "Messaging.old-"))
      kept = SimulatedWorld::Read(world.QueueFolder() + "/" + name + "/mail.que") == text;
  }
  EXPECT_TRUE(kept);
  EXPECT_THAT(SimulatedWorld::Read(SimFile(world.dir, "EX1", "events.log")),
              HasSubstr("could not be used"));
}

TEST_F(Database, ATornEndOfTheLogIsNoDamage) {
  {
    Process process(world.dir);
    ASSERT_THAT(Accept("one"), StartsWith("250"));
  }
  std::ofstream(world.QueueFolder() + "/trn.log", std::ios::app) << "00000fff 0123";
  Process process(world.dir);
  EXPECT_EQ(world.Messages().size(), 1U);
  ASSERT_THAT(Accept("two"), StartsWith("250"));
  process.End(SIGKILL);
  Process again(world.dir);
  EXPECT_EQ(world.Messages().size(), 2U);
}

TEST_F(Database, TheConfigurationIsReadAtEachStart) {
  world.Start();
  const std::string first = world.Database();
  const std::string config = world.Folder("Bin/EdgeTransport.exe.config");
  const std::string before = SimulatedWorld::Read(config);
  const std::string other = world.dir + "/servers/EX1/other";
  SimulatedWorld::Write(config,
                        "<configuration><appSettings>\n<!-- <add key=\"QueueDatabasePath\" "
                        "value=\"/nowhere\" /> -->\n<add key='QueueDatabasePath' value='" +
                            other +
                            "' />\n<add key=\"QueueDatabaseLoggingPath\" "
                            "value=\"%ExchangeInstallPath%logs\" /></appSettings>");
  EXPECT_EQ(world.Database(), first);
  world.Stop();
  world.Start();
  EXPECT_NE(world.Database(), first);
  EXPECT_TRUE(std::filesystem::exists(other + "/mail.que"));
  EXPECT_TRUE(std::filesystem::exists(world.Folder("logs/trn.log")));
  world.Stop();
  SimulatedWorld::Write(config, "<configuration />");  // The default, which is where it was.
  world.Start();
  EXPECT_EQ(world.Database(), first);
  EXPECT_NE(before, "");
}

// Linux cannot keep anybody from it; the transport then takes nothing more, and commits nothing.
TEST_F(Database, MovedAwayWhileItRunsItIsOfNoUse) {
  Process process(world.dir);
  ASSERT_THAT(Accept("one"), StartsWith("250"));
  std::filesystem::rename(world.QueueFolder(), world.dir + "/aside");
  EXPECT_THAT(Accept("two"), StartsWith("421"));
  EXPECT_NE(process.End(SIGTERM), 0);
  EXPECT_FALSE(std::filesystem::exists(world.QueueFolder()));
}

TEST_F(Database, ItIsHeldWhileItRuns) {
  Process process(world.dir);
  Transport second(world.dir, "EX1");
  const absl::Status refused = second.Start();
  EXPECT_EQ(refused.code(), absl::StatusCode::kUnavailable) << refused;
}

}  // namespace
}  // namespace mailquench::simulation::exchange
