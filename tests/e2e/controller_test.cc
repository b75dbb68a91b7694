// The controller's program as a process of its own, real enrolment and real links; only the
// executor behind the link is a stand-in. Ends of processes are by their id.
#include <gmock/gmock.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <mutex>
#include <set>

#include "absl/time/clock.h"
#include "agent/link/enrol.h"
#include "agent/link/link.h"
#include "common/identity/secrets.h"
#include "common/rpc/credentials.h"
#include "common/rpc/status_map.h"
#include "common/status/error.h"
#include "mailquench/v1/audit.grpc.pb.h"
#include "mailquench/v1/blacklist.grpc.pb.h"
#include "mailquench/v1/fleet.grpc.pb.h"
#include "mailquench/v1/runs.grpc.pb.h"
#include "tests/e2e/processes.h"

namespace mailquench {
namespace {

using test::Eventually;
using test::FreePort;
using test::Spawn;
using test::WaitFor;
using testing::HasSubstr;

// A host: its link is real, its executor only counts and keeps a journal in memory.
class FakeHost {
 public:
  FakeHost(const std::string& controller, const std::string& dir) {
    options_.controller = controller;
    options_.state_dir = dir;
    options_.heartbeat_interval = absl::Milliseconds(500);
    options_.min_backoff = absl::Milliseconds(100);
    options_.max_backoff = absl::Seconds(1);
    Connect();
  }
  void Connect() {
    agent::LinkCallbacks callbacks;
    callbacks.on_command = [this](const v1::Command& command) { OnCommand(command); };
    callbacks.on_reconcile = [this](const v1::Reconcile& ask) { return OnReconcile(ask); };
    callbacks.on_ack = [this](const std::string& id) {
      std::lock_guard<std::mutex> lock(mu_);
      acked_.insert(id);
    };
    callbacks.unreported = [this] {
      std::lock_guard<std::mutex> lock(mu_);
      std::vector<v1::OperationReport> out;
      for (const auto& [id, report] : reports_) {
        if (acked_.count(id) == 0) out.push_back(report);
      }
      return out;
    };
    link_ = std::make_unique<agent::AgentLink>(options_, std::move(callbacks));
    EXPECT_TRUE(link_->Start().ok());
  }
  void Cut() { link_.reset(); }
  // Commands are begun, but do not end before Release().
  void Hold() {
    std::lock_guard<std::mutex> lock(mu_);
    holding_ = true;
  }
  void Release() {
    std::vector<v1::OperationReport> ended;
    {
      std::lock_guard<std::mutex> lock(mu_);
      holding_ = false;
      for (const std::string& id : running_) ended.push_back(End(id));
      running_.clear();
    }
    if (link_ == nullptr) return;
    for (const auto& report : ended) link_->SendReport(report);
  }
  agent::AgentLink& link() { return *link_; }
  std::size_t running() {
    std::lock_guard<std::mutex> lock(mu_);
    return running_.size();
  }
  std::size_t acked() {
    std::lock_guard<std::mutex> lock(mu_);
    return acked_.size();
  }
  int begun() {
    std::lock_guard<std::mutex> lock(mu_);
    return begun_;
  }
  int repeated() {
    std::lock_guard<std::mutex> lock(mu_);
    return repeated_;
  }

 private:
  v1::OperationReport End(const std::string& id) {
    v1::OperationReport report;
    report.set_command_id(id);
    report.set_operation("queue.survey");
    report.set_outcome(v1::OUTCOME_SUCCEEDED);
    report.mutable_result()->mutable_queue_survey();
    reports_[id] = report;
    return report;
  }
  void OnCommand(const v1::Command& command) {
    v1::OperationReport report;
    {
      std::lock_guard<std::mutex> lock(mu_);
      const std::string& id = command.command_id();
      if (command.plan_only()) return;
      if (running_.count(id) > 0) {
        ++repeated_;
        return;
      }
      if (reports_.count(id) > 0) {
        ++repeated_;
        report = reports_[id];
      } else {
        ++begun_;
        if (holding_) {
          running_.insert(id);
          return;
        }
        report = End(id);
      }
    }
    link_->SendReport(report);
  }
  v1::KnownCommands OnReconcile(const v1::Reconcile& ask) {
    std::lock_guard<std::mutex> lock(mu_);
    v1::KnownCommands known;
    for (const std::string& id : ask.command_ids()) {
      if (reports_.count(id) > 0)
        *known.add_reports() = reports_[id];
      else if (running_.count(id) > 0)
        known.add_running(id);
      else
        known.add_never_seen(id);
    }
    return known;
  }

  agent::LinkOptions options_;
  std::mutex mu_;
  bool holding_ = false;
  int begun_ = 0;
  int repeated_ = 0;
  std::set<std::string> running_;
  std::set<std::string> acked_;
  std::map<std::string, v1::OperationReport> reports_;
  std::unique_ptr<agent::AgentLink> link_;
};

class ControllerTest : public ::testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/mq-e2e-XXXXXX";
    root_ = mkdtemp(name);
    dir_ = root_ + "/c";
    port_ = FreePort();
    enrolment_port_ = FreePort();
    const pid_t init =
        Spawn({MAILQUENCH_CONTROLLER, "init", "--dir", dir_, "--trust-domain", "test.example",
               "--address", "127.0.0.1:" + std::to_string(port_), "--listen", Address(),
               "--enrolment-listen", EnrolmentAddress(), "--https-listen", "none"},
              root_ + "/init");
    ASSERT_EQ(WaitFor(init), 0) << *identity::ReadFile(root_ + "/init.err");
    StartController();
    ConnectOperator();
  }
  void TearDown() override {
    if (pid_ > 0) {
      ::kill(pid_, SIGTERM);
      const absl::Time start = absl::Now();
      EXPECT_EQ(WaitFor(pid_), 0);
      EXPECT_LT(absl::Now() - start, absl::Seconds(8));
    }
    std::filesystem::remove_all(root_);
  }
  std::string Address() const { return "127.0.0.1:" + std::to_string(port_); }
  std::string EnrolmentAddress() const { return "127.0.0.1:" + std::to_string(enrolment_port_); }

  void StartController() {
    pid_ = Spawn({MAILQUENCH_CONTROLLER, "serve", "--config", dir_ + "/controller.yaml"},
                 root_ + "/serve");
    ASSERT_TRUE(Eventually([&] {
      const auto out = identity::ReadFile(root_ + "/serve");
      return out.ok() && out->find("ready port=") != std::string::npos;
    })) << *identity::ReadFile(root_ + "/serve.err");
  }
  void KillController() {
    ::kill(pid_, SIGKILL);
    WaitFor(pid_);
    pid_ = 0;
  }
  void ConnectOperator() {
    const auto credentials =
        rpc::ChannelCredentials({dir_ + "/admin.key", dir_ + "/admin.pem", dir_ + "/ca.pem"});
    ASSERT_TRUE(credentials.ok()) << credentials.status();
    const auto channel = grpc::CreateChannel(Address(), *credentials);
    fleet_ = v1::Fleet::NewStub(channel);
    runs_ = v1::Runs::NewStub(channel);
    audit_ = v1::Audit::NewStub(channel);
    blacklists_ = v1::Blacklists::NewStub(channel);
  }
  // The details of all refusals of this actor.
  std::string Denied(const std::string& actor) {
    grpc::ClientContext context;
    v1::ListEntriesResponse response;
    const grpc::Status status = audit_->ListEntries(&context, {}, &response);
    EXPECT_TRUE(status.ok()) << status.error_message();
    std::string details;
    for (const auto& entry : response.entries())
      if (entry.actor() == actor && entry.action() == "denied") details += entry.detail() + "\n";
    return details;
  }
  std::string Token() {
    grpc::ClientContext context;
    v1::CreateTokenResponse response;
    const grpc::Status status = fleet_->CreateToken(&context, v1::CreateTokenRequest(), &response);
    EXPECT_TRUE(status.ok()) << status.error_message();
    return response.token();
  }
  absl::StatusOr<agent::EnrolResult> Enrol(const std::string& name, const std::string& token) {
    return agent::Enrol({token, EnrolmentAddress(), root_ + "/" + name, name});
  }
  std::unique_ptr<FakeHost> Host(const std::string& name) {
    const auto enrolled = Enrol(name, Token());
    EXPECT_TRUE(enrolled.ok()) << enrolled.status();
    ids_[name] = enrolled.ok() ? enrolled->host_id : "";
    auto host = std::make_unique<FakeHost>(Address(), root_ + "/" + name);
    EXPECT_TRUE(Eventually([&] { return host->link().connected(); })) << host->link().last_end();
    return host;
  }
  v1::Run Start(const std::vector<std::string>& hosts) {
    v1::StartRunRequest request;
    request.set_request_id(identity::RandomUuid());
    request.mutable_plan()->mutable_operation()->mutable_queue_survey();
    for (const std::string& host : hosts) request.mutable_plan()->add_hosts(host);
    request.mutable_plan()->set_skip_agents(true);
    request.set_reason("test");
    grpc::ClientContext context;
    v1::Run run;
    const grpc::Status status = runs_->StartRun(&context, request, &run);
    EXPECT_TRUE(status.ok()) << status.error_message();
    return run;
  }
  v1::Run Get(const std::string& run_id) {
    grpc::ClientContext context;
    context.set_wait_for_ready(true);
    context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(10));
    v1::GetRunRequest request;
    request.set_run_id(run_id);
    v1::Run run;
    const grpc::Status status = runs_->GetRun(&context, request, &run);
    EXPECT_TRUE(status.ok()) << status.error_message();
    return run;
  }
  bool Ended(const std::string& run_id, absl::Duration limit = absl::Seconds(30)) {
    return Eventually([&] { return Get(run_id).state() != v1::RUN_STATE_RUNNING; }, limit);
  }

  std::string root_;
  std::string dir_;
  int port_ = 0;
  int enrolment_port_ = 0;
  pid_t pid_ = 0;
  std::map<std::string, std::string> ids_;
  std::unique_ptr<v1::Fleet::Stub> fleet_;
  std::unique_ptr<v1::Runs::Stub> runs_;
  std::unique_ptr<v1::Audit::Stub> audit_;
  std::unique_ptr<v1::Blacklists::Stub> blacklists_;
};

TEST_F(ControllerTest, ASurveyOverTwoEnrolledHostsEndsAndItsReportsAreAcknowledged) {
  const auto a = Host("a");
  const auto b = Host("b");
  const v1::Run run = Start({"a", "b"});
  ASSERT_TRUE(Ended(run.run_id()));
  const v1::Run ended = Get(run.run_id());
  EXPECT_EQ(ended.state(), v1::RUN_STATE_SUCCEEDED) << ended.DebugString();
  EXPECT_EQ(ended.hosts_size(), 2);
  EXPECT_TRUE(Eventually([&] { return a->acked() == 1 && b->acked() == 1; }));
  EXPECT_EQ(a->begun() + b->begun(), 2);
}

TEST_F(ControllerTest, AViewerPlansWhatCanBeUndoneAndStartsNothing) {
  const auto host = Host("a");
  const std::string out = root_ + "/vic";
  ASSERT_EQ(WaitFor(Spawn({MAILQUENCH_CONTROLLER, "operator", "issue", "--dir", dir_, "--name",
                           "vic", "--role", "viewer", "--out", out},
                          root_ + "/issue")),
            0);
  const auto credentials =
      rpc::ChannelCredentials({out + "/vic.key", out + "/vic.pem", out + "/ca.pem"});
  ASSERT_TRUE(credentials.ok()) << credentials.status();
  const auto viewer = v1::Runs::NewStub(grpc::CreateChannel(Address(), *credentials));
  v1::PlanRunRequest request;
  request.add_hosts("a");
  request.set_skip_agents(true);
  const auto plan = [&](v1::Plan* answer) {
    grpc::ClientContext context;
    return viewer->PlanRun(&context, request, answer);
  };
  v1::Plan contain;
  request.set_playbook("contain");
  const grpc::Status status = plan(&contain);
  EXPECT_TRUE(status.ok()) << status.error_message();
  EXPECT_EQ(contain.hosts_size(), 1);
  v1::StartRunRequest start;
  *start.mutable_plan() = request;
  start.set_request_id(identity::RandomUuid());
  grpc::ClientContext context;
  v1::Run run;
  EXPECT_EQ(viewer->StartRun(&context, start, &run).error_code(),
            grpc::StatusCode::PERMISSION_DENIED);
  request.mutable_operation()->mutable_quarantine_discard()->set_quarantine_id("q");
  v1::Plan discard;
  EXPECT_EQ(plan(&discard).error_code(), grpc::StatusCode::PERMISSION_DENIED);
  EXPECT_EQ(host->begun(), 0);
  for (int i = 0; i < 20; ++i) plan(&discard);
  const std::string denied = Denied("vic");
  EXPECT_EQ(std::count(denied.begin(), denied.end(), '\n'), 2) << "they fill no disk";
  EXPECT_THAT(denied, HasSubstr("Runs/StartRun"));
  EXPECT_THAT(denied, HasSubstr("Runs/PlanRun"))
      << "refused for what is in it, and audited as well";
}

TEST_F(ControllerTest, ListingsAreServedAndWhatIsNotThereIsSaidToBeSo) {
  grpc::ClientContext list, get;
  v1::ListListingsResponse all;
  EXPECT_TRUE(blacklists_->ListListings(&list, v1::ListListingsRequest(), &all).ok());
  EXPECT_EQ(all.listings_size(), 0);
  v1::GetListingRequest request;
  request.set_listing_id("192.0.2.1");
  v1::Listing listing;
  const grpc::Status missing = blacklists_->GetListing(&get, request, &listing);
  EXPECT_EQ(missing.error_code(), grpc::StatusCode::NOT_FOUND);
  EXPECT_EQ(missing.error_message().rfind("there is no listing 192.0.2.1", 0), 0u);
}

TEST_F(ControllerTest, TheSameTokenWithTheSameKeyGetsTheSameHostAgainAndNobodyElseDoes) {
  const std::string token = Token();
  const auto first = Enrol("a", token);
  ASSERT_TRUE(first.ok()) << first.status();
  const auto again = Enrol("a", token);
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ(first->host_id, again->host_id);
  const auto other = Enrol("b", token);
  EXPECT_TRUE(absl::IsPermissionDenied(other.status())) << other.status();
}

TEST_F(ControllerTest, AnEvictedHostIsCutWithinASecondAndOnlyANewTokenLetsItBack) {
  const auto a = Host("a");
  grpc::ClientContext context;
  v1::EvictHostRequest request;
  request.set_host("a");
  request.set_reason("test");
  v1::Host host;
  const grpc::Status status = fleet_->EvictHost(&context, request, &host);
  ASSERT_TRUE(status.ok()) << status.error_message();
  EXPECT_TRUE(Eventually([&] { return !a->link().connected(); }, absl::Seconds(1)));
  EXPECT_TRUE(Eventually([&] { return ReasonOf(a->link().last_end()) == "HOST_EVICTED"; }));
  const auto back = Enrol("a", Token());
  EXPECT_TRUE(back.ok()) << back.status();
}

TEST_F(ControllerTest, ABannedHostIsCutAndANewTokenDoesNotLetItBackEvenUnderANewName) {
  const auto a = Host("a");
  grpc::ClientContext context;
  v1::BanHostRequest request;
  request.set_host("a");
  request.set_reason("test");
  v1::Host host;
  const grpc::Status status = fleet_->BanHost(&context, request, &host);
  ASSERT_TRUE(status.ok()) << status.error_message();
  EXPECT_TRUE(Eventually([&] { return !a->link().connected(); }, absl::Seconds(1)));
  EXPECT_TRUE(absl::IsPermissionDenied(Enrol("a", Token()).status()));
  const auto renamed = agent::Enrol({Token(), EnrolmentAddress(), root_ + "/a", "innocent"});
  EXPECT_TRUE(absl::IsPermissionDenied(renamed.status())) << renamed.status();
}

TEST_F(ControllerTest, AControllerKilledInMidRunTakesItUpAgainAndNothingRunsTwice) {
  const auto a = Host("a");
  const auto b = Host("b");
  a->Hold();
  b->Hold();
  const v1::Run run = Start({"a", "b"});
  ASSERT_TRUE(Eventually([&] { return a->running() == 1 && b->running() == 1; }));
  KillController();
  a->Release();  // Ends while nobody listens.
  StartController();
  ConnectOperator();
  ASSERT_TRUE(Eventually([&] { return b->link().connected(); })) << b->link().last_end();
  b->Release();
  ASSERT_TRUE(Ended(run.run_id(), absl::Seconds(60)));
  const v1::Run ended = Get(run.run_id());
  EXPECT_EQ(ended.state(), v1::RUN_STATE_SUCCEEDED) << ended.DebugString();
  EXPECT_EQ(a->begun(), 1);
  EXPECT_EQ(b->begun(), 1);
}

TEST_F(ControllerTest, ALinkCutInMidCommandIsUnknownUntilTheHostIsBackThenReconciled) {
  const auto a = Host("a");
  a->Hold();
  const v1::Run run = Start({"a"});
  ASSERT_TRUE(Eventually([&] { return a->running() == 1; }));
  a->Cut();
  EXPECT_TRUE(Eventually([&] {
    const v1::Run now = Get(run.run_id());
    return now.hosts_size() == 1 && now.hosts(0).outcome() == v1::OUTCOME_UNKNOWN;
  })) << Get(run.run_id()).DebugString();
  a->Release();
  a->Connect();
  EXPECT_TRUE(Eventually([&] {
    return Get(run.run_id()).hosts(0).outcome() == v1::OUTCOME_SUCCEEDED;
  })) << Get(run.run_id()).DebugString();
  EXPECT_EQ(a->begun(), 1);
}

TEST_F(ControllerTest, Tls12IsRefusedOnBothPortsAndTls13IsNot) {
  for (const int port : {port_, enrolment_port_}) {
    for (const char* version : {"-tls1_2", "-tls1_3"}) {
      const pid_t pid = Spawn({"/bin/sh", "-c",
                               "openssl s_client -brief " + std::string(version) +
                                   " -alpn h2 -connect 127.0.0.1:" + std::to_string(port) +
                                   " </dev/null 2>&1 | grep -q 'CONNECTION ESTABLISHED'"},
                              root_ + "/tls");
      EXPECT_EQ(WaitFor(pid) == 0, std::string(version) == "-tls1_3") << port << " " << version;
    }
  }
}

}  // namespace
}  // namespace mailquench
