// What clamd's and freshclam's words and files mean.
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <filesystem>

#include "agent/antivirus/clamav/clamd_config.h"
#include "agent/antivirus/clamav/clamd_session.h"
#include "agent/antivirus/clamav/database.h"
#include "agent/antivirus/clamav/freshclam.h"
#include "common/status/error.h"
#include "tests/unit/antivirus/private_clamd.h"

namespace mailquench::agent::clamav {
namespace {

using Kind = Verdict::Kind;

TEST(ClamdWords, OkAloneIsClean) {
  EXPECT_EQ(VerdictOf("stream: OK")->kind, Kind::kClean);
  EXPECT_EQ(VerdictOf("stream: OK sort of")->kind, Kind::kNotScanned);
  EXPECT_EQ(VerdictOf("")->kind, Kind::kNotScanned);
}

TEST(ClamdWords, FoundHasTheSignaturesName) {
  const auto verdict = VerdictOf("fd[11]: Win.Test.EICAR_HDB-1 FOUND");
  EXPECT_EQ(verdict->kind, Kind::kInfected);
  EXPECT_EQ(verdict->text, "Win.Test.EICAR_HDB-1");
}

TEST(ClamdWords, ALimitOrAPasswordIsNeitherCleanNorFound) {
  for (const char* reply :
       {"stream: Heuristics.Limits.Exceeded.MaxScanSize FOUND",
        "stream: Heuristics.Encrypted.Zip FOUND", "INSTREAM size limit exceeded. ERROR",
        "fd[3]: lstat() failed: No such file or directory. ERROR"})
    EXPECT_EQ(VerdictOf(reply)->kind, Kind::kNotScanned) << reply;
}

TEST(ClamdWords, AClamdInNeedJudgesNothing) {
  EXPECT_EQ(ReasonOf(VerdictOf("stream: Can't allocate memory ERROR").status()), "CLAMD_IN_NEED");
  EXPECT_EQ(ReasonOf(VerdictOf("Can't create temporary file ERROR").status()), "CLAMD_IN_NEED");
}

TEST(ClamdConfigFile, ReadsWhatMatters) {
  const auto config = ParseClamdConfig("/x", R"(# a comment
LocalSocket /run/clamav/clamd.ctl
User clamav
MaxFileSize 25M
StreamMaxLength 10K
MaxScanSize 0
AlertExceedsMax yes
ExcludePath ^/var/spool/
OnAccessExcludeUname clamav
Unheard Of
)");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->local_socket, "/run/clamav/clamd.ctl");
  EXPECT_EQ(config->LongestFile(), 25 << 20);
  EXPECT_EQ(config->LongestStream(), 10 << 10);
  EXPECT_TRUE(config->alert_exceeds_max);
  ASSERT_EQ(config->exclusions.size(), 2u);
  EXPECT_EQ(config->exclusions[0], "ExcludePath ^/var/spool/");
}

TEST(ClamdConfigFile, NoLimitIsStillThatOfTheLibrary) {
  const auto config = ParseClamdConfig("/x", "LocalSocket /s\nMaxFileSize 0\nMaxScanSize 0\n");
  EXPECT_EQ(config->LongestFile(), (std::int64_t{1} << 31) - 3);
}

TEST(ClamdConfigFile, RefusesWhatClamdWouldNotStartWith) {
  EXPECT_EQ(ReasonOf(ParseClamdConfig("/x", "Example\nLocalSocket /s\n").status()),
            "BAD_CLAMD_CONF");
  EXPECT_EQ(ReasonOf(ParseClamdConfig("/x", "User clamav\n").status()), "BAD_CLAMD_CONF");
}

TEST(ClamdConfigFile, APortAloneIsOnLoopback) {
  EXPECT_EQ(ParseClamdConfig("/x", "TCPSocket 3310\n")->tcp_address, "127.0.0.1");
}

class Database : public testing::Test {
 protected:
  Database() {
    std::string name = "/tmp/mq-clamdb-XXXXXX";
    folder_ = mkdtemp(name.data());
  }
  ~Database() override { std::filesystem::remove_all(folder_); }
  void Put(const std::string& name, const std::string& text, std::int64_t time) {
    WriteText(folder_ + "/" + name, text);
    const timespec times[2] = {{time, 0}, {time, 0}};
    ASSERT_EQ(utimensat(AT_FDCWD, (folder_ + "/" + name).c_str(), times, 0), 0);
  }
  std::string folder_;
};

TEST_F(Database, TheNewestHeaderCountsAndNotTheFilesTime) {
  Put("main.cvd", "ClamAV-VDB:16 Sep 2021 08-32 -0400:62:6647427:90:md5:sig:sigmgr:1631795562",
      1900000000);
  Put("daily.cld", "ClamAV-VDB:25 Nov 2026 10-31 +0000:27500:2060000:90:md5:sig:raynman:1795602664",
      1900000000);
  Put("own.ndb", EicarSignature(), 1900000001);
  const auto facts = ReadDatabase(folder_);
  ASSERT_TRUE(facts.ok());
  EXPECT_EQ(facts->version, "27500");
  EXPECT_EQ(facts->time, absl::FromUnixSeconds(1795602664));
  EXPECT_FALSE(facts->time_of_file);
  EXPECT_EQ(facts->files, 3);
}

TEST_F(Database, WithoutAHeaderTheNewestFileCounts) {
  Put("a.ndb", EicarSignature(), 1700000000);
  Put("b.hdb", "", 1700000500);
  Put("broken.cvd", "ClamAV-VDB:", 1600000000);
  Put("freshclam.dat", "", 1800000000);
  const auto facts = ReadDatabase(folder_);
  EXPECT_EQ(facts->time, absl::FromUnixSeconds(1700000500));
  EXPECT_TRUE(facts->time_of_file);
}

TEST_F(Database, AnEmptyFolderHasNone) {
  EXPECT_EQ(ReadDatabase(folder_)->files, 0);
  EXPECT_FALSE(ReadDatabase(folder_)->time.has_value());
  EXPECT_FALSE(ReadDatabase(folder_ + "/none").ok());
}

TEST(FreshclamWords, TellsUpdatedFromUpToDate) {
  CommandResult ran;
  ran.exit_code = 0;
  ran.lines = {"t.ndb updated (version: custom database, sigs: 1)",
               "Clamd successfully notified about the update."};
  EXPECT_EQ(FreshclamResultOf(ran)->updated.size(), 1u);
  EXPECT_TRUE(FreshclamResultOf(ran)->notified_clamd);
  ran.lines = {"t.ndb is up-to-date (version: custom database)"};
  EXPECT_TRUE(FreshclamResultOf(ran)->updated.empty());
}

}  // namespace
}  // namespace mailquench::agent::clamav
