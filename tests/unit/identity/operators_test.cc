// `operator issue` as files: what it writes, and what it must never write over.
#include "controller/identity/operators.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <map>

#include "common/identity/certificate.h"
#include "common/identity/secrets.h"
#include "common/status/error.h"
#include "controller/identity/init.h"
#include "controller/identity/issued.h"
#include "tests/unit/identity/test_support.h"

namespace mailquench::controller {
namespace {

class OperatorsTest : public testing::Test {
 protected:
  void SetUp() override {
    InitOptions options;
    options.dir = dir_;
    options.trust_domain = "mail.example";
    options.names = {{"localhost"}, {"127.0.0.1"}};
    ASSERT_TRUE(InitController(options, &clock_).ok());
    before_ = Contents(dir_);
  }
  static std::map<std::string, std::string> Contents(const std::string& dir) {
    std::map<std::string, std::string> out;
    for (const auto& entry : std::filesystem::directory_iterator(dir)) {
      out[entry.path().filename().string()] = *identity::ReadFile(entry.path().string());
    }
    return out;
  }
  absl::StatusOr<OperatorFiles> Issue(const std::string& name, const std::string& out) {
    NewOperator wish;
    wish.name = name;
    wish.role = identity::Role::kResponder;
    wish.out = out;
    return IssueOperatorFiles(dir_, wish, &clock_);
  }

  test::TemporaryFolder folder_;
  test::FakeClock clock_;
  const std::string dir_ = folder_.At("ca");
  std::map<std::string, std::string> before_;
};

TEST_F(OperatorsTest, AKeyAndACertificateAreWrittenAndListed) {
  const auto files = Issue("ada", folder_.At("ada"));
  ASSERT_TRUE(files.ok()) << files.status();
  EXPECT_EQ(test::ModeOf(folder_.At("ada")), 0700);
  EXPECT_EQ(test::ModeOf(files->key), 0600);
  EXPECT_TRUE(identity::CheckKeyMatches(*identity::ReadFile(files->key),
                                        *identity::ReadFile(files->certificate))
                  .ok());
  EXPECT_EQ(*identity::ReadFile(files->ca), before_["ca.pem"]);
  const auto listed = ReadIssued(dir_);
  ASSERT_TRUE(listed.ok()) << listed.status();
  ASSERT_EQ(listed->size(), 2u);
  EXPECT_EQ((*listed)[0].id.name, "admin");
  const auto info = identity::ParseCertificate(*identity::ReadFile(files->certificate));
  EXPECT_EQ((*listed)[1].id.name, "ada");
  EXPECT_EQ((*listed)[1].id.role, identity::Role::kResponder);
  EXPECT_EQ((*listed)[1].serial, info->serial);
  EXPECT_EQ((*listed)[1].not_before, info->not_before);
  EXPECT_EQ((*listed)[1].not_after, info->not_after);
}

TEST_F(OperatorsTest, NamesOfOtherActorsAreRefused) {
  for (const char* name : {"ca", "CA", "controller", "Controller", "host:mx1", "HOST:x"}) {
    EXPECT_EQ(ReasonOf(Issue(name, folder_.At("out")).status()), "RESERVED_NAME") << name;
  }
  EXPECT_EQ(ReasonOf(Issue("../ca", folder_.At("out")).status()), "BAD_NAME");
  EXPECT_FALSE(std::filesystem::exists(folder_.At("out")));
  EXPECT_EQ(Contents(dir_), before_);
  EXPECT_TRUE(Issue("hostess", folder_.At("out")).ok());
}

TEST_F(OperatorsTest, TheFolderOfACaIsRefusedUnderAnyName) {
  std::filesystem::create_directory_symlink(dir_, folder_.At("link"));
  for (const std::string& out : {dir_, dir_ + "/", folder_.At("link"), dir_ + "/../ca"}) {
    EXPECT_EQ(ReasonOf(Issue("ada", out).status()), "OUT_IS_CA_FOLDER") << out;
  }
  // Another CA's.
  std::filesystem::create_directory(folder_.At("other"));
  ASSERT_TRUE(identity::WriteSecretFile(folder_.At("other/ca.key"), "precious").ok());
  EXPECT_EQ(ReasonOf(Issue("ada", folder_.At("other")).status()), "OUT_IS_CA_FOLDER");
  EXPECT_EQ(Contents(folder_.At("other")).size(), 1u);
  EXPECT_EQ(Contents(dir_), before_);
}

TEST_F(OperatorsTest, NothingThatIsThereIsWrittenOver) {
  ASSERT_TRUE(Issue("ada", folder_.At("out")).ok());
  const auto out = Contents(folder_.At("out"));
  const auto ca = Contents(dir_);
  const auto again = Issue("ada", folder_.At("out"));
  EXPECT_EQ(ReasonOf(again.status()), "FILE_EXISTS") << again.status();
  EXPECT_EQ(Contents(folder_.At("out")), out);
  EXPECT_EQ(Contents(dir_), ca);
  std::filesystem::remove(folder_.At("out/ada.key"));
  EXPECT_EQ(ReasonOf(Issue("ada", folder_.At("out")).status()), "FILE_EXISTS");
  EXPECT_FALSE(std::filesystem::exists(folder_.At("out/ada.key")));
  // A second person may share the folder, since its ca.pem is the same.
  EXPECT_TRUE(Issue("bob", folder_.At("out")).ok());
}

TEST_F(OperatorsTest, ALinkThatLeadsNowhereIsThereToo) {
  std::filesystem::create_directory(folder_.At("out"));
  std::filesystem::create_symlink(folder_.At("target"), folder_.At("out/ada.key"));
  EXPECT_EQ(ReasonOf(Issue("ada", folder_.At("out")).status()), "FILE_EXISTS");
  EXPECT_FALSE(std::filesystem::exists(folder_.At("target")));
}

TEST_F(OperatorsTest, TheCaOfAnotherControllerIsNotWrittenOver) {
  std::filesystem::create_directory(folder_.At("out"));
  ASSERT_TRUE(identity::WritePublicFile(folder_.At("out/ca.pem"), "another").ok());
  EXPECT_EQ(ReasonOf(Issue("ada", folder_.At("out")).status()), "FILE_EXISTS");
  EXPECT_EQ(Contents(folder_.At("out")).size(), 1u);
  EXPECT_EQ(Contents(dir_), before_);
}

TEST_F(OperatorsTest, AListThatCannotBeReadIssuesNothing) {
  ASSERT_TRUE(identity::WritePublicFile(dir_ + "/operators.txt", "what is this\n").ok());
  const auto issued = Issue("ada", folder_.At("out"));
  EXPECT_EQ(ReasonOf(issued.status()), "BAD_OPERATORS_FILE");
  EXPECT_THAT(std::string(issued.status().message()), testing::HasSubstr("operators.txt:1"));
  EXPECT_FALSE(std::filesystem::exists(folder_.At("out/ada.pem")));
}

TEST_F(OperatorsTest, WhatEndedLongAgoLeavesTheList) {
  ASSERT_TRUE(Issue("ada", folder_.At("a")).ok());
  clock_.now += absl::Hours(24 * 91);  // Ada's has ended 90 days ago, the admin's 61.
  ASSERT_TRUE(Issue("bob", folder_.At("b")).ok());
  const auto listed = ReadIssued(dir_);
  ASSERT_EQ(listed->size(), 2u);
  EXPECT_EQ((*listed)[0].id.name, "admin");
  EXPECT_EQ((*listed)[1].id.name, "bob");
}

}  // namespace
}  // namespace mailquench::controller
