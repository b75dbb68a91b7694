// quarantine.scan through the executor: messages that a real Postfix took, judged by a real clamd.
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <set>
#include <thread>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "agent/antivirus/clamav/clamav_antivirus.h"
#include "agent/mail/postfix/postfix_mail_system.h"
#include "agent/mail/postfix/service.h"
#include "agent/operations/executor.h"
#include "agent/os/process.h"
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

TEST_F(QuarantineScanTest, ClamdDiesInMidScanAndNothingUnreadBecomesClean) {
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
TEST_F(QuarantineScanTest, ClamdDiesInMidScanAndTheRestIsReadLater) {
  SetAside({WithAttachment()});
  const std::string place = Info().directory();
  constexpr int kCopies = 2000;
  std::string original;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(place))
    if (entry.is_regular_file() &&
        (entry.status().permissions() & std::filesystem::perms::owner_exec) !=
            std::filesystem::perms::none)
      original = entry.path();
  ASSERT_NE(original, "");
  struct stat info {};
  ASSERT_EQ(stat(original.c_str(), &info), 0);
  for (int i = 0; i < kCopies; ++i) {
    const std::string copy = absl::StrCat(place, "/incoming/COPY", i);
    std::filesystem::copy_file(original, copy);
    ASSERT_EQ(chown(copy.c_str(), info.st_uid, info.st_gid), 0);
  }
  const auto answered = [this] {  // Bytes that clamd has written: its answers, and the streams,
                                  // which it puts into files.
    std::ifstream io(absl::StrCat("/proc/", clamd_->pid(), "/io"));
    std::string word;
    std::int64_t value = 0;
    while (io >> word >> value) {
      if (word == "wchar:") return value;
    }
    return std::int64_t{0};
  };
  const std::int64_t before = answered();
  std::thread killer([&] {
    while (answered() < before + 200000) absl::SleepFor(absl::Milliseconds(1));
    clamd_->Kill();
  });
  const v1::OperationReport report = Do("quarantine.scan", Json());
  killer.join();
  EXPECT_EQ(ReasonOf(FromProto(report.error())), "ANTIVIRUS_ENDED") << report.error().message();
  const v1::QuarantineScanResult& part = report.result().quarantine_scan();
  EXPECT_TRUE(part.partial());
  EXPECT_GT(part.scanned(), 0);
  EXPECT_LT(part.scanned(), kCopies);
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
  const std::string rest = absl::StrCat(
      "MIME-Version: 1.0\nTo: b@away.test\nContent-Type: multipart/mixed; boundary=\"x\"\n\n--x\n"
      "Content-Type: application/octet-stream; name=a.com\nContent-Transfer-Encoding: base64\n\n",
      absl::Base64Escape(Eicar()), "\n\n--x--\n");
  Drop(rest);
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
  SetAside({WithAttachment()});
  EXPECT_EQ(Scan().infected(), 1);
}

// Killed between any two steps of it: no record, or one that is true; and a repeat completes it.
TEST_F(QuarantineScanTest, AKillLeavesNothingCleanThatWasNotRead) {
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
    std::filesystem::remove(*mail_->QuarantineHome(id_) + "/" + kScanRecord);
  }
}

}  // namespace
}  // namespace mailquench::agent
