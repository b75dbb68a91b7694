// Commands of others as an antivirus, and the pinned second opinion. Shell scripts stand for the
// products: what is tested is what their words and codes become.
#include "agent/antivirus/adapter.h"

#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "agent/antivirus/pinned_program.h"
#include "common/status/error.h"

namespace mailquench::agent {
namespace {

class AdapterTest : public testing::Test {
 protected:
  AdapterTest() {
    std::string name = "/tmp/mq-adapter-XXXXXX";
    root_ = mkdtemp(name.data());
    config_.name = "acme";
    config_.product = "Acme Endpoint";
  }
  ~AdapterTest() override { std::filesystem::remove_all(root_); }
  std::string Script(const std::string& name, const std::string& text) {
    const std::string path = root_ + "/" + name;
    std::ofstream(path) << "#!/bin/sh\n" << text << "\n";
    chmod(path.c_str(), 0700);
    return path;
  }
  AdapterCommand Command(const std::string& text,
                         std::map<int, std::string> codes,
                         const std::vector<std::string>& more = {}) {
    AdapterCommand command;
    command.argv = {Script(absl::StrCat("s", ++scripts_), text)};
    command.argv.insert(command.argv.end(), more.begin(), more.end());
    command.codes = std::move(codes);
    command.limit = absl::Seconds(20);
    return command;
  }
  absl::Status Scan(v1::ScanKind kind, const std::vector<std::string>& paths = {}) {
    ScanOrder order;
    order.request.set_kind(kind);
    for (const std::string& path : paths) order.request.add_paths(path);
    result_.Clear();
    return Adapter(config_).Scan(order, {}, result_);
  }

  std::string root_;
  int scripts_ = 0;
  AdapterConfig config_;
  v1::AntivirusScanResult result_;
};

TEST_F(AdapterTest, StatusByCodeAndPatterns) {
  config_.status = Command("echo 'Engine: 7.2 x'; echo 'Definitions: 2026-11-25'; exit 4",
                           {{0, "running"}, {4, "out-of-date"}});
  config_.engine_version = *MakePattern(R"(Engine: (\S+))", 1);
  config_.signature_time = *MakePattern(R"(Definitions: (.+))", 1);
  config_.time_format = "%Y-%m-%d";
  const v1::AntivirusProduct product = Adapter(config_).Status();
  EXPECT_TRUE(product.running());
  EXPECT_TRUE(product.out_of_date());
  EXPECT_EQ(product.engine_version(), "7.2");
  EXPECT_EQ(product.signature_time().seconds(), 1795564800);
  EXPECT_EQ(product.problem(), "");
}

TEST_F(AdapterTest, ACodeWithoutAMeaningIsAProblemAndNotWell) {
  config_.status = Command("echo boom >&2; exit 9", {{0, "running"}});
  const v1::AntivirusProduct product = Adapter(config_).Status();
  EXPECT_FALSE(product.running());
  EXPECT_NE(product.problem().find("ended with 9: boom"), std::string::npos) << product.problem();
}

TEST_F(AdapterTest, AProgramThatIsNotThereIsAnAbsentProduct) {
  config_.status = Command("exit 0", {{0, "running"}});
  EXPECT_TRUE(Adapter(config_).IsPresent());
  std::filesystem::remove(config_.status->argv[0]);
  EXPECT_FALSE(Adapter(config_).IsPresent());
}

TEST_F(AdapterTest, FindingsOfPaths) {
  config_.finding = *MakePattern(R"(^(.+): infected with (\S+)$)", 2);
  config_.paths = Command(
      "echo \"$1/a;$(id): infected with Bad.One\"; printf 'x\\033[2Jy: infected with B2\\n'; exit "
      "1",
      {{0, "clean"}, {1, "found"}}, {"{path}"});
  ASSERT_TRUE(Scan(v1::SCAN_KIND_PATHS, {"/srv/$(touch /tmp/no)"}).ok());
  EXPECT_EQ(result_.finding_count(), 2);
  EXPECT_EQ(result_.findings(0).signature(), "Bad.One");
  EXPECT_EQ(result_.findings(0).path().rfind("/srv/$(touch /tmp/no)/a;", 0), 0u)
      << result_.findings(0).path();
  EXPECT_EQ(result_.findings(1).path(), "x [2Jy");
}

TEST_F(AdapterTest, FoundWithoutWordsIsAFindingAllTheSame) {
  config_.quick = Command("exit 1", {{0, "clean"}, {1, "found"}, {2, "partial"}});
  ASSERT_TRUE(Scan(v1::SCAN_KIND_QUICK).ok());
  EXPECT_EQ(result_.finding_count(), 1);
  config_.quick = Command("exit 2", {{0, "clean"}, {1, "found"}, {2, "partial"}});
  ASSERT_TRUE(Scan(v1::SCAN_KIND_QUICK).ok());
  EXPECT_TRUE(result_.partial());
  config_.quick = Command("exit 3", {{0, "clean"}});
  EXPECT_EQ(ReasonOf(Scan(v1::SCAN_KIND_QUICK)), "SCANNER_FAILED");
  EXPECT_EQ(ReasonOf(Scan(v1::SCAN_KIND_FULL)), "NOT_DESCRIBED");
}

TEST_F(AdapterTest, ACommandThatHangsOrFloodsIsEnded) {
  config_.update = Command("sleep 600", {{0, "updated"}});
  config_.update->limit = absl::Milliseconds(300);
  const absl::Time begin = absl::Now();
  EXPECT_EQ(ReasonOf(Adapter(config_).Update({}).status()), "COMMAND_TIMED_OUT");
  EXPECT_LT(absl::Now() - begin, absl::Seconds(10));
  config_.update = Command("head -c 30000000 /dev/zero | tr '\\0' x; exit 0", {{0, "up-to-date"}});
  const auto updated = Adapter(config_).Update({});
  ASSERT_TRUE(updated.ok()) << updated.status();
  EXPECT_FALSE(updated->changed);
  config_.update->argv[0] = Script("wait", "sleep 600");
  WorkContext context;
  context.still_wanted = [] { return absl::CancelledError("no"); };
  EXPECT_TRUE(absl::IsCancelled(Adapter(config_).Update(context).status()));
}

TEST_F(AdapterTest, ASecondOpinionIsRunOnlyAsItWasApproved) {
  config_.program = Script("scanner", "echo '/x: infected with Bad'; exit 1");
  std::ifstream file(config_.program, std::ios::binary);
  const std::string bytes{std::istreambuf_iterator<char>(file), {}};
  config_.sha256 = HexSha256(bytes);
  config_.private_folder = root_;
  config_.finding = *MakePattern(R"(^(.+): infected with (\S+)$)", 2);
  AdapterCommand command;
  command.argv = {"{program}"};
  command.codes = {{0, "clean"}, {1, "found"}};
  config_.quick = command;
  ASSERT_TRUE(Scan(v1::SCAN_KIND_QUICK).ok());
  EXPECT_EQ(result_.finding_count(), 1);
  EXPECT_EQ(Adapter(config_).Status().problem(), "");
  std::ofstream(config_.program, std::ios::app) << "# changed\n";
  EXPECT_EQ(ReasonOf(Scan(v1::SCAN_KIND_QUICK)), "SCANNER_CHANGED");
  EXPECT_FALSE(Adapter(config_).Status().running());
  for (const auto& entry : std::filesystem::directory_iterator(root_))
    EXPECT_NE(entry.path().filename().string().rfind("second-opinion-", 0), 0u) << "left over";
}

TEST_F(AdapterTest, APatternMustBeOne) {
  EXPECT_EQ(ReasonOf(MakePattern("(", 1).status()), "BAD_PATTERN");
  EXPECT_EQ(ReasonOf(MakePattern("x", 1).status()), "BAD_PATTERN");
}

}  // namespace
}  // namespace mailquench::agent
