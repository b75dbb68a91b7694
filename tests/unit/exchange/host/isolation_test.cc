// Messages out of a whole database on a host that is cut off: on the real engine and the simulated
// transport, whose services outlive what is killed.
#include "agent/mail/exchange/isolated_release.h"
#include "agent/mail/exchange/set_aside.h"
#include "agent/os/files.h"
#include "agent/os/folder.h"
#include "nlohmann/json.hpp"
#include "tests/contract/send_mail.h"
#include "tests/unit/exchange/host/fakes.h"
#include "tests/unit/exchange/host/isolation_host.h"

namespace mailquench::agent::exchange {
namespace {
namespace fs = std::filesystem;
using contract::ExchangeServer;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using Json = nlohmann::json;

class Isolation : public ::testing::Test {
 protected:
  void SetUp() override {
    const std::string why = ExchangeServer::WhyNot();
    if (!why.empty()) GTEST_SKIP() << why;
    Arrange();
  }
  void TearDown() override { mail.reset(); }

  // A database with one good and two bad messages for outside, and a good and a bad one for a
  // mailbox, is set aside; the server runs again, and its smart host answers.
  void Arrange() {
    mail.reset();
    services.reset();
    server = std::make_unique<ExchangeServer>("EX2019");
    smart_host = std::make_unique<SmartHost>();
    services = std::make_unique<ProcessServices>(server->dir, ExchangeServer::kName);
    Change([this](Json& all) {
      Json& send = all["send_connectors"][0];
      send["SmartHosts"] = {absl::StrCat("127.0.0.1:", smart_host->port())};
      send["DNSRoutingEnabled"] = false;
      all["mailboxes"].push_back({{"UserPrincipalName", "anna@contoso.test"},
                                  {"PrimarySmtpAddress", "anna@contoso.test"},
                                  {"Password", "secret"}});
    });
    server->options.isolation.probe = {absl::Seconds(30), absl::Milliseconds(500),
                                       absl::Milliseconds(50)};
    Open();
    simulation::exchange::SetServiceState(server->dir, ExchangeServer::kName, "MSExchangeDelivery",
                                          "Stopped");
    const auto started = mail->Start({}, ContextOf("s"));
    ASSERT_TRUE(started.ok()) << started.status();
    Send("bot@evil.test", "x@elsewhere.test", "bad 1");
    Send("bot@evil.test", "y@elsewhere.test", "bad 2");
    Send("bot@evil.test", "anna@contoso.test", "bad inside");
    Send("friend@good.test", "x@elsewhere.test", "good");
    Send("friend@good.test", "anna@contoso.test", "good inside");
    ASSERT_TRUE(mail->Stop({}, ContextOf("q")).ok());
    const auto swept = mail->Quarantine({}, ContextOf("q"));
    ASSERT_TRUE(swept.ok()) << swept.status();
    home = swept->quarantines(0).directory();
    simulation::exchange::SetServiceState(server->dir, ExchangeServer::kName, "MSExchangeDelivery",
                                          "Running");
    ASSERT_TRUE(mail->Start({}, ContextOf("s2")).ok());
    smart_host->busy = false;
    queue = IdentityOf(Queue()).value();
    database = TestFolder::Get(home + "/Queue/mail.que");
    ASSERT_NE("", database);
  }
  // As after a crash: a shell of its own.
  void Open() {
    mail.reset();
    shell = server->MakeShell();
    ExchangeOptions options = server->options;
    mail = std::make_unique<ExchangeMailSystem>(server->installation, *shell, *services, options);
  }
  void Send(const std::string& from, const std::string& to, const std::string& subject) const {
    ASSERT_THAT(contract::SendMail(absl::StrCat("127.0.0.1:", server->port()), from, to, subject),
                HasSubstr("250"));
  }
  void Change(const std::function<void(Json&)>& change) const {
    ASSERT_TRUE(simulation::exchange::ChangeOrganisation(server->dir, change).ok());
  }
  Json Organisation() const {
    return Json::parse(TestFolder::Get(server->dir + "/organisation.json"));
  }
  std::string Queue() const { return server->Path("TransportRoles/data/Queue"); }

  v1::QuarantineRelease Good() const {
    v1::QuarantineRelease request;
    request.set_quarantine_id(fs::path(home).filename().string());
    request.mutable_filter()->add_senders("friend@good.test");
    request.set_isolate(true);
    return request;
  }
  absl::StatusOr<v1::QuarantineReleaseResult> Release(const std::string& id,
                                                      std::vector<std::string>* said = nullptr) {
    CallContext context = ContextOf(id, said);
    context.deadline = absl::Now() + absl::Minutes(5);
    return mail->Release(Good(), context);
  }

  // Nothing of an isolation is left, and the database is as it was.
  void ExpectAsBefore(const std::string& when) {
    EXPECT_FALSE(fs::exists(server->State("exchange-isolation"))) << when;
    EXPECT_THAT(Organisation()["servers"]["EX1"]["firewall"], IsEmpty()) << when;
    EXPECT_EQ(queue, IdentityOf(Queue()).value()) << when;
    EXPECT_FALSE(fs::exists(server->Path("TransportRoles/data/mailquench-isolated"))) << when;
    EXPECT_EQ(database, TestFolder::Get(home + "/Queue/mail.que")) << when;
    for (const char* name : {kTransport, kFrontEnd, "MSExchangeDelivery", "MSExchangeSubmission"})
      EXPECT_EQ(ServiceState::kRunning, services->Query(name)->state) << when << name;
    const auto status = mail->Status({});
    ASSERT_TRUE(status.ok()) << when;
    EXPECT_EQ("", status->instances(0).notice()) << when;
    EXPECT_THAT(status->instances(0).components(), Contains("RecoveryActionsEnabled Active"))
        << when;
  }
  std::vector<std::string> Delivered() const {
    std::vector<std::string> subjects;
    for (const std::string& name : TestFolder::Names(server->Path("sim/delivered"))) {
      const std::string text = TestFolder::Get(server->Path("sim/delivered/") + name);
      const std::size_t at = text.find("Subject: ");
      subjects.push_back(text.substr(at + 9, text.find('\r', at) - at - 9));
    }
    return subjects;
  }
  // Once each, and nothing else ever.
  void ExpectOnlyGoodIsSent(const std::string& when) {
    for (int i = 0; i < 500 && (smart_host->Subjects().empty() || Delivered().empty()); ++i)
      absl::SleepFor(absl::Milliseconds(20));
    EXPECT_THAT(smart_host->Subjects(), ElementsAre("good")) << when;
    EXPECT_THAT(Delivered(), ElementsAre("good inside")) << when;
  }

  std::unique_ptr<ExchangeServer> server;
  std::unique_ptr<SmartHost> smart_host;
  std::unique_ptr<ProcessServices> services;
  std::unique_ptr<Shell> shell;
  std::unique_ptr<ExchangeMailSystem> mail;
  std::string home, database;
  FileIdentity queue;
};

TEST_F(Isolation, ReleasesWhatMatchesAndNothingElseAndNothingTwice) {
  std::vector<std::string> said;
  const auto released = Release("r1", &said);
  ASSERT_TRUE(released.ok()) << released.status();
  EXPECT_EQ(2, released->released()) << ::testing::PrintToString(said);
  EXPECT_EQ(3, released->left());
  EXPECT_THAT(said, Contains(HasSubstr("never tried on a real Exchange server")));
  ExpectOnlyGoodIsSent("");
  ExpectAsBefore("");

  const auto again = Release("r2");
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ(0, again->released());
  EXPECT_EQ(3, again->left());
  ExpectOnlyGoodIsSent("again");
  ExpectAsBefore("again");
}

TEST_F(Isolation, WhereTheFirewallStopsNothingNothingIsReleased) {
  ASSERT_TRUE(simulation::exchange::WriteTransportOptions(
                  server->dir, ExchangeServer::kName,
                  {{"pickup_every_ms", 100}, {"retry_every_ms", 200}, {"firewall_ignored", true}})
                  .ok());
  const auto released = Release("r1");
  EXPECT_EQ("ISOLATION_NOT_PROVEN", ReasonOf(released.status())) << released.status();
  EXPECT_THAT(smart_host->Subjects(), ElementsAre("Mailquench probe"));
  EXPECT_THAT(Delivered(), IsEmpty());
  ExpectAsBefore("");
}

TEST_F(Isolation, ASmartHostThatIsDownProvesNothing) {
  smart_host->busy = true;
  const auto released = Release("r1");
  EXPECT_EQ("ISOLATION_NOT_PROVEN", ReasonOf(released.status())) << released.status();
  ExpectAsBefore("");
}

TEST_F(Isolation, WhatCannotBeIsRefusedBeforeAnythingIsStopped) {
  const std::string transport = TestFolder::Get(server->Path("sim/MSExchangeTransport.pid"));
  Change([](Json& all) { all["send_connectors"][0]["SmartHosts"] = Json::array(); });
  EXPECT_EQ("ISOLATION_NOT_PROVEN", ReasonOf(Release("r1").status()));
  Change([this](Json& all) {
    all["send_connectors"][0]["SmartHosts"] = {absl::StrCat("127.0.0.1:", smart_host->port())};
    all["servers"]["EX2"] = all["servers"]["EX1"];
    all["servers"]["EX2"]["fqdn"] = "ex2.contoso.test";
  });
  const auto shared = Release("r2");
  EXPECT_EQ("SHADOW_REDUNDANCY", ReasonOf(shared.status())) << shared.status();
  EXPECT_THAT(std::string(shared.status().message()), HasSubstr("mailquench shadow suspend"));
  Change([](Json& all) { all["servers"].erase("EX2"); });
  TestFolder::Put(server->Path("sim/faults.json"),
                  R"([{"cmdlet": "Get-NetFirewallRule", "nth": 0, "do": "throw"}])");
  EXPECT_EQ("NO_FIREWALL", ReasonOf(Release("r3").status()));
  TestFolder::Put(server->Path("sim/faults.json"), "[]");
  EXPECT_EQ(transport, TestFolder::Get(server->Path("sim/MSExchangeTransport.pid")));
  ExpectAsBefore("");
}

TEST_F(Isolation, ARuleThatCannotBePutStopsNothing) {
  const std::string transport = TestFolder::Get(server->Path("sim/MSExchangeTransport.pid"));
  TestFolder::Put(server->Path("sim/faults.json"),
                  R"([{"cmdlet": "New-NetFirewallRule", "nth": 2, "do": "throw"}])");
  EXPECT_FALSE(Release("r1").ok());
  EXPECT_EQ(transport, TestFolder::Get(server->Path("sim/MSExchangeTransport.pid")));
  ExpectAsBefore("");
}

TEST_F(Isolation, WhatSomebodyPutsIntoPickupMeanwhileIsNotLost) {
  // Taken by the isolated Transport, since nothing tells it not to.
  server->options.isolation.probe.hold = absl::Seconds(2);
  Open();
  std::thread somebody([this] {
    for (int i = 0;
         i < 3000 &&
         !fs::exists(server->Path("TransportRoles/data/mailquench-isolated/Queue.present"));
         ++i)
      absl::SleepFor(absl::Milliseconds(10));
    TestFolder::Put(
        server->Path("TransportRoles/Pickup/app.eml"),
        "From: app@contoso.test\r\nTo: x@elsewhere.test\r\nSubject: bill\r\n\r\nbody\r\n");
  });
  const auto released = Release("r1");
  somebody.join();
  ASSERT_TRUE(released.ok()) << released.status();
  for (int i = 0; i < 500 && smart_host->Subjects().size() < 2; ++i)
    absl::SleepFor(absl::Milliseconds(20));
  EXPECT_THAT(smart_host->Subjects(), ElementsAre("bill", "good"));
}

class KilledIsolation : public Isolation, public ::testing::WithParamInterface<const char*> {};

TEST_P(KilledIsolation, IsCompletedByTheRepeatAndUndoneByAStatus) {
  int which = 0;
  const int killed = KillAtEach(
      GetParam(), 1, [this] { Arrange(); },
      [this] {
        Open();
        Release("r1").IgnoreError();
      },
      [&](const std::string& fault) {
        Open();
        if (which++ % 2 == 0) {
          ASSERT_TRUE(mail->Status({}).ok()) << fault;
          ExpectAsBefore(fault + " and a status");
        }
        const auto again = Release("r1");
        ASSERT_TRUE(again.ok()) << fault << again.status();
        EXPECT_EQ(2, again->released()) << fault;
        EXPECT_EQ(3, again->left()) << fault;
        ExpectOnlyGoodIsSent(fault);
        ExpectAsBefore(fault);
      });
  EXPECT_GE(killed, 1);
}
INSTANTIATE_TEST_SUITE_P(Points,
                         KilledIsolation,
                         ::testing::Values("exchange.isolation.c",
                                           "exchange.isolation.r",
                                           "exchange.isolation.s",
                                           "exchange.isolation.p",
                                           "exchange.isolation.l",
                                           "exchange.isolation.b",
                                           "exchange.isolation.o",
                                           "exchange.borrow.b",
                                           "exchange.borrow.c",
                                           "exchange.borrow.a",
                                           "exchange.borrow.u",
                                           "exchange.lift."));

}  // namespace
}  // namespace mailquench::agent::exchange
