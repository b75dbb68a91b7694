// Operators' certificates and the controller's own, by the real program: issued, revoked and
// renewed while it serves.
#include "controller/identity/operators.h"

#include <gmock/gmock.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <cctype>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "agent/link/enrol.h"
#include "common/identity/certificate.h"
#include "common/identity/secrets.h"
#include "common/rpc/credentials.h"
#include "common/rpc/status_map.h"
#include "common/status/error.h"
#include "controller/identity/init.h"
#include "mailquench/v1/audit.grpc.pb.h"
#include "mailquench/v1/fleet.grpc.pb.h"
#include "mailquench/v1/runs.grpc.pb.h"
#include "tests/e2e/processes.h"

namespace mailquench {
namespace {

using test::Eventually;
using testing::HasSubstr;

// Set before its time by the tests that need a certificate near its end.
class ShiftedClock final : public Clock {
 public:
  absl::Time Now() override { return absl::Now() + shift; }
  void Sleep(absl::Duration duration) override { absl::SleepFor(duration); }
  absl::Duration shift = absl::ZeroDuration();
};

class OperatorsTest : public testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/mq-e2e-XXXXXX";
    root_ = mkdtemp(name);
    dir_ = root_ + "/c";
  }
  void TearDown() override {
    Stop(SIGTERM);
    std::filesystem::remove_all(root_);
  }
  // As `init`, but in this process, so that the certificates can be older than now.
  void Init(absl::Duration ago = absl::ZeroDuration()) {
    clock_.shift = -ago;
    port_ = test::FreePort();
    enrolment_port_ = test::FreePort();
    controller::InitOptions options;
    options.dir = dir_;
    options.trust_domain = "test.example";
    options.names.ip = {"127.0.0.1"};
    options.listen = Address(port_);
    options.enrolment_listen = Address(enrolment_port_);
    options.https_listen = "none";
    const auto made = controller::InitController(options, &clock_);
    ASSERT_TRUE(made.ok()) << made.status();
    // A run waits for a host that is away, so that there is something to watch.
    std::ofstream(dir_ + "/controller.yaml", std::ios::app) << "patience: 60s\n";
  }
  void Serve() {
    pid_ = test::Spawn({MAILQUENCH_CONTROLLER, "serve", "--config", dir_ + "/controller.yaml"},
                       root_ + "/serve");
    ASSERT_TRUE(Eventually([&] { return Read("serve").find("ready port=") != std::string::npos; }))
        << Read("serve.err");
  }
  void Stop(int signal) {
    if (pid_ <= 0) return;
    ::kill(pid_, signal);
    test::WaitFor(pid_);
    pid_ = 0;
  }
  static std::string Address(int port) { return "127.0.0.1:" + std::to_string(port); }
  std::string Read(const std::string& name) {
    return identity::ReadFile(root_ + "/" + name).value_or("");
  }
  // Runs the program to its end; its output is in out_ and err_.
  int Run(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), MAILQUENCH_CONTROLLER);
    const int code = test::WaitFor(test::Spawn(arguments, root_ + "/run"));
    out_ = Read("run");
    err_ = Read("run.err");
    return code;
  }
  // The channel of a new certificate, by `operator issue`.
  std::shared_ptr<grpc::Channel> Issue(const std::string& name,
                                       const std::string& role,
                                       const std::string& out) {
    EXPECT_EQ(Run({"operator", "issue", "--config", dir_ + "/controller.yaml", "--name", name,
                   "--role", role, "--out", root_ + "/" + out}),
              0)
        << err_;
    return Channel(root_ + "/" + out + "/" + name);
  }
  std::shared_ptr<grpc::Channel> Channel(const std::string& base) {
    absl::StatusOr<std::shared_ptr<grpc::ChannelCredentials>> credentials;
    // One that was issued in the second of a revocation begins in the next.
    EXPECT_TRUE(Eventually([&] {
      credentials = rpc::ChannelCredentials({base + ".key", base + ".pem", dir_ + "/ca.pem"});
      return credentials.ok();
    })) << credentials.status();
    return grpc::CreateCustomChannel(Address(port_), *credentials, rpc::AgentChannelArguments());
  }
  static absl::Status WhoAmI(const std::shared_ptr<grpc::Channel>& channel) {
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(10));
    v1::WhoAmIResponse response;
    return rpc::FromGrpc(v1::Fleet::NewStub(channel)->WhoAmI(&context, {}, &response));
  }
  static std::vector<v1::AuditEntry> Audit(const std::shared_ptr<grpc::Channel>& channel,
                                           const std::string& action) {
    grpc::ClientContext context;
    v1::ListEntriesResponse response;
    const auto status = v1::Audit::NewStub(channel)->ListEntries(&context, {}, &response);
    EXPECT_TRUE(status.ok()) << status.error_message();
    std::vector<v1::AuditEntry> found;
    for (const auto& entry : response.entries()) {
      if (entry.action() == action) found.push_back(entry);
    }
    return found;
  }
  int Revoke(const std::string& how, const std::string& whom) {
    return Run({"operator", "revoke", "--dir", dir_, how, whom, "--reason", "laptop stolen"});
  }

  std::string root_;
  std::string dir_;
  ShiftedClock clock_;
  int port_ = 0;
  int enrolment_port_ = 0;
  pid_t pid_ = 0;
  std::string out_;
  std::string err_;
};

TEST_F(OperatorsTest, AFolderWithoutACaIsNoPlaceToRevokeIn) {
  const std::string elsewhere = root_ + "/elsewhere";
  std::filesystem::create_directory(elsewhere);
  EXPECT_EQ(Run({"operator", "revoke", "--dir", elsewhere, "--name", "ada", "--reason", "gone"}),
            1);
  EXPECT_THAT(err_, HasSubstr("holds no CA"));
  EXPECT_TRUE(std::filesystem::is_empty(elsewhere));
  EXPECT_EQ(Run({"operator", "list", "--dir", elsewhere + "/missing"}), 1);
}

TEST_F(OperatorsTest, ARevokedNameLosesAlsoWhatWasIssuedWhileTheClockWasAhead) {
  Init();
  clock_.shift = absl::Hours(1);
  ASSERT_TRUE(
      controller::IssueOperatorFiles(
          dir_, {"ada", identity::Role::kResponder, absl::Hours(9), root_ + "/ahead"}, &clock_)
          .ok());
  EXPECT_EQ(Revoke("--name", "ada"), 0) << err_;
  EXPECT_THAT(out_, HasSubstr("begins later than now"));
  EXPECT_EQ(Run({"operator", "list", "--dir", dir_}), 0);
  std::string line;
  for (std::istringstream lines(out_); std::getline(lines, line);) {
    if (line.rfind("ada", 0) == 0) {
      EXPECT_THAT(line, HasSubstr("revoked"));
    }
  }
}

TEST_F(OperatorsTest, ARevokedNameIsRefusedAtTheNextCallAndTheAuditLogHasItOnce) {
  Init();
  Serve();
  const auto admin = Channel(dir_ + "/admin");
  const auto ada = Issue("ada", "responder", "first");
  const auto bob = Issue("bob", "viewer", "bob");
  ASSERT_TRUE(WhoAmI(ada).ok()) << WhoAmI(ada);
  ASSERT_EQ(Revoke("--name", "ada"), 0) << err_;
  EXPECT_THAT(out_, HasSubstr("responder ada, would have ended"));
  EXPECT_EQ(err_, "");
  // At once, on the connection that is open.
  const absl::Status refused = WhoAmI(ada);
  EXPECT_TRUE(absl::IsPermissionDenied(refused)) << refused;
  EXPECT_EQ(ReasonOf(refused), "CERTIFICATE_REVOKED") << refused;
  EXPECT_EQ(ReasonOf(WhoAmI(Channel(root_ + "/first/ada"))), "CERTIFICATE_REVOKED");
  EXPECT_TRUE(WhoAmI(admin).ok());
  EXPECT_TRUE(WhoAmI(bob).ok());

  const auto again = Issue("ada", "responder", "second");
  EXPECT_TRUE(WhoAmI(again).ok()) << WhoAmI(again);
  EXPECT_EQ(ReasonOf(WhoAmI(ada)), "CERTIFICATE_REVOKED");
  EXPECT_EQ(Audit(admin, "denied").size(), 1u) << "three refusals of one certificate";

  Stop(SIGKILL);
  ASSERT_EQ(Revoke("--certificate", root_ + "/bob/bob.pem"), 0) << err_;  // While none runs.
  Serve();
  EXPECT_EQ(ReasonOf(WhoAmI(Channel(root_ + "/first/ada"))), "CERTIFICATE_REVOKED");
  EXPECT_EQ(ReasonOf(WhoAmI(Channel(root_ + "/bob/bob"))), "CERTIFICATE_REVOKED");
  const auto entries = Audit(Channel(dir_ + "/admin"), "operator.revoke");
  ASSERT_EQ(entries.size(), 2u);
  EXPECT_EQ(entries[0].actor(), "controller");
  EXPECT_THAT(entries[0].detail(), HasSubstr(R"("name":"ada","reason":"laptop stolen")"));
  EXPECT_THAT(entries[1].detail(), HasSubstr(R"("serial":)"));

  ASSERT_EQ(Run({"operator", "list", "--dir", dir_}), 0) << err_;
  EXPECT_THAT(out_, testing::ContainsRegex("ada +responder +[0-9a-f]+ +[^ ]+ +revoked .*stolen"));
  EXPECT_THAT(out_, testing::ContainsRegex("ada +responder +[0-9a-f]+ +[^ ]+ +valid"));
  EXPECT_THAT(out_, testing::ContainsRegex("bob +viewer +[0-9a-f]+ +[^ ]+ +revoked"));
  EXPECT_THAT(out_, testing::ContainsRegex("admin +admin +[0-9a-f]+ +[^ ]+ +valid"));
}

TEST_F(OperatorsTest, AWatcherWhoIsRevokedIsCutAlthoughNothingHappens) {
  Init();
  Serve();
  const auto admin = Channel(dir_ + "/admin");
  const auto ada = Issue("ada", "responder", "ada");
  grpc::ClientContext token_context;
  v1::CreateTokenResponse token;
  ASSERT_TRUE(v1::Fleet::NewStub(admin)->CreateToken(&token_context, {}, &token).ok());
  // Enrolled, and never there.
  ASSERT_TRUE(agent::Enrol({token.token(), Address(enrolment_port_), root_ + "/mx", "mx"}).ok());
  v1::StartRunRequest request;
  request.set_request_id(identity::RandomUuid());
  request.mutable_plan()->mutable_operation()->mutable_queue_survey();
  request.mutable_plan()->add_hosts("mx");
  request.mutable_plan()->set_skip_agents(true);
  request.set_reason("test");
  const auto runs = v1::Runs::NewStub(ada);
  grpc::ClientContext start_context;
  v1::Run run;
  const auto started = runs->StartRun(&start_context, request, &run);
  ASSERT_TRUE(started.ok()) << started.error_message();

  const auto watch = [&](const std::shared_ptr<grpc::Channel>& channel,
                         grpc::ClientContext* context) {
    v1::GetRunRequest get;
    get.set_run_id(run.run_id());
    return v1::Runs::NewStub(channel)->WatchRun(context, get);
  };
  grpc::ClientContext ada_context;
  grpc::ClientContext admin_context;
  auto cut = watch(ada, &ada_context);
  auto kept = watch(admin, &admin_context);
  v1::RunEvent event;
  ASSERT_TRUE(cut->Read(&event));
  ASSERT_TRUE(kept->Read(&event));
  ASSERT_EQ(event.run().state(), v1::RUN_STATE_RUNNING);

  ASSERT_EQ(Revoke("--name", "ada"), 0) << err_;
  const absl::Time revoked = absl::Now();
  while (cut->Read(&event)) {
  }
  EXPECT_LT(absl::Now() - revoked, absl::Seconds(3));
  EXPECT_EQ(ReasonOf(rpc::FromGrpc(cut->Finish())), "CERTIFICATE_REVOKED");
  // The run and the other watcher go on.
  grpc::ClientContext get_context;
  v1::GetRunRequest get;
  get.set_run_id(run.run_id());
  ASSERT_TRUE(v1::Runs::NewStub(admin)->GetRun(&get_context, get, &run).ok());
  EXPECT_EQ(run.state(), v1::RUN_STATE_RUNNING);
  admin_context.TryCancel();
  EXPECT_EQ(kept->Finish().error_code(), grpc::StatusCode::CANCELLED);
}

TEST_F(OperatorsTest, AListOfRevocationsThatIsNotUnderstoodLetsNobodyInUntilItIsMended) {
  Init();
  const std::string path = dir_ + "/revoked.txt";
  ASSERT_TRUE(identity::WritePublicFile(path, "ada\n").ok());
  Serve();  // The agents need their controller all the same.
  EXPECT_THAT(Read("serve.err"), HasSubstr("revoked.txt:1"));
  const auto admin = Channel(dir_ + "/admin");
  EXPECT_EQ(ReasonOf(WhoAmI(admin)), "REVOCATIONS_UNREADABLE") << WhoAmI(admin);
  ASSERT_TRUE(identity::WritePublicFile(path, "# nobody\n").ok());
  EXPECT_TRUE(WhoAmI(admin).ok()) << WhoAmI(admin);
  EXPECT_THAT(Audit(admin, "denied"), testing::IsEmpty());
}

TEST_F(OperatorsTest, WhatCannotBeRevokedIsRefusedAndWhatHitsNothingIsSaid) {
  Init();
  EXPECT_EQ(Revoke("--certificate", dir_ + "/controller.pem"), 1);
  EXPECT_THAT(err_, HasSubstr("not of an operator"));
  EXPECT_EQ(Revoke("--certificate", dir_ + "/missing.pem"), 1);
  EXPECT_EQ(Revoke("--serial", "1234"), 1);
  EXPECT_EQ(Run({"operator", "revoke", "--dir", dir_, "--reason", "x"}), 1);
  EXPECT_EQ(Run({"operator", "revoke", "--dir", dir_, "--reason", "x", "--name", "ada", "--serial",
                 std::string(32, '4')}),
            1);
  EXPECT_EQ(Run({"operator", "revoke", "--name", "ada", "--reason", "x"}), 1);
  // Of another CA.
  clock_.shift = absl::ZeroDuration();
  const auto other = *controller::CertificateAuthority::Create("test.example", &clock_);
  const auto foreign = *other->IssueOperator("ada", identity::Role::kAdmin);
  ASSERT_TRUE(identity::WritePublicFile(root_ + "/foreign.pem", foreign.certificate_pem).ok());
  EXPECT_EQ(Revoke("--certificate", root_ + "/foreign.pem"), 1);
  EXPECT_FALSE(std::filesystem::exists(dir_ + "/revoked.txt"));
  EXPECT_EQ(Revoke("--name", "adda"), 0);
  EXPECT_THAT(err_, HasSubstr("no certificate that is still good was listed"));
}

// The serial that the port shows to a new connection.
std::string SerialShown(int port, const std::string& output) {
  test::WaitFor(
      test::Spawn({"/bin/sh", "-c",
                   "openssl s_client -tls1_3 -alpn h2 -connect 127.0.0.1:" + std::to_string(port) +
                       " </dev/null 2>/dev/null | openssl x509 -noout -serial"},
                  output));
  std::string serial = identity::ReadFile(output).value_or("");
  while (!serial.empty() && serial.back() == '\n') serial.pop_back();
  for (char& c : serial) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return serial.substr(serial.find('=') + 1);
}

TEST_F(OperatorsTest, ARenewedCertificateIsTakenUpByTheRunningControllerAndServeWarnedBefore) {
  Init(absl::Hours(24 * 390));  // 7 of its 397 days are left.
  Serve();
  EXPECT_TRUE(Eventually([&] {
    return Read("serve.err").find("ends in 6 days") != std::string::npos;
  })) << Read("serve.err");
  const auto before = *identity::ParseCertificate(*identity::ReadFile(dir_ + "/controller.pem"));
  EXPECT_EQ(SerialShown(port_, root_ + "/shown"), before.serial);
  const auto ada = Issue("ada", "viewer", "ada");
  EXPECT_TRUE(WhoAmI(ada).ok());
  ASSERT_EQ(Run({"certificate", "renew", "--config", dir_ + "/controller.yaml"}), 0) << err_;
  EXPECT_THAT(out_, HasSubstr("no restart is needed"));
  const auto after = *identity::ParseCertificate(*identity::ReadFile(dir_ + "/controller.pem"));
  EXPECT_THAT(out_, HasSubstr(after.serial));
  for (const int port : {port_, enrolment_port_}) {
    EXPECT_TRUE(Eventually([&] { return SerialShown(port, root_ + "/shown") == after.serial; },
                           absl::Seconds(45)))
        << port;
  }
  EXPECT_TRUE(WhoAmI(ada).ok()) << "the connection from before goes on";
  EXPECT_TRUE(WhoAmI(Issue("bob", "viewer", "bob")).ok());
  Stop(SIGTERM);
  Serve();
  EXPECT_EQ(Read("serve.err").find("ends in"), std::string::npos) << Read("serve.err");
}

TEST_F(OperatorsTest, ACertificateThatHasEndedIsRenewedAndUntilThenServeSaysWhatToDo) {
  Init(absl::Hours(24 * 400));
  const pid_t pid = test::Spawn(
      {MAILQUENCH_CONTROLLER, "serve", "--config", dir_ + "/controller.yaml"}, root_ + "/serve");
  EXPECT_EQ(test::WaitFor(pid), 1);
  EXPECT_THAT(Read("serve.err"), HasSubstr("mailquench-controller certificate renew"));
  ASSERT_EQ(Run({"certificate", "renew", "--dir", dir_}), 0) << err_;
  Serve();
  EXPECT_TRUE(WhoAmI(Issue("ada", "viewer", "ada")).ok());
}

TEST_F(OperatorsTest, HelpBeginsWithExamples) {
  for (const std::vector<std::string>& command : {std::vector<std::string>{},
                                                  {"init"},
                                                  {"serve"},
                                                  {"operator"},
                                                  {"operator", "issue"},
                                                  {"operator", "list"},
                                                  {"operator", "revoke"},
                                                  {"certificate"},
                                                  {"certificate", "renew"}}) {
    std::vector<std::string> arguments = command;
    arguments.push_back("--help");
    EXPECT_EQ(Run(arguments), 0);
    EXPECT_THAT(out_, testing::StartsWith("Examples:\n  mailquench-controller "));
  }
}

}  // namespace
}  // namespace mailquench
