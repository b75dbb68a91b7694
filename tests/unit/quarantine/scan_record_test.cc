#include "agent/quarantine/scan_record.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>

#include "absl/strings/str_cat.h"
#include "agent/quarantine/manifest.h"
#include "common/status/error.h"

namespace mailquench::agent {
namespace {

class ScanRecordTest : public testing::Test {
 protected:
  ScanRecordTest() {
    std::string name = "/tmp/mq-record-XXXXXX";
    home_ = mkdtemp(name.data());
  }
  ~ScanRecordTest() override { std::filesystem::remove_all(home_); }
  std::string home_;
};

TEST_F(ScanRecordTest, IsWhatWasWritten) {
  ScanRecord record;
  record.Set("incoming/A1", Scanned::kClean, "");
  record.Set("deferred/A2", Scanned::kInfected, "Eicar Test\nC incoming/A9");
  record.Set("hold/A3", Scanned::kUnread, "too large");
  record.Set("hold/A3", Scanned::kUnread, "encrypted");
  record.set_scan_time(absl::FromUnixSeconds(1800000000));
  record.set_product("ClamAV 1.4");
  ASSERT_TRUE(record.Write(home_).ok());
  const auto read = ScanRecord::Read(home_);
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(read->Of("deferred/A2").state, Scanned::kInfected);
  EXPECT_EQ(read->Of("deferred/A2").text, "Eicar Test C incoming/A9");
  EXPECT_EQ(read->Of("incoming/A9").state, Scanned::kNever) << "a signature's name is no line";
  EXPECT_EQ(read->Of("hold/A3").text, "encrypted");
  EXPECT_EQ(read->Count(Scanned::kUnread), 1);
  EXPECT_EQ(read->scan_time(), absl::FromUnixSeconds(1800000000));
  EXPECT_EQ(read->product(), "ClamAV 1.4");
}

TEST_F(ScanRecordTest, EachMessageHasTheProductThatJudgedIt) {
  ScanRecord record;
  record.Set("incoming/A0", Scanned::kClean, "");
  record.set_product("ClamAV 1, signatures 1");
  record.Set("incoming/A1", Scanned::kClean, "");
  record.Set("incoming/A2", Scanned::kInfected, "x");
  record.set_product("ClamAV 1, signatures 2\nC incoming/A9");
  record.Set("incoming/A2", Scanned::kInfected, "x");
  record.Set("incoming/A3", Scanned::kClean, "");
  record.set_product("ClamAV 1, signatures 1");
  for (int round = 0; round < 2; ++round) {
    ASSERT_TRUE(record.Write(home_).ok());
    record = *ScanRecord::Read(home_);
    EXPECT_EQ(record.Of("incoming/A0").product, "");
    EXPECT_EQ(record.Of("incoming/A1").product, "ClamAV 1, signatures 1");
    EXPECT_EQ(record.Of("incoming/A2").product, "ClamAV 1, signatures 2 C incoming/A9");
    EXPECT_EQ(record.Of("incoming/A3").product, "ClamAV 1, signatures 2 C incoming/A9");
    EXPECT_EQ(record.Of("incoming/A9").state, Scanned::kNever);
    EXPECT_EQ(record.product(), "ClamAV 1, signatures 1");
  }
}

TEST_F(ScanRecordTest, AfterALossOnlyWhatIsCleanMayLeave) {
  ASSERT_TRUE(ScanRecord::AfterLoss().Write(home_).ok());
  ScanRecord record = *ScanRecord::Read(home_);
  EXPECT_TRUE(record.lost());
  record.Set("incoming/A1", Scanned::kClean, "");
  ASSERT_TRUE(record.Write(home_).ok());
  record = *ScanRecord::Read(home_);
  EXPECT_FALSE(record.KeepsOut("incoming/A1"));
  EXPECT_TRUE(record.KeepsOut("incoming/A2"));
  record.set_scan_time(absl::Now());
  ASSERT_TRUE(record.Write(home_).ok());
  EXPECT_FALSE(ScanRecord::Read(home_)->lost());
}

// Whoever takes the record away lets nothing out by that.
TEST_F(ScanRecordTest, OneThatWasThereMustBeThere) {
  Manifest manifest;
  EXPECT_TRUE(ReadScan(home_, manifest).ok());
  Manifest scanned, infected, unread, some;
  scanned.scan_time = absl::Now();
  infected.infected = 1;
  unread.not_scanned = 1;
  some.has_scan_record = true;
  for (const Manifest& one : {scanned, infected, unread, some})
    EXPECT_EQ(ReasonOf(ReadScan(home_, one).status()), "BAD_SCAN_RECORD");
  ASSERT_TRUE(WriteManifest(home_, manifest).ok());
  ASSERT_TRUE(ScanRecord().Write(home_).ok());
  ASSERT_TRUE(RecordScan(home_, ScanRecord()).ok());
  EXPECT_TRUE(ReadScan(home_, *ReadManifest(home_)).ok());
  std::filesystem::remove(absl::StrCat(home_, "/", kScanRecord));
  EXPECT_EQ(ReasonOf(ReadScan(home_, *ReadManifest(home_)).status()), "BAD_SCAN_RECORD");
}

TEST_F(ScanRecordTest, NoneIsEmptyAndKeepsNothingOut) {
  const auto read = ScanRecord::Read(home_);
  ASSERT_TRUE(read.ok());
  EXPECT_TRUE(read->empty());
  EXPECT_FALSE(read->KeepsOut("incoming/A1"));
}

TEST_F(ScanRecordTest, KeepsOutFindingsAndAfterAWholeScanAllThatIsNotClean) {
  ScanRecord record;
  record.Set("incoming/A1", Scanned::kClean, "");
  record.Set("incoming/A2", Scanned::kInfected, "x");
  record.Set("incoming/A3", Scanned::kUnread, "x");
  EXPECT_TRUE(record.KeepsOut("incoming/A2"));
  EXPECT_FALSE(record.KeepsOut("incoming/A3"));
  EXPECT_FALSE(record.KeepsOut("incoming/new"));
  record.set_scan_time(absl::Now());
  EXPECT_FALSE(record.KeepsOut("incoming/A1"));
  EXPECT_TRUE(record.KeepsOut("incoming/A3"));
  EXPECT_TRUE(record.KeepsOut("incoming/new")) << "came after the scan";
  EXPECT_FALSE(record.KeepsOut("incoming/A2", {"A2"}));
  EXPECT_TRUE(record.KeepsOut("incoming/A2", {"A3"}));
}

TEST_F(ScanRecordTest, ATornOrForeignFileIsAnErrorAndNeverHalfRead) {
  ScanRecord record;
  record.Set("incoming/A1", Scanned::kInfected, "x");
  ASSERT_TRUE(record.Write(home_).ok());
  const std::string path = absl::StrCat(home_, "/", kScanRecord);
  const auto size = std::filesystem::file_size(path);
  for (std::uintmax_t cut = 0; cut < size; ++cut) {
    ASSERT_TRUE(record.Write(home_).ok());
    std::filesystem::resize_file(path, cut);
    EXPECT_EQ(ReasonOf(ScanRecord::Read(home_).status()), "BAD_SCAN_RECORD") << cut;
  }
  std::ofstream(path) << "mailquench-scan 1\nX what\n.\n";
  EXPECT_EQ(ReasonOf(ScanRecord::Read(home_).status()), "BAD_SCAN_RECORD");
}

TEST_F(ScanRecordTest, HostileNamesStayOneWord) {
  EXPECT_EQ(ScanKey("incoming", "A1"), "incoming/A1");
  EXPECT_EQ(ScanKey("incoming", "a b\nC x/y"), "incoming/a%20b%0aC%20x%2fy");
  EXPECT_EQ(NameOfKey("incoming/a%2fb"), "a%2fb");
}

TEST_F(ScanRecordTest, ForgetsWhatIsGone) {
  ScanRecord record;
  record.Set("incoming/A1", Scanned::kInfected, "x");
  record.Set("incoming/A2", Scanned::kClean, "");
  record.Keep([](const std::string& key) { return key == "incoming/A2"; });
  EXPECT_EQ(record.Count(Scanned::kInfected), 0);
  EXPECT_EQ(record.Count(Scanned::kClean), 1);
}

}  // namespace
}  // namespace mailquench::agent
