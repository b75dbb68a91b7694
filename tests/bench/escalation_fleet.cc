#include "tests/bench/escalation_fleet.h"

#include <grpcpp/grpcpp.h>

#include <atomic>
#include <deque>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "common/operation/names.h"
#include "common/rpc/credentials.h"
#include "common/status/error.h"
#include "mailquench/v1/agent_link.grpc.pb.h"
#include "tests/bench/https_line.h"

namespace mailquench::bench {
namespace {

constexpr absl::Duration kBeatEvery = absl::Seconds(30);

v1::AgentMessage Greeting(const BenchHost& host, int number) {
  v1::AgentMessage message;
  v1::Hello* hello = message.mutable_hello();
  hello->set_hostname(host.name);
  hello->set_platform("postfix");
  hello->set_platform_version("3.7.11");
  hello->set_boot_id("bench");
  for (const char* operation :
       {"queue.survey", "service.stop", "service.start", "service.status", "queue.quarantine",
        "quarantine.release", "relay.lock", "relay.probe", "ndr.silence", "sender.block", "contain",
        "restore", "queue.watch"}) {
    v1::Capability* one = hello->add_capabilities();
    one->set_operation(operation);
    one->set_available(true);
  }
  const std::string address = absl::StrCat("10.0.", number / 250, ".", number % 250 + 1);
  hello->add_addresses(address);
  hello->add_listeners(address + ":25");
  hello->add_trusted_ranges("10.0.0.0/16");
  hello->add_egress_addresses(address);
  hello->add_mail_domains("bench.example");
  hello->add_helo_names(host.name);
  return message;
}

v1::AgentMessage Answer(const v1::Command& command) {
  v1::AgentMessage message;
  const std::string name = OperationName(command.operation());
  if (command.plan_only()) {
    message.mutable_planned()->set_command_id(command.command_id());
    message.mutable_planned()->mutable_plan()->set_operation(name);
    message.mutable_planned()->mutable_plan()->set_operation_class(ClassOf(command.operation()));
    message.mutable_planned()->mutable_plan()->add_steps("nothing");
    return message;
  }
  v1::OperationReport* report = message.mutable_report();
  report->set_command_id(command.command_id());
  report->set_operation(name);
  report->set_outcome(v1::OUTCOME_SUCCEEDED);
  if (command.operation().has_contain()) {
    v1::ContainResult* contain = report->mutable_result()->mutable_contain();
    v1::QuarantineInfo* aside = contain->mutable_quarantine()->add_quarantines();
    aside->set_quarantine_id("q-" + command.command_id());
    aside->set_incident_id(command.incident_id());
    aside->set_messages(1000);
    contain->mutable_lock()->set_snapshot_id("lock-" + command.command_id());
    contain->mutable_lock()->add_settings()->set_key("main.cf:mynetworks");
  } else if (command.operation().has_queue_watch()) {
    report->mutable_result()->mutable_queue_watch()->set_verdict(v1::WATCH_VERDICT_QUIET);
  }
  return message;
}

}  // namespace

// Lives until the fleet has seen its stream end.
class BenchAgent final : public grpc::ClientBidiReactor<v1::AgentMessage, v1::ControllerMessage> {
 public:
  BenchAgent(BenchFleet* fleet, const BenchHost& host, int number)
      : fleet_(fleet), host_(host), number_(number) {}

  absl::Status Dial(const std::string& dir, int port) {
    MQ_ASSIGN_OR_RETURN(const auto credentials,
                        rpc::ChannelCredentials({host_.key, host_.certificate, dir + "/ca.pem"}));
    stub_ = v1::AgentLink::NewStub(grpc::CreateCustomChannel(
        absl::StrCat("127.0.0.1:", port), credentials, rpc::AgentChannelArguments()));
    context_.set_wait_for_ready(true);
    stub_->async()->Connect(&context_, this);
    AddHold();  // Writes come from other threads, too.
    Send(Greeting(host_, number_));
    StartRead(&incoming_);
    StartCall();
    dialled_ = true;
    return absl::OkStatus();
  }
  void Beat() {
    v1::AgentMessage message;
    v1::Heartbeat* beat = message.mutable_heartbeat();
    beat->set_sequence(++beats_);
    beat->mutable_time()->set_seconds(absl::ToUnixSeconds(absl::Now()));
    beat->set_queued_messages(5);
    beat->set_mail_service(v1::MAIL_SERVICE_STATE_RUNNING);
    beat->set_agent_resident_bytes(20000000);
    beat->set_agent_cpu_seconds(1);
    beat->set_queue_free_bytes(1000000000);
    Send(std::move(message));
  }
  void End() {
    if (!dialled_) return;
    context_.TryCancel();
    RemoveHold();
    std::unique_lock<std::mutex> lock(mu_);
    changed_.wait(lock, [this] { return done_; });
  }

  void OnReadInitialMetadataDone(bool ok) override {
    if (ok) fleet_->Accepted();
  }
  void OnReadDone(bool ok) override {
    if (!ok) return;
    if (incoming_.has_command()) {
      fleet_->on_command_(number_, incoming_.command(), MonotonicNanos());
      Send(Answer(incoming_.command()));
    }
    StartRead(&incoming_);
  }
  void OnWriteDone(bool ok) override {
    const std::lock_guard<std::mutex> lock(mu_);
    pending_.pop_front();
    if (ok && !pending_.empty()) StartWrite(&pending_.front());
    if (!ok) ended_ = true;
  }
  void OnDone(const grpc::Status&) override {
    const std::lock_guard<std::mutex> lock(mu_);
    done_ = ended_ = true;
    changed_.notify_all();
  }

 private:
  void Send(v1::AgentMessage message) {
    const std::lock_guard<std::mutex> lock(mu_);
    if (ended_) return;
    pending_.push_back(std::move(message));
    if (pending_.size() == 1) StartWrite(&pending_.front());
  }

  BenchFleet* const fleet_;
  const BenchHost host_;
  const int number_;
  std::unique_ptr<v1::AgentLink::Stub> stub_;
  grpc::ClientContext context_;
  v1::ControllerMessage incoming_;
  std::atomic<std::int64_t> beats_{0};
  bool dialled_ = false;
  std::mutex mu_;
  std::condition_variable changed_;
  std::deque<v1::AgentMessage> pending_;
  bool ended_ = false, done_ = false;
};

BenchFleet::BenchFleet(OnCommand on_command) : on_command_(std::move(on_command)) {}

absl::StatusOr<std::unique_ptr<BenchFleet>> BenchFleet::Connect(const std::string& dir,
                                                                const std::vector<BenchHost>& hosts,
                                                                int port,
                                                                OnCommand on_command,
                                                                absl::Duration limit) {
  std::unique_ptr<BenchFleet> fleet(new BenchFleet(std::move(on_command)));
  for (const BenchHost& host : hosts) {
    const int number = static_cast<int>(fleet->agents_.size());
    fleet->agents_.push_back(std::make_unique<BenchAgent>(fleet.get(), host, number));
    MQ_RETURN_IF_ERROR(fleet->agents_.back()->Dial(dir, port));
  }
  {
    std::unique_lock<std::mutex> lock(fleet->mu_);
    const bool all = fleet->changed_.wait_for(lock, absl::ToChronoMilliseconds(limit), [&] {
      return fleet->accepted_ == static_cast<int>(hosts.size());
    });
    if (!all)
      return absl::UnavailableError(
          absl::StrCat(fleet->accepted_, " of ", hosts.size(), " agents were accepted in time"));
  }
  for (const auto& agent : fleet->agents_) agent->Beat();
  fleet->beats_ = std::thread([one = fleet.get()] { one->Beat(); });
  return fleet;
}

BenchFleet::~BenchFleet() {
  {
    const std::lock_guard<std::mutex> lock(mu_);
    stopping_ = true;
    changed_.notify_all();
  }
  if (beats_.joinable()) beats_.join();
  for (const auto& agent : agents_) agent->End();
}

void BenchFleet::Accepted() {
  const std::lock_guard<std::mutex> lock(mu_);
  ++accepted_;
  changed_.notify_all();
}

void BenchFleet::Beat() {
  std::unique_lock<std::mutex> lock(mu_);
  const absl::Duration pause = kBeatEvery / static_cast<double>(agents_.size());
  for (std::size_t next = 0; !stopping_; next = (next + 1) % agents_.size()) {
    changed_.wait_for(lock, absl::ToChronoMicroseconds(pause), [this] { return stopping_; });
    if (stopping_) return;
    lock.unlock();
    agents_[next]->Beat();
    lock.lock();
  }
}

}  // namespace mailquench::bench
