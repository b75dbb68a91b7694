// quarantine.scan through the executor: messages that a real Postfix took, judged by a real clamd.
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <memory>
#include <set>
#include <thread>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/time/clock.h"
#include "agent/antivirus/clamav/clamav_antivirus.h"
#include "agent/mail/postfix/postfix_mail_system.h"
#include "agent/mail/postfix/service.h"
#include "agent/operations/executor.h"
#include "agent/os/lock.h"
#include "agent/os/process.h"
#include "agent/quarantine/manifest.h"
#include "agent/quarantine/scan_record.h"
#include "common/clock/clock.h"
#include "common/operation/names.h"
#include "common/status/error.h"
#include "tests/unit/antivirus/private_clamd.h"
#include "tests/unit/postfix/private_postfix.h"

namespace mailquench::agent {
namespace {

// A subject that goes on into a message whose attachment is the test file: in lines of base64, as
// a scanner never sees it in a queue file.
std::string WithAttachment() {
  return absl::StrCat(
      "bad\r\nMIME-Version: 1.0\r\nContent-Type: application/octet-stream; name=a.com\r\n"
      "Content-Transfer-Encoding: base64\r\n\r\n",
      absl::Base64Escape(Eicar()), "\r\n");
}

class QuarantineScanTest : public testing::Test {
 protected:
  void SetUp() override {
    if (!PrivateClamd::Possible()) GTEST_SKIP() << "no clamd (deploy/setup lab)";
    if (!postfix::PrivatePostfix::Possible()) GTEST_SKIP() << "no Postfix, or not root";
    std::string name = "/tmp/mq-qscan-XXXXXX";
    state_ = mkdtemp(name.data());
    clamd_ = std::make_unique<PrivateClamd>("StreamMaxLength 1M\nAlertExceedsMax yes\n");
    ASSERT_TRUE(clamd_->Start()) << clamd_->Log();
    postfix_ = std::make_unique<postfix::PrivatePostfix>(
        std::vector<std::string>{"defer_transports = smtp"});
    Open();
    ASSERT_EQ(Do("service.start").outcome(), v1::OUTCOME_SUCCEEDED);
  }
  void TearDown() override {
    if (!state_.empty()) std::filesystem::remove_all(state_);
  }
  void Open() {
    postfix::FindOptions find;
    find.config_directories = {postfix_->config()};
    executor_.reset();
    mail_ = std::make_unique<postfix::PostfixMailSystem>(find);
    clamav::ClamAvOptions clam;
    clam.clamd_config = clamd_->config();
    clam.patience = absl::Seconds(2);
    std::vector<std::unique_ptr<Antivirus>> residents;
    residents.push_back(std::make_unique<clamav::ClamAv>(clam));
    antivirus_ = std::make_unique<AntivirusSet>(std::move(residents), nullptr);
    journal_ = *Journal::Open(state_ + "/journal.db");
    ExecutorOptions options;
    options.host_id = "h";
    options.state_dir = state_;
    options.antivirus = antivirus_.get();
    options.quarantine_roots = roots_;
    executor_ = std::make_unique<Executor>(*mail_, *journal_, clock_, options);
  }
  v1::OperationReport Do(const std::string& operation, const std::string& json = "") {
    v1::Command command;
    command.set_command_id(absl::StrCat("c", ++commands_));
    command.set_host_id("h");
    *command.mutable_operation() = MakeOperation(operation, json).value();
    return executor_->Execute(command, false, nullptr);
  }
  void Send(const std::string& subject) {
    EXPECT_EQ(postfix::SendMail(postfix_->target(), "a@host.test", "b@away.test", subject)[0], '2')
        << subject;
  }
  int Queued() const {
    return postfix_->Files("deferred") + postfix_->Files("active") + postfix_->Files("incoming");
  }
  // Sends them, and sets the whole queue aside.
  void SetAside(const std::vector<std::string>& subjects) {
    for (const std::string& one : subjects) Send(one);
    const absl::Time until = absl::Now() + absl::Seconds(30);
    while (Queued() < static_cast<int>(subjects.size()) && absl::Now() < until)
      absl::SleepFor(absl::Milliseconds(20));
    ASSERT_EQ(Do("service.stop").outcome(), v1::OUTCOME_SUCCEEDED);
    const v1::OperationReport swept = Do("queue.quarantine");
    ASSERT_EQ(swept.outcome(), v1::OUTCOME_SUCCEEDED) << swept.DebugString();
    id_ = swept.result().queue_quarantine().quarantines(0).quarantine_id();
  }
  // As a program of the host gives mail in: it lies in the maildrop, as it was given.
  void Drop(const std::string& message) {
    const std::string path = state_ + "/message";
    WriteText(path, message);
    const auto ran = RunProcess({"/bin/sh", "-c",
                                 absl::StrCat("exec /usr/sbin/sendmail -C ", postfix_->config(),
                                              " -t -f a@host.test < ", path)});
    ASSERT_TRUE(ran.ok() && ran->exit_code == 0) << ran.status() << (ran.ok() ? ran->err : "");
  }
  // Puts copies of the one message that was set aside beside it, as Postfix leaves them.
  void Multiply(int copies) {
    const std::string place = Info().directory();
    std::string original;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(place))
      if (entry.is_regular_file() &&
          (entry.status().permissions() & std::filesystem::perms::owner_exec) !=
              std::filesystem::perms::none)
        original = entry.path();
    ASSERT_NE(original, "");
    struct stat info {};
    ASSERT_EQ(stat(original.c_str(), &info), 0);
    for (int i = 0; i < copies; ++i) {
      const std::string copy = absl::StrCat(place, "/incoming/COPY", i);
      std::filesystem::copy_file(original, copy);
      ASSERT_EQ(chown(copy.c_str(), info.st_uid, info.st_gid), 0);
    }
  }
  // Bytes that clamd has written: its answers, and the streams, which it puts into files.
  std::int64_t Answered() const {
    std::ifstream io(absl::StrCat("/proc/", clamd_->pid(), "/io"));
    std::string word;
    std::int64_t value = 0;
    while (io >> word >> value) {
      if (word == "wchar:") return value;
    }
    return 0;
  }
  // In the middle of a scan.
  void AwaitAnswers() {
    const std::int64_t before = Answered();
    while (Answered() < before + 200000) absl::SleepFor(absl::Milliseconds(1));
  }
  std::string Home() { return *mail_->QuarantineHome(id_); }
  static std::string ReasonIn(const v1::OperationReport& report) {
    return ReasonOf(FromProto(report.error()));
  }
  std::string Json(const std::string& more = "") {
    return absl::StrCat(R"({"quarantineId":")", id_, "\"", more.empty() ? "" : ",", more, "}");
  }
  v1::QuarantineScanResult Scan(const std::string& more = "") {
    const v1::OperationReport report = Do("quarantine.scan", Json(more));
    EXPECT_EQ(report.outcome(), v1::OUTCOME_SUCCEEDED) << report.DebugString();
    return report.result().quarantine_scan();
  }
  v1::QuarantineInfo Info() {
    const v1::OperationReport list = Do("quarantine.list");
    return list.result().quarantine_list().quarantines(0);
  }

  SystemClock clock_;
  std::string state_, id_;
  std::set<std::string> roots_;
  int commands_ = 0;
  std::unique_ptr<PrivateClamd> clamd_;
  std::unique_ptr<postfix::PrivatePostfix> postfix_;
  std::unique_ptr<MailSystem> mail_;
  std::unique_ptr<AntivirusSet> antivirus_;
  std::unique_ptr<Journal> journal_;
  std::unique_ptr<Executor> executor_;
};

TEST_F(QuarantineScanTest, AnInfectedMessageIsFoundKeptOutAndLetThroughByAPerson) {
  SetAside({"good", WithAttachment(), "better"});
  const v1::QuarantineScanResult scan = Scan();
  EXPECT_EQ(scan.scanned(), 3);
  EXPECT_EQ(scan.clean(), 2);
  EXPECT_EQ(scan.infected(), 1);
  EXPECT_EQ(scan.not_scanned(), 0);
  ASSERT_EQ(scan.findings_size(), 1);
  EXPECT_EQ(scan.findings(0).signature(), kEicarName);
  EXPECT_EQ(scan.findings(0).sender(), "a@host.test");
  EXPECT_EQ(scan.findings(0).subject(), "bad");
  EXPECT_FALSE(scan.partial());
  EXPECT_EQ(Info().infected(), 1);
  EXPECT_TRUE(Info().has_scan_time());

  const auto analysed = Do("quarantine.analyse", Json()).result().quarantine_analyse();
  EXPECT_EQ(analysed.matching(), 3);
  EXPECT_EQ(analysed.kept_out(), 1);
  EXPECT_NE(analysed.notice().find("1 message is kept out"), std::string::npos);

  ASSERT_EQ(Do("service.start").outcome(), v1::OUTCOME_SUCCEEDED);
  const auto released = Do("quarantine.release", Json()).result().quarantine_release();
  EXPECT_EQ(released.released(), 2);
  EXPECT_EQ(released.left(), 1);
  EXPECT_EQ(released.infected(), 1);
  EXPECT_NE(released.notice().find("kept out"), std::string::npos) << released.notice();
  EXPECT_EQ(Info().infected(), 1);
  const auto again = Do("quarantine.release", Json()).result().quarantine_release();
  EXPECT_EQ(again.released(), 0);
  EXPECT_EQ(again.infected(), 1);
  const auto judged =
      Do("quarantine.release",
         Json(absl::StrCat(R"("falsePositives":[")", scan.findings(0).queue_id(), "\"]")))
          .result()
          .quarantine_release();
  EXPECT_EQ(judged.released(), 1);
  EXPECT_EQ(judged.left(), 0);
  EXPECT_EQ(Info().infected(), 0);
}

TEST_F(QuarantineScanTest, WhatCouldNotBeReadIsKeptOutAfterACompleteScanAlone) {
  SetAside({"good", "large" + std::string(1500000, 'x').insert(0, "\r\n\r\n")});
  const v1::QuarantineScanResult scan = Scan();
  EXPECT_EQ(scan.clean(), 1);
  EXPECT_EQ(scan.not_scanned(), 1);
  ASSERT_EQ(scan.not_scanned_samples_size(), 1);
  EXPECT_NE(scan.not_scanned_samples(0).find("larger than"), std::string::npos);
  const auto released = Do("quarantine.release", Json()).result().quarantine_release();
  EXPECT_EQ(released.released(), 1);
  EXPECT_EQ(released.infected(), 1);
}

TEST_F(QuarantineScanTest, ARepeatReadsOnlyWhatItHasNotRead) {
  SetAside({"one", "two", WithAttachment()});
  EXPECT_EQ(Scan().scanned(), 3);
  const v1::QuarantineScanResult second = Scan();
  EXPECT_EQ(second.scanned(), 0);
  EXPECT_EQ(second.infected(), 1) << "what earlier scans have found";
  ASSERT_EQ(second.findings_size(), 1);
  const v1::QuarantineScanResult anew = Scan(R"("again":true)");
  EXPECT_EQ(anew.scanned(), 3);
  EXPECT_EQ(anew.infected(), 1);
}

TEST_F(QuarantineScanTest, WithoutClamdNothingIsScanned) {
  SetAside({"one", "two", WithAttachment()});
  clamd_->Kill();
  const v1::OperationReport dead = Do("quarantine.scan", Json());
  EXPECT_EQ(dead.outcome(), v1::OUTCOME_FAILED);
  EXPECT_EQ(ReasonOf(FromProto(dead.error())), "ANTIVIRUS_NOT_RUNNING");
  EXPECT_FALSE(Info().has_scan_time());
  ASSERT_TRUE(clamd_->Start());
  EXPECT_EQ(Scan().scanned(), 3);
}

TEST_F(QuarantineScanTest, AReleaseWithoutAScanSaysSo) {
  SetAside({"one"});
  const auto released = Do("quarantine.release", Json()).result().quarantine_release();
  EXPECT_EQ(released.released(), 1);
  EXPECT_NE(released.notice().find("quarantine scan"), std::string::npos) << released.notice();
}

TEST_F(QuarantineScanTest, AMovedQuarantineIsScannedWhereItIsAndKeepsWhatIsKnown) {
  std::string name = "/dev/shm/mq-qmoved-XXXXXX";
  roots_ = {mkdtemp(name.data())};
  Open();
  SetAside({"one", WithAttachment()});
  EXPECT_EQ(Scan().infected(), 1);
  const v1::OperationReport moved =
      Do("quarantine.move", Json(absl::StrCat(R"("directory":")", name, "\"")));
  ASSERT_EQ(moved.outcome(), v1::OUTCOME_SUCCEEDED) << moved.DebugString();
  EXPECT_EQ(Info().infected(), 1);
  EXPECT_EQ(Scan().scanned(), 0);
  EXPECT_EQ(Scan(R"("again":true)").infected(), 1);
  const auto released = Do("quarantine.release", Json()).result().quarantine_release();
  EXPECT_EQ(released.released(), 1);
  EXPECT_EQ(released.infected(), 1);
  std::filesystem::remove_all(name);
}

// So many that a scan has a middle, as Postfix leaves them.
TEST_F(QuarantineScanTest, ClamdDiesInMidScanAndNothingUnreadBecomesClean) {
  SetAside({WithAttachment()});
  constexpr int kCopies = 2000;
  Multiply(kCopies);
  std::thread killer([&] {
    AwaitAnswers();
    clamd_->Kill();
  });
  const v1::OperationReport report = Do("quarantine.scan", Json());
  killer.join();
  EXPECT_EQ(ReasonOf(FromProto(report.error())), "ANTIVIRUS_ENDED") << report.error().message();
  const v1::QuarantineScanResult& part = report.result().quarantine_scan();
  EXPECT_TRUE(part.partial());
  EXPECT_GT(part.scanned(), 0);
  EXPECT_LT(part.scanned(), kCopies);
  EXPECT_EQ(part.clean(), 0) << "all of them are infected";
  EXPECT_FALSE(Info().has_scan_time());
  EXPECT_EQ(Info().infected(), part.infected());
  // Where no scan has gone to its end, what is known stays, and no more.
  EXPECT_EQ(Do("quarantine.analyse", Json()).result().quarantine_analyse().kept_out(),
            part.infected());
  ASSERT_TRUE(clamd_->Start());
  const v1::QuarantineScanResult rest = Scan();
  EXPECT_EQ(rest.scanned(), kCopies + 1 - part.scanned());
  EXPECT_EQ(rest.infected(), kCopies + 1);
  EXPECT_EQ(rest.findings_size(), kMaxFindings);
}

// A scanner decodes what it takes for mail, by how it begins. In the maildrop mail begins with what
// its sender likes.
TEST_F(QuarantineScanTest, MailThatDoesNotBeginAsMailIsDecodedAsMail) {
  ASSERT_EQ(Do("service.stop").outcome(), v1::OUTCOME_SUCCEEDED);
  // Without "MIME-Version", which clamd knows at any place, and which mail programs do not ask for.
  const std::string rest = absl::StrCat(
      "To: b@away.test\nContent-Type: multipart/mixed; boundary=\"x\"\n\n--x\n"
      "Content-Type: application/octet-stream; name=a.com\nContent-Transfer-Encoding: base64\n\n",
      absl::Base64Escape(Eicar()), "\n\n--x--\n");
  Drop("X-A: b\n" + rest);
  Drop(absl::StrCat("X-A: ", std::string(900, 'a'), "\n ", std::string(900, 'b'), "\n ",
                    std::string(900, 'c'), "\n ", std::string(900, 'd'), "\n", rest));
  Drop("To: b@away.test\nSubject: harmless\n\nhello\n");
  const v1::OperationReport swept = Do("queue.quarantine");
  ASSERT_EQ(swept.outcome(), v1::OUTCOME_SUCCEEDED) << swept.DebugString();
  id_ = swept.result().queue_quarantine().quarantines(0).quarantine_id();
  const v1::QuarantineScanResult scan = Scan();
  EXPECT_EQ(scan.infected(), 2);
  EXPECT_EQ(scan.clean(), 1);
}

// The same of mail that came by SMTP and got a header in front of its trace lines.
TEST_F(QuarantineScanTest, MailWithALongHeaderInFrontIsDecodedAsMail) {
  WriteText(state_ + "/checks",
            absl::StrCat("/^Received:/ PREPEND X-A: ", std::string(3000, 'a'), "\n"));
  postfix_->Set(absl::StrCat("header_checks=regexp:", state_, "/checks"));
  ASSERT_EQ(chmod(state_.c_str(), 0755), 0);
  ASSERT_EQ(Do("service.stop").outcome(), v1::OUTCOME_SUCCEEDED);
  ASSERT_EQ(Do("service.start").outcome(), v1::OUTCOME_SUCCEEDED);
  SetAside({absl::StrReplaceAll(WithAttachment(), {{"MIME-Version: 1.0\r\n", ""}})});
  EXPECT_EQ(Scan().infected(), 1);
}

// What a scan has found is on the disk seconds later: nothing is let out beside it.
TEST_F(QuarantineScanTest, NoReleaseAndNoDeletionBesideAScan) {
  SetAside({WithAttachment()});
  constexpr int kCopies = 2000;
  Multiply(kCopies);
  v1::OperationReport scanned;
  std::thread scan([&] {
    v1::Command command;
    command.set_command_id("scan");
    command.set_host_id("h");
    *command.mutable_operation() = MakeOperation("quarantine.scan", Json()).value();
    scanned = executor_->Execute(command, false, nullptr);
  });
  AwaitAnswers();
  ASSERT_EQ(kill(clamd_->pid(), SIGSTOP), 0);  // The scan stands still in its middle.
  const v1::OperationReport released = Do("quarantine.release", Json());
  const v1::OperationReport discarded = Do("quarantine.discard", Json());
  const v1::OperationReport second = Do("quarantine.scan", Json());
  ASSERT_EQ(kill(clamd_->pid(), SIGCONT), 0);
  scan.join();
  EXPECT_EQ(ReasonIn(released), "SCAN_GOES_ON") << released.DebugString();
  EXPECT_EQ(ReasonIn(discarded), "SCAN_GOES_ON");
  EXPECT_EQ(ReasonIn(second), "SCAN_GOES_ON");
  EXPECT_EQ(Queued(), 0);
  EXPECT_EQ(scanned.outcome(), v1::OUTCOME_SUCCEEDED) << scanned.DebugString();
  EXPECT_EQ(scanned.result().quarantine_scan().infected(), kCopies + 1);
  const auto after = Do("quarantine.release", Json()).result().quarantine_release();
  EXPECT_EQ(after.released(), 0);
  EXPECT_EQ(after.infected(), kCopies + 1);
}

TEST_F(QuarantineScanTest, NoScanBesideARelease) {
  SetAside({"one", "two"});
  std::unique_ptr<FolderLock> manifest = *FolderLock::Acquire(Home());
  v1::OperationReport released;
  std::thread release([&] {
    v1::Command command;
    command.set_command_id("release");
    command.set_host_id("h");
    *command.mutable_operation() = MakeOperation("quarantine.release", Json()).value();
    released = executor_->Execute(command, false, nullptr);
  });
  const absl::Time until = absl::Now() + absl::Seconds(30);
  while (Queued() < 2 && absl::Now() < until) absl::SleepFor(absl::Milliseconds(5));
  // It has moved all, and waits for the manifest.
  const v1::OperationReport scanned = Do("quarantine.scan", Json());
  manifest.reset();
  release.join();
  EXPECT_EQ(ReasonIn(scanned), "SCAN_GOES_ON") << scanned.DebugString();
  EXPECT_EQ(released.result().quarantine_release().released(), 2) << released.DebugString();
}

TEST_F(QuarantineScanTest, ALostRecordLetsNothingOut) {
  SetAside({"one", WithAttachment()});
  EXPECT_EQ(Scan().infected(), 1);
  std::filesystem::remove(Home() + "/" + kScanRecord);
  EXPECT_EQ(ReasonIn(Do("quarantine.release", Json())), "BAD_SCAN_RECORD");
  EXPECT_EQ(ReasonIn(Do("quarantine.analyse", Json())), "BAD_SCAN_RECORD");
  WriteText(Home() + "/" + kScanRecord, "mailquench-scan 1\nC incoming/A\n");
  const v1::OperationReport broken = Do("quarantine.release", Json());
  EXPECT_EQ(ReasonIn(broken), "BAD_SCAN_RECORD");
  EXPECT_EQ(broken.error().message().find("remove"), std::string::npos) << broken.error().message();
  EXPECT_EQ(Queued(), 0);

  // Begun anew, and ended at once: what it has not read stays.
  executor_.reset();
  journal_.reset();
  const pid_t child = fork();
  if (child == 0) {
    setenv("MAILQUENCH_FAULT", "quarantine.scan.read=kill", 1);
    Open();
    (void)Do("quarantine.scan", Json());
    _exit(0);
  }
  int status = 0;
  waitpid(child, &status, 0);
  ASSERT_TRUE(WIFSIGNALED(status));
  ++commands_;
  Open();
  EXPECT_FALSE(Info().has_scan_time());
  const auto kept = Do("quarantine.release", Json()).result().quarantine_release();
  EXPECT_EQ(kept.released(), 0);
  EXPECT_EQ(kept.infected(), 2);
  EXPECT_NE(kept.notice().find("lost"), std::string::npos) << kept.notice();

  const v1::QuarantineScanResult anew = Scan();
  EXPECT_EQ(anew.scanned(), 2);
  EXPECT_NE(anew.notice().find("missing or broken"), std::string::npos) << anew.notice();
  const auto released = Do("quarantine.release", Json()).result().quarantine_release();
  EXPECT_EQ(released.released(), 1);
  EXPECT_EQ(released.infected(), 1);
}

TEST_F(QuarantineScanTest, WhatCannotBeReadAgainKeepsItsFinding) {
  SetAside({WithAttachment() + std::string(20000, '\n')});
  EXPECT_EQ(Scan().infected(), 1);
  std::ofstream(clamd_->config(), std::ios::app) << "MaxFileSize 1K\nMaxScanSize 1K\n";
  const v1::QuarantineScanResult again = Scan(R"("again":true)");
  EXPECT_EQ(again.infected(), 1) << again.DebugString();
  EXPECT_EQ(again.not_scanned(), 0);
  EXPECT_NE(again.notice().find("could not be read again"), std::string::npos) << again.notice();
  EXPECT_EQ(Do("quarantine.release", Json()).result().quarantine_release().released(), 0);
}

// Clean by old signatures is read again by new ones, without being asked to.
TEST_F(QuarantineScanTest, WhatOlderSignaturesHaveJudgedIsReadAnew) {
  SetAside({"good", absl::StrCat("bad\r\n\r\n", "a-new-", "pest-of-today")});
  EXPECT_EQ(Scan().clean(), 2);
  EXPECT_EQ(Scan().scanned(), 0);
  clamd_->Kill();
  WriteText(clamd_->database() + "/new.ndb",
            absl::StrCat("New-Pest:0:*:", absl::BytesToHexString("a-new-pest-of-today"), "\n"));
  ASSERT_TRUE(clamd_->Start());
  const v1::QuarantineScanResult newer = Scan();
  EXPECT_EQ(newer.scanned(), 2);
  EXPECT_EQ(newer.infected(), 1);
  EXPECT_NE(newer.notice().find("2 messages that were judged by other signatures"),
            std::string::npos)
      << newer.notice();
  EXPECT_EQ(Scan().scanned(), 0);
}

// The end of a release that was killed after its work is told as what it was.
TEST_F(QuarantineScanTest, AReleaseThatWasKilledCountsWhatIsGone) {
  SetAside({"one", "two", WithAttachment()});
  EXPECT_EQ(Scan().clean(), 2);
  executor_.reset();
  journal_.reset();
  const pid_t child = fork();
  if (child == 0) {
    setenv("MAILQUENCH_FAULT", "quarantine.release.forgotten=kill", 1);
    Open();
    (void)Do("quarantine.release", Json());
    _exit(0);
  }
  int status = 0;
  waitpid(child, &status, 0);
  ASSERT_TRUE(WIFSIGNALED(status));
  Open();
  const auto repeated = Do("quarantine.release", Json()).result().quarantine_release();
  EXPECT_EQ(repeated.released(), 2) << "the same command again";
  EXPECT_EQ(repeated.infected(), 1);
  EXPECT_EQ(repeated.left(), 1);
}

// Whatever becomes of the record: what is left because its id is taken is said.
TEST_F(QuarantineScanTest, ARecordThatCannotBeWrittenHidesNoIncompleteRelease) {
  SetAside({"one", "two"});
  EXPECT_EQ(Scan().clean(), 2);
  std::filesystem::create_directory(absl::StrCat(Home(), "/", kScanRecord, ".mailquench-tmp"));
  std::string name;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(Info().directory()))
    if (entry.is_regular_file() &&
        (entry.status().permissions() & std::filesystem::perms::owner_exec) !=
            std::filesystem::perms::none)
      name = entry.path().filename();
  WriteText(postfix_->queue() + "/incoming/" + name, "another");
  const v1::OperationReport released = Do("quarantine.release", Json());
  EXPECT_EQ(ReasonIn(released), "RELEASE_INCOMPLETE") << released.DebugString();
  EXPECT_EQ(released.result().quarantine_release().released(), 1);
}

// A record that is in the way hides nothing of what was done.
TEST_F(QuarantineScanTest, ADeletionGoesOnWithoutARecord) {
  SetAside({"one", WithAttachment()});
  EXPECT_EQ(Scan().infected(), 1);
  std::filesystem::remove(Home() + "/" + kScanRecord);
  const v1::OperationReport discarded = Do("quarantine.discard", Json());
  EXPECT_EQ(discarded.outcome(), v1::OUTCOME_SUCCEEDED) << discarded.DebugString();
  EXPECT_EQ(discarded.result().quarantine_discard().discarded(), 2);
}

// A lock that cannot be taken is no scan that goes on.
TEST_F(QuarantineScanTest, ALockThatCannotBeTakenIsToldAsItIs) {
  SetAside({"one"});
  std::filesystem::create_directory(Home() + "/" + kScanLock);
  const v1::OperationReport scanned = Do("quarantine.scan", Json());
  EXPECT_NE(scanned.outcome(), v1::OUTCOME_SUCCEEDED);
  EXPECT_NE(ReasonIn(scanned), "SCAN_GOES_ON");
  EXPECT_NE(ReasonIn(Do("quarantine.release", Json())), "SCAN_GOES_ON");
  EXPECT_EQ(Queued(), 0);
}

// Killed when it has saved a part: the record has that part, and nothing that was not read.
TEST_F(QuarantineScanTest, AKillLeavesNothingCleanThatWasNotRead) {
  SetAside({WithAttachment()});
  constexpr int kCopies = 2000;
  Multiply(kCopies);
  executor_.reset();
  journal_.reset();
  const std::int64_t before = Answered();
  const pid_t child = fork();
  if (child == 0) {
    setenv("MAILQUENCH_FAULT", "quarantine.scan.saved=kill", 1);
    Open();
    (void)Do("quarantine.scan", Json());
    _exit(0);
  }
  while (Answered() < before + 200000) absl::SleepFor(absl::Milliseconds(1));
  // Until it is time to save, which it does before the next message.
  ASSERT_EQ(kill(clamd_->pid(), SIGSTOP), 0);
  absl::SleepFor(absl::Seconds(6));
  ASSERT_EQ(kill(clamd_->pid(), SIGCONT), 0);
  int status = 0;
  waitpid(child, &status, 0);
  ASSERT_TRUE(WIFSIGNALED(status));
  ++commands_;
  Open();
  const auto record = ScanRecord::Read(Home());
  ASSERT_TRUE(record.ok()) << record.status();
  const std::int64_t known = record->Count(Scanned::kInfected);
  EXPECT_GT(known, 0);
  EXPECT_LT(known, kCopies);
  EXPECT_EQ(record->Count(Scanned::kClean), 0) << "all of them are infected";
  EXPECT_FALSE(record->scan_time().has_value());
  EXPECT_EQ(Do("quarantine.analyse", Json()).result().quarantine_analyse().kept_out(), known);
  const v1::QuarantineScanResult rest = Scan();
  EXPECT_EQ(rest.scanned(), kCopies + 1 - known);
  EXPECT_EQ(rest.infected(), kCopies + 1);
}

// Killed between any two steps of its end: no record, or one that is true; a repeat completes it.
TEST_F(QuarantineScanTest, AKillAtItsEndLeavesNoRecordOrATrueOne) {
  SetAside({"one", "two", WithAttachment()});
  for (const char* point :
       {"quarantine.scan.read", "quarantine.scan.saved", "quarantine.scan.recorded"}) {
    executor_.reset();
    journal_.reset();
    const pid_t child = fork();
    if (child == 0) {
      setenv("MAILQUENCH_FAULT", absl::StrCat(point, "=kill").c_str(), 1);
      Open();
      (void)Do("quarantine.scan", Json());
      _exit(0);
    }
    int status = 0;
    waitpid(child, &status, 0);
    ASSERT_TRUE(WIFSIGNALED(status)) << point << " is not on its way";
    ++commands_;
    Open();
    const auto record = ScanRecord::Read(*mail_->QuarantineHome(id_));
    ASSERT_TRUE(record.ok()) << point << record.status();
    const std::int64_t known = record->Count(Scanned::kClean) + record->Count(Scanned::kInfected);
    EXPECT_TRUE(known == 0 || known == 3) << point;
    EXPECT_EQ(record->scan_time().has_value(), known == 3) << point;
    const v1::QuarantineScanResult scan = Scan();
    EXPECT_EQ(scan.clean(), 2) << point;
    EXPECT_EQ(scan.infected(), 1) << point;
    // As if none had ever been.
    std::filesystem::remove(Home() + "/" + kScanRecord);
    ASSERT_TRUE(UpdateManifest(Home(), [](Manifest& manifest) {
                  manifest.has_scan_record = false;
                  manifest.scan_time = absl::InfinitePast();
                  manifest.infected = manifest.not_scanned = 0;
                }).ok());
  }
}

}  // namespace
}  // namespace mailquench::agent
