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
#include "agent/antivirus/antivirus_set.h"
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
  absl::Status Scan(v1::ScanKind kind,
                    const std::vector<std::string>& paths = {},
                    const WorkContext& context = {}) {
    ScanOrder order = order_;
    order.request.set_kind(kind);
    for (const std::string& path : paths) order.request.add_paths(path);
    result_.Clear();
    return Adapter(config_).Scan(order, context, result_);
  }

  std::string root_;
  int scripts_ = 0;
  AdapterConfig config_;
  ScanOrder order_;
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
  const std::string hostile = root_ + "/$(touch no)";
  std::filesystem::create_directory(hostile);
  ASSERT_TRUE(Scan(v1::SCAN_KIND_PATHS, {hostile}).ok());
  EXPECT_EQ(result_.finding_count(), 2);
  EXPECT_EQ(result_.findings(0).signature(), "Bad.One");
  EXPECT_EQ(result_.findings(0).path().rfind(hostile + "/a;", 0), 0u) << result_.findings(0).path();
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

// A scan that only looks deletes nothing.
TEST_F(AdapterTest, OneThatRemovesIsRunOnlyWhereRemovingWasAskedFor) {
  config_.removes = true;
  config_.quick = Command(absl::StrCat("touch ", root_, "/ran; exit 0"), {{0, "clean"}});
  EXPECT_EQ(ReasonOf(Scan(v1::SCAN_KIND_QUICK)), "SCAN_REMOVES");
  EXPECT_FALSE(std::filesystem::exists(root_ + "/ran"));
  order_.request.set_remove(true);
  EXPECT_TRUE(Scan(v1::SCAN_KIND_QUICK).ok());
  EXPECT_TRUE(std::filesystem::exists(root_ + "/ran"));
}

TEST_F(AdapterTest, WhatRemovesIsKeptFromTheMailSystemsFolders) {
  config_.removes = true;
  order_.request.set_remove(true);
  config_.paths =
      Command(absl::StrCat("echo x >> ", root_, "/ran; exit 0"), {{0, "clean"}}, {"{path}"});
  for (const char* folder : {"/srv/queue/deferred", "/other", "/away"})
    std::filesystem::create_directories(root_ + folder);
  std::filesystem::create_directory_symlink(root_ + "/srv/queue", root_ + "/linked-queue");
  std::filesystem::create_directory_symlink(root_ + "/srv", root_ + "/other/link");
  std::filesystem::create_symlink(root_ + "/srv/queue/x", root_ + "/other/file");
  // Named through a link, as a mail system's setting may be.
  order_.left_out = {root_ + "/linked-queue", root_ + "/not-there"};
  const auto reason = [this](const std::string& path) {
    return ReasonOf(Scan(v1::SCAN_KIND_PATHS, {root_ + path}));
  };
  EXPECT_EQ(reason("/srv/queue"), "SCAN_PLACE_LEFT_OUT");
  EXPECT_EQ(reason("/srv/queue/deferred"), "SCAN_PLACE_LEFT_OUT");
  EXPECT_EQ(reason("/srv"), "SCAN_PLACE_LEFT_OUT");
  EXPECT_EQ(reason(""), "SCAN_PLACE_LEFT_OUT");
  EXPECT_EQ(reason("/other/link"), "IS_LINK");
  EXPECT_EQ(reason("/other/link/queue"), "IS_LINK");
  EXPECT_EQ(reason("/other/file"), "IS_LINK");
  EXPECT_EQ(reason("/linked-queue/deferred"), "IS_LINK");
  EXPECT_TRUE(absl::IsNotFound(Scan(v1::SCAN_KIND_PATHS, {root_ + "/other/none"})));
  EXPECT_EQ(ReasonOf(Scan(v1::SCAN_KIND_PATHS, {root_ + "/away", root_ + "/srv"})),
            "SCAN_PLACE_LEFT_OUT")
      << "and the first of them is not scanned";
  EXPECT_FALSE(std::filesystem::exists(root_ + "/ran"));
  EXPECT_TRUE(Scan(v1::SCAN_KIND_PATHS, {root_ + "/other"}).ok());
  EXPECT_TRUE(std::filesystem::exists(root_ + "/ran"));
  order_.left_out_known = false;
  EXPECT_EQ(reason("/other"), "QUEUES_NOT_KNOWN");
  // One that takes nothing away may read there, and still follows no link.
  config_.removes = false;
  EXPECT_EQ(reason("/srv/queue"), "");
  EXPECT_EQ(reason("/other/link"), "IS_LINK");
}

// However many there are, and whatever becomes of the command.
TEST_F(AdapterTest, NoFindingIsLost) {
  config_.finding = *MakePattern(R"(^(.+): infected with (\S+)$)", 2);
  config_.quick = Command(
      "i=0; while [ $i -lt 12000 ]; do echo fine; i=$((i+1)); done; echo '/z: infected with Last'; "
      "exit 1",
      {{0, "clean"}, {1, "found"}});
  ASSERT_TRUE(Scan(v1::SCAN_KIND_QUICK).ok());
  EXPECT_EQ(result_.finding_count(), 1);
  EXPECT_EQ(result_.findings(0).signature(), "Last");
  EXPECT_FALSE(result_.partial());

  config_.quick = Command("echo '/a: infected with Bad'; printf '/b: infected with Bad'; exit 1",
                          {{0, "clean"}, {1, "found"}});
  ASSERT_TRUE(Scan(v1::SCAN_KIND_QUICK).ok());
  EXPECT_EQ(result_.finding_count(), 2) << "one has no line break";

  config_.quick = Command("echo '/a: infected with Bad'; exec sleep 600", {{0, "clean"}});
  config_.quick->limit = absl::Seconds(2);
  EXPECT_EQ(ReasonOf(Scan(v1::SCAN_KIND_QUICK)), "COMMAND_TIMED_OUT");
  EXPECT_EQ(result_.finding_count(), 1);
  EXPECT_TRUE(result_.partial());
  EXPECT_NE(result_.notice(), "");

  config_.quick->limit = absl::Seconds(60);
  WorkContext context;
  context.still_wanted = [this]() -> absl::Status {
    return result_.finding_count() == 0 ? absl::OkStatus() : absl::CancelledError("no");
  };
  EXPECT_TRUE(absl::IsCancelled(Scan(v1::SCAN_KIND_QUICK, {}, context)));
  EXPECT_EQ(result_.finding_count(), 1);
  EXPECT_TRUE(result_.partial());
}

TEST_F(AdapterTest, AReportThatWasCutIsNoWholeScan) {
  config_.finding = *MakePattern(R"(^(.+): infected with (\S+)$)", 2);
  config_.quick = Command("printf '/%01100d: infected with Bad\\n' 7; exit 0", {{0, "clean"}});
  ASSERT_TRUE(Scan(v1::SCAN_KIND_QUICK).ok());
  EXPECT_TRUE(result_.partial());
  EXPECT_NE(result_.notice().find("longer than 1000"), std::string::npos) << result_.notice();
  // A line that is too long to be read at all.
  config_.quick =
      Command("head -c 100000 /dev/zero | tr '\\0' x; echo; echo '/a: infected with Bad'; exit 0",
              {{0, "clean"}});
  ASSERT_TRUE(Scan(v1::SCAN_KIND_QUICK).ok());
  EXPECT_TRUE(result_.partial());
}

// An operation asks the product once, and no longer than it is wanted.
TEST_F(AdapterTest, ItsStatusIsAskedOnceAndWithinTheContext) {
  config_.status = Command(absl::StrCat("echo x >> ", root_, "/asked; exit 0"), {{0, "running"}});
  config_.quick = Command("exit 0", {{0, "clean"}});
  const auto asked = [this] {
    std::error_code none;
    const auto size = std::filesystem::file_size(root_ + "/asked", none);
    return none ? 0 : static_cast<int>(size / 2);
  };
  std::vector<std::unique_ptr<Antivirus>> residents;
  residents.push_back(std::make_unique<Adapter>(config_));
  const AntivirusSet set(std::move(residents), nullptr);
  EXPECT_FALSE(set.MayJudge());
  EXPECT_EQ(asked(), 0) << "nothing is started to find out";
  const auto chosen = AntivirusSet::ToScan(set.Look({}));
  ASSERT_TRUE(chosen.ok());
  EXPECT_EQ(asked(), 1);
  order_.product = chosen->products[0];
  ASSERT_TRUE(Scan(v1::SCAN_KIND_QUICK).ok());
  EXPECT_EQ(asked(), 1);
  EXPECT_TRUE(result_.product().running());

  config_.status = Command("exec sleep 600", {{0, "running"}});
  WorkContext context;
  context.deadline = absl::Now() + absl::Milliseconds(300);
  const absl::Time begin = absl::Now();
  EXPECT_TRUE(Adapter(config_).IsPresent(context)) << "it did not say that it is not";
  EXPECT_FALSE(Adapter(config_).Status(context).running());
  EXPECT_LT(absl::Now() - begin, absl::Seconds(5));
}

TEST_F(AdapterTest, CopiesOfTheSecondOpinionAreEachTheirOwnAndSwept) {
  const std::string program = Script("scanner", "exit 0");
  std::ifstream file(program, std::ios::binary);
  const std::string hash = HexSha256({std::istreambuf_iterator<char>(file), {}});
  const std::string folder = root_ + "/state";
  std::filesystem::create_directory(folder);
  const auto count = [&] { return std::distance(std::filesystem::directory_iterator(folder), {}); };
  config_.program = program;
  config_.sha256 = hash;
  config_.private_folder = root_ + "/not-there";
  EXPECT_TRUE(Adapter(config_).Status().running()) << "a look copies nothing";
  {
    auto one = PinnedProgram::Make(program, hash, folder);
    ASSERT_TRUE(one.ok()) << one.status();
    const std::string first = one->copy();
    {
      auto two = PinnedProgram::Make(program, hash, folder);
      ASSERT_TRUE(two.ok());
      EXPECT_NE(two->copy(), first);
    }
    EXPECT_TRUE(std::filesystem::exists(first)) << "the end of one is not the end of another";
    std::ofstream(folder + "/second-opinion-1-1-abc.sh") << "left";
    std::ofstream(folder + "/second-opinion-1-1-abc.sh.lock") << "";
    std::ofstream(folder + "/second-opinion-2-1-abc.lock") << "";
    std::ofstream(folder + "/journal.db") << "other";
    PinnedProgram::Sweep(folder);
    EXPECT_TRUE(std::filesystem::exists(first)) << "it is in use";
    EXPECT_EQ(count(), 3);
  }
  EXPECT_EQ(count(), 1);
}

TEST_F(AdapterTest, APatternMustBeOne) {
  EXPECT_EQ(ReasonOf(MakePattern("(", 1).status()), "BAD_PATTERN");
  EXPECT_EQ(ReasonOf(MakePattern("x", 1).status()), "BAD_PATTERN");
}

}  // namespace
}  // namespace mailquench::agent
