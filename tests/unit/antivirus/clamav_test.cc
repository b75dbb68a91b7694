// ClamAV by a real clamd and a real freshclam.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <thread>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "agent/antivirus/clamav/clamav_antivirus.h"
#include "agent/antivirus/clamav/clamd_session.h"
#include "agent/antivirus/clamav/clamd_socket.h"
#include "agent/antivirus/stream_pool.h"
#include "common/status/error.h"
#include "tests/unit/antivirus/private_clamd.h"

namespace mailquench::agent::clamav {
namespace {

class TextStream final : public ByteStream {
 public:
  explicit TextStream(std::string text) : text_(std::move(text)) {}
  absl::StatusOr<std::size_t> Read(char* buffer, std::size_t size) override {
    const std::size_t got = text_.copy(buffer, size, at_);
    at_ += got;
    return got;
  }
  absl::Status Rewind() override {
    at_ = 0;
    return absl::OkStatus();
  }

 private:
  const std::string text_;
  std::size_t at_ = 0;
};

class ClamAvTest : public testing::Test {
 protected:
  void SetUp() override {
    if (!PrivateClamd::Possible()) GTEST_SKIP() << "no clamd (deploy/setup lab)";
  }
  ClamAvOptions Options(const PrivateClamd& clamd) {
    ClamAvOptions options;
    options.clamd_config = clamd.config();
    options.patience = absl::Seconds(2);
    return options;
  }
  std::atomic<bool> stop_ = false;
};

TEST_F(ClamAvTest, StatusOfARunningOne) {
  PrivateClamd clamd("ExcludePath ^/var/spool/postfix/\n");
  ASSERT_TRUE(clamd.Start()) << clamd.Log();
  const v1::AntivirusProduct product = ClamAv(Options(clamd)).Status();
  EXPECT_TRUE(product.running());
  EXPECT_EQ(product.problem(), "");
  EXPECT_EQ(product.engine_version().substr(0, 2), "1.");
  EXPECT_EQ(product.real_time(), v1::PROTECTION_NONE);
  EXPECT_TRUE(product.signature_time_of_file());
  EXPECT_GT(product.signature_time().seconds(), 0);
  ASSERT_EQ(product.exclusions_size(), 1);
}

TEST_F(ClamAvTest, WithoutADatabaseItDoesNotRunAndSaysWhy) {
  PrivateClamd clamd;
  std::filesystem::remove(clamd.database() + "/test.ndb");
  EXPECT_FALSE(clamd.Start());
  const v1::AntivirusProduct product = ClamAv(Options(clamd)).Status();
  EXPECT_FALSE(product.running());
  EXPECT_NE(product.problem().find("no database in"), std::string::npos) << product.problem();
  v1::AntivirusScanResult result;
  EXPECT_EQ(ReasonOf(ClamAv(Options(clamd)).Scan({}, {}, result)), "ANTIVIRUS_NOT_RUNNING");
}

TEST_F(ClamAvTest, JudgesStreamsOneAfterTheOther) {
  PrivateClamd clamd("StreamMaxLength 1M\n");
  ASSERT_TRUE(clamd.Start()) << clamd.Log();
  ClamAv clamav(Options(clamd));
  auto scanner = clamav.OpenScanner(stop_);
  ASSERT_TRUE(scanner.ok()) << scanner.status();
  const auto judge = [&](std::string text, std::int64_t bytes) {
    TextStream stream(std::move(text));
    auto verdict = (*scanner)->Scan(stream, bytes, stop_);
    EXPECT_TRUE(verdict.ok()) << verdict.status();
    return verdict.value_or(Verdict());
  };
  using Kind = Verdict::Kind;
  EXPECT_EQ(judge("good", 4).kind, Kind::kClean);
  EXPECT_EQ(judge("", 0).kind, Kind::kClean);
  EXPECT_EQ(judge(Eicar(), 68).text, kEicarName);
  EXPECT_EQ(judge(std::string(900000, 'x') + Eicar(), -1).kind, Kind::kInfected);
  // Longer than it takes, told and not told; it goes on with the next in either case.
  EXPECT_EQ(judge(std::string(1200000, 'x'), 1200000).kind, Kind::kNotScanned);
  EXPECT_EQ(judge(std::string(1200000, 'x'), -1).kind, Kind::kNotScanned);
  EXPECT_EQ(judge(Eicar(), 68).kind, Kind::kInfected);
}

TEST_F(ClamAvTest, AStreamThatCannotBeReadIsNotClean) {
  class Broken final : public ByteStream {
    absl::StatusOr<std::size_t> Read(char* buffer, std::size_t) override {
      if (++asked_ > 2) return absl::DataLossError("torn\x1b[31m off");
      *buffer = 'x';
      return 1;
    }
    absl::Status Rewind() override { return absl::OkStatus(); }
    int asked_ = 0;
  };
  PrivateClamd clamd;
  ASSERT_TRUE(clamd.Start()) << clamd.Log();
  auto scanner = ClamAv(Options(clamd)).OpenScanner(stop_);
  ASSERT_TRUE(scanner.ok());
  Broken broken;
  const auto verdict = (*scanner)->Scan(broken, -1, stop_);
  ASSERT_TRUE(verdict.ok());
  EXPECT_EQ(verdict->kind, Verdict::Kind::kNotScanned);
  EXPECT_EQ(verdict->text, "torn [31m off");
  TextStream after(Eicar());
  EXPECT_EQ((*scanner)->Scan(after, 68, stop_)->kind, Verdict::Kind::kInfected);
}

TEST_F(ClamAvTest, SomebodyElsesSocketIsNotAsked) {
  if (geteuid() != 0) GTEST_SKIP() << "not root";
  PrivateClamd clamd;
  const int listener = socket(AF_UNIX, SOCK_STREAM, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  clamd.socket().copy(address.sun_path, sizeof address.sun_path - 1);
  std::filesystem::permissions(clamd.root(), std::filesystem::perms::all);
  // The credentials are those of whoever called listen().
  const pid_t child = fork();
  if (child == 0) {
    if (setuid(65534) != 0 ||
        bind(listener, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0 ||
        listen(listener, 5) != 0)
      _exit(1);
    _exit(0);
  }
  int status = 0;
  waitpid(child, &status, 0);
  ASSERT_EQ(status, 0);
  const auto config = ReadClamdConfig(clamd.config());
  EXPECT_EQ(ReasonOf(AskClamd(*config, "PING", absl::Seconds(2)).status()), "NOT_CLAMD");
  close(listener);
}

TEST_F(ClamAvTest, ThePoolFindsAllAndGoesOnWhenClamdComesBack) {
  PrivateClamd clamd;
  ASSERT_TRUE(clamd.Start()) << clamd.Log();
  ClamAvOptions options = Options(clamd);
  options.patience = absl::Seconds(30);
  ClamAv clamav(options);
  WorkContext context;
  int clean = 0, infected = 0, others = 0;
  StreamPool pool(clamav, context, options.patience);
  std::thread killer;
  constexpr int kAll = 3000;
  for (int i = 0; i < kAll; ++i) {
    StreamPool::Job job;
    job.stream = std::make_unique<TextStream>(i % 100 == 0 ? Eicar() : absl::StrCat("good ", i));
    job.done = [&](const Verdict& verdict) {
      ++(verdict.kind == Verdict::Kind::kClean      ? clean
         : verdict.kind == Verdict::Kind::kInfected ? infected
                                                    : others);
    };
    ASSERT_TRUE(pool.Add(std::move(job)).ok());
    if (i == kAll / 2) {
      clamd.Kill();
      killer = std::thread([&] { EXPECT_TRUE(clamd.Start()); });
    }
  }
  EXPECT_TRUE(pool.Finish().ok());
  killer.join();
  EXPECT_EQ(infected, kAll / 100);
  EXPECT_EQ(clean, kAll - kAll / 100);
  EXPECT_EQ(others, 0);
}

TEST_F(ClamAvTest, ThePoolEndsWhenClamdStaysAway) {
  PrivateClamd clamd;
  ASSERT_TRUE(clamd.Start()) << clamd.Log();
  ClamAv clamav(Options(clamd));
  WorkContext context;
  int done = 0;
  StreamPool pool(clamav, context, absl::Milliseconds(300));
  absl::Status added;
  for (int i = 0; i < 100000 && added.ok(); ++i) {
    StreamPool::Job job;
    job.stream = std::make_unique<TextStream>("good");
    job.done = [&](const Verdict&) { ++done; };
    added = pool.Add(std::move(job));
    if (i == 500) clamd.Kill();
  }
  EXPECT_EQ(ReasonOf(added), "CLAMD_AWAY");
  EXPECT_EQ(ReasonOf(pool.Finish()), "CLAMD_AWAY");
  EXPECT_GT(done, 0);
}

// One message that is too much for it must not keep a scan from ever ending.
TEST_F(ClamAvTest, WhatIsTooMuchForClamdWasNotScannedAndTheRestIs) {
  PrivateClamd clamd;
  clamd.LimitFiles(200'000);
  ASSERT_TRUE(clamd.Start()) << clamd.Log();
  ClamAv antivirus(Options(clamd));
  const WorkContext context;
  int clean = 0, infected = 0, unread = 0;
  std::string why;
  {
    StreamPool pool(antivirus, context, absl::Seconds(2));
    for (int i = 0; i < 30; ++i) {
      StreamPool::Job job;
      job.stream = std::make_unique<TextStream>(i == 7    ? std::string(500'000, 'x')
                                                : i == 20 ? Eicar()
                                                          : absl::StrCat("text ", i));
      job.done = [&](const Verdict& verdict) {
        clean += verdict.kind == Verdict::Kind::kClean;
        infected += verdict.kind == Verdict::Kind::kInfected;
        unread += verdict.kind == Verdict::Kind::kNotScanned;
        if (verdict.kind == Verdict::Kind::kNotScanned) why = verdict.text;
      };
      ASSERT_TRUE(pool.Add(std::move(job)).ok());
    }
    EXPECT_TRUE(pool.Finish().ok());
  }
  EXPECT_EQ(clean, 28);
  EXPECT_EQ(infected, 1);
  EXPECT_EQ(unread, 1);
  EXPECT_NE(why.find("clamd cannot work"), std::string::npos) << why << clamd.Log();
}

TEST_F(ClamAvTest, ThePoolEndsWithinASecondWhenNobodyWantsIt) {
  PrivateClamd clamd;
  ASSERT_TRUE(clamd.Start()) << clamd.Log();
  ClamAv clamav(Options(clamd));
  kill(clamd.pid(), SIGSTOP);  // It answers nothing and closes nothing.
  WorkContext context;
  context.still_wanted = [] { return absl::CancelledError("no"); };
  StreamPool pool(clamav, context, absl::Seconds(30));
  const absl::Time begin = absl::Now();
  StreamPool::Job job;
  job.stream = std::make_unique<TextStream>("good");
  job.done = [](const Verdict&) { ADD_FAILURE() << "a verdict of a clamd that stands still"; };
  ASSERT_TRUE(pool.Add(std::move(job)).ok());
  EXPECT_TRUE(absl::IsCancelled(pool.Finish()));
  EXPECT_LT(absl::Now() - begin, absl::Seconds(3));
  kill(clamd.pid(), SIGCONT);
}

// freshclam, from a folder (file://) as its mirror.
class FreshclamTest : public ClamAvTest {
 protected:
  void SetUp() override {
    ClamAvTest::SetUp();
    if (access("/usr/bin/freshclam", X_OK) != 0) GTEST_SKIP() << "no freshclam";
  }
  // `notify`: it tells clamd itself.
  std::string Config(const PrivateClamd& clamd, const std::string& url, bool notify) {
    const std::string path = clamd.root() + "/freshclam.conf";
    WriteText(path,
              absl::StrCat("DatabaseDirectory ", clamd.database(), "\nDatabaseOwner root\n",
                           "DatabaseCustomURL ", url,
                           "\nPrivateMirror http://127.0.0.1:9\nExcludeDatabase main\n"
                           "ExcludeDatabase daily\nExcludeDatabase bytecode\nDNSDatabaseInfo no\n"
                           "ConnectTimeout 2\nMaxAttempts 1\nUpdateLogFile ",
                           clamd.root(), "/freshclam.log\n",
                           notify ? absl::StrCat("NotifyClamd ", clamd.config(), "\n") : ""));
    return path;
  }
};

TEST_F(FreshclamTest, NewSignaturesAreLoaded) {
  if (geteuid() != 0) GTEST_SKIP() << "not root";
  for (const bool notify : {false, true}) {
    PrivateClamd clamd;
    ASSERT_TRUE(clamd.Start()) << clamd.Log();
    std::filesystem::create_directory(clamd.root() + "/mirror");
    WriteText(clamd.root() + "/mirror/more.ndb", "Other-Test:0:*:6f74686572\n");
    ClamAvOptions options = Options(clamd);
    options.freshclam.config =
        Config(clamd, absl::StrCat("file://", clamd.root(), "/mirror/more.ndb"), notify);
    ClamAv clamav(options);
    const auto updated = clamav.Update({});
    ASSERT_TRUE(updated.ok()) << updated.status();
    EXPECT_TRUE(updated->changed) << updated->sentence;
    EXPECT_EQ(updated->sentence.substr(0, 8), "Updated:") << updated->sentence;
    // It loads them in its own time.
    Verdict verdict;
    for (int i = 0; i < 200 && verdict.kind != Verdict::Kind::kInfected; ++i) {
      absl::SleepFor(absl::Milliseconds(50));
      auto scanner = clamav.OpenScanner(stop_);
      TextStream stream("the other one");
      if (scanner.ok()) verdict = (*scanner)->Scan(stream, -1, stop_).value_or(Verdict());
    }
    EXPECT_EQ(verdict.text, "Other-Test.UNOFFICIAL") << notify;
  }
}

TEST_F(FreshclamTest, ADeadMirrorIsSaidAndTheOldSignaturesStay) {
  PrivateClamd clamd;
  ASSERT_TRUE(clamd.Start()) << clamd.Log();
  ClamAvOptions options = Options(clamd);
  options.freshclam.config = Config(clamd, "http://127.0.0.1:9/more.ndb", true);
  ClamAv clamav(options);
  const auto updated = clamav.Update({});
  EXPECT_EQ(ReasonOf(updated.status()), "MIRROR_AWAY") << updated.status();
  EXPECT_NE(updated.status().message().find("freshclam ended with 5"), std::string::npos)
      << updated.status();
  EXPECT_EQ(clamav.Status().problem(), "");
}

TEST_F(FreshclamTest, OneThatIsNotThere) {
  ClamAvOptions options;
  options.freshclam.program = "/nonexistent/freshclam";
  EXPECT_EQ(ReasonOf(ClamAv(options).Update({}).status()), "NO_FRESHCLAM");
}

}  // namespace
}  // namespace mailquench::agent::clamav
