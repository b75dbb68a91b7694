// `mailquench blacklist check` without a controller, as a person runs it, against real rbldnsd and
// BIND. The bad days of blacklists by name.
#include <gmock/gmock.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "cli/tree.h"
#include "tests/unit/blacklist/list_server.h"

namespace mailquench::cli {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr char kLists[] = R"(
lists:
  - zone: a.test
    operator: A
    covers: [ip4]
    component: xbl
    codes: {127.0.0.2: {is: spam source}}
    test: {listed: [127.0.0.2], clean: [127.0.0.1]}
  - zone: aa.test
    operator: A
    covers: [ip4]
    component: xbl
    codes: {127.0.0.2: {is: spam source}}
    test: {listed: [127.0.0.2], clean: [127.0.0.1]}
  - zone: b.test
    operator: B
    covers: [ip4]
    codes: {127.0.0.2: {is: dial-up}}
    errors: {127.255.255.254: {why: resolver, is: asked through a public resolver}}
    test: {listed: [127.0.0.2], clean: [127.0.0.1]}
  - zone: six.test
    operator: S
    covers: [ip6]
    test: {listed: ["::ffff:7f00:2"], clean: ["::ffff:7f00:1"]}
  - zone: quiet.test
    operator: Q
    covers: [ip4]
    alert: false
    codes: {127.0.0.2: {is: a network}}
    test: {listed: [127.0.0.2], clean: [127.0.0.1]}
)";

class BlacklistCheck : public ::testing::Test {
 protected:
  BlacklistCheck()
      : server_({{"a.test", test::WellList("192.0.2.1")},
                 {"aa.test", test::WellList("192.0.2.1")},
                 {"b.test", test::WellList("")},
                 {"six.test", {"ip6trie", ":127.0.0.2:six\n::ffff:7f00:2/128\n2001:db8::9/128"}},
                 {"quiet.test", test::WellList("192.0.2.5")}}) {
    std::ofstream(server_.dir() + "/own.yaml") << Own();
  }
  static std::string Own(const std::string& more = "") {
    return absl::StrCat(kLists, more, test::BuiltInOff());
  }

  // Its exit code; the output is in out_ and err_.
  int Run(std::vector<std::string> args) {
    std::ostringstream out, err;
    Environment environment;
    std::istringstream in;
    environment.in = &in;
    environment.out = &out;
    environment.err = &err;
    environment.getenv = [this](const std::string& name) -> std::string {
      return name == "MAILQUENCH_BLACKLISTS" ? server_.dir() + "/own.yaml"
             : name == "MAILQUENCH_CONFIG"   ? "/nowhere/contexts.yaml"
                                             : "";
    };
    const int code = Main(args, environment);
    out_ = out.str();
    err_ = err.str();
    return code;
  }
  int Check(std::vector<std::string> args) {
    args.insert(args.begin(), {"blacklist", "check", "--resolver", server_.server()});
    return Run(args);
  }

  test::ListServer server_;
  std::string out_, err_;
};

TEST_F(BlacklistCheck, SaysListedOnceForOneFindingThatTwoZonesShow) {
  EXPECT_EQ(Check({"--address", "192.0.2.1"}), 2);
  EXPECT_THAT(out_, AllOf(HasSubstr("192.0.2.1: LISTED on 1 list (A xbl); clean on 2"),
                          HasSubstr("spam source: Listed: 192.0.2.1"), HasSubstr("aa.test")));
  EXPECT_EQ(err_, "");
}

TEST_F(BlacklistCheck, SaysNotListedWithExit0) {
  EXPECT_EQ(Check({"192.0.2.9"}), 0) << out_ << err_;
  EXPECT_THAT(out_, HasSubstr("192.0.2.9: not listed; clean on 4"));
}

TEST_F(BlacklistCheck, OneThatTellsNothingAloneIsShownAndDoesNotAlarm) {
  EXPECT_EQ(Check({"--address", "192.0.2.5"}), 0);
  EXPECT_THAT(out_, HasSubstr("and on 1 list that tell nothing alone (Q quiet.test)"));
}

TEST_F(BlacklistCheck, IsOneJsonDocumentOrALineAnAnswer) {
  EXPECT_EQ(Check({"--address", "192.0.2.1", "-o", "json"}), 2);
  const auto whole = nlohmann::json::parse(out_);
  EXPECT_EQ(whole["answers"].size(), 4u);
  EXPECT_EQ(whole["done"]["questions"], "4");
  EXPECT_EQ(whole["answers"][0]["verdict"], "BLACKLIST_VERDICT_LISTED");
  EXPECT_EQ(whole["answers"][0]["server"], server_.server());
  EXPECT_EQ(Check({"--address", "192.0.2.1", "-o", "jsonl"}), 2);
  std::istringstream lines(out_);
  int count = 0;
  for (std::string line; std::getline(lines, line); ++count)
    EXPECT_TRUE(nlohmann::json::parse(line).is_object());
  EXPECT_EQ(count, 5);
}

// ---- Bad days.

TEST_F(BlacklistCheck, BadDayAListAnswersEverythingListed) {
  server_.Change("a.test", ":127.0.0.2:all\n0.0.0.0/1\n128.0.0.0/1");
  EXPECT_EQ(Check({"--address", "192.0.2.9"}), 0) << out_;
  EXPECT_THAT(out_, AllOf(HasSubstr("untrusted"), HasSubstr("it lists everything"),
                          Not(HasSubstr("LISTED on"))));
}

TEST_F(BlacklistCheck, BadDayAListRefusesWithACode) {
  server_.Change("b.test", ":127.255.255.254:no\n0.0.0.0/1\n128.0.0.0/1");
  EXPECT_EQ(Check({"--address", "192.0.2.9"}), 0);
  EXPECT_THAT(out_, AllOf(HasSubstr("blocked"), HasSubstr("asked through a public resolver")));
}

TEST_F(BlacklistCheck, BadDayAListAnswersOutside127) {
  server_.Change("a.test", ":91.195.240.117:parked\n0.0.0.0/1\n128.0.0.0/1");
  EXPECT_EQ(Check({"--address", "192.0.2.9"}), 0);
  EXPECT_THAT(out_, AllOf(HasSubstr("untrusted"), HasSubstr("91.195.240.117")));
}

TEST_F(BlacklistCheck, BadDayTheResolverIsDead) {
  server_.Stop();
  EXPECT_EQ(Check({"--address", "192.0.2.9"}), 3);
  EXPECT_THAT(out_, HasSubstr("192.0.2.9: not known"));
  EXPECT_THAT(err_, HasSubstr("does not answer"));
}

TEST_F(BlacklistCheck, BadDayAnIp6ListIsNotAskedForIp4NorTheOtherWayRound) {
  EXPECT_EQ(Check({"--address", "192.0.2.9", "--all-answers"}), 0);
  EXPECT_THAT(out_, Not(HasSubstr("six.test")));
  EXPECT_EQ(Check({"--address", "2001:db8::9"}), 2);
  EXPECT_THAT(out_, AllOf(HasSubstr("six.test"), Not(HasSubstr("a.test"))));
}

TEST_F(BlacklistCheck, BadDayTheCatalogueIsBroken) {
  std::ofstream(server_.dir() + "/own.yaml") << "lists:\n  - {zone: a.test, operator: A}\n";
  EXPECT_EQ(Check({"--address", "192.0.2.9"}), 1);
  EXPECT_THAT(err_, AllOf(HasSubstr("own.yaml:2:"), HasSubstr("'covers' is missing")));
  EXPECT_EQ(Run({"blacklist", "lists", "lint", server_.dir() + "/own.yaml"}), 1);
  std::ofstream(server_.dir() + "/own.yaml") << "enable: [dnsbl.sorbs.net]\n";
  EXPECT_EQ(Run({"blacklist", "lists", "lint", server_.dir() + "/own.yaml"}), 1);
  EXPECT_THAT(err_, HasSubstr("is dead since 2024-06-05"));
}

TEST_F(BlacklistCheck, BadDayADeadListIsAskedFor) {
  EXPECT_EQ(Check({"--address", "192.0.2.9", "--list", "dnsbl.sorbs.net"}), 1);
  EXPECT_THAT(err_, HasSubstr("dead since 2024-06-05"));
  EXPECT_EQ(Check({"--address", "192.0.2.9", "--list", "zen.spamhaus.orgg"}), 1);
  EXPECT_THAT(err_, HasSubstr("zen.spamhaus.org"));
}

// BIND over TCP: rbldnsd has no such answers.
TEST_F(BlacklistCheck, BadDayAReasonOf64000BytesWithTerminalEscapes) {
  const std::string dir = server_.dir();
  const int port = test::FreePort();
  std::ofstream(dir + "/named.conf")
      << "options { directory \"" << dir << "\"; listen-on port " << port
      << " { 127.0.0.1; }; listen-on-v6 { none; }; pid-file \"" << dir
      << "/pid\"; session-keyfile \"" << dir << "/key\"; recursion no; dnssec-validation no; };\n"
      << "controls { };\nzone \"a.test\" { type primary; file \"evil\"; };\n";
  std::ofstream zone(dir + "/evil");
  zone << "$TTL 60\n@ SOA ns host 1 60 60 60 60\n@ NS ns\nns A 127.0.0.1\n"
       << "2.0.0.127 A 127.0.0.2\n1.2.0.192 A 127.0.0.2\n1.2.0.192 TXT (";
  for (int i = 0; i < 250; ++i)
    zone << " \"\\027[2J\\027]0;owned\\007" << std::string(230, 'x') << "\"\n";
  zone << ")\n";
  zone.close();
  const pid_t pid =
      test::Spawn({"/usr/sbin/named", "-f", "-n", "1", "-c", dir + "/named.conf"}, dir + "/log2");
  const std::vector<std::string> ask = {
      "blacklist", "check",  "--resolver", absl::StrCat("127.0.0.1:", port),
      "--list",    "a.test", "192.0.2.1"};
  EXPECT_TRUE(test::Eventually([&] { return Run(ask) == 2; })) << out_ << err_;
  EXPECT_THAT(out_, AllOf(HasSubstr("LISTED on 1 list"), HasSubstr("owned"), HasSubstr("xxxx")));
  EXPECT_EQ((out_ + err_).find('\033'), std::string::npos);
  EXPECT_EQ((out_ + err_).find('\007'), std::string::npos);
  EXPECT_LT(out_.size(), 20000u);
  kill(pid, SIGTERM);
  test::WaitFor(pid);
}

TEST_F(BlacklistCheck, NoKeyIsEverShown) {
  std::ofstream(server_.dir() + "/own.yaml")
      << Own("  - {zone: keyed.test, operator: K, covers: [ip4], key: prefix}\n");
  const std::string keys = server_.dir() + "/keys";
  std::ofstream(keys) << "keyed.test topsecretkey\n";
  EXPECT_EQ(Check({"--address", "192.0.2.9", "--keys", keys}), 4);  // Others may read it.
  EXPECT_THAT(err_, HasSubstr("chmod 600"));
  std::filesystem::permissions(keys, std::filesystem::perms(0600));
  for (const char* form : {"table", "json", "yaml", "jsonl"}) {
    Check({"--address", "192.0.2.9", "--keys", keys, "--list", "keyed.test", "-o", form});
    EXPECT_THAT(out_ + err_, Not(HasSubstr("topsecret")));
  }
  Run({"blacklist", "lists", "--health", "--from-here", "--keys", keys, "--resolver",
       server_.server(), "-o", "json"});
  EXPECT_THAT(out_ + err_, Not(HasSubstr("topsecret")));
}

TEST_F(BlacklistCheck, ListsShowTheirHealth) {
  server_.Change("a.test", ":127.0.0.2:all\n0.0.0.0/1\n128.0.0.0/1");
  EXPECT_EQ(Run({"blacklist", "lists", "--health", "--resolver", server_.server()}), 0) << err_;
  EXPECT_THAT(out_, AllOf(HasSubstr("quarantined"), HasSubstr("well")));
}

}  // namespace
}  // namespace mailquench::cli
