// The mail system on the real engine and the simulated transport: what fakes cannot show.
#include <algorithm>
#include <map>
#include <thread>

#include "agent/mail/exchange/set_aside.h"
#include "agent/os/files.h"
#include "agent/os/lock.h"
#include "agent/quarantine/manifest.h"
#include "tests/contract/exchange_server.h"
#include "tests/contract/send_mail.h"
#include "tests/unit/exchange/host/fakes.h"

namespace mailquench::agent::exchange {
namespace {
namespace fs = std::filesystem;
using contract::ExchangeServer;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

class Engine : public ::testing::Test {
 protected:
  void SetUp() override {
    const std::string why = ExchangeServer::WhyNot();
    if (!why.empty()) GTEST_SKIP() << why;
    Make();
  }
  void Make(const std::string& version = "EX2019") {
    server.reset();
    server = std::make_unique<ExchangeServer>(version);
    server->Open();
  }
  void Fill(int messages = 3) {
    const auto started = server->mail->Start({}, ContextOf("s"));
    ASSERT_TRUE(started.ok()) << started.status();
    for (int i = 0; i < messages; ++i)
      ASSERT_THAT(contract::SendMail(absl::StrCat("127.0.0.1:", server->port()), "spam@evil.test",
                                     "x@elsewhere.test", absl::StrCat("offer-", i)),
                  HasSubstr("250"));
  }
  static v1::QueueQuarantine Spam() {
    v1::QueueQuarantine request;
    request.mutable_filter()->add_senders("spam@evil.test");
    return request;
  }
  // As after a crash: a shell of its own.
  absl::StatusOr<v1::QueueQuarantineResult> TakeSpam() {
    server->Open();
    return server->mail->Quarantine(Spam(), ContextOf("c1"));
  }
  std::int64_t Queued() { return server->mail->CountQueued({}).value_or(-1); }

  std::unique_ptr<ExchangeServer> server;
};

TEST_F(Engine, ManagedAvailabilityIsHeldOffAndOnlyWhileItIsStopped) {
  Fill(1);
  ASSERT_TRUE(server->mail->Stop({}, ContextOf("c")).ok());
  absl::SleepFor(absl::Seconds(3));  // Longer than it waits before it starts what is stopped.
  EXPECT_FALSE(server->mail->Status({})->instances(0).running());
  EXPECT_EQ(0, server->services->recoveries());
  ASSERT_TRUE(server->mail->Start({}, ContextOf("c")).ok());
  const auto status = server->mail->Status({});
  ASSERT_TRUE(status.ok());
  const auto& components = status->instances(0).components();
  EXPECT_THAT(components, Contains("RecoveryActionsEnabled Active"));
  EXPECT_EQ("", status->instances(0).notice());
}

TEST_F(Engine, TheInventoryNamesWhatItBelongsTo) {
  const auto inventory = server->mail->Inspect();
  ASSERT_TRUE(inventory.ok()) << inventory.status();
  EXPECT_EQ("exchange", inventory->platform);
  EXPECT_THAT(inventory->version, HasSubstr("Exchange 2019/SE 15.2."));
  EXPECT_THAT(inventory->organisation, HasSubstr("Contoso "));
  EXPECT_EQ("site:Default-First-Site-Name", inventory->transport_group);
  EXPECT_THAT(inventory->mail_domains, Contains("contoso.test"));
  EXPECT_THAT(inventory->helo_names, Contains("ex1.contoso.test"));
  // What is not told cannot be elected for.
  EXPECT_TRUE(std::any_of(inventory->capabilities.begin(), inventory->capabilities.end(),
                          [](const v1::Capability& one) {
                            return one.operation() == "shadow.suspend" && one.available();
                          }));
}

TEST_F(Engine, TheInventoryNamesItsGroupAndWhatItCanDo) {
  const auto inventory = server->mail->Inspect();
  ASSERT_TRUE(inventory.ok()) << inventory.status();
  EXPECT_THAT(inventory->transport_members, ElementsAre("EX1"));
  EXPECT_FALSE(inventory->transport_group_unknown);
  std::map<std::string, bool> available;
  for (const v1::Capability& one : inventory->capabilities)
    available[one.operation()] = one.available();
  for (const char* one : {"contain", "ndr.silence", "shadow.suspend"})
    EXPECT_TRUE(available[one]) << one;
  EXPECT_TRUE(server->mail->OrganisationWide(v1::Operation::kShadowSuspend));
}

TEST_F(Engine, AHoldIsNotForgottenWhileAnotherProcessChangesTheHost) {
  Fill(1);
  const std::string file = server->State("exchange-recovery");
  TestFolder::Put(file, "ours\n");
  {
    const auto other = FileLock::Acquire(server->State(kChangesLock), absl::ZeroDuration());
    ASSERT_TRUE(other.ok()) << other.status();
    ASSERT_TRUE(server->mail->Status({}).ok());
    EXPECT_TRUE(fs::exists(file));
  }
  ASSERT_TRUE(server->mail->CountQueued({}).ok());  // A heartbeat is enough.
  EXPECT_FALSE(fs::exists(file));
}

TEST_F(Engine, AStartCompletesASweepThatWasCutShort) {
  Fill();
  ASSERT_TRUE(server->mail->Stop({}, ContextOf("c")).ok());
  const pid_t child = fork();
  if (child == 0) {
    setenv("MAILQUENCH_FAULT", "exchange.sweep.taken@1=kill", 1);
    server->mail->Quarantine({}, ContextOf("c1")).IgnoreError();
    _exit(0);
  }
  int status = 0;
  waitpid(child, &status, 0);
  ASSERT_TRUE(WIFSIGNALED(status));
  const auto started = server->mail->Start({}, ContextOf("s2"));
  ASSERT_TRUE(started.ok()) << started.status();
  EXPECT_EQ(0, Queued());
  const auto list = server->mail->ListQuarantines();
  ASSERT_TRUE(list.ok()) << list.status();
  ASSERT_EQ(1, list->quarantines_size());
  Manifest manifest = *ReadManifest(list->quarantines(0).directory());
  EXPECT_TRUE(manifest.complete);
}

TEST_F(Engine, ACountDoesNotWaitForWhoHoldsTheShell) {
  Fill(1);
  TestFolder::Put(server->Path("sim/faults.json"),
                  R"([{"cmdlet": "Get-AcceptedDomain", "nth": 0, "do": "hang"}])");
  server->options.busy_wait = absl::Milliseconds(50);
  server->Open();
  ASSERT_TRUE(server->mail->CountQueued({}).ok());
  std::thread other([&] {
    Pipeline pipeline;
    pipeline.cmdlets.push_back({"Get-AcceptedDomain", {}});
    EXPECT_FALSE(server->shell->Run(pipeline, absl::Now() + absl::Seconds(5)).ok());
  });
  while (!server->shell->Busy()) absl::SleepFor(absl::Milliseconds(1));
  EXPECT_EQ("SHELL_BUSY", ReasonOf(server->mail->CountQueued({}).status()));
  other.join();
}

TEST_F(Engine, AHangingShellHoldsUpNoStopAndIsCountedByNobody) {
  Fill(1);
  TestFolder::Put(server->Path("sim/faults.json"),
                  R"([{"cmdlet": "Get-Queue", "nth": 0, "do": "hang"}])");
  server->options.count_wait = absl::Seconds(3);
  server->Open();
  std::vector<std::string> said;
  ASSERT_TRUE(server->mail->Stop({}, ContextOf("c", &said)).ok());
  EXPECT_THAT(said, Contains(HasSubstr("could not be counted before the stop")));
  EXPECT_THAT(said, Not(Contains(HasSubstr("could not be held off"))));
}

TEST_F(Engine, KilledInASelectiveQuarantineNothingIsLostOrTwice) {
  const int killed = KillAtEach(
      "exchange.select.", 1,
      [this] {
        Make();
        Fill();
      },
      [this] { TakeSpam().IgnoreError(); },
      [this](const std::string& fault) {
        const auto again = TakeSpam();
        ASSERT_TRUE(again.ok()) << fault << again.status();
        EXPECT_EQ(3, again->quarantines(0).messages()) << fault;
        EXPECT_EQ(0, Queued()) << fault;
        const std::string home = again->quarantines(0).directory();
        EXPECT_EQ(3U, TestFolder::Names(home + "/Messages").size()) << fault;
      });
  EXPECT_GE(killed, 6);
}

TEST_F(Engine, KilledInAReleaseNothingIsLostOrTwice) {
  v1::QuarantineRelease request;
  request.set_quarantine_id(QuarantineId("c1", ExchangeServer::kName));
  const auto release = [&] {
    server->Open();
    return server->mail->Release(request, ContextOf("r1"));
  };
  const int killed = KillAtEach(
      "exchange.release.", 1,
      [this] {
        Make();
        Fill();
        ASSERT_TRUE(TakeSpam().ok());
      },
      [&] { release().IgnoreError(); },
      [&](const std::string& fault) {
        const auto again = release();
        ASSERT_TRUE(again.ok()) << fault << again.status();
        EXPECT_EQ(3, again->released()) << fault;
        EXPECT_EQ(0, again->left()) << fault;
        EXPECT_EQ(3, Queued()) << fault;
        EXPECT_THAT(TestFolder::Names(server->Path("TransportRoles/Replay")), IsEmpty()) << fault;
      });
  EXPECT_GE(killed, 5);
}

TEST_F(Engine, ASessionThatIsLostBetweenSuspendAndRemoveIsCompletedByTheRepeat) {
  Fill();
  TestFolder::Put(server->Path("sim/faults.json"),
                  R"([{"cmdlet": "Remove-Message", "nth": 2, "do": "drop"}])");
  const auto first = TakeSpam();
  TestFolder::Put(server->Path("sim/faults.json"), "[]");
  const auto again = TakeSpam();
  ASSERT_TRUE(again.ok()) << again.status() << " after " << first.status();
  EXPECT_EQ(3, again->quarantines(0).messages());
  EXPECT_EQ(0, Queued());
}

TEST_F(Engine, AMessageThatCouldNotBeExportedIsResumedAndTheOthersAreTaken) {
  Fill();
  TestFolder::Put(server->Path("sim/faults.json"),
                  R"([{"cmdlet": "Export-Message", "nth": 1, "do": "throw"}])");
  const auto taken = TakeSpam();
  ASSERT_TRUE(taken.ok()) << taken.status();
  EXPECT_EQ(2, taken->quarantines(0).messages());
  EXPECT_THAT(taken->notice(), HasSubstr("1 matching messages stay in their queues"));
  EXPECT_EQ(1, Queued());
  Pipeline pipeline;
  pipeline.cmdlets.push_back({"Get-Message", {{"Server", std::string(ExchangeServer::kName)}}});
  pipeline.fields = {"Status"};
  const auto messages = server->shell->Run(pipeline, absl::Now() + absl::Seconds(30));
  ASSERT_TRUE(messages.ok()) << messages.status();
  EXPECT_EQ(1U, messages->rows.size());
  for (const Row& row : messages->rows) EXPECT_NE("Suspended", row.at("Status").text());
}

TEST_F(Engine, WithoutAShellASweepStillGoes) {
  Fill();
  auto none = std::make_unique<FakeShell>(server->State("components"));
  none->answers = false;
  server->Open(std::move(none));
  std::vector<std::string> said;
  ASSERT_TRUE(server->mail->Stop({}, ContextOf("c", &said)).ok());
  EXPECT_THAT(said, Contains(HasSubstr("Managed Availability could not be held off")));
  const auto swept = server->mail->Quarantine({}, ContextOf("c1"));
  ASSERT_TRUE(swept.ok()) << swept.status();
  EXPECT_EQ(-1, swept->quarantines(0).messages()) << "nobody could count them";
  EXPECT_THAT(TestFolder::Names(server->Path("TransportRoles/data/Queue")), IsEmpty());
}

}  // namespace
}  // namespace mailquench::agent::exchange
