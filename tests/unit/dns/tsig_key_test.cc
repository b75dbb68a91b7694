#include "controller/dns/tsig_key.h"

#include <gmock/gmock.h>
#include <sys/stat.h>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "common/status/error.h"
#include "tests/unit/dns/name_server.h"

namespace mailquench::controller::dns {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

const std::string kSecret = absl::Base64Escape(std::string(32, 'S'));

std::string KeyText(const std::string& algorithm, const std::string& secret = kSecret) {
  return absl::StrCat("key \"mq.example\" {\n\talgorithm ", algorithm, ";\n\tsecret \"", secret,
                      "\";\n};\n");
}

TEST(TsigKeyFile, WhatTsigKeygenWritesIsRead) {
  const test::Folder folder;
  for (const char* algorithm : {"hmac-sha256", "hmac-sha384", "hmac-sha512"}) {
    test::MakeKey(folder, algorithm, algorithm, "Mail.Key.Example");
    const auto key = TsigKey::Load(folder.path(algorithm));
    ASSERT_TRUE(key.ok()) << key.status();
    EXPECT_EQ(key->name(), "mail.key.example");
    EXPECT_EQ(key->wire_name(), std::string("\4mail\3key\7example\0", 18));
    EXPECT_STREQ(TsigAlgorithmName(key->algorithm()), algorithm);
    EXPECT_THAT(test::ReadAll(folder.path(algorithm)),
                HasSubstr(absl::Base64Escape(key->secret())));
  }
}

TEST(TsigKeyFile, CommentsAndOtherOrdersOfTheSameAreRead) {
  const auto key =
      TsigKey::Parse(absl::StrCat("# one\n// two\n/* three\n */ key mq.example. { secret ", kSecret,
                                  "; algorithm \"HMAC-SHA512\"; };"),
                     "x");
  ASSERT_TRUE(key.ok()) << key.status();
  EXPECT_EQ(key->name(), "mq.example");
  EXPECT_EQ(key->algorithm(), TsigAlgorithm::kSha512);
  EXPECT_EQ(key->secret(), std::string(32, 'S'));
}

TEST(TsigKeyFile, OneThatOthersMayReadIsRefused) {
  const test::Folder folder;
  folder.Write("key", KeyText("hmac-sha256"));
  for (const mode_t mode : {0640, 0604, 0620, 0644, 0660}) {
    chmod(folder.path("key").c_str(), mode);
    const auto key = TsigKey::Load(folder.path("key"));
    EXPECT_EQ(ReasonOf(key.status()), "KEY_EXPOSED") << mode;
    EXPECT_THAT(std::string(key.status().message()), HasSubstr("chmod 600"));
  }
  for (const mode_t mode : {0600, 0400}) {
    chmod(folder.path("key").c_str(), mode);
    EXPECT_TRUE(TsigKey::Load(folder.path("key")).ok());
  }
}

TEST(TsigKeyFile, WhatIsNoFileIsRefusedAndNotWaitedFor) {
  const test::Folder folder;
  ASSERT_EQ(mkfifo(folder.path("pipe").c_str(), 0600), 0);
  EXPECT_EQ(ReasonOf(TsigKey::Load(folder.path("pipe")).status()), "KEY_NO_FILE");
  EXPECT_EQ(ReasonOf(TsigKey::Load(folder.path()).status()), "KEY_NO_FILE");
  EXPECT_TRUE(absl::IsNotFound(TsigKey::Load(folder.path("none")).status()));
  folder.Write("large", KeyText("hmac-sha256") + std::string(70000, '\n'));
  chmod(folder.path("large").c_str(), 0600);
  EXPECT_EQ(ReasonOf(TsigKey::Load(folder.path("large")).status()), "KEY_NO_FILE");
}

TEST(TsigKeyFile, WeakAndUnknownAlgorithmsAreNamed) {
  for (const char* weak :
       {"hmac-md5", "HMAC-MD5.SIG-ALG.REG.INT", "hmac-sha1", "hmac-sha1.", "hmac-sha224"}) {
    EXPECT_EQ(ReasonOf(TsigKey::Parse(KeyText(weak), "f").status()), "KEY_TOO_WEAK") << weak;
  }
  for (const char* unknown : {"hmac-sha256-128", "gss-tsig", "rsa"}) {
    EXPECT_EQ(ReasonOf(TsigKey::Parse(KeyText(unknown), "f").status()), "KEY_ALGORITHM_UNKNOWN");
  }
  const auto shorter = KeyText("hmac-sha256", absl::Base64Escape(std::string(15, 'S')));
  EXPECT_EQ(ReasonOf(TsigKey::Parse(shorter, "f").status()), "KEY_TOO_WEAK");
}

TEST(TsigKeyFile, FaultsAreToldWithTheirLineAndWithoutTheSecret) {
  struct Case {
    std::string text;
    int line;
  };
  const std::string good = KeyText("hmac-sha256");
  const std::string algorithm = "algorithm hmac-sha256;", secret = "secret \"" + kSecret + "\";";
  for (const Case& one : std::vector<Case>{
           {"", 1},
           {"\n\nzone x { };", 3},
           {kSecret, 1},
           {"key {", 1},
           {"key \"a..b\" {", 1},
           {"key \"\" {", 1},
           {"key \"a b\" {", 1},
           {absl::StrCat("key x\n", secret), 2},
           {absl::StrCat("key x {\n", algorithm, "\n", algorithm, "\n};"), 3},
           {absl::StrCat("key x {\n", secret, "\n", secret, "\n};"), 3},
           {absl::StrCat("key x {\n", secret, "\n};"), 3},
           {absl::StrCat("key x {\n", algorithm, "\n};"), 3},
           {absl::StrCat("key x {\n", algorithm, secret, "\n}"), 3},
           {absl::StrCat("key x {\n", algorithm, "\nsecret \"", kSecret, "\n\";\n};"), 3},
           {absl::StrCat("key x {\n", algorithm, "\nsecret \"", kSecret), 3},
           {absl::StrCat("key x {\n", algorithm, "\nsecret \"", kSecret, "!\";\n};"), 3},
           {absl::StrCat("key x {\n", algorithm, "\nsecret \"\";\n};"), 3},
           {absl::StrCat("key x {\n", algorithm, "\nsecret ", kSecret, "\n};"), 4},
           {absl::StrCat("key x {\n", algorithm, "\n\"", kSecret, "\";\n};"), 3},
           {absl::StrCat("/* no end\n", good), 1},
           {absl::StrCat(good, "\n", good), 6},
           {absl::StrCat(good, kSecret), 5},
       }) {
    const auto key = TsigKey::Parse(one.text, "keys/mx.key");
    ASSERT_FALSE(key.ok()) << one.text;
    EXPECT_EQ(ReasonOf(key.status()), "BAD_KEY_FILE") << one.text;
    EXPECT_THAT(std::string(key.status().message()),
                HasSubstr(absl::StrCat("keys/mx.key, line ", one.line, ":")))
        << one.text;
    EXPECT_THAT(key.status().ToString(), Not(HasSubstr(kSecret.substr(0, 8))));
  }
}

}  // namespace
}  // namespace mailquench::controller::dns
