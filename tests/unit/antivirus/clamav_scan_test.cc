// Files of the host, by a real clamd.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>

#include "absl/strings/str_cat.h"
#include "agent/antivirus/clamav/clamav_antivirus.h"
#include "common/status/error.h"
#include "tests/unit/antivirus/private_clamd.h"

namespace mailquench::agent::clamav {
namespace {

class ClamAvScanTest : public testing::Test {
 protected:
  void SetUp() override {
    if (!PrivateClamd::Possible()) GTEST_SKIP() << "no clamd (deploy/setup lab)";
    std::string name = "/tmp/mq-scan-XXXXXX";
    root_ = mkdtemp(name.data());
  }
  void TearDown() override {
    if (!root_.empty()) std::filesystem::remove_all(root_);
  }
  void Begin(const std::string& settings = "") {
    clamd_ = std::make_unique<PrivateClamd>(settings);
    ASSERT_TRUE(clamd_->Start()) << clamd_->Log();
  }
  absl::Status Scan(const WorkContext& context = {}) {
    ClamAvOptions options;
    options.clamd_config = clamd_->config();
    options.patience = absl::Seconds(1);
    ScanOrder order;
    order.request.set_kind(v1::SCAN_KIND_PATHS);
    order.request.set_remove(remove_);
    order.request.add_paths(root_);
    order.left_out = left_out_;
    result_.Clear();
    return ClamAv(options).Scan(order, context, result_);
  }
  void Put(const std::string& name, const std::string& text) {
    WriteText(root_ + "/" + name, text);
  }

  std::unique_ptr<PrivateClamd> clamd_;
  std::string root_;
  std::vector<std::string> left_out_;
  bool remove_ = false;
  v1::AntivirusScanResult result_;
};

TEST_F(ClamAvScanTest, FindsCountsAndTellsWhatItCannotRead) {
  Begin("MaxFileSize 1M\n");
  std::filesystem::create_directories(root_ + "/a/b");
  Put("good", "good");
  Put("empty", "");
  Put("a/b/bad \x1b[2Jname\n", Eicar());
  Put("a/large", std::string(2 << 20, 'x'));
  Put("sparse", "");
  ASSERT_EQ(truncate((root_ + "/sparse").c_str(), std::int64_t{2} << 30), 0);
  std::filesystem::create_symlink("/etc", root_ + "/link");
  ASSERT_EQ(mkfifo((root_ + "/pipe").c_str(), 0600), 0);
  remove_ = true;
  const absl::Status scanned = Scan();
  ASSERT_TRUE(scanned.ok()) << scanned;
  EXPECT_EQ(result_.files(), 3);
  EXPECT_EQ(result_.unread(), 2);
  EXPECT_EQ(result_.unread_samples_size(), 2);
  EXPECT_EQ(result_.finding_count(), 1);
  ASSERT_EQ(result_.findings_size(), 1);
  EXPECT_EQ(result_.findings(0).path(), root_ + "/a/b/bad  [2Jname ");
  EXPECT_EQ(result_.findings(0).signature(), kEicarName);
  EXPECT_EQ(result_.findings(0).action().substr(0, 12), "not removed:");
  EXPECT_FALSE(result_.partial());
  EXPECT_TRUE(std::filesystem::exists(root_ + "/a/b/bad \x1b[2Jname\n"));
}

TEST_F(ClamAvScanTest, LeavesOutWhatIsNotToBeEntered) {
  Begin();
  std::filesystem::create_directories(root_ + "/queue/deferred");
  Put("queue/deferred/bad", Eicar());
  left_out_ = {root_ + "/queue"};
  ASSERT_TRUE(Scan().ok());
  EXPECT_EQ(result_.files(), 0);
  ASSERT_EQ(result_.not_entered_size(), 1);
  EXPECT_EQ(result_.not_entered(0), root_ + "/queue");
  EXPECT_FALSE(result_.partial());
  root_ += "/queue";  // Named, it is read.
  ASSERT_TRUE(Scan().ok());
  EXPECT_EQ(result_.finding_count(), 1);
  EXPECT_EQ(result_.not_entered_size(), 0);
  root_ = root_.substr(0, root_.size() - 6);
}

TEST_F(ClamAvScanTest, APathThroughALinkIsRefused) {
  Begin();
  std::filesystem::create_directory(root_ + "/real");
  std::filesystem::create_symlink(root_ + "/real", root_ + "/link");
  const std::string top = root_;
  root_ += "/link";
  EXPECT_EQ(ReasonOf(Scan()), "IS_LINK");
  root_ = top;
}

TEST_F(ClamAvScanTest, OtherFileSystemsAreEnteredOnlyWhereTheyHoldFiles) {
  Begin();
  ClamAvOptions options;
  options.clamd_config = clamd_->config();
  ScanOrder order;
  order.request.set_kind(v1::SCAN_KIND_FULL);
  for (const auto& entry : std::filesystem::directory_iterator("/")) {
    const std::string name = entry.path();
    if (name != "/proc" && name != "/sys") order.left_out.push_back(name);
  }
  v1::AntivirusScanResult result;
  ASSERT_TRUE(ClamAv(options).Scan(order, {}, result).ok());
  EXPECT_NE(result.notice().find("/proc (proc)"), std::string::npos) << result.notice();
  EXPECT_NE(result.notice().find("/sys (sysfs)"), std::string::npos) << result.notice();
  for (const std::string& one : {std::string("/proc"), std::string("/sys"), order.left_out[0]})
    EXPECT_EQ(std::count(result.not_entered().begin(), result.not_entered().end(), one), 1) << one;
}

// Whoever asks what was not read must not take the list for all of it.
TEST_F(ClamAvScanTest, MoreFoldersThanAreListedAreNoWholeScan) {
  Begin();
  for (int i = 0; i < 101; ++i) {
    left_out_.push_back(absl::StrCat(root_, "/f", i));
    std::filesystem::create_directory(left_out_.back());
  }
  ASSERT_TRUE(Scan().ok());
  EXPECT_EQ(result_.not_entered_size(), 100);
  EXPECT_TRUE(result_.partial());
}

// A place of a quick scan that is a link is not followed, and that is said.
TEST_F(ClamAvScanTest, AQuickPlaceThatIsALinkIsToldAsNotEntered) {
  Begin();
  std::filesystem::create_directory(root_ + "/real");
  std::filesystem::create_symlink(root_ + "/real", root_ + "/link");
  ClamAvOptions options;
  options.clamd_config = clamd_->config();
  options.quick_places = {root_ + "/link", root_ + "/missing"};
  v1::AntivirusScanResult result;
  ASSERT_TRUE(ClamAv(options).Scan({}, {}, result).ok());
  ASSERT_EQ(result.not_entered_size(), 1);
  EXPECT_EQ(result.not_entered(0), root_ + "/link");
}

// A container of more than the scanner unpacks: 40 members of 1 MB each, stored, of zeros.
std::string Bomb(int members) {
  std::string out, directory;
  const auto number = [](std::string& to, std::uint32_t value, int bytes) {
    for (int i = 0; i < bytes; ++i) to.push_back(static_cast<char>(value >> (8 * i)));
  };
  const std::string content(1 << 20, 'z');
  constexpr std::uint32_t kCrc = 0;  // Not looked at by who unpacks before it has all.
  for (int i = 0; i < members; ++i) {
    const std::uint32_t offset = static_cast<std::uint32_t>(out.size());
    const std::string name = absl::StrCat("m", i);
    const auto fields = [&](std::string& to) {
      number(to, 20, 2);
      number(to, 0, 2);
      number(to, 0, 2);
      number(to, 0, 4);
      number(to, kCrc, 4);
      number(to, 1 << 20, 4);
      number(to, 1 << 20, 4);
      number(to, static_cast<std::uint32_t>(name.size()), 2);
      number(to, 0, 2);
    };
    out += "PK\x03\x04";
    fields(out);
    out += name + content;
    directory += "PK\x01\x02";
    number(directory, 20, 2);
    fields(directory);
    number(directory, 0, 2 + 2 + 2);
    number(directory, 0, 4);
    number(directory, offset, 4);
    directory += name;
  }
  const std::uint32_t begin = static_cast<std::uint32_t>(out.size());
  out += directory + "PK\x05\x06";
  number(out, 0, 4);
  number(out, static_cast<std::uint32_t>(members), 2);
  number(out, static_cast<std::uint32_t>(members), 2);
  number(out, static_cast<std::uint32_t>(directory.size()), 4);
  number(out, begin, 4);
  number(out, 0, 2);
  return out;
}

TEST_F(ClamAvScanTest, AnArchiveBeyondTheLimitsIsNotClean) {
  Begin("MaxScanSize 12M\nAlertExceedsMax yes\n");
  Put("bomb.zip", Bomb(10));
  const absl::Status scanned = Scan();
  ASSERT_TRUE(scanned.ok()) << scanned;
  EXPECT_EQ(result_.unread(), 1) << result_.DebugString();
  EXPECT_EQ(result_.files(), 0);
  ASSERT_EQ(result_.unread_samples_size(), 1);
  EXPECT_NE(result_.unread_samples(0).find("over a limit of ClamAV"), std::string::npos)
      << result_.unread_samples(0);
  EXPECT_EQ(result_.notice(), "");
}

TEST_F(ClamAvScanTest, WhereLimitsAreNotToldTheResultSaysSo) {
  Begin();
  Put("good", "good");
  ASSERT_TRUE(Scan().ok());
  EXPECT_NE(result_.notice().find("AlertExceedsMax is off"), std::string::npos);
}

TEST_F(ClamAvScanTest, ClamdDiesInMidScan) {
  Begin();
  for (int i = 0; i < 1500; ++i) Put(absl::StrCat("f", i), absl::StrCat("good ", i));
  WorkContext context;
  int asked = 0;
  context.still_wanted = [&] {
    if (++asked == 2) clamd_->Kill();
    return absl::OkStatus();
  };
  const absl::Status scanned = Scan(context);
  EXPECT_EQ(ReasonOf(scanned), "ANTIVIRUS_ENDED") << scanned;
  EXPECT_TRUE(result_.partial());
  EXPECT_GT(result_.files(), 0);
  EXPECT_LT(result_.files(), 1500);
}

TEST_F(ClamAvScanTest, CancelledInMidScan) {
  Begin();
  for (int i = 0; i < 1500; ++i) Put(absl::StrCat("f", i), absl::StrCat("good ", i));
  WorkContext context;
  int asked = 0;
  context.still_wanted = [&] {
    return ++asked == 2 ? absl::CancelledError("no more") : absl::OkStatus();
  };
  EXPECT_TRUE(absl::IsCancelled(Scan(context)));
  EXPECT_TRUE(result_.partial());
  EXPECT_LT(result_.files(), 1500);
}

}  // namespace
}  // namespace mailquench::agent::clamav
