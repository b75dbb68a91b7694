// The agent's link and the controller's streams together, over real mTLS on loopback.
#include "agent/link/link.h"

#include <gmock/gmock.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <map>
#include <mutex>
#include <set>
#include <vector>

#include "absl/time/clock.h"
#include "common/clock/clock.h"
#include "common/identity/certificate.h"
#include "common/identity/secrets.h"
#include "common/rpc/credentials.h"
#include "common/status/error.h"
#include "controller/fleet/stream_hub.h"
#include "controller/identity/ca.h"

namespace mailquench {
namespace {

using controller::CertificateAuthority;
using controller::StreamHub;

// Waits until `condition` holds, at most 10 s.
template <typename Condition>
bool Eventually(Condition condition, absl::Duration limit = absl::Seconds(10)) {
  const absl::Time end = absl::Now() + limit;
  while (absl::Now() < end) {
    if (condition()) return true;
    absl::SleepFor(absl::Milliseconds(5));
  }
  return condition();
}

class Recorder final : public controller::AgentEvents {
 public:
  void OnConnected(const std::string& host, const v1::Hello& hello) override {
    {
      std::lock_guard<std::mutex> lock(mu_);
      hello_ = hello.hostname();
    }
    Add("connected", host);
  }
  void OnDisconnected(const std::string& host) override { Add("disconnected", host); }
  void OnHeartbeat(const std::string& host, const v1::Heartbeat&) override { Add("beat", host); }
  void OnProgress(const std::string& host, const v1::Progress&) override { Add("progress", host); }
  void OnReport(const std::string& host, const v1::OperationReport& report) override {
    Add("report " + report.command_id(), host);
  }
  void OnPlanned(const std::string& host, const v1::OperationPlanned&) override {
    Add("planned", host);
  }
  void OnKnown(const std::string& host, const v1::KnownCommands&) override { Add("known", host); }

  int Count(const std::string& what) {
    std::lock_guard<std::mutex> lock(mu_);
    return static_cast<int>(std::count(events_.begin(), events_.end(), what));
  }
  std::string LastHello() {
    std::lock_guard<std::mutex> lock(mu_);
    return hello_;
  }
  std::vector<std::string> Presence() {
    std::lock_guard<std::mutex> lock(mu_);
    std::vector<std::string> out;
    for (const auto& event : events_) {
      if (event == "connected" || event == "disconnected") out.push_back(event);
    }
    return out;
  }

 private:
  void Add(const std::string& what, const std::string&) {
    std::lock_guard<std::mutex> lock(mu_);
    events_.push_back(what);
  }
  std::mutex mu_;
  std::vector<std::string> events_;
  std::string hello_;
};

// An executor that runs nothing, but keeps reports until they are acknowledged as the real one
// does.
struct FakeExecutor {
  std::mutex mu;
  std::map<std::string, v1::OperationReport> unacked;
  std::vector<std::string> commands;
  agent::LinkCallbacks Callbacks() {
    agent::LinkCallbacks callbacks;
    callbacks.on_command = [this](const v1::Command& command) {
      std::lock_guard<std::mutex> lock(mu);
      commands.push_back(command.command_id());
    };
    callbacks.on_reconcile = [](const v1::Reconcile&) { return v1::KnownCommands(); };
    callbacks.unreported = [this] {
      std::lock_guard<std::mutex> lock(mu);
      std::vector<v1::OperationReport> out;
      for (const auto& [id, report] : unacked) out.push_back(report);
      return out;
    };
    callbacks.on_ack = [this](const std::string& id) {
      std::lock_guard<std::mutex> lock(mu);
      unacked.erase(id);
    };
    return callbacks;
  }
  v1::OperationReport Finish(const std::string& id) {
    std::lock_guard<std::mutex> lock(mu);
    unacked[id].set_command_id(id);
    return unacked[id];
  }
  std::size_t Unacked() {
    std::lock_guard<std::mutex> lock(mu);
    return unacked.size();
  }
};

class LinkTest : public ::testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/mq-link-XXXXXX";
    dir_ = mkdtemp(name);
    ca_ = *CertificateAuthority::Create("test.example", &clock_);
    ASSERT_TRUE(ca_->Save(dir_).ok());
    const auto own = ca_->IssueController("main", {{"localhost"}, {"127.0.0.1"}});
    ASSERT_TRUE(own.ok()) << own.status();
    ASSERT_TRUE(identity::WriteSecretFile(dir_ + "/c.key", own->key_pem).ok());
    ASSERT_TRUE(identity::WritePublicFile(dir_ + "/c.pem", own->certificate_pem).ok());
    StartController(0);
  }
  void TearDown() override {
    StopController();
    std::filesystem::remove_all(dir_);
  }

  void StartController(int port) {
    controller::StreamHooks hooks;
    hooks.identify = [](grpc::ServerContextBase& context) -> absl::StatusOr<std::string> {
      MQ_ASSIGN_OR_RETURN(const rpc::Peer peer, rpc::PeerOf(context));
      return peer.id.name;
    };
    hooks.admit = [this](const std::string& host) {
      std::lock_guard<std::mutex> lock(mu_);
      return evicted_.count(host) == 0
                 ? absl::OkStatus()
                 : Error(absl::StatusCode::kPermissionDenied, "HOST_EVICTED", "evicted");
    };
    hooks.renew = [this](const std::string& host, const std::string& csr) {
      return ca_->IssueAgent(csr, host);
    };
    hub_ = std::make_unique<StreamHub>(hooks);
    hub_->SetEvents(&events_);
    const auto credentials =
        rpc::ServerCredentials({dir_ + "/c.key", dir_ + "/c.pem", dir_ + "/ca.pem"});
    ASSERT_TRUE(credentials.ok()) << credentials.status();
    grpc::ServerBuilder builder;
    rpc::SetServerOptions(&builder);
    builder.AddListeningPort("127.0.0.1:" + std::to_string(port), *credentials, &port_);
    builder.RegisterService(hub_->service());
    server_ = builder.BuildAndStart();
    ASSERT_NE(server_, nullptr);
  }
  void StopController() {
    if (server_ == nullptr) return;
    hub_->DisconnectAll("going down");
    server_->Shutdown(std::chrono::system_clock::now() + std::chrono::seconds(1));
    server_->Wait();
    hub_->Stop();
    server_.reset();
    hub_.reset();
  }

  // A state folder as enrolment leaves it.
  std::string Enrolled(const std::string& name,
                       const std::string& uuid,
                       const CertificateAuthority& issuer,
                       absl::Duration life = absl::Hours(1)) {
    std::string dir = dir_ + "/" + name;
    std::filesystem::create_directory(dir);
    const std::string key = *identity::NewKeyPem();
    const std::string pem = *issuer.IssueAgent(*identity::MakeCsrDer(key), uuid, life);
    EXPECT_TRUE(identity::WriteSecretFile(dir + "/agent.key", key).ok());
    EXPECT_TRUE(identity::WritePublicFile(dir + "/agent.pem", pem).ok());
    EXPECT_TRUE(identity::WritePublicFile(dir + "/ca.pem", issuer.ca_pem()).ok());
    return dir;
  }
  agent::LinkOptions Options(const std::string& state_dir) {
    agent::LinkOptions options;
    options.controller = "127.0.0.1:" + std::to_string(port_);
    options.state_dir = state_dir;
    options.heartbeat_interval = absl::Milliseconds(200);
    options.min_backoff = absl::Milliseconds(50);
    options.max_backoff = absl::Milliseconds(400);
    return options;
  }

  SystemClock clock_;
  std::string dir_;
  std::unique_ptr<CertificateAuthority> ca_;
  Recorder events_;
  std::mutex mu_;
  std::set<std::string> evicted_;  // Guarded by mu_.
  std::unique_ptr<StreamHub> hub_;
  std::unique_ptr<grpc::Server> server_;
  int port_ = 0;
  const std::string uuid_ = identity::RandomUuid();
};

TEST_F(LinkTest, CommandsArriveBeatsFlowAndReportsAreAcknowledged) {
  FakeExecutor executor;
  agent::AgentLink link(Options(Enrolled("a", uuid_, *ca_)), executor.Callbacks());
  ASSERT_TRUE(link.Start().ok());
  EXPECT_EQ(link.host_id(), uuid_);
  ASSERT_TRUE(Eventually([&] { return hub_->IsOnline(uuid_) && link.connected(); }))
      << link.last_end();
  v1::ControllerMessage message;
  message.mutable_command()->set_command_id("c1");
  ASSERT_TRUE(hub_->Send(uuid_, message));
  ASSERT_TRUE(Eventually([&] {
    std::lock_guard<std::mutex> lock(executor.mu);
    return executor.commands.size() == 1;
  }));
  link.SendReport(executor.Finish("c1"));
  EXPECT_TRUE(Eventually([&] { return executor.Unacked() == 0; }));
  EXPECT_EQ(events_.Count("report c1"), 1);
  EXPECT_TRUE(Eventually([&] { return events_.Count("beat") >= 2; }));
}

TEST_F(LinkTest, AReportThatEndedWhileTheLinkWasDownIsSentAgainAfterTheReconnect) {
  FakeExecutor executor;
  agent::AgentLink link(Options(Enrolled("a", uuid_, *ca_)), executor.Callbacks());
  ASSERT_TRUE(link.Start().ok());
  ASSERT_TRUE(Eventually([&] { return link.connected(); })) << link.last_end();
  const int port = port_;
  StopController();
  ASSERT_TRUE(Eventually([&] { return !link.connected(); }));
  link.SendReport(executor.Finish("c2"));
  StartController(port);
  EXPECT_TRUE(Eventually([&] { return executor.Unacked() == 0; })) << link.last_end();
  EXPECT_GE(events_.Count("report c2"), 1);
}

TEST_F(LinkTest, WhoHasANewHelloSaysItAtOnceOnAConnectionOfItsOwn) {
  FakeExecutor executor;
  std::atomic<int> said = 0;
  agent::LinkCallbacks callbacks = executor.Callbacks();
  callbacks.hello = [&said] {
    v1::Hello hello;
    hello.set_hostname("hello-" + std::to_string(++said));
    return hello;
  };
  agent::LinkOptions options = Options(Enrolled("a", uuid_, *ca_));
  options.min_backoff = options.max_backoff = absl::Minutes(5);  // Else it would come by itself.
  agent::AgentLink link(options, std::move(callbacks));
  link.Reconnect();  // Nobody is there: the first connection says what there is to say.
  ASSERT_TRUE(link.Start().ok());
  ASSERT_TRUE(Eventually([&] { return events_.LastHello() == "hello-1" && link.connected(); }))
      << link.last_end();
  executor.Finish("c3");  // Its acknowledgement is lost with the stream, or never came.
  for (const char* next : {"hello-2", "hello-3"}) {
    link.Reconnect();
    link.Reconnect();  // One change that is seen twice is said once.
    ASSERT_TRUE(Eventually([&] { return events_.LastHello() == next && link.connected(); }))
        << link.last_end();
  }
  EXPECT_TRUE(Eventually([&] { return executor.Unacked() == 0; }));
  EXPECT_EQ(events_.Presence(), (std::vector<std::string>{"connected", "disconnected", "connected",
                                                          "disconnected", "connected"}));
  EXPECT_EQ(said, 3);
}

TEST_F(LinkTest, AnEvictionCutsTheLiveStreamWithinASecondAndRefusesTheReturnWithItsReason) {
  FakeExecutor executor;
  agent::AgentLink link(Options(Enrolled("a", uuid_, *ca_)), executor.Callbacks());
  ASSERT_TRUE(link.Start().ok());
  ASSERT_TRUE(Eventually([&] { return link.connected(); })) << link.last_end();
  {
    std::lock_guard<std::mutex> lock(mu_);
    evicted_.insert(uuid_);
  }
  hub_->Disconnect(uuid_, "evicted by the test");
  EXPECT_TRUE(Eventually([&] { return !link.connected(); }, absl::Seconds(1)));
  EXPECT_FALSE(hub_->IsOnline(uuid_));
  EXPECT_TRUE(Eventually([&] { return ReasonOf(link.last_end()) == "HOST_EVICTED"; }))
      << link.last_end();
  EXPECT_FALSE(Eventually([&] { return link.connected(); }, absl::Seconds(1)));
  EXPECT_EQ(events_.Presence(), (std::vector<std::string>{"connected", "disconnected"}));
}

TEST_F(LinkTest, ASecondStreamOfTheSameHostReplacesTheFirst) {
  const std::string dir = Enrolled("a", uuid_, *ca_);
  FakeExecutor executor;
  agent::LinkOptions patient = Options(dir);
  patient.min_backoff = patient.max_backoff =
      absl::Minutes(5);  // The first stays away once it is cut.
  agent::AgentLink first(patient, executor.Callbacks());
  ASSERT_TRUE(first.Start().ok());
  ASSERT_TRUE(Eventually([&] { return first.connected(); })) << first.last_end();
  agent::AgentLink second(patient, executor.Callbacks());
  ASSERT_TRUE(second.Start().ok());
  ASSERT_TRUE(Eventually([&] { return second.connected() && !first.connected(); }))
      << second.last_end();
  EXPECT_TRUE(hub_->IsOnline(uuid_));
  EXPECT_EQ(events_.Presence(),
            (std::vector<std::string>{"connected", "disconnected", "connected"}));
}

TEST_F(LinkTest, ACertificateOfAnotherAuthorityIsRefused) {
  const auto foreign = *CertificateAuthority::Create("test.example", &clock_);
  const std::string dir = Enrolled("f", uuid_, *foreign);
  // This client trusts the controller, so that only its own certificate is foreign.
  grpc::SslCredentialsOptions ssl;
  ssl.pem_root_certs = ca_->ca_pem();
  ssl.pem_private_key = *identity::ReadFile(dir + "/agent.key");
  ssl.pem_cert_chain = *identity::ReadFile(dir + "/agent.pem");
  const auto stub = v1::AgentLink::NewStub(
      grpc::CreateChannel("127.0.0.1:" + std::to_string(port_), grpc::SslCredentials(ssl)));
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(5));
  const auto stream = stub->Connect(&context);
  v1::AgentMessage hello;
  hello.mutable_hello();
  stream->Write(hello);
  EXPECT_EQ(stream->Finish().error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_EQ(events_.Count("connected"), 0);
  // The same client with our own certificate is let in, so that the refusal above is of the
  // certificate.
  const std::string own = Enrolled("o", uuid_, *ca_);
  ssl.pem_private_key = *identity::ReadFile(own + "/agent.key");
  ssl.pem_cert_chain = *identity::ReadFile(own + "/agent.pem");
  const auto own_stub = v1::AgentLink::NewStub(
      grpc::CreateChannel("127.0.0.1:" + std::to_string(port_), grpc::SslCredentials(ssl)));
  grpc::ClientContext own_context;
  const auto own_stream = own_stub->Connect(&own_context);
  own_stream->Write(hello);
  EXPECT_TRUE(Eventually([&] { return hub_->IsOnline(uuid_); }));
  own_context.TryCancel();
  own_stream->Finish();
}

TEST_F(LinkTest, ARenewedCertificateProvesItselfBeforeTheOldOneGoes) {
  // The certificate starts a minute back, so that with 8 s left its renewal is due at once.
  const std::string dir = Enrolled("a", uuid_, *ca_, absl::Seconds(8));
  const std::string old_pem = *identity::ReadFile(dir + "/agent.pem");
  FakeExecutor executor;
  agent::LinkCallbacks callbacks = executor.Callbacks();
  std::atomic<int> renewed{0};
  callbacks.on_renewed = [&](const std::string&) {
    ++renewed;
    return absl::OkStatus();
  };
  agent::AgentLink link(Options(dir), std::move(callbacks));
  ASSERT_TRUE(link.Start().ok());
  ASSERT_TRUE(Eventually([&] { return renewed == 1; })) << link.last_end();
  ASSERT_TRUE(Eventually([&] { return link.connected(); }));
  const std::string new_pem = *identity::ReadFile(dir + "/agent.pem");
  EXPECT_NE(new_pem, old_pem);
  EXPECT_FALSE(std::filesystem::exists(dir + "/agent.pem.new"));
  EXPECT_FALSE(std::filesystem::exists(dir + "/agent.key.new"));
  EXPECT_EQ(identity::ParseCertificate(new_pem)->id.name, uuid_);
  EXPECT_TRUE(identity::CheckKeyMatches(*identity::ReadFile(dir + "/agent.key"), new_pem).ok());
  EXPECT_EQ(events_.Count("connected"), 2);
}

TEST_F(LinkTest, ACandidateThatIsRefusedFallsBackToTheOldPair) {
  const std::string dir = Enrolled("a", uuid_, *ca_);
  const std::string other = Enrolled("b", identity::RandomUuid(), *ca_);
  {
    std::lock_guard<std::mutex> lock(mu_);
    evicted_.insert(identity::ParseCertificate(*identity::ReadFile(other + "/agent.pem"))->id.name);
  }
  std::filesystem::copy(other + "/agent.key", dir + "/agent.key.new");
  std::filesystem::copy(other + "/agent.pem", dir + "/agent.pem.new");
  FakeExecutor executor;
  agent::AgentLink link(Options(dir), executor.Callbacks());
  ASSERT_TRUE(link.Start().ok());
  EXPECT_TRUE(Eventually([&] { return hub_->IsOnline(uuid_); })) << link.last_end();
  EXPECT_TRUE(std::filesystem::exists(dir + "/agent.pem.new"));
}

TEST_F(LinkTest, TheControllerEndsInTimeWithLiveStreams) {
  FakeExecutor executor;
  agent::AgentLink link(Options(Enrolled("a", uuid_, *ca_)), executor.Callbacks());
  ASSERT_TRUE(link.Start().ok());
  ASSERT_TRUE(Eventually([&] { return link.connected(); })) << link.last_end();
  const absl::Time start = absl::Now();
  StopController();
  EXPECT_LT(absl::Now() - start, absl::Seconds(5));
  EXPECT_EQ(events_.Presence(), (std::vector<std::string>{"connected", "disconnected"}));
}

}  // namespace
}  // namespace mailquench
