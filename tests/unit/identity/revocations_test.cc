// Revoking: the file, what a revocation covers, and how a running controller sees it.
#include "controller/identity/revocations.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <thread>

#include "common/identity/certificate.h"
#include "common/identity/secrets.h"
#include "common/status/error.h"
#include "controller/identity/ca.h"
#include "controller/identity/operators.h"
#include "controller/identity/revocation_watch.h"
#include "tests/unit/identity/test_support.h"

namespace mailquench::controller {
namespace {

using By = Revocation::By;
constexpr char kSerial[] = "40112233445566778899aabbccddeeff";

class RevocationsTest : public testing::Test {
 protected:
  absl::StatusOr<Revocation> RevokeName(const std::string& name) {
    return Revoke(folder_.path(), By::kName, name, "left the company", clock_.now);
  }
  absl::Status Check(const std::string& name, absl::Time start, const std::string& serial = "s") {
    return watch_.Check(name, serial, start);
  }
  void Overwrite(const std::string& text) { std::ofstream(Path(), std::ios::trunc) << text; }
  std::string Path() const { return RevocationsPath(folder_.path()); }

  test::TemporaryFolder folder_;
  test::FakeClock clock_;
  std::vector<std::string> told_;
  absl::Status record_result_;
  RevocationWatch watch_{folder_.path(), [this](const Revocation& one) {
                           if (record_result_.ok()) told_.push_back(one.ToLine());
                           return record_result_;
                         }};
};

TEST_F(RevocationsTest, WhatIsWrittenReadsBackAndWhatWasThereStays) {
  EXPECT_TRUE(ReadRevocations(folder_.path())->empty());
  const auto first = RevokeName("ada");
  ASSERT_TRUE(first.ok()) << first.status();
  Overwrite(*identity::ReadFile(Path()) + "# a remark of a person, without an end of line");
  const auto second =
      Revoke(folder_.path(), By::kSerial, "40:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF",
             "laptop stolen", clock_.now);
  ASSERT_TRUE(second.ok()) << second.status();
  EXPECT_EQ(second->value, kSerial);
  const auto all = ReadRevocations(folder_.path());
  ASSERT_TRUE(all.ok()) << all.status();
  EXPECT_THAT(*all, testing::ElementsAre(*first, *second));
  EXPECT_THAT(*identity::ReadFile(Path()), testing::HasSubstr("\n# a remark of a person"));
  EXPECT_EQ(test::ModeOf(Path()), 0644);
}

TEST_F(RevocationsTest, WhatCannotBeALineIsRefusedAndNothingIsWritten) {
  const auto reason = [&](const std::string& text) {
    return ReasonOf(Revoke(folder_.path(), By::kName, "ada", text, clock_.now).status());
  };
  EXPECT_EQ(reason(""), "BAD_REASON");
  EXPECT_EQ(reason("one\nname eve 2020-01-01T00:00:00Z x"), "BAD_REASON");
  EXPECT_EQ(reason(std::string(301, 'x')), "BAD_REASON");
  EXPECT_EQ(reason("\x1b[2J"), "BAD_REASON");
  EXPECT_EQ(ReasonOf(RevokeName("a b").status()), "BAD_NAME");
  for (const char* serial : {"", "40", "4011", "not hex"}) {
    EXPECT_EQ(ReasonOf(Revoke(folder_.path(), By::kSerial, serial, "x", clock_.now).status()),
              "BAD_SERIAL");
  }
  EXPECT_FALSE(std::filesystem::exists(Path()));
}

TEST_F(RevocationsTest, ASerialIsRevokedOnce) {
  const auto first = Revoke(folder_.path(), By::kSerial, kSerial, "stolen", clock_.now);
  const std::string text = *identity::ReadFile(Path());
  clock_.now += absl::Hours(1);
  const auto again = Revoke(folder_.path(), By::kSerial, kSerial, "once more", clock_.now);
  ASSERT_TRUE(again.ok());
  EXPECT_EQ(*again, *first);
  EXPECT_EQ(*identity::ReadFile(Path()), text);
}

TEST_F(RevocationsTest, WritersAtTheSameTimeLoseNothing) {
  std::vector<std::thread> writers;
  std::atomic<int> failed{0};
  for (int i = 0; i < 16; ++i) {
    writers.emplace_back([&, i] {
      if (!RevokeName("n" + std::to_string(i)).ok()) ++failed;
    });
  }
  for (std::thread& writer : writers) writer.join();
  EXPECT_EQ(failed, 0);
  EXPECT_EQ(ReadRevocations(folder_.path())->size(), 16u);
}

TEST_F(RevocationsTest, ByNameCoversWhatWasIssuedBeforeAndNotTheNewOne) {
  ASSERT_TRUE((*CertificateAuthority::Create("mail.example", &clock_))->Save(folder_.path()).ok());
  int count = 0;
  // The start of a new certificate of this name, issued and parsed.
  const auto issue = [&](const std::string& name) {
    NewOperator wish;
    wish.name = name;
    wish.out = folder_.At("out" + std::to_string(++count));
    const auto files = IssueOperatorFiles(folder_.path(), wish, &clock_);
    EXPECT_TRUE(files.ok()) << files.status();
    return identity::ParseCertificate(*identity::ReadFile(files->certificate))->not_before;
  };
  const absl::Time first = issue("ada");
  const absl::Time other = issue("bob");
  EXPECT_TRUE(Check("ada", first).ok());
  ASSERT_TRUE(RevokeName("ada").ok());
  EXPECT_EQ(ReasonOf(Check("ada", first)), "CERTIFICATE_REVOKED");
  EXPECT_TRUE(absl::IsPermissionDenied(Check("ada", first)));
  EXPECT_TRUE(Check("bob", other).ok());
  // All in one second, although certificates start a minute back.
  const absl::Time second = issue("ada");
  EXPECT_TRUE(Check("ada", second).ok());
  EXPECT_LE(second, clock_.now + absl::Seconds(1));
  ASSERT_TRUE(RevokeName("ada").ok());
  EXPECT_EQ(ReasonOf(Check("ada", second)), "CERTIFICATE_REVOKED");
  clock_.now += absl::Seconds(2);
  EXPECT_TRUE(Check("ada", issue("ada")).ok());
  EXPECT_EQ(ReasonOf(Check("ada", first)), "CERTIFICATE_REVOKED");
}

TEST_F(RevocationsTest, BySerialCoversThatCertificateAlone) {
  ASSERT_TRUE(Revoke(folder_.path(), By::kSerial, kSerial, "stolen", clock_.now).ok());
  EXPECT_EQ(ReasonOf(Check("ada", clock_.now, kSerial)), "CERTIFICATE_REVOKED");
  EXPECT_TRUE(Check("ada", clock_.now - absl::Hours(1), "41").ok());
  // The holder is not told why.
  EXPECT_THAT(std::string(Check("ada", clock_.now, kSerial).message()),
              testing::Not(testing::HasSubstr("stolen")));
}

TEST_F(RevocationsTest, AFileThatIsNotUnderstoodLetsNobodyInUntilItIsMended) {
  ASSERT_TRUE(RevokeName("ada").ok());
  const std::string good = *identity::ReadFile(Path());
  EXPECT_TRUE(Check("bob", clock_.now).ok());
  for (const std::string bad :
       {"name ada\n", "nam ada 2026-01-01T00:00:00Z x\n", "name ada yesterday x\n",
        "name ada 2026-01-01T00:00:00Z \n", "serial 40 2026-01-01T00:00:00Z x\n"}) {
    Overwrite(good + bad);
    const absl::Status refused = Check("bob", clock_.now);
    EXPECT_EQ(ReasonOf(refused), "REVOCATIONS_UNREADABLE") << bad;
    EXPECT_TRUE(absl::IsPermissionDenied(refused));
    EXPECT_THAT(std::string(refused.message()), testing::HasSubstr("revoked.txt:5"));
    EXPECT_EQ(ReasonOf(RevokeName("eve").status()), "BAD_REVOCATIONS");
    EXPECT_EQ(*identity::ReadFile(Path()), good + bad);
  }
  Overwrite(good);
  EXPECT_TRUE(Check("bob", clock_.now).ok());
  EXPECT_EQ(ReasonOf(Check("ada", clock_.now - absl::Hours(1))), "CERTIFICATE_REVOKED");
}

TEST_F(RevocationsTest, AFileThatCannotBeReadOrIsGoneLetsNobodyIn) {
  EXPECT_TRUE(Check("bob", clock_.now).ok()) << "a file that was never there revokes nobody";
  std::filesystem::create_directory(Path());
  EXPECT_EQ(ReasonOf(Check("bob", clock_.now)), "REVOCATIONS_UNREADABLE");
  std::filesystem::remove(Path());
  EXPECT_EQ(ReasonOf(Check("bob", clock_.now)), "REVOCATIONS_UNREADABLE");
  Overwrite("");
  EXPECT_TRUE(Check("bob", clock_.now).ok());
  ASSERT_TRUE(RevokeName("ada").ok());
  EXPECT_TRUE(Check("bob", clock_.now).ok());
  std::filesystem::remove(Path());
  EXPECT_EQ(ReasonOf(Check("bob", clock_.now)), "REVOCATIONS_UNREADABLE");
  EXPECT_EQ(ReasonOf(Check("bob", clock_.now)), "REVOCATIONS_UNREADABLE");
}

TEST_F(RevocationsTest, EachIsToldOnceAndAgainOnlyWhereThatFailed) {
  ASSERT_TRUE(RevokeName("ada").ok());
  record_result_ = absl::InternalError("disk full");
  EXPECT_TRUE(Check("bob", clock_.now).ok());
  EXPECT_THAT(told_, testing::IsEmpty());
  record_result_ = absl::OkStatus();
  EXPECT_TRUE(Check("bob", clock_.now).ok());
  ASSERT_TRUE(RevokeName("eve").ok());
  EXPECT_TRUE(Check("bob", clock_.now).ok());
  EXPECT_TRUE(Check("bob", clock_.now).ok());
  EXPECT_THAT(told_, testing::ElementsAre(testing::StartsWith("name ada "),
                                          testing::StartsWith("name eve ")));
}

}  // namespace
}  // namespace mailquench::controller
