#include "agent/mail/postfix/service.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/file.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <thread>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "agent/mail/postfix/instance.h"
#include "agent/mail/smtp/smtp_dialogue.h"
#include "agent/os/process.h"
#include "common/status/error.h"
#include "tests/unit/postfix/private_postfix.h"

namespace mailquench::agent::postfix {
namespace {
using ::testing::Contains;
using ::testing::HasSubstr;

CallContext Within(absl::Duration time, std::vector<std::string>* said = nullptr) {
  CallContext context;
  context.command_id = "test";
  context.deadline = absl::Now() + time;
  if (said != nullptr) {
    context.progress = [said](const std::string& text) { said->push_back(text); };
  }
  return context;
}

class PostfixService : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!PrivatePostfix::Possible()) GTEST_SKIP() << "needs root and Postfix";
  }
};

TEST_F(PostfixService, FindsAnInstanceByItsConfigurationDirectory) {
  PrivatePostfix postfix({"multi_instance_name = postfix-one", "enable_long_queue_ids = yes"});
  FindOptions options;
  options.config_directories = {postfix.config()};
  const auto found = FindInstances({"postfix-one"}, options);
  ASSERT_TRUE(found.ok()) << found.status();
  ASSERT_EQ(1u, found->size());
  EXPECT_EQ(postfix.queue(), found->front().queue_directory);
  EXPECT_NE(0u, found->front().mail_owner);
  EXPECT_NE(0u, found->front().setgid_group);
  EXPECT_TRUE(found->front().long_queue_ids);
  const auto unknown = FindInstances({"nope"}, options);
  EXPECT_EQ("UNKNOWN_INSTANCE", ReasonOf(unknown.status()));
  EXPECT_THAT(std::string(unknown.status().message()), HasSubstr("postfix-one"));
}

TEST_F(PostfixService, SaysSoWhereAConfigurationIsNotThere) {
  FindOptions options;
  options.config_directories = {"/nonexistent/postfix"};
  EXPECT_EQ("BAD_INSTANCE", ReasonOf(FindInstances({}, options).status()));
}

TEST_F(PostfixService, ExpandsMacrosOfAParameter) {
  PrivatePostfix postfix({"myorigin = x.$myhostname"});
  EXPECT_EQ("x.host.test", *Parameter(postfix.config(), "myorigin"));
  EXPECT_EQ("BAD_INSTANCE", ReasonOf(Parameter(postfix.config(), "no_such_thing").status()));
}

TEST_F(PostfixService, StartsReloadsAndStopsARealInstance) {
  PrivatePostfix postfix;
  const Instance instance = postfix.instance();
  EXPECT_FALSE(*IsRunning(instance));
  EXPECT_EQ("NOT_RUNNING", ReasonOf(ReloadInstance(instance, Within(absl::Seconds(9)))));
  ASSERT_TRUE(StartInstance(instance, Within(absl::Seconds(60))).ok()) << postfix.Log();
  EXPECT_TRUE(*IsRunning(instance));
  EXPECT_EQ("250", SendMail(postfix.target(), "a@x.test", "b@host.test", "hello").substr(0, 3));
  ASSERT_TRUE(StartInstance(instance, Within(absl::Seconds(60))).ok());  // Again: already so.
  ASSERT_TRUE(ReloadInstance(instance, Within(absl::Seconds(60))).ok());
  EXPECT_THAT(postfix.Log(), HasSubstr("reload"));
  const absl::Time begin = absl::Now();
  ASSERT_TRUE(StopInstance(instance, Within(absl::Seconds(60))).ok());
  EXPECT_LT(absl::Now() - begin, absl::Seconds(3));
  EXPECT_FALSE(*IsRunning(instance));
  EXPECT_FALSE(Accepts(postfix.target(), absl::Seconds(1)));
  EXPECT_TRUE(StopInstance(instance, Within(absl::Seconds(60))).ok());  // Again: already so.
}

// A monitor asks by `postfix status`, which takes master's lock for a moment.
TEST_F(PostfixService, WhoAsksWhetherItRunsIsNotTakenForIt) {
  PrivatePostfix postfix;
  const Instance instance = postfix.instance();
  ASSERT_TRUE(StartInstance(instance, Within(absl::Seconds(60))).ok()) << postfix.Log();
  ASSERT_TRUE(StopInstance(instance, Within(absl::Seconds(60))).ok());
  const int fd = open((instance.queue_directory + "/pid/master.pid").c_str(), O_RDWR | O_CLOEXEC);
  ASSERT_EQ(0, flock(fd, LOCK_EX | LOCK_NB));
  EXPECT_TRUE(*IsRunning(instance));  // One that stays is believed, whoever has it.
  std::atomic<bool> over = false;
  std::thread asks([&] {
    for (bool first = true; !over; first = false) {
      absl::SleepFor(absl::Milliseconds(first ? 100 : 3));
      flock(fd, LOCK_UN);
      absl::SleepFor(absl::Milliseconds(10));
      flock(fd, LOCK_EX);
    }
    close(fd);
  });
  for (int i = 0; i < 20; ++i) EXPECT_FALSE(*IsRunning(instance));
  over = true;
  asks.join();
}

TEST_F(PostfixService, AStartThatFailsIsTriedAgain) {
  PrivatePostfix postfix;
  const Instance instance = postfix.instance();
  const std::string away = instance.queue_directory + ".away";
  std::filesystem::rename(instance.queue_directory, away);
  std::thread mends([&] {
    absl::SleepFor(absl::Milliseconds(300));
    std::filesystem::rename(away, instance.queue_directory);
  });
  EXPECT_TRUE(StartInstance(instance, Within(absl::Seconds(60))).ok()) << postfix.Log();
  mends.join();
  EXPECT_TRUE(*IsRunning(instance));
  EXPECT_TRUE(StopInstance(instance, Within(absl::Seconds(20))).ok());
  std::filesystem::rename(instance.queue_directory, away);
  EXPECT_EQ("START_FAILED", ReasonOf(StartInstance(instance, Within(absl::Seconds(60)))));
  std::filesystem::rename(away, instance.queue_directory);
}

TEST_F(PostfixService, AStopWaitsForDaemonsThatOutliveTheirMasterAndKillsThemInTheEnd) {
  PrivatePostfix postfix;
  // A daemon that is deaf to SIGTERM; master starts it at the first connection, which the start
  // makes.
  const std::string program = postfix.root() + "/deaf";
  std::ofstream(program) << "#!/bin/sh\ntrap '' TERM HUP\necho $$ >" << postfix.root()
                         << "/data/deaf.pid\nsleep 60\n";
  std::filesystem::permissions(program, std::filesystem::perms(0755));
  postfix.AddService(
      absl::StrCat("127.0.0.1:", FreePort(), " inet n n n - 1 ../../../..", program));
  const Instance instance = postfix.instance();
  ASSERT_TRUE(StartInstance(instance, Within(absl::Seconds(60))).ok()) << postfix.Log();
  pid_t deaf = 0;
  for (int i = 0; i < 200 && deaf == 0; ++i) {
    absl::SleepFor(absl::Milliseconds(10));
    std::ifstream(postfix.root() + "/data/deaf.pid") >> deaf;
  }
  ASSERT_NE(0, deaf) << postfix.Log();
  std::vector<std::string> said;
  const absl::Time begin = absl::Now();
  const absl::Status stopped = StopInstance(instance, Within(absl::Seconds(20), &said));
  EXPECT_TRUE(stopped.ok()) << stopped;
  EXPECT_GT(absl::Now() - begin, absl::Seconds(4));
  EXPECT_THAT(said, Contains(HasSubstr("still ending after 1 s")));
  EXPECT_THAT(said, Contains(HasSubstr("what is left is killed")));
}

TEST_F(PostfixService, AStopThatDoesNotEndInTimeIsADeadline) {
  PrivatePostfix postfix;
  const Instance instance = postfix.instance();
  ASSERT_TRUE(StartInstance(instance, Within(absl::Seconds(60))).ok()) << postfix.Log();
  pid_t pid = 0;
  std::ifstream(instance.queue_directory + "/pid/master.pid") >> pid;
  kill(pid, SIGSTOP);  // A master that cannot act on the signal.
  std::vector<std::string> said;
  const absl::Status stopped = StopInstance(instance, Within(absl::Milliseconds(1500), &said));
  EXPECT_EQ("STOP_TIMED_OUT", ReasonOf(stopped)) << stopped;
  EXPECT_EQ(absl::StatusCode::kDeadlineExceeded, stopped.code());
  EXPECT_THAT(said, Contains(HasSubstr("still ending after 1 s")));
  EXPECT_TRUE(*IsRunning(instance));
  kill(pid, SIGCONT);
  EXPECT_TRUE(StopInstance(instance, Within(absl::Seconds(20))).ok());
}

TEST_F(PostfixService, AFailedStartSaysWhatPostfixSaid) {
  PrivatePostfix postfix;
  std::filesystem::remove(postfix.config() + "/master.cf");
  const absl::Status started = StartInstance(postfix.instance(), Within(absl::Seconds(30)));
  EXPECT_EQ("START_FAILED", ReasonOf(started)) << started;
  EXPECT_THAT(std::string(started.message()), HasSubstr("master.cf"));
  EXPECT_FALSE(*IsRunning(postfix.instance()));
}

TEST_F(PostfixService, AListenerThatCannotBindFailsTheStart) {
  PrivatePostfix postfix;
  postfix.AddService("198.51.100.77:2525 inet n - n - - smtpd");  // No address of this host.
  const absl::Status started = StartInstance(postfix.instance(), Within(absl::Seconds(20)));
  EXPECT_FALSE(started.ok());
  EXPECT_FALSE(*IsRunning(postfix.instance()));
}

TEST_F(PostfixService, NamesTcpListenersThatAreNotDisabled) {
  PrivatePostfix postfix({"master_service_disable = 127.0.0.1:2526.inet"});
  postfix.AddService("127.0.0.1:2526 inet n - n - - smtpd");
  postfix.AddService("127.0.0.2:2527 inet n - n - - smtpd");
  const auto listeners = TcpListeners(postfix.instance());
  ASSERT_TRUE(listeners.ok()) << listeners.status();
  EXPECT_THAT(*listeners, ::testing::ElementsAre(postfix.target(), "127.0.0.2:2527"));
}

TEST_F(PostfixService, DialogueTellsAnOpenRelayFromAClosedOneAlsoInsideTls) {
  PrivatePostfix postfix({"mynetworks = 127.0.0.0/8"});
  const std::string key = postfix.root() + "/key.pem";
  const auto made = RunProcess({"openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                                "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=host.test",
                                "-keyout", key, "-out", postfix.root() + "/cert.pem"});
  ASSERT_TRUE(made.ok() && made->exit_code == 0);
  const int tls_port = FreePort();
  const int wrapper_port = FreePort();
  const std::string tls = absl::StrCat(" -o smtpd_tls_cert_file=", postfix.root(),
                                       "/cert.pem -o smtpd_tls_key_file=", key);
  postfix.AddService(absl::StrCat("127.0.0.1:", tls_port, " inet n - n - - smtpd", tls,
                                  " -o smtpd_tls_security_level=encrypt -o mynetworks=192.0.2.1"));
  postfix.AddService(
      absl::StrCat("127.0.0.1:", wrapper_port, " inet n - n - - smtpd", tls,
                   " -o smtpd_tls_security_level=encrypt -o smtpd_tls_wrappermode=yes"));
  ASSERT_TRUE(StartInstance(postfix.instance(), Within(absl::Seconds(60))).ok()) << postfix.Log();
  const auto open = Dialogue(postfix.target(), {});
  ASSERT_TRUE(open.ok());
  EXPECT_EQ(v1::RELAY_VERDICT_OPEN, open->verdict) << open->reply;
  const auto closed = Dialogue(absl::StrCat("127.0.0.1:", tls_port), {});
  ASSERT_TRUE(closed.ok());
  EXPECT_EQ(v1::RELAY_VERDICT_CLOSED, closed->verdict) << closed->reply << postfix.Log();
  EXPECT_TRUE(closed->tls);
  EXPECT_THAT(closed->reply, HasSubstr("Relay access denied"));
  DialogueRequest wrapped;
  wrapped.tls_wrapper = true;
  const auto inside = Dialogue(absl::StrCat("127.0.0.1:", wrapper_port), wrapped);
  ASSERT_TRUE(inside.ok());
  EXPECT_EQ(v1::RELAY_VERDICT_OPEN, inside->verdict) << inside->reply << postfix.Log();
  EXPECT_TRUE(inside->tls);
}

}  // namespace
}  // namespace mailquench::agent::postfix
