// What no real one answers, and the section of the rules' file.
#include <gmock/gmock.h>

#include "absl/time/clock.h"
#include "common/status/error.h"
#include "controller/alertmanager/alertmanager.h"
#include "tests/unit/https/peer.h"

namespace mailquench::controller {
namespace {
using test::Peer;
using ::testing::HasSubstr;

std::string Http(int status, const std::string& body) {
  return absl::StrCat("HTTP/1.1 ", status, " X\r\nContent-Length: ", body.size(), "\r\n\r\n", body);
}

Alertmanager At(const Peer& peer, const std::string& token_file = "") {
  AlertmanagerConfig config;
  config.name = "main";
  config.url = absl::StrCat("http://127.0.0.1:", peer.port(), "/prefix");
  config.token_file = token_file;
  config.limit = absl::Seconds(20);
  return Alertmanager(config);
}

SilenceWish Wish() {
  SilenceWish wish;
  wish.matchers = {{"instance", {"mx1"}}};
  wish.start = absl::Now();
  wish.end = absl::Now() + absl::Minutes(1);
  return wish;
}

TEST(Answers, WrongOnesAreErrorsAndNeverAnEmptyList) {
  for (const std::string& answer :
       {Http(500, "boom \x1b[2J"), Http(200, "<html>login</html>"), Http(200, "{}"), Http(200, ""),
        Http(200, "[{}]"), Http(200, "[1]"), Http(200, "null"), Http(302, ""),
        Http(200, R"([{"fingerprint":"a"}])"), Http(401, "")}) {
    Peer peer(test::Says(answer));
    const auto alerts = At(peer).Alerts();
    EXPECT_EQ(ReasonOf(alerts.status()), "ALERTMANAGER_ANSWER") << answer;
    EXPECT_EQ(std::string(alerts.status().message()).find('\x1b'), std::string::npos);
    EXPECT_EQ(ReasonOf(At(peer).SetSilence(Wish()).status()), "ALERTMANAGER_ANSWER") << answer;
  }
  for (const std::string& answer : {Http(500, "boom"), Http(200, "{}"), Http(403, "")}) {
    Peer peer(test::Says(answer));
    EXPECT_EQ(ReasonOf(At(peer).FindSilence("e-1").status()), "ALERTMANAGER_ANSWER") << answer;
  }
  Peer broken(test::Says(Http(500, "boom")));
  EXPECT_EQ(ReasonOf(At(broken).LiftSilence("11111111-1111")), "ALERTMANAGER_ANSWER");
}

TEST(Answers, OneThatHangsEndsAtItsLimit) {
  Peer peer([](Peer::Link& link) { link.Hang(); });
  AlertmanagerConfig config = At(peer).config();
  config.limit = absl::Milliseconds(200);
  EXPECT_EQ(Alertmanager(config).Alerts().status().code(), absl::StatusCode::kDeadlineExceeded);
}

TEST(Answers, ThePrefixAndTheTokenAreSent) {
  std::string seen;
  Peer peer([&](Peer::Link& link) {
    seen = link.Request();
    link.Send(Http(200, "[]"));
  });
  test::TempFolder folder;
  EXPECT_EQ(At(peer, folder.Write("token", "t-1\n")).Alerts().value().size(), 0u);
  EXPECT_THAT(seen, testing::StartsWith("GET /prefix/api/v2/alerts?active=true&"));
  EXPECT_THAT(seen, HasSubstr("Authorization: Bearer t-1\r\n"));
  const int before = peer.connections();
  const auto none = At(peer, folder / "missing").Alerts();
  EXPECT_THAT(std::string(none.status().message()), HasSubstr("token of Alertmanager 'main'"));
  EXPECT_EQ(peer.connections(), before);
}

TEST(Section, IsReadAndItsFaultsHaveAPlace) {
  const auto read = ReadAlertmanagers("rules.yaml", YAML::Load(R"(
- name: main
  url: https://alertmanager.test:9093/am/
  ca_file: /etc/mailquench/am.pem
  token_file: /etc/mailquench/am.token
  sources: [prometheus]
  limit: 3s
- {name: second, url: "http://127.0.0.1:9093"}
)"));
  ASSERT_TRUE(read.ok()) << read.status();
  ASSERT_EQ(read->size(), 2u);
  EXPECT_EQ(read->front().url, "https://alertmanager.test:9093/am");
  EXPECT_EQ(read->front().limit, absl::Seconds(3));
  EXPECT_THAT(read->front().sources, testing::ElementsAre("prometheus"));
  EXPECT_EQ(read->back().limit, absl::Seconds(5));
  EXPECT_EQ(ReadAlertmanagers("rules.yaml", YAML::Node()).value().size(), 0u);
  for (const auto& [text, what] : std::map<std::string, std::string>{
           {"{}", "is a list"},
           {"- {name: a}", "'url' is missing"},
           {"- {url: 'http://a.test'}", "'name' is missing"},
           {"- {name: a, url: a.test}", "must begin with http"},
           {"- {name: a, url: 'http://a.test/?x=1'}", "has a query"},
           {"- {name: a, url: 'http://a.test', token: x}", "unknown key 'token'"},
           {"- {name: a, url: 'http://a.test', limit: 5h}", "'limit' is a time span"},
           {"- {name: a, url: 'http://a.test'}\n- {name: a, url: 'http://b.test'}",
            "rules.yaml:2:10: two Alertmanagers have the name 'a'"}}) {
    const auto bad = ReadAlertmanagers("rules.yaml", YAML::Load(text));
    EXPECT_EQ(ReasonOf(bad.status()), "BAD_RULES") << text;
    EXPECT_THAT(std::string(bad.status().message()), HasSubstr(what));
    EXPECT_THAT(std::string(bad.status().message()), HasSubstr("rules.yaml:"));
  }
}

}  // namespace
}  // namespace mailquench::controller
