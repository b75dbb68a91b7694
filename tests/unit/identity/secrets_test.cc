#include "common/identity/secrets.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <set>

#include "common/identity/spiffe.h"
#include "common/identity/token_text.h"
#include "common/status/error.h"
#include "tests/unit/identity/test_support.h"

namespace mailquench::identity {
namespace {

TEST(SecretsTest, UuidsAreRandomVersionFour) {
  std::set<std::string> seen;
  for (int i = 0; i < 100; ++i) {
    const std::string uuid = RandomUuid();
    EXPECT_TRUE(IsUuid(uuid)) << uuid;
    EXPECT_EQ(uuid[14], '4');
    EXPECT_THAT(std::string("89ab"), testing::HasSubstr(uuid.substr(19, 1)));
    EXPECT_TRUE(seen.insert(uuid).second);
  }
  EXPECT_FALSE(IsUuid("12345678-1234-4234-8234-12345678901G"));
  EXPECT_FALSE(IsUuid("../../../../../../etc/passwd/aaaaaaa"));
}

TEST(SecretsTest, Sha256IsThatOfTheStandard) {
  EXPECT_EQ(Sha256Hex("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST(SecretsTest, ComparesWholeTexts) {
  EXPECT_TRUE(ConstantTimeEquals("abc", "abc"));
  EXPECT_FALSE(ConstantTimeEquals("abc", "abd"));
  EXPECT_FALSE(ConstantTimeEquals("abc", "ab"));
}

TEST(SecretsTest, SecretFilesAreForTheOwnerAloneWhateverWasThereBefore) {
  const test::TemporaryFolder folder;
  const std::string path = folder.At("x.key");
  ASSERT_TRUE(WritePublicFile(path, "old").ok());
  EXPECT_EQ(test::ModeOf(path), 0644);
  ASSERT_TRUE(WriteSecretFile(path, "new").ok());
  EXPECT_EQ(test::ModeOf(path), 0600);
  EXPECT_EQ(*ReadFile(path), "new");
  int count = 0;
  for ([[maybe_unused]] const auto& e : std::filesystem::directory_iterator(folder.path())) ++count;
  EXPECT_EQ(count, 1) << "a temporary file was left behind";
}

TEST(SecretsTest, AFailedWriteLeavesNothing) {
  const test::TemporaryFolder folder;
  EXPECT_FALSE(WriteSecretFile(folder.At("missing/x.key"), "a").ok());
  ASSERT_TRUE(std::filesystem::create_directory(folder.At("dir")));
  EXPECT_FALSE(WriteSecretFile(folder.At("dir"), "a").ok());
  int count = 0;
  for ([[maybe_unused]] const auto& e : std::filesystem::directory_iterator(folder.path())) ++count;
  EXPECT_EQ(count, 1);
}

TEST(SecretsTest, AFileIsCreatedOnceAndWhatIsThereStays) {
  const test::TemporaryFolder folder;
  const std::string path = folder.At("x.key");
  ASSERT_TRUE(CreateSecretFile(path, "first").ok());
  EXPECT_EQ(test::ModeOf(path), 0600);
  EXPECT_EQ(ReasonOf(CreateSecretFile(path, "second")), "FILE_EXISTS");
  EXPECT_EQ(ReasonOf(CreatePublicFile(path, "second")), "FILE_EXISTS");
  EXPECT_EQ(*ReadFile(path), "first");
  EXPECT_EQ(test::ModeOf(path), 0600);
}

TEST(SpiffeTest, WritesAndReadsEachKind) {
  const std::string uuid = RandomUuid();
  for (const SpiffeId& id : {SpiffeId{"mail.example", Kind::kAgent, uuid, Role::kViewer},
                             SpiffeId{"mail.example", Kind::kController, "main", Role::kViewer},
                             SpiffeId{"mail.example", Kind::kOperator, "jo@x", Role::kResponder},
                             SpiffeId{"mail.example", Kind::kOperator, "root", Role::kAdmin}}) {
    const auto again = ParseSpiffeId(id.ToUri());
    ASSERT_TRUE(again.ok()) << again.status();
    EXPECT_EQ(*again, id);
  }
  EXPECT_EQ((SpiffeId{"d", Kind::kOperator, "jo", Role::kAdmin}.ToUri()),
            "spiffe://d/operator/admin/jo");
}

TEST(SpiffeTest, RefusesWhatItWouldNotWrite) {
  const std::string uuid = RandomUuid();
  for (const std::string& uri :
       {std::string(""), std::string("spiffe://d"), std::string("https://d/controller/a"),
        "spiffe://d/agent/" + uuid + "/", "spiffe://d/agent/" + uuid + "/x",
        std::string("spiffe://d/agent/web1"), std::string("spiffe://d/operator/jo"),
        std::string("spiffe://d/operator/root/jo"), std::string("spiffe:///controller/a"),
        std::string("spiffe://D/controller/a"), std::string("spiffe://d/controller/"),
        std::string("spiffe://d/controller/.."), std::string("spiffe://d:1/controller/a"),
        std::string("spiffe://d/controller/a,URI:b"), std::string("spiffe://d/controller/a\0b", 24),
        std::string("SPIFFE://d/controller/a")}) {
    EXPECT_EQ(ReasonOf(ParseSpiffeId(uri).status()), "BAD_SPIFFE_ID") << uri;
  }
}

TEST(TokenTextTest, ReadsWhatItWritesAndNeverRepeatsASecret) {
  const TokenParts parts{RandomToken(8), RandomToken(32), Sha256Hex("ca")};
  const std::string text = TokenText(parts);
  const auto again = ParseToken(text);
  ASSERT_TRUE(again.ok());
  EXPECT_EQ(again->id, parts.id);
  EXPECT_EQ(again->secret, parts.secret);
  EXPECT_EQ(again->ca_sha256, parts.ca_sha256);
  const auto cut = ParseToken(text.substr(0, text.size() - 1));
  EXPECT_EQ(ReasonOf(cut.status()), "BAD_TOKEN");
  EXPECT_THAT(std::string(cut.status().message()), testing::Not(testing::HasSubstr(parts.secret)));
}

}  // namespace
}  // namespace mailquench::identity
