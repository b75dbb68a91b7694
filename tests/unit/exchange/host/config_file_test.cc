// EdgeTransport.exe.config as Exchange writes it, as people edit it, and as a damaged disk has it.
#include "agent/mail/exchange/config_file.h"

#include <random>

#include "agent/mail/exchange/transport_paths.h"
#include "tests/unit/exchange/host/fakes.h"

namespace mailquench::agent::exchange {
namespace {
using ::testing::HasSubstr;

const std::string kSample =
    "\xEF\xBB\xBF<?xml version=\"1.0\" encoding=\"utf-8\" ?>\r\n"
    "<!-- <add key=\"QueueDatabasePath\" value=\"X:\\commented out\" /> -->\r\n"
    "<configuration>\r\n"
    "  <runtime><gcServer enabled='true'/><x><appSettings><add key=\"A\" "
    "value=\"elsewhere\"/></appSettings></x></runtime>\r\n"
    "  <appSettings>\r\n"
    "    <add key=\"A\" value=\"1\" />\r\n"
    "    <!-- -- > <add key=\"A\" value=\"no\"/> -->\r\n"
    "    <add\tvalue='D:\\it&apos;s &quot;here&quot; &amp; &#x4e2d;&#228; [1]' key = \"B\"/>\r\n"
    "    <add key=\"a\" value=\"2\"></add>\r\n"
    "    <add key=\"gone\" value=\"x\"/><remove key=\"Gone\"/>\r\n"
    "    <add key=\"bare\"/>\r\n"
    "  </appSettings>\r\n"
    "</configuration>\r\n";

TEST(ConfigFile, IsReadAsDotNetReadsIt) {
  const auto read = ParseAppSettings(kSample);
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ((std::map<std::string, std::string>{
                {"a", "2"}, {"b", "D:\\it's \"here\" & \u4e2d\u00e4 [1]"}, {"bare", ""}}),
            *read);
}

TEST(ConfigFile, WhatIsNoDocumentIsRefused) {
  for (const std::string bad :
       {"",
        " ",
        "text",
        "<a",
        "<a>",
        "<a></b>",
        "<a/><b/>",
        "<a b=c/>",
        "<a b='1' b='2'/>",
        "<a b='<'/>",
        "<a b='&nope;'/>",
        "<a b='&#0;'/>",
        "<a b='&#xD800;'/>",
        "<a b='&#x110000;'/>",
        "<a b='&'/>",
        "<a b='1'c='2'/>",
        "< a/>",
        "<a><!-- </a>",
        "<a><![CDATA[</a>",
        "<!DOCTYPE a [<!ENTITY b 'c'>]><a/>",
        "<a/>text",
        "</a>",
        "<configuration><appSettings><add value='x'/></appSettings></configuration>",
        "<configuration><appSettings file='other.config'/></configuration>",
        "<configuration><appSettings configSource='other.config'/></configuration>"}) {
    EXPECT_EQ("BAD_CONFIG", ReasonOf(ParseAppSettings(bad).status())) << bad;
  }
  EXPECT_EQ("BAD_CONFIG", ReasonOf(ParseAppSettings(std::string("<a>\0</a>", 8)).status()));
  std::string deep;
  for (int i = 0; i < 100000; ++i) deep += "<a>";
  EXPECT_EQ("BAD_CONFIG", ReasonOf(ParseAppSettings(deep).status()));
}

TEST(ConfigFile, ACutFileIsNeverRead) {
  const std::size_t whole = kSample.rfind("</configuration>") + 16;
  for (std::size_t size = 0; size < whole; ++size)
    ASSERT_FALSE(ParseAppSettings(kSample.substr(0, size)).ok()) << kSample.substr(0, size);
}

TEST(ConfigFile, AFlippedByteNeverMakesAnotherSetting) {
  std::mt19937 random(1);
  int refused = 0;
  for (int i = 0; i < 20000; ++i) {
    std::string text = kSample;
    for (int j = 0; j < 3; ++j)
      text[random() % text.size()] = "<>&;\"'=/ \n\0aZ\xC3"[random() % 14];
    const auto read = ParseAppSettings(text);
    if (read.ok()) {
      ASSERT_LE(read->size(), 6U);
      continue;
    }
    ++refused;
    ASSERT_EQ("BAD_CONFIG", ReasonOf(read.status()));
  }
  EXPECT_GT(refused, 1000);
}

class Paths : public ::testing::Test {
 protected:
  Paths() {
    installation.path = folder.path;
    installation.server = "EX1";
  }
  void Config(const std::string& settings) {
    TestFolder::Put(folder.path + "/Bin/EdgeTransport.exe.config",
                    "<configuration><appSettings>" + settings + "</appSettings></configuration>");
  }
  TestFolder folder;
  Installation installation;
};

TEST_F(Paths, AbsentKeysAreTheDefaults) {
  Config("");
  const auto paths = FindPaths(installation, "");
  ASSERT_TRUE(paths.ok()) << paths.status();
  EXPECT_EQ(folder.path + "/TransportRoles/data/Queue", paths->queue);
  EXPECT_EQ(paths->queue, paths->logs);
  EXPECT_EQ(folder.path + "/TransportRoles/Replay", paths->replay);
}

TEST_F(Paths, VariablesAreExpandedAndTheFileIsReadEachTime) {
  setenv("MQ_TEST_VOLUME", "/volume", 1);
  Config(
      "<add key='queuedatabasepath' value='%exchangeInstallPath%/x y/Queue/'/>"
      "<add key='QueueDatabaseLoggingPath' value='%MQ_TEST_VOLUME%/logs'/>");
  auto paths = FindPaths(installation, "");
  ASSERT_TRUE(paths.ok()) << paths.status();
  EXPECT_EQ(folder.path + "/x y/Queue", paths->queue);
  EXPECT_EQ("/volume/logs", paths->logs);
  Config("");  // As an update leaves it.
  paths = FindPaths(installation, "");
  EXPECT_EQ(folder.path + "/TransportRoles/data/Queue", paths->queue);
}

TEST_F(Paths, WhatIsNoFolderOfItsOwnIsRefused) {
  for (const char* bad : {"Queue", "/", "C:\\"}) {
    Config(absl::StrCat("<add key='QueueDatabasePath' value='", bad, "'/>"));
    EXPECT_EQ("BAD_DIRECTORY", ReasonOf(FindPaths(installation, "").status())) << bad;
  }
  TestFolder::Put(folder.path + "/Bin/EdgeTransport.exe.config", "<configuration>");
  EXPECT_EQ("BAD_CONFIG", ReasonOf(FindPaths(installation, "").status()));
  std::filesystem::remove(folder.path + "/Bin/EdgeTransport.exe.config");
  EXPECT_EQ("BAD_CONFIG", ReasonOf(FindPaths(installation, "").status()));
}

TEST_F(Paths, WhatTheDirectorySaidIsRemembered) {
  Config("");
  FakeShell shell(folder.path + "/components");
  shell.on_call = [](const Pipeline&) -> absl::StatusOr<Answer> {
    Answer answer;
    answer.rows.push_back({{"PickupDirectoryPath", Text("/p/Pickup/")},
                           {"ReplayDirectoryPath", Cell()},
                           {"MessageTrackingLogPath", Text("/t")}});
    return answer;
  };
  const std::string remembered = folder.path + "/exchange-paths";
  ASSERT_TRUE(LearnPaths(shell, installation, remembered, absl::InfiniteFuture()).ok());
  const auto paths = FindPaths(installation, remembered);
  ASSERT_TRUE(paths.ok()) << paths.status();
  EXPECT_EQ("/p/Pickup", paths->pickup);
  EXPECT_EQ("", paths->replay) << "it is switched off";
  EXPECT_EQ("/t", paths->tracking);
}

}  // namespace
}  // namespace mailquench::agent::exchange
