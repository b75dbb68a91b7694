// The script on a real engine: facts, both roles, what values become, what is not allowed.
#include <gmock/gmock.h>

#include <cstdlib>

#include "common/status/error.h"
#include "tests/unit/exchange/powershell/shell_world.h"

namespace mailquench::agent::exchange {
namespace {
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class Engine : public ::testing::Test {
 protected:
  void SetUp() override {
    if (NoEngine()) GTEST_SKIP() << "dotnet is missing";
  }
  // By one who is dropped at once.
  absl::StatusOr<Answer> Once(const std::string& server, const Pipeline& pipeline) {
    return MakeSession(world_.Options(server))->Run(pipeline, Soon());
  }
  ShellWorld world_;
};

TEST_F(Engine, SaysWhatItIsBeforeAnythingIsOpened) {
  world_.Settings("EX1", R"({"endpoint": false})");
  const auto shell = MakeSession(world_.Options("EX1"));
  const auto facts = shell->Facts(Soon());
  ASSERT_TRUE(facts.ok()) << facts.status();
  EXPECT_THAT(facts->version, ::testing::StartsWith("5.1."));
  EXPECT_EQ(facts->language_mode, "FullLanguage");
  EXPECT_EQ(facts->execution_policy, "RemoteSigned");
  EXPECT_TRUE(facts->is_64_bit);
  EXPECT_TRUE(facts->endpoint);
  const auto answer = shell->Run(Remote(Make("Get-TransportConfig")), Soon());
  EXPECT_EQ(ReasonOf(answer.status()), "NO_SHELL") << answer.status();
  EXPECT_EQ(world_.Calls("EX1"), "");
}

TEST_F(Engine, RestrictionsAreToldBeforeAnythingIsSent) {
  for (const char* settings :
       {R"({"language_mode": "ConstrainedLanguage"})", R"({"execution_policy": "AllSigned"})",
        R"({"execution_policy": "Restricted"})"}) {
    world_.Settings("EX1", settings);
    const auto answer = Once("EX1", Remote(Make("Get-TransportConfig")));
    EXPECT_EQ(ReasonOf(answer.status()), "SHELL_RESTRICTED") << settings << answer.status();
  }
  EXPECT_EQ(world_.Calls("EX1"), "");
}

// Live objects on an Edge server, deserialised ones through an endpoint: the same texts.
TEST_F(Engine, ValuesAreTheSameTextsOnBothSidesOfRemoting) {
  for (const std::string server : {"EX1", "EX2", "EDGE1"}) {
    const auto answer =
        Once(server,
             Remote(Make("Get-ReceiveConnector",
                         {{"Identity", server + "\\Default" +
                                           (server == "EDGE1" ? " internal receive connector EDGE1"
                                                              : " Frontend " + server)}}),
                    {"Name", "Bindings", "PermissionGroups", "Enabled", "MaxMessageSize",
                     "WhenChanged", "ConnectionTimeout", "TransportRole", "NoSuchProperty"}));
    ASSERT_TRUE(answer.ok()) << answer.status();
    ASSERT_EQ(answer->rows.size(), 1U) << server;
    Row row = answer->rows[0];
    EXPECT_THAT(row["Name"].text(), HasSubstr(server));
    EXPECT_TRUE(row["Bindings"].list);
    EXPECT_THAT(row["Bindings"].texts, ElementsAre("0.0.0.0:25", "[::]:25"));
    EXPECT_FALSE(row["PermissionGroups"].list);
    EXPECT_THAT(row["PermissionGroups"].text(), ::testing::StartsWith("AnonymousUsers, Exchange"));
    EXPECT_EQ(row["Enabled"].text(), "True");
    EXPECT_EQ(row["MaxMessageSize"].text(), "36 MB (37,748,736 bytes)");
    EXPECT_EQ(row["WhenChanged"].text(), "2024-01-01T00:00:00.0000000Z");
    EXPECT_EQ(row["ConnectionTimeout"].text(), "00:10:00");
    EXPECT_EQ(row["TransportRole"].text(),
              server == "EDGE1" ? "HubTransport" : "FrontendTransport");
    EXPECT_TRUE(row["NoSuchProperty"].null);
  }
}

TEST_F(Engine, AListOfOneIsAListAndWhatIsNotAskedForIsThrownAway) {
  const auto shell = MakeSession(world_.Options("EX1"));
  const Cmdlet rule =
      Make("New-TransportRule", {{"Name", "one"},
                                 {"SubjectContainsWords", std::vector<std::string>{"x"}},
                                 {"DeleteMessage", true}});
  const auto made = shell->Run(Remote(rule), Soon());
  ASSERT_TRUE(made.ok()) << made.status();
  EXPECT_TRUE(made->rows.empty());
  const auto rows = shell->Run(Remote(Make("Get-TransportRule"), {"SubjectContainsWords"}), Soon());
  ASSERT_TRUE(rows.ok()) << rows.status();
  ASSERT_EQ(rows->rows.size(), 1U);
  EXPECT_TRUE(rows->rows[0].at("SubjectContainsWords").list);
  EXPECT_THAT(rows->rows[0].at("SubjectContainsWords").texts, ElementsAre("x"));
}

TEST_F(Engine, ErrorsOfBothRolesHaveTheSameReasons) {
  world_.Settings("EX2", R"({"hidden_parameters": {"Get-RemoteDomain": ["DomainController"]}})");
  for (const std::string server : {"EX1", "EX2", "EDGE1"}) {
    const auto shell = MakeSession(world_.Options(server));
    const auto reason = [&](const Cmdlet& cmdlet) {
      const auto answer = shell->Run(Remote(cmdlet, {"Name"}), Soon());
      return answer.ok() ? "OK" : ReasonOf(answer.status());
    };
    EXPECT_EQ(reason(Make("Get-NoSuchThing")), "NOT_IN_ROLE");
    EXPECT_EQ(reason(Make("Get-RemoteDomain", {{"NoSuch", "x"}})), "NOT_IN_ROLE");
    EXPECT_EQ(reason(Make("Get-RemoteDomain", {{"Identity", "'; Remove-Item"}})),
              "OBJECT_NOT_FOUND");
    EXPECT_EQ(reason(Make("New-TransportRule", {{"Name", "no action"}})), "CMDLET_FAILED");
    EXPECT_EQ(reason(Make("Get-RemoteDomain")), "OK") << server;
    if (server == "EX2") {
      EXPECT_EQ(reason(Make("Get-RemoteDomain", {{"DomainController", "dc"}})), "NOT_IN_ROLE");
    }
  }
}

TEST_F(Engine, OneSessionServesAllCallsAndIsClosed) {
  {
    const auto shell = MakeSession(world_.Options("EX1"));
    for (int i = 0; i < 5; ++i)
      EXPECT_TRUE(shell->Run(Remote(Make("Get-TransportConfig")), Soon()).ok());
    EXPECT_EQ(world_.Processes().size(), 1U);
  }
  EXPECT_TRUE(world_.Processes().empty());
}

TEST_F(Engine, MoreThanAThousandResultsComeWhole) {
  std::vector<std::string> many;
  for (int i = 0; i < 5000; ++i) many.push_back("text " + std::to_string(i));
  const auto answer = Once("EX1", Local(Make("Write-Output", {{"InputObject", many}}), {"Length"}));
  ASSERT_TRUE(answer.ok()) << answer.status();
  ASSERT_EQ(answer->rows.size(), 5000U);
  EXPECT_EQ(answer->rows[4999].at("Length").text(), "9");
}

}  // namespace
}  // namespace mailquench::agent::exchange
