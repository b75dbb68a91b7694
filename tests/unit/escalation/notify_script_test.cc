// deploy/icinga/mailquench-notify, run by a shell against the real endpoint.
#include <sys/wait.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <map>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "tests/unit/escalation/intake_fixture.h"

namespace mailquench::controller {
namespace {

using testing::HasSubstr;
using testing::Not;

std::string Quoted(const std::string& text) {
  return absl::StrCat("'", absl::StrReplaceAll(text, {{"'", R"('\'')"}}), "'");
}

class NotifyScript : public IntakeFixture {
 protected:
  void SetUp() override {
    if (std::system("command -v curl >/dev/null") != 0) GTEST_SKIP() << "curl is not installed";
    token_ = Token("icinga", v1::SOURCE_KIND_NAGIOS);
    ASSERT_TRUE(identity::WriteSecretFile(folder_.At("token"), token_ + "\n").ok());
    Serve();
    arguments_ = {{"--url", absl::StrCat("https://localhost:", port(), "/v1/alerts")},
                  {"--token-file", folder_.At("token")},
                  {"--ca-file", folder_.At("ca.pem")},
                  {"--host", "mx1.example"},
                  {"--service", "Mail queue"},
                  {"--state", "CRITICAL"},
                  {"--state-type", "HARD"},
                  {"--output", "QUEUE CRITICAL: 20000 messages"},
                  {"--address", "192.0.2.7"},
                  {"--start", "1799999000"}};
  }
  // Its exit code; what it says is in said_.
  int Run() {
    std::string command = absl::StrCat("PATH=", Quoted(path_), " TMPDIR=", Quoted(folder_.path()),
                                       " sh ", Quoted(MAILQUENCH_NOTIFY));
    for (const auto& [name, value] : arguments_) {
      absl::StrAppend(&command, " ", name, " ", Quoted(value));
    }
    FILE* const pipe = ::popen((command + " 2>&1").c_str(), "r");
    said_.clear();
    char bytes[4096];
    std::size_t size = 0;
    while ((size = std::fread(bytes, 1, sizeof bytes, pipe)) > 0) said_.append(bytes, size);
    const int status = ::pclose(pipe);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }
  // `body` stands before the real curl, which it calls as "$real".
  void WrapCurl(const std::string& body) {
    std::filesystem::create_directory(folder_.At("bin"));
    ASSERT_TRUE(identity::WritePublicFile(
                    folder_.At("bin/curl"),
                    absl::StrCat("#!/bin/sh\nfolder=", Quoted(folder_.path()),
                                 "\nreal=$(PATH=/usr/local/bin:/usr/bin:/bin command -v curl)\n",
                                 body, "\n"))
                    .ok());
    std::filesystem::permissions(folder_.At("bin/curl"), std::filesystem::perms(0755));
    path_ = folder_.At("bin") + ":" + path_;
  }

  std::string token_;
  std::map<std::string, std::string> arguments_;
  std::string path_ = "/usr/local/bin:/usr/bin:/bin";
  std::string said_;
};

TEST_F(NotifyScript, TellsAStateAndARepeatIsNothingNew) {
  EXPECT_EQ(Run(), 0) << said_;
  EXPECT_EQ(said_, "");
  EXPECT_EQ(Run(), 0) << said_;
  ASSERT_EQ(Kept().size(), 1U);
  const v1::Alert alert = Kept().front().alert();
  EXPECT_EQ(alert.labels().at("service"), "Mail queue");
  EXPECT_EQ(alert.labels().at("severity"), "critical");
  EXPECT_EQ(alert.annotations().at("summary"), "QUEUE CRITICAL: 20000 messages");
  EXPECT_EQ(alert.start_time().seconds(), 1'799'999'000);
  arguments_["--state"] = "OK";
  arguments_["--start"] = "1799999500";
  EXPECT_EQ(Run(), 0) << said_;
  ASSERT_EQ(Kept().size(), 2U);
  EXPECT_EQ(Kept().front().alert().fingerprint(), alert.fingerprint());
}

TEST_F(NotifyScript, TextsOfPluginsStayTexts) {
  const std::string wild = "a'b\"c$(touch /tmp/x)`id`;&|%41+ \\ @/etc/passwd = \xc3\xa4 <x> *";
  arguments_["--output"] = wild;
  arguments_["--service"] = "@/etc/passwd";
  EXPECT_EQ(Run(), 0) << said_;
  ASSERT_EQ(Kept().size(), 1U);
  EXPECT_EQ(Kept().front().alert().annotations().at("summary"), wild);
  EXPECT_EQ(Kept().front().alert().labels().at("service"), "@/etc/passwd");
}

TEST_F(NotifyScript, TheTokenIsNoArgument) {
  WrapCurl(
      "printf '%s\\n' \"$@\" >\"$folder/arguments\"; env >\"$folder/environment\"\n"
      "exec \"$real\" \"$@\"");
  EXPECT_EQ(Run(), 0) << said_;
  EXPECT_EQ(Kept().size(), 1U);
  const std::string arguments = *identity::ReadFile(folder_.At("arguments"));
  EXPECT_THAT(arguments, HasSubstr("Mail queue"));
  EXPECT_THAT(arguments, Not(HasSubstr(token_)));
  EXPECT_THAT(*identity::ReadFile(folder_.At("environment")), Not(HasSubstr(token_)));
}

TEST_F(NotifyScript, WhatIsRefusedIsToldAndNotTriedAgain) {
  WrapCurl("echo x >>\"$folder/tries\"\nexec \"$real\" \"$@\"");
  arguments_["--state"] = "MAD";
  EXPECT_EQ(Run(), 1);
  EXPECT_THAT(said_, HasSubstr("(400)"));
  EXPECT_THAT(said_, HasSubstr("OK, WARNING, CRITICAL"));
  EXPECT_EQ(*identity::ReadFile(folder_.At("tries")), "x\n");
  ASSERT_TRUE(identity::WriteSecretFile(folder_.At("token"), "mqs.icinga.wrong").ok());
  EXPECT_EQ(Run(), 1);
  EXPECT_THAT(said_, HasSubstr("(401)"));
  EXPECT_TRUE(Kept().empty());
}

TEST_F(NotifyScript, TriesAgainWhereItCannotBeKept) {
  // The third try is well.
  WrapCurl(
      "echo x >>\"$folder/tries\"\n"
      "[ \"$(wc -l <\"$folder/tries\")\" -ge 3 ] || { printf 503; exit 0; }\n"
      "exec \"$real\" \"$@\"");
  EXPECT_EQ(Run(), 0) << said_;
  EXPECT_EQ(Kept().size(), 1U);
  inbox_.broken = true;
  EXPECT_EQ(Run(), 2);
  EXPECT_THAT(said_, HasSubstr("503"));
  EXPECT_THAT(said_, HasSubstr("cannot keep alerts now"));
}

TEST_F(NotifyScript, ADeadControllerIsSaidInTime) {
  server_->Stop();
  const absl::Time before = absl::Now();
  EXPECT_EQ(Run(), 2);
  EXPECT_LT(absl::Now() - before, absl::Seconds(28));
  EXPECT_THAT(said_, HasSubstr("3 tries"));
}

TEST_F(NotifyScript, AForeignServerIsNotGivenTheToken) {
  const auto other = *CertificateAuthority::Create("mail.example", &system_clock_);
  ASSERT_TRUE(identity::WritePublicFile(folder_.At("ca.pem"), other->ca_pem()).ok());
  EXPECT_EQ(Run(), 2);
  EXPECT_THAT(said_, HasSubstr("certificate"));
  EXPECT_TRUE(endpoint_.Results().empty());
}

TEST_F(NotifyScript, AWrongCallSendsNothing) {
  const auto right = arguments_;
  for (const auto& [name, value] :
       std::map<std::string, std::string>{{"--host", ""},
                                          {"--state", ""},
                                          {"--url", "http://localhost/v1/alerts"},
                                          {"--ca-file", folder_.At("none")},
                                          {"--token-file", folder_.At("none")},
                                          {"--token-file-too", "x"}}) {
    arguments_ = right;
    arguments_[name] = value;
    EXPECT_EQ(Run(), 3) << name;
    EXPECT_THAT(said_, HasSubstr("nothing was sent")) << name;
  }
  arguments_ = right;
  for (const std::string bad : {"", "\n", "two words\"\nurl = \"http://elsewhere/", "a\"b"}) {
    ASSERT_TRUE(identity::WriteSecretFile(folder_.At("token"), bad).ok());
    EXPECT_EQ(Run(), 3) << bad;
  }
  EXPECT_TRUE(endpoint_.Results().empty());
}

}  // namespace
}  // namespace mailquench::controller
