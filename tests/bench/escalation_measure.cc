#include "tests/bench/escalation_measure.h"

#include <grpcpp/grpcpp.h>

#include <atomic>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <mutex>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "common/operation/names.h"
#include "common/rpc/credentials.h"
#include "common/rpc/status_map.h"
#include "common/status/error.h"
#include "mailquench/v1/runs.grpc.pb.h"
#include "tests/bench/escalation_fleet.h"
#include "tests/bench/escalation_setup.h"
#include "tests/bench/https_line.h"

namespace mailquench::bench {
namespace {

constexpr absl::Duration kRest = absl::Milliseconds(100);  // After a run, before the next alert.

// What has come to the one host that is looked at.
class Look {
 public:
  void At(int host) {
    const std::lock_guard<std::mutex> lock(mu_);
    host_ = host;
    changed_at_ = 0;
    last_step_ = false;
  }
  void Arrived(int host, const v1::Command& command, std::int64_t nanos) {
    if (command.plan_only()) return;
    const bool observes = ClassOf(command.operation()) == v1::OPERATION_CLASS_OBSERVE;
    const std::lock_guard<std::mutex> lock(mu_);
    if (host != host_) return;
    if (!observes && changed_at_ == 0) changed_at_ = nanos;
    last_step_ |= command.operation().has_queue_watch();
    changed_.notify_all();
  }
  // When the first mutating command came; 0: none did.
  std::int64_t WaitForRun() {
    std::unique_lock<std::mutex> lock(mu_);
    changed_.wait_for(lock, std::chrono::seconds(10), [this] { return last_step_; });
    return changed_at_;
  }

 private:
  std::mutex mu_;
  std::condition_variable changed_;
  int host_ = -1;
  std::int64_t changed_at_ = 0;
  bool last_step_ = false;
};

absl::StatusOr<std::int64_t> Number(HttpsLine* line, const std::string& path) {
  MQ_ASSIGN_OR_RETURN(const HttpsLine::Answer answer, line->Ask(path, "", ""));
  const std::int64_t number = std::atoll(answer.body.c_str());
  if (answer.status == 200 && number > 0) return number;
  return absl::InternalError(absl::StrCat("the yardstick's ", path, " said ", answer.body));
}

absl::StatusOr<std::int64_t> DryRun(v1::Runs::Stub* runs, const std::string& host) {
  v1::PlanRunRequest request;
  request.set_playbook("contain");
  request.add_hosts(host);
  v1::Plan plan;
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(10));
  const std::int64_t begin = MonotonicNanos();
  const grpc::Status status = runs->PlanRun(&context, request, &plan);
  const std::int64_t took = MonotonicNanos() - begin;
  if (!status.ok()) return absl::UnavailableError("no dry run: " + status.error_message());
  if (plan.hosts_size() != 1 || plan.hosts(0).steps().empty() || !plan.hosts(0).refusal().empty())
    return absl::InternalError("the dry run says: " + plan.ShortDebugString());
  return took;
}

}  // namespace

absl::Status MeasureEscalation(const std::string& dir,
                               const Ports& controller,
                               const Ports& yardstick,
                               int samples) {
  MQ_ASSIGN_OR_RETURN(const std::vector<BenchHost> hosts, HostsOf(dir));
  if (static_cast<int>(hosts.size()) <= samples)
    return absl::InvalidArgumentError("there are fewer hosts than alerts");
  const std::string ca = dir + "/ca.pem";
  const std::string token = TokenOf(dir);
  Look look;
  MQ_ASSIGN_OR_RETURN(const auto fleet,
                      BenchFleet::Connect(
                          dir, hosts, controller.port,
                          [&](int host, const v1::Command& command, std::int64_t nanos) {
                            look.Arrived(host, command, nanos);
                          },
                          absl::Minutes(2)));
  MQ_ASSIGN_OR_RETURN(const auto echo,
                      BenchFleet::Connect(
                          dir, {hosts.front()}, yardstick.port,
                          [](int, const v1::Command&, std::int64_t) {}, absl::Seconds(30)));
  MQ_ASSIGN_OR_RETURN(const auto credentials,
                      rpc::ChannelCredentials({dir + "/admin.key", dir + "/admin.pem", ca}));
  const auto runs = v1::Runs::NewStub(
      grpc::CreateChannel(absl::StrCat("127.0.0.1:", controller.port), credentials));
  MQ_ASSIGN_OR_RETURN(const auto alerts, HttpsLine::Open(controller.https_port, ca));
  MQ_ASSIGN_OR_RETURN(const auto side, HttpsLine::Open(yardstick.https_port, ca));
  absl::SleepFor(absl::Seconds(3));  // The hellos and first beats of all are taken.
  for (int i = 0; i < samples; ++i) {
    MQ_ASSIGN_OR_RETURN(const std::int64_t dry_run, DryRun(runs.get(), hosts[i].name));
    MQ_ASSIGN_OR_RETURN(const std::int64_t round_trip, Number(side.get(), "/echo"));
    MQ_ASSIGN_OR_RETURN(const std::int64_t disk, Number(side.get(), "/fsync"));
    look.At(i);
    MQ_ASSIGN_OR_RETURN(const HttpsLine::Answer answer,
                        alerts->Ask("/v1/alerts", token, AlertDocument("Flood", hosts[i].name, i)));
    if (answer.status != 202)
      return absl::InternalError(
          absl::StrCat("an alert was answered with ", answer.status, " ", answer.body));
    const std::int64_t command = look.WaitForRun();
    if (command == 0)
      return absl::InternalError("no mutating command came to " + hosts[i].name + " in 10 s");
    std::printf(
        "{\"command\": %lld, \"answer\": %lld, \"echo\": %lld, \"fsync\": %lld, "
        "\"dry_run\": %lld}\n",
        static_cast<long long>(command - answer.sent),
        static_cast<long long>(answer.answered - answer.sent), static_cast<long long>(round_trip),
        static_cast<long long>(disk), static_cast<long long>(dry_run));
    std::fflush(stdout);
    absl::SleepFor(kRest);
  }
  return absl::OkStatus();
}

absl::Status MeasureIntake(
    const std::string& dir, int https_port, int connections, double seconds, long first) {
  const std::string token = TokenOf(dir);
  std::vector<std::unique_ptr<HttpsLine>> lines;
  for (int i = 0; i < connections; ++i) {
    MQ_ASSIGN_OR_RETURN(auto line, HttpsLine::Open(https_port, dir + "/ca.pem"));
    lines.push_back(std::move(line));
  }
  std::atomic<long> next{first}, accepted{0}, refused{0};
  const std::int64_t begin = MonotonicNanos();
  const std::int64_t end = begin + static_cast<std::int64_t>(seconds * 1e9);
  std::vector<std::thread> senders;
  for (const auto& line : lines) {
    senders.emplace_back([&, one = line.get()] {
      while (MonotonicNanos() < end) {
        const long number = next++;
        const auto answer =
            one->Ask("/v1/alerts", token, AlertDocument("Nothing", "mx0000.bench.example", number));
        const bool taken = answer.ok() && answer->status == 202 &&
                           answer->body.find("\"taken\":1") != std::string::npos;
        ++(taken ? accepted : refused);
        if (!answer.ok()) return;
      }
    });
  }
  for (std::thread& one : senders) one.join();
  std::printf("{\"accepted\": %ld, \"refused\": %ld, \"seconds\": %.6f}\n", accepted.load(),
              refused.load(), static_cast<double>(MonotonicNanos() - begin) / 1e9);
  return absl::OkStatus();
}

}  // namespace mailquench::bench
